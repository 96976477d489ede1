"""What came of each law and case: one plain record each, that travels between processes and into the report."""

from __future__ import annotations

from typing import Any

import msgspec

from gongji_conformance.verdicts.verdict import Verdict


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One call over the wire, personal data hidden: method, requests, and the reply or the refusal."""

    method: str
    requests: list[Any]
    reply: Any = None
    refused: dict[str, Any] | None = None


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One law with one input, or one case, of one city.

    `why` says what no verdict of its own does: the reason of a known failure, the capability that is missing, the
    fault of the suite. `failure` is what a person reads, with the command that repeats it.
    """

    id: str
    city: str
    profile: str
    says: str
    basis: str
    verdict: Verdict
    why: str = ""
    failure: str = ""
    seconds: float = 0.0
    test: str = ""
    hooks: list[str] = []
    core_version: str = ""
    calls: list[Call] = []

    @property
    def law(self) -> str:
        """The id without the input of a law."""
        return self.id.partition("/")[0]


def carried(result: Result) -> dict[str, Any]:
    """As it travels."""
    plain: dict[str, Any] = msgspec.to_builtins(result)
    return plain


def arrived(plain: dict[str, Any]) -> Result:
    """As it was."""
    return msgspec.convert(plain, Result)
