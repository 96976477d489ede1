"""How calls end, as far as their caller can tell."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from gongji_conformance.city.stubs import CallRefused


class Answered(NamedTuple):
    """How a call ended, as far as its caller can tell."""

    code: str = "OK"
    reason: str = ""
    message: str = ""


def only_answer(answers: Iterable[CallRefused | None]) -> Answered:
    """Return how some calls ended. AssertionError if not all in one way."""
    differing = {
        Answered(answer.code, answer.reason, answer.message) if answer else Answered()
        for answer in answers
    }
    assert 1 == len(differing)
    return differing.pop()
