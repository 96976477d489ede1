"""Callers (调用方): of what kind each is, and for which cities, channels, institutions."""

from __future__ import annotations

from collections.abc import Container
from enum import StrEnum
from typing import Annotated, Final

from msgspec import Meta, Struct


class Kind(StrEnum):
    """What a caller is; its rights follow (`rights.py`)."""

    APP = "app"
    """A government app's or a mini-program's backend (线上渠道)."""
    COUNTER = "counter"
    """A service window (经办窗口)."""
    BANK = "bank"
    """A bank that acts for the agency (银行)."""
    HOSPITAL = "hospital"
    """A medical institution's system (定点医疗机构)."""
    PHARMACY = "pharmacy"
    """A retail pharmacy's system (定点零售药店)."""
    COLLECTOR = "collector"
    """Who collects premiums (征缴): the tax authority's system."""
    FEEDER = "feeder"
    """Who feeds the registry (登记)."""
    REVIEWER = "reviewer"
    """Who reviews applications (审核)."""
    AUDITOR = "auditor"
    """Who reads and changes nothing (审计)."""
    OPERATOR = "operator"
    """Who runs the service (运营方)."""
    CITY_TEAM = "city_team"
    """Who writes a city's rules (城市团队): no personal data."""
    TESTER = "tester"
    """Who tries a sandbox (测试者); anywhere else it may do nothing."""
    FRONT = "front"
    """A proxy before the service (前置代理), which passes on who calls; no caller itself."""


class _All:
    """A set that contains everything."""

    def __contains__(self, _: object) -> bool:
        return True

    def __repr__(self) -> str:
        return "*"


ALL: Final[Container[str]] = _All()
"""Every city, channel or institution: `["*"]` in a policy."""


class CallerLimits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much one caller may have under way: calls at once, calls a second, streams."""

    calls: Annotated[int, Meta(ge=1, le=4096, description="1 至 4096 的整数")] = 64
    per_second: Annotated[
        int, Meta(ge=1, le=100_000, description="1 至 100000 的整数")
    ] = 200
    streams: Annotated[int, Meta(ge=1, le=4096, description="1 至 4096 的整数")] = 8


WIDE_LIMITS: Final = CallerLimits(calls=256, per_second=100_000, streams=256)
"""Limits of who runs the machine, and of whoever tries a sandbox."""


class Caller(Struct, frozen=True, kw_only=True):
    """One caller of the policy.

    `cities` are pooling areas' codes of four digits. `former` are the names it had in
    earlier policies, and called itself by before callers were known (`x-gongji-caller`).
    `fields` are what `GetPerson` shows it beyond its kind.
    """

    name: str
    kind: Kind
    cities: Container[str] = frozenset()
    channels: Container[str] = frozenset()
    institutions: Container[str] = frozenset()
    former: Container[str] = frozenset()
    fields: frozenset[str] = frozenset()
    limits: CallerLimits = CallerLimits()

    def keeps(self, earlier: Caller) -> bool:
        """Return whether the caller may still do all that an earlier policy let it do."""
        return self.kind is earlier.kind and all(
            _within(before, now)
            for before, now in (
                (earlier.cities, self.cities),
                (earlier.channels, self.channels),
                (earlier.institutions, self.institutions),
                (earlier.fields, self.fields),
            )
        )


def _within(before: Container[str], now: Container[str]) -> bool:
    """Return whether a set, or `ALL`, lies within another."""
    if isinstance(before, frozenset) and isinstance(now, frozenset):
        return before <= now
    return now is ALL


def anybody(name: str) -> Caller:
    """Return whoever calls a sandbox without a policy: a tester of everything."""
    return Caller(
        name=name,
        kind=Kind.TESTER,
        cities=ALL,
        channels=ALL,
        institutions=ALL,
        former=ALL,
        limits=WIDE_LIMITS,
    )


LOCAL: Final = "local"
"""The caller who reads the token in the data folder of a server without a policy."""


def local_operator() -> Caller:
    """Return that caller: an operator of every city, channel and institution."""
    return Caller(
        name=LOCAL,
        kind=Kind.OPERATOR,
        cities=ALL,
        channels=ALL,
        institutions=ALL,
        former=ALL,
        limits=WIDE_LIMITS,
    )
