"""Characters that nobody sees are found where they come in, escaped where they go out."""

from __future__ import annotations

import json

import pytest
from gongji.text.characters import (
    problem_of_identifier,
    problem_of_text,
    shown,
    shown_json,
    shown_lines,
)
from hypothesis import given
from hypothesis import strategies as st

UNSEEN = {
    "NUL": "\x00",
    "a line break": "\n",
    "a tab": "\t",
    "an escape": "\x1b",
    "delete": "\x7f",
    "the C1 control that begins a sequence": "\x9b",
    "a next line": "\x85",
    "a soft hyphen": "\xad",
    "a space of no width": "\u200b",
    "a joiner": "\u200d",
    "a mark of direction": "\u200f",
    "an override of direction": "\u202e",
    "a line separator": "\u2028",
    "an isolate": "\u2066",
    "a byte order mark": "\ufeff",
    "a Hangul filler": "\u3164",
    "a blank of Braille": "\u2800",
    "half a pair": "\ud800",
    "no character": "\uffff",
    "no character of the last plane": "\U0010fffe",
    "a tag": "\U000e0041",
}


@pytest.mark.parametrize("char", UNSEEN.values(), ids=UNSEEN)
def test_the_unseen_is_named_and_escaped(char: str) -> None:
    """Alone, first, last or within: no text has it, and what is shown is printable."""
    for text in (char, f"{char}汪", f"汪{char}", f"汪{char}例"):
        assert f"（U+{ord(char):04X}）" in problem_of_text(text)
        assert f"（U+{ord(char):04X}）" in problem_of_identifier(text)
        assert shown(text).isprintable()


@pytest.mark.parametrize("blank", [" ", "\xa0", "\u3000", "\u2003", "\u202f"])
def test_blanks(blank: str) -> None:
    """A text may have a blank at its end, as a CHAR column has, and an identifier none;
    blanks alone are neither."""
    assert not problem_of_text(f"汪例{blank}")
    assert "只有空白" == problem_of_text(blank * 2)
    for number in (f"S1{blank}", f"{blank}S1", f"S{blank}1"):
        assert problem_of_identifier(number)


@pytest.mark.parametrize("selector", ["\ufe00", "\ufe0f", "\U000e0100"])
def test_variation_selectors(selector: str) -> None:
    """They choose a glyph of a name; two identifiers that look alike are not two."""
    assert not problem_of_text(f"葛{selector}")
    assert problem_of_identifier(f"甲{selector}")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "汪",
        "古丽米热·艾比布力",
        "王\ue863",
        "𠮷",
        "葛\U000e0100",
        "O'Neil-李 (a)",
        "👪",
    ],
)
def test_names_are_texts(text: str) -> None:
    """Rare, private and foreign characters are names; they are shown as they are."""
    assert not problem_of_text(text)
    assert text == shown(text)


@given(st.text(), st.text())
def test_json_keeps_its_value(key: str, value: str) -> None:
    """JSON as it is shown says the same, and moves no terminal."""
    document = json.dumps({key: [value, {}]}, ensure_ascii=False, indent=1)
    escaped = shown_json(document)
    assert {key: [value, {}]} == json.loads(escaped)
    assert escaped == shown_lines(escaped)


@given(st.text())
def test_lines_are_kept(text: str) -> None:
    """Of several lines each is shown as it is alone."""
    assert [shown(line) for line in text.split("\n")] == shown_lines(text).split("\n")
