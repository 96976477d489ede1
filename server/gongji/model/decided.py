"""By which rules something was decided."""

from __future__ import annotations

from datetime import date

from msgspec import Struct


class DecidedBy(Struct, frozen=True):
    """Whose rules decided: city, plugin and core with their versions, adopted candidates."""

    area_code: str
    plugin: str
    plugin_version: str
    core_version: str
    adoptions: tuple[str, ...] = ()


class RuleRef(Struct, frozen=True):
    """A rule that took part in a decision: hook, first day of its value, numbers of its clauses."""

    hook: str
    since: date
    clauses: tuple[str, ...]
