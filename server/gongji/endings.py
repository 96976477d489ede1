"""Bindings that lose their ground: an import that ends an enrolment, moves a person or reports a death closes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from msgspec.structs import replace

from gongji.binding import application_of, as_of, closed
from gongji.cities import Cities
from gongji.codes import OPEN_STATES, SHANGHAI
from gongji.eligibility import Case, alive, holder_enrolled, in_scope, member_enrolled
from gongji.errors import CityNotServed
from gongji.facts import Decision, Facts, Need, by_key
from gongji.model import Binding, Person
from gongji.registry import Upserted, UpsertPersons

GROUNDS = (alive, holder_enrolled, member_enrolled, in_scope)
"""The conditions a binding goes on resting on after it was made."""


@dataclass(frozen=True, slots=True)
class ImportPersons:
    """Writes persons and closes, in the same commit, every open binding that no longer rests on its grounds."""

    upsert: UpsertPersons
    cities: Cities

    def needs(self, facts: Facts) -> Iterator[Need]:
        """What the upsert needs, the bindings of everyone imported, and the people at their other ends."""
        yield from self.upsert.needs(facts)
        for person in self.upsert.persons:
            for side, other in (("holder", "member"), ("member", "holder")):
                yield (bindings := Need(Binding, side, person.person_no))
                if facts.has(bindings):
                    yield from (by_key(Person, getattr(b, other)) for b in facts.where(Binding, side, person.person_no))

    def decide(self, facts: Facts) -> Decision[Upserted]:
        """The rows to write, and the bindings they close."""
        decision = self.upsert.decide(facts)
        changed = {record.person_no: record for record in decision.writes}
        ended = tuple(self._ended(changed, facts))
        return Decision(decision.answer, decision.writes + ended)

    def _ended(self, changed: Mapping[str, Person], facts: Facts) -> Iterable[Binding]:
        touched = {
            b.binding_id: b
            for person_no in changed
            for side in ("holder", "member")
            for b in facts.where(Binding, side, person_no)
        }
        for binding in touched.values():
            current = as_of(binding, facts.now)
            if current.state not in OPEN_STATES:
                continue
            holder = changed.get(binding.holder) or facts.get(Person, binding.holder)
            member = changed.get(binding.member) or facts.get(Person, binding.member)
            if holder is not None and member is not None and (why := self._lost(current, holder, member, facts.now)):
                yield closed(current, facts.now, who="import", why=why)

    def _lost(self, binding: Binding, holder: Person, member: Person, now: datetime) -> str:
        """Which ground the binding has lost; empty while it stands. A purpose that still stands carries it."""
        try:
            rules = self.cities.of(holder.insured_place).rules(now.astimezone(SHANGHAI).date())
        except CityNotServed as gone:
            return gone.message
        lost = ""
        for purpose in sorted(binding.purposes):
            case = Case(
                application=replace(application_of(binding), purposes=frozenset({purpose})),
                holder=holder,
                member=member,
                rules=rules,
                today=now.astimezone(SHANGHAI).date(),
                of_holder=(),
                of_member=(),
            )
            unmet = [u.condition.message for ground in GROUNDS for u in ground(case)]
            if not unmet:
                return ""
            lost = "; ".join(unmet)
        return lost
