"""The result of each law and case, as it travels and as it is reported."""

from __future__ import annotations

from typing import Any

import msgspec

from gongji_conformance.verdicts.verdict import Verdict


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One call, personal data hidden: method, requests, and the reply or the refusal."""

    method: str
    requests: list[Any]
    reply: Any = None
    refused: dict[str, Any] | None = None


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One law with one input, or one case, of one city."""

    id: str
    city: str
    profile: str
    says: str
    basis: str
    verdict: Verdict
    why: str = ""
    """The reason of a known failure, or the capability that is missing."""
    failure: str = ""
    """What a person reads, with the command that repeats it."""
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
    """Return a result as it travels."""
    plain: dict[str, Any] = msgspec.to_builtins(result)
    return plain


def arrived(plain: dict[str, Any]) -> Result:
    """Return a result as it was before it travelled."""
    return msgspec.convert(plain, Result)
