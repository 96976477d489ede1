"""Take a settlement back (撤销): each fen to the purse it came from, also after unbinding.

The accumulators lose exactly what the settlement added; later settlements stand.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from operator import attrgetter

from msgspec import Struct
from msgspec.structs import replace

from gongji.account import ledger
from gongji.account.ledger import Inconsistent
from gongji.cities.city import Cities
from gongji.model.account import PurseMovement
from gongji.model.commands import Command, Decision, Request, RequestRecord
from gongji.model.decided import DecidedBy
from gongji.model.facts import Facts, Need, by_key
from gongji.model.ids import derived_id
from gongji.model.refusals import (
    AlreadyReversed,
    MalformedField,
    NotLastSettlement,
    SettlementNotFound,
)
from gongji.model.settlement import Accumulator, MeterReading, Settlement
from gongji.rules.benefits import Reversal
from gongji.rules.clauses import Ruled
from gongji.rules.hookspecs import CityRules
from gongji.settlement.settle import SETTLE, settlement_id_in, settlement_id_of


class Reversed(Struct, frozen=True):
    """A settlement as it stands reversed, and what came back to each purse."""

    settlement: Settlement
    refunds: tuple[PurseMovement, ...]

    @property
    def decided_by(self) -> DecidedBy | None:
        """Return whose rules let it be reversed."""
        return self.settlement.reversed_by


class Reverse(Command[Reversed], frozen=True):
    """Take a settlement back: by its id (2208 撤销), or by its request (2601 冲正).

    The request id serves a caller whose `Settle` was never answered. MalformedField
    unless exactly one of both is given, and the request id is a UUID.
    """

    answer_type = Reversed

    settlement_id: str
    settle_request_id: str
    why: str
    cities: Cities
    patient: str = ""

    def __post_init__(self) -> None:
        if bool(self.settlement_id) == bool(self.settle_request_id):
            raise MalformedField(
                "请以结算编号或原请求编号之一指明要撤销的结算", field="settlement_id"
            )
        try:
            _ = self.settlement_id or settlement_id_of(self._original_request.key)
        except ValueError:
            raise MalformedField(
                "原请求编号不是 UUID", field="settle_request_id"
            ) from None

    @property
    def _original_request(self) -> Request:
        """Return the request whose settlement is meant: only ever one of the caller's."""
        return self.request.another(self.settle_request_id, SETTLE)

    def original(self, facts: Facts) -> Need | None:
        """Return the settlement to take back, None until what leads to it is known.

        It may be another request's: of the same message, before. Of one settled again
        since it is what stands in its place: a hospital may know the first id only.
        """
        named = self._named(facts)
        while named is not None and facts.has(named):
            settlement = facts.get(Settlement, named.value)
            if settlement is None or not settlement.replaced_by:
                return named
            named = by_key(Settlement, settlement.replaced_by)
        return named

    def _named(self, facts: Facts) -> Need | None:
        """Return the settlement named, None until its request is known."""
        if self.settlement_id:
            return by_key(Settlement, self.settlement_id)
        request = self._original_request
        if not all(map(facts.has, request.row_needs())):
            return None
        remembered = request.row(facts)
        if remembered is None:
            return by_key(Settlement, settlement_id_of(request.key))
        return by_key(Settlement, settlement_id_in(remembered))

    def needs_of_original(self, facts: Facts) -> Iterator[Need]:
        """Return the request, if it is named by that, and the settlement."""
        if self.settle_request_id:
            yield from self._original_request.row_needs()
        original = self.original(facts)
        if original is not None:
            yield original

    def needs(self, facts: Facts) -> Iterator[Need]:
        """Return settlement and request; then accumulator, purses that paid, and others.

        The patient's other settlements matter only if the city reverses the last first.
        """
        yield from self.needs_of_original(facts)
        original = self.original(facts)
        if original is None or not facts.has(original):
            return
        settlement = facts.get(Settlement, original.value)
        if settlement is None:
            return
        if last_first(settlement, facts.today, self.cities):
            yield Need(Settlement, "patient", settlement.bill.patient)
        yield by_key(Accumulator, settlement.accumulator_key)
        for key in settlement.meters_added:
            yield by_key(MeterReading, key)
        for movement in settlement.movements:
            yield by_key(*movement.key)

    def decide(self, facts: Facts) -> Decision[Reversed]:
        """Decide the mirror image of the settlement.

        SettlementNotFound, AlreadyReversed, NotLastSettlement.
        """
        settlement = self._standing(facts)
        _refuse_unless_last(settlement, facts, self.cities)
        moves = [(m.key, -m.fen) for m in settlement.movements]
        accounts, refunds = ledger.move_all(facts, moves)
        transaction_id = derived_id("R", self.request.key)
        entries = ledger.reversal_entries(
            transaction_id, settlement, refunds, facts.now
        )
        taken_back = replace(
            settlement,
            reversed_at=facts.now,
            reversed_why=self.why,
            reversed_by=self.cities.of(settlement.area_code).decided_by,
        )
        writes = (
            taken_back,
            *accounts,
            *_accumulator_without(settlement, facts),
            *_readings_without(settlement, facts),
            *entries,
        )
        return Decision(Reversed(taken_back, refunds), writes)

    def _standing(self, facts: Facts) -> Settlement:
        original = self.original(facts)
        settlement = facts.get(Settlement, original.value) if original else None
        if settlement is None:
            raise self._not_found(facts)
        if self.patient not in {"", settlement.bill.patient}:
            raise SettlementNotFound(
                f"结算 {settlement.settlement_id} 不是该患者的", field="patient"
            )
        if settlement.reversed_at is not None:
            raise AlreadyReversed(
                f"结算 {settlement.settlement_id} 已于 "
                f"{settlement.reversed_at:%Y-%m-%d %H:%M} 撤销",
                settlement_id=settlement.settlement_id,
            )
        return settlement

    def _not_found(self, facts: Facts) -> SettlementNotFound:
        if not self.settle_request_id:
            return SettlementNotFound(
                f"没有编号为 {self.settlement_id} 的结算", field="settlement_id"
            )
        original = self._original_request
        refusal = SettlementNotFound(
            f"请求 {original.request_id} 没有产生结算", field="settle_request_id"
        )
        if original.row(facts) is not None:
            return refusal
        # A tombstone: the original may still be on its way and must not be settled late.
        tombstone = RequestRecord(
            key=original.key,
            caller=original.caller,
            method=original.method,
            digests={},
            at=facts.now,
            tombstone=True,
        )
        return refusal.leaving(tombstone)


