"""What of all events one reader is told."""

from __future__ import annotations

from collections.abc import Container

from msgspec import Struct

from gongji.access.callers import ALL
from gongji.model.event import OF_BINDINGS, Event, EventKind, SettlementChange
from gongji.rules.codes import pooling_area


class WatchedScope(Struct, frozen=True):
    """Whose events, and which; None stands for all there are.

    `areas` are pooling areas; with people named, those have been shown before.
    """

    people: frozenset[str] | None = None
    institutions: Container[str] | None = None
    areas: Container[str] = ALL
    kinds: frozenset[EventKind] | None = None

    @property
    def has_bindings(self) -> bool:
        """Return whether any event of a binding is told."""
        wanted = self.kinds is None or bool(self.kinds & OF_BINDINGS)
        return wanted and self.institutions is None

    def covers(self, event: Event) -> bool:
        """Return whether an event is told."""
        if self.kinds is not None and event.kind not in self.kinds:
            return False
        if (
            self.institutions is not None
            and event.institution_code not in self.institutions
        ):
            return False
        if self.people is not None:
            return not self.people.isdisjoint(event.people)
        # Whoever sees a settlement needs no word of what each purse paid.
        if isinstance(event.what, SettlementChange) and event.what.purse:
            return False
        return self.areas is ALL or pooling_area(event.area_code) in self.areas
