"""Compares what a case expects with what was observed, and shows both."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

from msgspec import UnsetType, to_builtins

from gongji_conformance.cases.case import Expectation
from gongji_conformance.cases.observed import Observed
from gongji_conformance.city import words

NOTHING: Final = "（没有）"
MAX_SHOWN: Final = 200
"""Characters of a text that are shown."""


def differences(expect: Expectation, observed: Observed) -> Iterator[str]:
    """Yield a line of expected and observed for each key that differs."""
    if "refused" in observed and isinstance(expect.refused, UnsetType):
        yield f"应当办成，实际被拒绝：{observed['refused']}"
        return
    for key in expect.keys():  # noqa: SIM118 - not a dictionary
        expected = _as_observed(getattr(expect, key))
        value = observed.get(key)
        if not _agrees(key, expected, value):
            yield f"{key} 应为 {_shown(expected)}，实为 {_shown(value)}"


def _agrees(
    key: str,
    expected: Any,
    value: Any,
) -> bool:
    """Say whether a value is as expected, by the meaning of its key."""
    match key:
        case "clauses":
            return set(expected) <= set(value or ())
        case "conditions":
            return set(expected) == set(value or ())
        case "says":
            return all(_plain(saying) in _plain(value or "") for saying in expected)
    return bool(expected == value)


# Punctuation is how a sentence is set, not what it says.
_NARROW = str.maketrans("，：；（）！？", ",:;()!?", " \n")


def _plain(text: str) -> str:
    """Return a text without spaces, its punctuation in half width."""
    return text.translate(_NARROW)


def _as_observed(expected: Any) -> Any:
    """Write an expected value as it is observed: amounts with two decimals."""
    if isinstance(expected, Decimal):
        return words.yuan(words.fen(expected))
    if isinstance(expected, dict):
        return {name: _as_observed(part) for name, part in expected.items()}
    return expected


def _shown(value: Any) -> str:
    """Write a value as a person reads it, a long one cut."""
    match value:
        case None:
            return NOTHING
        case dict():
            pairs = [f"{name} {part}" for name, part in value.items()]
            return "、".join(pairs)
        case tuple() | frozenset():
            return "、".join(sorted(value)) or NOTHING
    text = str(value)
    if len(text) < MAX_SHOWN:
        return text
    return f"{text[:MAX_SHOWN]}…"


def in_line(action: Any) -> str:
    """Write a step's keys on one line."""
    if isinstance(action, str):
        return action
    keys = to_builtins(action, str_keys=True)
    pairs = [f"{key} = {value}" for key, value in keys.items()]
    return ", ".join(pairs) or "{}"
