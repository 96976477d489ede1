"""What a referee needs to judge a settlement: its facts and rules, as they were then."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from gongji.binding import life
from gongji.cities import kept
from gongji.cities.city import Cities
from gongji.cities.encoding import UnreadableRules
from gongji.model.binding import Binding
from gongji.model.commands import Decision
from gongji.model.decided import KeptRules
from gongji.model.facts import Facts, Need, by_key
from gongji.model.people import Institution, Person
from gongji.model.refusals import SettlementNotFound
from gongji.model.revisions import revision_needs, revision_of
from gongji.model.settlement import Settlement
from gongji.settlement.former import settled_at_of

_SHOWN: Final[Mapping[type, frozenset[str]]] = {
    Person: frozenset(
        (
            *("person_no", "insured_place", "moves", "enrolments", "marks"),
            *("died_on", "revision", "known_from", "import_id"),
        )
    ),
    Binding: frozenset(
        (
            *("binding_id", "holder", "member", "relation", "purposes", "channel"),
            *("state", "submitted_at", "active_at", "expires_at", "closed_at"),
            *("rules", "decided_by"),
        )
    ),
}
"""What may decide a settlement: who a person is, and what was handed in, does not."""


class FormerFact(Struct, frozen=True):
    """A record a settlement was decided over, as it was."""

    kind: str
    key: str
    record: Person | Institution | Binding

    @property
    def place(self) -> tuple[str, str, int]:
        """Return what tells it from the others: kind, key, revision (0 of a binding)."""
        return self.kind, self.key, getattr(self.record, "revision", 0)

    @property
    def content(self) -> str:
        """Return the record as JSON, without what decides nothing."""
        fields: dict[str, Any] = msgspec.to_builtins(self.record)
        shown = _SHOWN.get(type(self.record), fields)
        kept = {name: value for name, value in fields.items() if name in shown}
        return msgspec.json.encode(kept).decode()


class WrittenSettlement(Struct, frozen=True):
    """A settlement as it was written at an instant; if that is how it is stored now."""

    settlement: Settlement
    at: datetime
    as_stored: bool


class SettlementPacket(Struct, frozen=True):
    """A settlement as it stands, with its facts and rules.

    Behind it those that took its place, one after the other: the last one stands.
    """

    settlements: tuple[Settlement, ...]
    facts: tuple[FormerFact, ...]
    rules: tuple[KeptRules, ...]

    def rows(self) -> Iterator[WrittenSettlement]:
        """Yield each settlement as it may have been written, in this order."""
        for place, stored in enumerate(self.settlements):
            after = self.settlements[place + 1 :]
            yield from _written(stored, after[0] if after else None)

    def cities(self) -> Cities:
        """Return the cities whose rules took part, those of which can still be read."""
        cities = []
        for document in self.rules:
            with suppress(UnreadableRules):
                cities.append(kept.city_of(document.digest, document.document))
        return Cities(tuple(cities))


class GatherPacket(Struct, frozen=True):
    """Gather the packet of one settlement, reversed or not, writing nothing."""

    settlement_id: str

    def needs(self, facts: Facts) -> Iterator[Need]:
        """Return the settlements; their rules, and what they were decided over."""
        yield by_key(Settlement, self.settlement_id)
        for stored in self._settlements(facts):
            if stored.replaced_by:
                yield by_key(Settlement, stored.replaced_by)
            yield from kept.needs_of(stored.decided_by)
            yield Need(Binding, "member", stored.bill.patient)
            for key, revision in stored.known.items():
                yield from revision_needs(facts, _kind_of(stored, key), key, revision)

    def decide(self, facts: Facts) -> Decision[SettlementPacket]:
        """Return the packet. SettlementNotFound."""
        settlements = tuple(self._settlements(facts))
        if not settlements:
            raise SettlementNotFound(
                f"没有编号为 {self.settlement_id} 的结算", field="settlement_id"
            )
        found: dict[tuple[str, str, int], FormerFact] = {}
        rules: dict[str, KeptRules | None] = {}
        for stored in settlements:
            for fact in (*_registered(stored, facts), *_bindings(stored, facts)):
                found.setdefault(fact.place, fact)
            for digest in stored.decided_by.digests:
                rules[digest] = facts.get(KeptRules, digest)
        return Decision(
            SettlementPacket(
                settlements,
                facts=tuple(found.values()),
                rules=tuple([document for document in rules.values() if document]),
            )
        )

    def _settlements(self, facts: Facts) -> Iterator[Settlement]:
        """Yield the settlement and those in its place, as far as they are loaded."""
        key = self.settlement_id
        while key and facts.has(by_key(Settlement, key)):
            stored = facts.get(Settlement, key)
            if stored is None:
                return
            yield stored
            key = stored.replaced_by


def _written(
    stored: Settlement, after: Settlement | None
) -> Iterator[WrittenSettlement]:
    """Yield the rows of a settlement, in the place of which another may stand."""
    if stored.settled_at is not None:
        first = stored.as_settled
        yield WrittenSettlement(first, stored.settled_at, as_stored=first == stored)
    if stored.reversed_at is None:
        return
    if after is not None:
        # If it was refused when it was taken back, and settled again later.
        refused = replace(stored, replaced_by="")
        yield WrittenSettlement(refused, stored.reversed_at, as_stored=False)
    replaced_at = after.settled_at if after else None
    yield WrittenSettlement(stored, replaced_at or stored.reversed_at, as_stored=True)


def _registered(stored: Settlement, facts: Facts) -> Iterator[FormerFact]:
    for key, revision in stored.known.items():
        kind = _kind_of(stored, key)
        record = revision_of(facts, kind, key, revision)
        if record is not None:
            yield FormerFact(kind.__name__.lower(), key, record)


def _bindings(stored: Settlement, facts: Facts) -> Iterator[FormerFact]:
    """Yield the bindings whose purses it asked, as they stood."""
    asked = {line.purse for line in stored.lines if line.purse}
    for binding in facts.where(Binding, "member", stored.bill.patient):
        if binding.holder in asked:
            former = life.at(binding, settled_at_of(stored))
            if former is not None:
                yield FormerFact("binding", binding.binding_id, former)


def _kind_of(stored: Settlement, key: str) -> type[Any]:
    is_institution = key == stored.bill.institution_code
    return Institution if is_institution else Person
