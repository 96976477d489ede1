"""By which rules something was decided."""

from __future__ import annotations

from datetime import date, datetime

from msgspec import Struct


class DecidedBy(Struct, frozen=True, omit_defaults=True):
    """The city, plugin and core whose rules decided, and the adopted candidates.

    rules_digest   the city's resolved answers as kept (`KeptRules`); "" if it was decided
                   before they were kept
    other_digests  those of other cities that took part: of givers insured there
    plugin_digest  the digest of the plugin's files; "" if it was not loaded from any
    """

    area_code: str
    plugin: str
    plugin_version: str
    core_version: str
    adoptions: tuple[str, ...] = ()
    rules_digest: str = ""
    other_digests: tuple[str, ...] = ()
    plugin_digest: str = ""

    @property
    def digests(self) -> tuple[str, ...]:
        """Return the digest of every city's rules that took part, none if not kept."""
        return (self.rules_digest, *self.other_digests) if self.rules_digest else ()


class KeptRules(Struct, frozen=True):
    """A city's resolved answers (`cities.kept`), written before anything is decided by them.

    `digest` is the SHA-256 of the document.
    """

    digest: str
    document: bytes
    first_used_at: datetime


class RuleRef(Struct, frozen=True):
    """A rule that took part in a decision: hook, first day of its value, clauses."""

    hook: str
    since: date
    clauses: tuple[str, ...]
