"""A TOML text is read, or refused in a sentence."""

from __future__ import annotations

import re

import pytest
from gongji.model.toml import document_of

DOTTED = ".".join("a" * 1_000)


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "[" * 20_000 + "]" * 20_000,
        "a = " + "{a = " * 20_000 + "1",
        f"{DOTTED} = 1",
        f"x = 1\n[{DOTTED}]",
        f"x = 1\n  [[ {DOTTED} ]]",
        f"x = {{y = 1, {DOTTED} = 1}}",
        "\"a\" . 'b' ." * 500 + "c = 1",
    ],
)
def test_deep_nesting_is_refused(text: str) -> None:
    """However deep a text is nested, it is refused in a sentence."""
    with pytest.raises(ValueError, match=r"^TOML 嵌套过深$"):
        document_of(text)


def test_text_may_have_any_dots() -> None:
    """Only keys are bounded: what stands in a text is its author's."""
    assert {"a": DOTTED} == document_of(f'a = "{DOTTED}"')
    key = ".".join("a" * 31)
    assert ["a"] == list(document_of(f"{key} = 1"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[2027\n", "第 1 行第 6 列，方括号没有闭合"),
        ("a = 2027-02-30", "第 1 行第 5 列，没有这个日期或时刻"),
        ("a = 1\na = 2\n", "第 2 行第 6 列，同一个键或节写了两次"),
        ("a = [1\n", "到文件末尾，括号没有闭合"),
        ('a = "b', "到文件末尾，引号没有闭合"),
        ('a = "b\nc"', "第 1 行第 7 列，引号没有闭合"),
        ("a = b", "第 1 行第 5 列，值写得不对（文本须加引号）"),
        ("a", "到文件末尾，键之后应是等号"),
        ("a = 1 b = 2", "第 1 行第 7 列，一行只写一项"),
        ('a = "\\d"', "双引号里的反斜杠须写两个"),
        ("\0", "第 1 行第 1 列，写得不对"),
    ],
)
def test_what_is_no_toml_is_refused(text: str, told: str) -> None:
    """What cannot be read is refused in a Chinese sentence that tells the place."""
    with pytest.raises(ValueError, match=r"^不是 TOML：") as refused:
        document_of(text)

    assert told in str(refused.value)
    assert not re.search("[A-Za-z]", str(refused.value).replace("TOML", ""))