class PatientOfOriginal(Struct, frozen=True):
    """A query whose bill a reversal would take back; "" if there is no such settlement."""

    command: Reverse

    def needs(self, facts: Facts) -> Iterator[Need]:
        """Return what leads to the settlement."""
        yield from self.command.needs_of_original(facts)

    def decide(self, facts: Facts) -> Decision[str]:
        """Return the patient."""
        original = self.command.original(facts)
        settlement = facts.get(Settlement, original.value) if original else None
        return Decision(settlement.bill.patient if settlement else "")


def of_same_year(settlement: Settlement, facts: Facts) -> list[Settlement]:
    """Return the settlements that share its accumulator or a meter, itself among them."""
    keys = settlement.counted_on
    of_patient = facts.where(Settlement, "patient", settlement.bill.patient)
    return [s for s in of_patient if not keys.isdisjoint(s.counted_on)]


def _accumulator_without(
    settlement: Settlement, facts: Facts
) -> tuple[Accumulator, ...]:
    """Return the accumulator without what this settlement added, if anything."""
    if not (settlement.deductible_fen or settlement.fund_fen):
        return ()
    before = facts.get(Accumulator, settlement.accumulator_key)
    if before is not None:
        after = before.plus(-settlement.deductible_fen, -settlement.fund_fen)
        if after.deductible_used_fen >= 0 and after.fund_paid_fen >= 0:
            return (after,)
    msg = (
        f"accumulator of settlement {settlement.settlement_id} holds less than the "
        "settlement added"
    )
    raise Inconsistent(msg)


def _readings_without(settlement: Settlement, facts: Facts) -> list[MeterReading]:
    """Return the readings without what this settlement added."""
    readings = []
    for key, fen in settlement.meters_added.items():
        before = facts.get(MeterReading, key)
        if before is None or before.fen < fen:
            msg = f"reading of settlement {settlement.settlement_id} holds too little"
            raise Inconsistent(msg)
        readings.append(MeterReading.of(key, before.fen - fen))
    return readings


def later_in_year(settlement: Settlement, facts: Facts) -> list[Settlement]:
    """Return those of its accumulator that were settled after it, reversed or not."""
    # One settled again keeps the place of the first. Settlements of one instant (one
    # batch) have no order: none of them is later.
    settled_at = settlement.decided_as_of
    return [
        s
        for s in of_same_year(settlement, facts)
        if settled_at and s.decided_as_of and s.decided_as_of > settled_at
    ]


def last_first(
    settlement: Settlement, today: date, cities: Cities
) -> Ruled[Reversal] | None:
    """Return the rule that the last of a year is reversed first, None without one."""
    # The rule of the day of reversal, not of the day of settlement.
    rules = cities.of(settlement.area_code).rules(today)
    rule = rules.answer(CityRules.reversal)
    return rule if rule.value is Reversal.LAST_FIRST else None


def _refuse_unless_last(settlement: Settlement, facts: Facts, cities: Cities) -> None:
    rule = last_first(settlement, facts.today, cities)
    if rule is None:
        return
    later = [s for s in later_in_year(settlement, facts) if s.reversed_at is None]
    if later:
        last = max(later, key=attrgetter("decided_as_of", "settlement_id"))
        # Another institution's settlement is not named to this one.
        settled_at = settlement.bill.settled_at_institution
        own = last.bill.settled_at_institution == settled_at
        raise NotLastSettlement(
            f"须先撤销其后的 {len(later)} 笔结算，再撤销 {settlement.settlement_id}",
            clauses=rule.clauses,
            settlement_id=settlement.settlement_id,
            last=last.settlement_id if own else "",
        )
