"""What late facts change of a patient's settlements.

A settlement that was decided on a record known otherwise now begins a review of its
year; all later ones of that year are reviewed with it, for the accumulators carry.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from gongji.cities.city import Cities
from gongji.model.account import Account
from gongji.model.binding import Binding
from gongji.model.causes import (
    ChangedIn,
    FactBehind,
    Record,
    fact_needs,
    facts_behind,
)
from gongji.model.commands import Decision
from gongji.model.facts import Facts, Need, by_key
from gongji.model.people import Institution, Person
from gongji.model.settlement import Settlement
from gongji.settlement.preview import place_in_year
from gongji.settlement.recompute import PayerDifference, differences_by_payer
from gongji.settlement.year import Redecided, needs_of_year, redecide, under_review

_FIRST_REVISION = 1


class LateSettlement(Struct, frozen=True):
    """A settlement that is decided otherwise now, and the facts behind it.

    `follows` is the earlier one whose change it follows, if no fact of its own is
    behind it.
    """

    again: Redecided
    facts: tuple[FactBehind, ...]
    follows: str = ""

    @property
    def differences(self) -> tuple[PayerDifference, ...]:
        """Return who pays otherwise."""
        return differences_of(self.again)


def differences_of(again: Redecided) -> tuple[PayerDifference, ...]:
    """Return who pays otherwise."""
    lines = again.after.lines if again.after else ()
    paid = () if again.before.withdrawn else again.before.lines
    return differences_by_payer(paid, lines)


class LateYear(Struct, frozen=True):
    """What was found of one patient, and at how many settlements was looked."""

    settlements: tuple[LateSettlement, ...] = ()
    seen: int = 0


class ReviewPatient(Struct, frozen=True):
    """Ask what is otherwise of a patient's settlements, as told under one record.

    A patient is told under one of the records that changed: his own, else the smallest
    number of a giver, else the smallest code of an institution. `reached_by` is the
    settlement by which an institution's list leads here: only the first one tells.
    """

    patient: str
    under: Record
    changed: ChangedIn
    cities: Cities
    reached_by: str = ""

    def needs(self, facts: Facts) -> Iterator[Need]:
        """Return the settlements and their records; then what decides them again."""
        of_patient = Need(Settlement, "patient", self.patient)
        yield of_patient
        # Asked at once, to be fetched with the settlements.
        yield by_key(Person, self.patient)
        yield by_key(Account, self.patient)
        yield Need(Binding, "member", self.patient)
        yield by_key(*self.under)
        if not facts.has(of_patient):
            return
        stand = under_review(facts.where(Settlement, "patient", self.patient))
        of_registry = [by_key(*record) for s in stand for record in decided_on(s)]
        yield from of_registry
        if all(map(facts.has, of_registry)):
            yield from self._needs_of(stand, facts)

    def _needs_of(self, stand: Sequence[Settlement], facts: Facts) -> Iterator[Need]:
        late = _late(stand, facts)
        told_under = [self.changed.needs(r, facts) for s in late for r in late[s]]
        of_changes = [need for needs in told_under for need in needs]
        yield from of_changes
        if all(map(facts.has, of_changes)) and self._tells(stand, late, facts):
            yield from needs_of_year(_concerned(stand, late), facts, self.cities)
            for records in late.values():
                yield from fact_needs(records, facts)

    def decide(self, facts: Facts) -> Decision[LateYear]:
        """Return what is otherwise; nothing if it is told under another record."""
        stand = under_review(facts.where(Settlement, "patient", self.patient))
        late = _late(stand, facts)
        if not self._tells(stand, late, facts):
            return Decision(LateYear())
        concerned = _concerned(stand, late)
        changes: list[LateSettlement] = []
        for again in redecide(concerned, facts, self.cities):
            own = late.get(again.before.settlement_id, {})
            behind = facts_behind(own, facts)
            follows = "" if behind else _last_of_year(changes, again.before)
            changes.append(LateSettlement(again, behind, follows))
        return Decision(LateYear(tuple(changes), len(concerned)))

    def _tells(
        self,
        stand: Sequence[Settlement],
        late: Mapping[str, Mapping[Record, int]],
        facts: Facts,
    ) -> bool:
        records = {record for records in late.values() for record in records}
        changed = [r for r in records if self.changed.covers(r, facts)]
        if not changed or min(changed, key=self._rank) != self.under:
            return False
        if not self.reached_by:
            return True
        by_time = sorted(
            [s for s in stand if self.under in late.get(s.settlement_id, ())],
            key=lambda s: (s.settled_at, s.settlement_id),
        )
        return by_time[0].settlement_id == self.reached_by

    def _rank(self, record: Record) -> tuple[bool, bool, str]:
        kind, key = record
        return key != self.patient, kind is Institution, key


def decided_on(settlement: Settlement) -> dict[Record, int]:
    """Return the revision of each record a settlement was decided on."""
    bill = settlement.bill
    known = settlement.known
    if not known:
        # Of before revisions were kept: what was known then is the first one.
        purses = [line.purse for line in settlement.lines if line.purse]
        owners = (bill.patient, bill.institution_code, *purses)
        known = dict.fromkeys(owners, _FIRST_REVISION)
    return {
        (Institution if key == bill.institution_code else Person, key): revision
        for key, revision in known.items()
    }


def _late(stand: Sequence[Settlement], facts: Facts) -> dict[str, dict[Record, int]]:
    """Return the records each settlement was decided on that are known otherwise now.

    By settlement; those without any are left out.
    """
    late: dict[str, dict[Record, int]] = {}
    for settlement in stand:
        for record, revision in decided_on(settlement).items():
            present = facts.get(*record)
            if present is not None and present.revision != revision:
                late.setdefault(settlement.settlement_id, {})[record] = revision
    return late


def _concerned(
    stand: Sequence[Settlement], late: Mapping[str, object]
) -> list[Settlement]:
    """Return the settlements to be decided again, in order: of each year from the first
    one that is late."""
    first: dict[int, tuple[object, ...]] = {}
    for settlement in stand:
        if settlement.settlement_id in late:
            year = settlement.bill.service_day.year
            first.setdefault(year, place_in_year(settlement))
    return [
        settlement
        for settlement in stand
        if settlement.bill.service_day.year in first
        and place_in_year(settlement) >= first[settlement.bill.service_day.year]
    ]


def _last_of_year(changes: Sequence[LateSettlement], settlement: Settlement) -> str:
    year = settlement.bill.service_day.year
    for earlier in reversed(changes):
        if earlier.again.before.bill.service_day.year == year:
            return earlier.again.before.settlement_id
    return ""
