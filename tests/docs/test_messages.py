"""The catalogue of messages is what the sources say, and every row of it is sound."""

from __future__ import annotations

import re
from typing import Final

import pytest

from tests.docs.messages import (
    CATALOGUE,
    IN_PART,
    NOT_ANSWERED,
    SERVER,
    SILENT,
    Message,
    messages,
    text_of,
)
from tests.sentences import faults_in

JOINING: Final = {
    ("claim/life.py", "”或“"): "between two states",
    ("model/differing.py", "、参保地 {enrolment.insured_place}"): "behind an enrolment",
    (
        "national/envelope.py",
        "；{ids} 须由 fixmedins_code 与 msgid（omsgid）推得",
    ): "behind what is lost",
    ("registry/rows.py", "，或"): "between two forms of a number",
    (
        "rpc/constraints.py",
        "，像是有的金额写成了元：一律以分为单位，100.00 元写作 10000",
    ): ("behind the sums that differ"),
    ("rpc/services/registry.py", "在 {at} 时，"): "before what was not there then",
    ("rpc/trailers.py", "；办法："): "between a condition and its remedy",
    ("rpc/values.py", "，收到 {told(value)}"): "behind a bound",
    ("rpc/values.py", "金额以分为单位，"): "before a bound",
}
"""Parts of sentences that stand alone in the sources, and where they are put."""

COMPOSING: Final = ("rules/phrases/", "guide/")
"""Where sentences are put together of parts, which may begin and end in the middle."""

_VALUE: Final = re.compile(r"\{[^{}]*\}")


@pytest.fixture(scope="module")
def rows() -> list[Message]:
    return messages()


def test_the_catalogue_is_what_the_sources_say(rows: list[Message]) -> None:
    """docs/messages.csv lists every message; `python -m tests.docs.messages` writes it."""
    assert CATALOGUE.read_text("utf-8") == text_of(rows)


def test_every_message_is_sound(rows: list[Message]) -> None:
    """No message holds an expression, a hook's name, a type of Python, a half-width mark,
    half a sentence, or an amount of which nobody knows whether it is a balance."""
    faults = [
        f"{row.module}: {fault}"
        for row in rows
        if (row.module, row.template) not in JOINING
        for fault in faults_in(_VALUE.sub("甲", row.template))
        if not (row.module.startswith(COMPOSING) and "in the middle" in fault)
    ]
    assert [] == faults


def test_no_value_is_told_as_python_writes_it(rows: list[Message]) -> None:
    """No template asks for the representation of a value."""
    assert [] == [row for row in rows if re.search(r"![ra]\}|repr\(", row.template)]


def test_parts_of_sentences_are_there(rows: list[Message]) -> None:
    """Each part that is put beside another is still in the sources."""
    assert set(JOINING) <= {(row.module, row.template) for row in rows}


def test_modules_left_out_are_there() -> None:
    """What says nothing to callers, or says it in part, is still there."""
    parts = [f"{folder}/{part}" for folder in IN_PART for part in IN_PART[folder]]
    named = [*NOT_ANSWERED, *SILENT, *parts]
    assert [] == [name for name in named if not (SERVER / name).exists()]
