"""What a referee needs to judge a settlement: its facts and rules, as they were then."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
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

_NOT_SHOWN: Final = ("certificate", "name", "phone", "born_on")
"""Fields of a person that say who it is and decide nothing."""


class FormerFact(Struct, frozen=True):
    """A record a settlement was decided over, as it was."""

    kind: str
    key: str
    record: Person | Institution | Binding

    @property
    def content(self) -> str:
        """Return the record as JSON, without who a person is."""
        fields: dict[str, Any] = msgspec.to_builtins(self.record)
        if isinstance(self.record, Person):
            for name in _NOT_SHOWN:
                fields.pop(name, None)
        return msgspec.json.encode(fields).decode()


class SettlementPacket(Struct, frozen=True):
    """A settlement as it stands and as it was first written, with its facts and rules."""

    settlement: Settlement
    first: Settlement
    facts: tuple[FormerFact, ...]
    rules: tuple[KeptRules, ...]

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
        """Return the settlement; its rules, and what it was decided over."""
        original = by_key(Settlement, self.settlement_id)
        yield original
        if not facts.has(original):
            return
        stored = facts.get(Settlement, self.settlement_id)
        if stored is None:
            return
        yield from kept.needs_of(stored.decided_by)
        yield Need(Binding, "member", stored.bill.patient)
        for key, revision in stored.known.items():
            yield from revision_needs(facts, _kind_of(stored, key), key, revision)

    def decide(self, facts: Facts) -> Decision[SettlementPacket]:
        """Return the packet. SettlementNotFound."""
        stored = facts.get(Settlement, self.settlement_id)
        if stored is None:
            raise SettlementNotFound(
                f"没有编号为 {self.settlement_id} 的结算", field="settlement_id"
            )
        rules = [facts.get(KeptRules, digest) for digest in stored.decided_by.digests]
        return Decision(
            SettlementPacket(
                settlement=stored,
                first=first_written(stored),
                facts=(*_registered(stored, facts), *_bindings(stored, facts)),
                rules=tuple([document for document in rules if document]),
            )
        )


def first_written(settlement: Settlement) -> Settlement:
    """Return a settlement without what was done to it since."""
    return replace(
        settlement,
        reversed_at=None,
        reversed_why="",
        replaced_by="",
        superseded=False,
    )


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
