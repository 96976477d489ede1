"""By which rules something was decided."""

from __future__ import annotations

from datetime import date

from msgspec import Struct


class DecidedBy(Struct, frozen=True):
    """The city, plugin and core whose rules decided, and the adopted candidates."""

    area_code: str
    plugin: str
    plugin_version: str
    core_version: str
    adoptions: tuple[str, ...] = ()


class RuleRef(Struct, frozen=True):
    """A rule that took part in a decision: hook, first day of its value, clauses."""

    hook: str
    since: date
    clauses: tuple[str, ...]
