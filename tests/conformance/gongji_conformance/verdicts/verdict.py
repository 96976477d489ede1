"""The five verdicts there are, and which one an exception stands for."""

from __future__ import annotations

from enum import Enum
from typing import Final

import grpc
import pytest

from gongji_conformance.city.callers import NoSuchCaller


class Verdict(Enum):
    """What came of one law or case; there is no sixth."""

    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    KNOWN_FAIL = "known-fail"
    NOT_APPLICABLE = "not-applicable"
    SUITE_ERROR = "suite-error"

    @property
    def in_words(self) -> str:
        """As people read it."""
        return _WORDS[self]

    @property
    def green(self) -> bool:
        """Whether a run may end well with it."""
        return self not in {Verdict.FAIL, Verdict.SUITE_ERROR}


_WORDS: Final = {
    Verdict.PASS: "通过",
    Verdict.FAIL: "不合",
    Verdict.KNOWN_FAIL: "已知不合",
    Verdict.NOT_APPLICABLE: "不适用",
    Verdict.SUITE_ERROR: "套件出错",
}


class NotApplicable(Exception):  # noqa: N818 - a verdict, not an error
    """The city declares not to have what a law presupposes, and refused it."""


def verdict_of(error: BaseException | None) -> Verdict:
    """Return the verdict of a test that ended with this error, if any.

    What is neither a finding nor an answer is the suite's own fault.
    """
    match error:
        case None:
            return Verdict.PASS
        case NotApplicable() | NoSuchCaller():
            return Verdict.NOT_APPLICABLE
        case AssertionError() | pytest.fail.Exception():
            return Verdict.FAIL
        # UNAVAILABLE is no answer of the server's: it may not even be there.
        case grpc.Call() if error.code() is not grpc.StatusCode.UNAVAILABLE:
            return Verdict.FAIL
    return Verdict.SUITE_ERROR
