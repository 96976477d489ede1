"""The policy (访问策略): which callers there are, read from one file."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol, Self

import msgspec

from gongji.access.callers import (
    ALL,
    LOCAL,
    Caller,
    CallerLimits,
    anybody,
    local_operator,
)
from gongji.access.document import (
    EVERY,
    SUBJECT_MAX_AGE_S,
    CallerEntry,
    PolicyDocument,
    PolicyProblem,
    problems_of,
)
from gongji.access.rights import KEYS_OF_SCOPES, scopes_of
from gongji.model.guessing import GuessingLimits
from gongji.model.refusals import CallerUnknown
from gongji.model.toml import document_of
from gongji.rules.codes import pooling_area
from gongji.text.files import read_text


class AccessPolicy(Protocol):
    """Whom the service knows."""

    @property
    def subject_max_age_s(self) -> int:
        """Seconds for which a person counts as identified."""

    @property
    def guessing(self) -> GuessingLimits:
        """How guesses about people are bounded."""

    def caller(self, name: str) -> Caller:
        """Return the caller of that name. CallerUnknown."""


class _WithoutFile:
    """What holds where no file says otherwise."""

    subject_max_age_s = SUBJECT_MAX_AGE_S
    guessing = GuessingLimits()


class AnybodyPolicy(_WithoutFile):
    """A sandbox's policy if it is given none: whoever calls may do everything."""

    def caller(self, name: str) -> Caller:
        """Return a tester of that name."""
        return anybody(name)


class LocalPolicy(_WithoutFile):
    """A server's policy if it is given none: its own operator, and nobody else."""

    def __init__(self) -> None:
        self._local = local_operator()

    def caller(self, name: str) -> Caller:
        """Return the local operator. CallerUnknown."""
        if name != LOCAL:
            raise CallerUnknown(f"没有名为 {name} 的调用方")
        return self._local


class PolicyFaultError(ValueError):
    """A policy cannot be used; every problem is a Chinese sentence with its key."""

    def __init__(self, name: str, problems: Iterable[PolicyProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__(f"{name}：" + "；".join(map(str, self.problems)))


class FilePolicy:
    """The policy of a file, compiled: finding a caller is one look into a dictionary."""

    def __init__(self, document: PolicyDocument, callers: Mapping[str, Caller]) -> None:
        self.document = document
        self.revision = document.revision
        self.health = document.health
        self.subject_max_age_s = document.subject_max_age_s
        self.guessing = document.guessing
        self.callers = callers
        entries = document.callers.items()
        self._by_certificate = {c: name for name, e in entries for c in e.certificates}
        self._by_token = {t: name for name, e in entries for t in e.tokens}

    @classmethod
    def at(cls, path: Path) -> Self:
        """Read a file. FileFaultError; PolicyFaultError."""
        return cls.of(read_text(path), path.name)

    @classmethod
    def of(cls, text: str, name: str = "policy") -> Self:
        """Return the policy a text states. PolicyFaultError."""
        try:
            stated = document_of(text)
        except ValueError as fault:
            raise PolicyFaultError(name, [PolicyProblem((), str(fault))]) from fault
        if problems := problems_of(stated):
            raise PolicyFaultError(name, problems)
        document = msgspec.convert(stated, PolicyDocument)
        if problems := list(_of_scopes(document)):
            raise PolicyFaultError(name, problems)
        callers = {
            name: _caller(name, entry, _limits(stated, name))
            for name, entry in document.callers.items()
        }
        return cls(document, callers)

    def caller(self, name: str) -> Caller:
        """Return the caller of that name. CallerUnknown."""
        try:
            return self.callers[name]
        except KeyError:
            raise CallerUnknown("策略中没有这个调用方") from None

    def named_by_certificate(self, text: str) -> str | None:
        """Return who has a certificate's SAN URI or subject; None if nobody has."""
        return self._by_certificate.get(text)

    def named_by_token(self, sub: str) -> str | None:
        """Return whose tokens have that `sub`; None if nobody's have."""
        return self._by_token.get(sub)


def _of_scopes(document: PolicyDocument) -> Iterator[PolicyProblem]:
    """Yield what callers lack without which their kind can do nothing."""
    for name, entry in document.callers.items():
        for scope, key in KEYS_OF_SCOPES.items():
            if scope in scopes_of(entry.kind) and not getattr(entry, key):
                message = f"{entry.kind} 类调用方必填"
                yield PolicyProblem(("callers", name, key), message)


def _limits(stated: Mapping[str, Any], name: str) -> CallerLimits:
    """Return a caller's limits: its own, else those of all, key by key."""
    own = stated["callers"][name].get("limits", {})
    return msgspec.convert({**stated.get("limits", {}), **own}, CallerLimits)


def _caller(name: str, entry: CallerEntry, limits: CallerLimits) -> Caller:
    return Caller(
        name=name,
        kind=entry.kind,
        cities=_set(entry.cities, map(pooling_area, entry.cities)),
        channels=_set(entry.channels, entry.channels),
        institutions=_set(entry.institutions, entry.institutions),
        # Whoever kept its name sends its retries across the upgrade unasked.
        former=frozenset({name, *entry.former}),
        fields=frozenset(entry.fields),
        limits=limits,
    )


def _set(stated: list[str], values: Iterable[str]) -> Container[str]:
    return ALL if EVERY in stated else frozenset(values)
