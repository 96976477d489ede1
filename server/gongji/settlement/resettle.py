"""Settle again what is decided otherwise on what is known now (重新结算), in one commit.

Each settlement is taken back and settled once more, as of its own instant and in its
place of the year; or one of them with a part of its bill returned (部分退费). Entries are
only added: the refund and the new charge stand on the day they are made.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from gongji.account import ledger
from gongji.cities.city import Cities
from gongji.model.account import Account, AccountKey, Entry, PurseMovement
from gongji.model.commands import Command, Decision, Request
from gongji.model.facts import Facts, Need, by_key
from gongji.model.ids import derived_id
from gongji.model.people import Person
from gongji.model.refusals import (
    AlreadyReversed,
    MalformedField,
    NothingToResettle,
    SettlementNotFound,
)
from gongji.model.settlement import (
    Accumulator,
    Bill,
    MeterReading,
    SettledDay,
    Settlement,
)
from gongji.model.wallet import WalletAccount
from gongji.rules.codes import pooling_area
from gongji.rules.money import yuan
from gongji.settlement.admission import insured_place, scheme_of
from gongji.settlement.meters import meter_needs
from gongji.settlement.preview import place_in_year
from gongji.settlement.recompute import PayerDifference, differences_by_payer
from gongji.settlement.settle import settlement_id_of
from gongji.settlement.year import Redecided, needs_of_year, redecide, under_review


class Returned(Struct, frozen=True):
    """What is returned of a bill, by its four parts; fen."""

    out_of_catalogue_fen: int = 0
    above_limit_fen: int = 0
    first_selfpay_fen: int = 0
    in_scope_fen: int = 0

    @property
    def total_fen(self) -> int:
        """Return the sum of the parts."""
        parts = (getattr(self, name) for name in self.__struct_fields__)
        return sum(parts)

    def of(self, bill: Bill) -> Bill:
        """Return the bill less what is returned. MalformedField unless some of it is left."""
        left = {
            name: getattr(bill, name) - getattr(self, name)
            for name in self.__struct_fields__
        }
        for name, fen in left.items():
            if fen < 0 or getattr(self, name) < 0:
                raise MalformedField(
                    f"退回的 {name} 须在 0 与原账单的 {yuan(getattr(bill, name))} 元之间",
                    field=f"returned.{name}",
                )
        if not any(left.values()):
            raise MalformedField(
                "整张账单全部退回的，请撤销结算（Reverse），不作部分退费",
                field="returned",
            )
        return replace(bill, total_fen=bill.total_fen - self.total_fen, **left)


class SettledAgain(Struct, frozen=True, kw_only=True):
    """One settlement taken back, and what stands in its place.

    `after` is None if the bill is refused now; `reason`, `message` and `clauses` (their
    numbers) say why. `restored` says that it had been taken back before.
    """

    before: Settlement
    refunds: tuple[PurseMovement, ...]
    after: Settlement | None
    reason: str = ""
    message: str = ""
    clauses: tuple[str, ...] = ()
    restored: bool = False

    @property
    def differences(self) -> tuple[PayerDifference, ...]:
        """Return who pays otherwise."""
        paid = () if self.restored else self.before.lines
        return differences_by_payer(paid, self.after.lines if self.after else ())


MOST: Final = 200
"""How many settlements are settled again in one commit: no other waits long for it, and
the reply stays below the size of a message."""


class Resettled(Struct, frozen=True):
    """The settlements that were settled again, in order.

    `next_settlement_id` is the first of those still to be settled again, "" if none.
    """

    settlements: tuple[SettledAgain, ...]
    next_settlement_id: str = ""


class Resettle(Command[Resettled], frozen=True):
    """Settle one settlement again, or it and all later ones of its year; `why` is kept.

    `returned` is what comes back of the bill of the one named.
    """

    answer_type = Resettled

    settlement_id: str
    later: bool
    returned: Returned | None
    why: str
    cities: Cities

    def needs(self, facts: Facts) -> Iterator[Need]:
        """Return the patient's settlements, what decides them again, what is written."""
        original = by_key(Settlement, self.settlement_id)
        yield original
        if not facts.has(original):
            return
        settlement = facts.get(Settlement, self.settlement_id)
        if settlement is None:
            return
        of_patient = Need(Settlement, "patient", settlement.bill.patient)
        yield of_patient
        if not facts.has(of_patient):
            return
        concerned = self._concerned(settlement, facts)
        yield from needs_of_year(concerned, facts, self.cities)
        for one in concerned:
            yield from _written_by(one, facts, self.cities)

    def decide(self, facts: Facts) -> Decision[Resettled]:
        """Decide all of them.

        SettlementNotFound, AlreadyReversed, CityNotServed, MalformedField,
        NothingToResettle.
        """
        settlement = self._named(facts)
        concerned = self._concerned(settlement, facts)
        for one in concerned:
            # That the plugin which settled it is not installed is no fact about a person:
            # nothing is taken back for it.
            _ = self.cities.of(one.area_code)
        decided = redecide(concerned, facts, self.cities, self._bill_of)
        changed = list(islice(decided, MOST))
        if not changed:
            raise NothingToResettle(
                "按现在所知的事实和规则重算，结果与原结算相同，无须重新结算",
                field="settlement_id",
            )
        booking = _Booking(self.request, self.why, facts)
        again = tuple([booking.book(one) for one in changed])
        following = next(decided, None)
        next_id = following.before.settlement_id if following else ""
        answer = Resettled(again, next_id)
        return Decision(answer, booking.writes(), creates=booking.creates())

    def _named(self, facts: Facts) -> Settlement:
        settlement = facts.get(Settlement, self.settlement_id)
        if settlement is None:
            raise SettlementNotFound(
                f"没有编号为 {self.settlement_id} 的结算", field="settlement_id"
            )
        if settlement.reversed_at is not None and not settlement.withdrawn:
            raise AlreadyReversed(
                f"结算 {settlement.settlement_id} 已于 "
                f"{settlement.reversed_at:%Y-%m-%d %H:%M} 撤销",
                settlement_id=settlement.settlement_id,
            )
        return settlement

    def _concerned(self, settlement: Settlement, facts: Facts) -> list[Settlement]:
        """Return the settlement, with all later ones of its year if asked, in order."""
        if not self.later:
            return [settlement]
        place = place_in_year(settlement)
        of_patient = facts.where(Settlement, "patient", settlement.bill.patient)
        later = [s for s in of_patient if place_in_year(s) >= place]
        return under_review(_sharing_a_year(settlement, later))

    def _bill_of(self, settlement: Settlement) -> Bill:
        if self.returned is None or settlement.settlement_id != self.settlement_id:
            return settlement.bill
        return self.returned.of(settlement.bill)


def _sharing_a_year(
    first: Settlement, later: Iterable[Settlement]
) -> Iterator[Settlement]:
    """Yield those of its calendar year, and those that share a meter with one yielded.

    A benefit year that begins in July lies in two calendar years.
    """
    year = first.bill.service_day.year
    shared = set(first.meters_before)
    for settlement in sorted(later, key=place_in_year):
        of_year = settlement.bill.service_day.year == year
        if of_year or not shared.isdisjoint(settlement.meters_before):
            shared |= settlement.meters_before.keys()
            yield settlement


def _written_by(settlement: Settlement, facts: Facts, cities: Cities) -> Iterator[Need]:
    """Yield the records that settling this one again writes over."""
    yield by_key(Accumulator, settlement.accumulator_key)
    for key in settlement.meters_before:
        yield by_key(MeterReading, key)
    bill = settlement.bill
    patient = by_key(Person, bill.patient)
    for movement in settlement.movements:
        yield by_key(*movement.key)
    if not facts.has(patient):
        return
    person = facts.get(Person, bill.patient)
    if person is None:
        return
    scheme = scheme_of(bill, person)
    yield from meter_needs(bill, person, scheme, cities)
    area = pooling_area(insured_place(bill, person))
    key = Accumulator.key_of(bill.patient, scheme, area, bill.service_day.year)
    yield by_key(Accumulator, key)
    yield by_key(SettledDay, SettledDay.key_of(area, bill.service_day))


class _Booking:
    """The records of settling several settlements again, one after the other."""

    def __init__(self, request: Request, why: str, facts: Facts) -> None:
        self._request = request
        self._why = why
        self._facts = facts
        self._accounts: dict[AccountKey, Account | WalletAccount] = {}
        self._accumulators: dict[str, Accumulator] = {}
        self._readings: dict[str, MeterReading] = {}
        self._days: dict[str, SettledDay] = {}
        self._entries: list[Entry] = []
        self._settlements: list[Settlement] = []
        self._again: list[Settlement] = []

    def creates(self) -> tuple[object, ...]:
        """Return the settlements that take the place of others."""
        return tuple(self._again)

    def writes(self) -> tuple[object, ...]:
        """Return every other record, each in its last state."""
        return (
            *self._settlements,
            *self._accounts.values(),
            *self._accumulators.values(),
            *self._readings.values(),
            *self._days.values(),
            *self._entries,
        )

    def book(self, again: Redecided) -> SettledAgain:
        """Take one settlement back and, unless it is refused now, settle it again."""
        after = self._settled(again)
        replaced_by = after.settlement_id if after else ""
        if again.before.withdrawn and after is not None:
            return self._restore(
                replace(again.before, replaced_by=replaced_by), after, again
            )
        before = replace(
            again.before,
            reversed_at=self._facts.now,
            reversed_why=self._why,
            replaced_by=replaced_by,
            superseded=True,
        )
        refunds = self._take_back(before)
        if after is not None:
            after = self._charge(after, again.charged)
        refusal = again.refusal
        return SettledAgain(
            before=before,
            refunds=refunds,
            after=after,
            reason=refusal.reason() if refusal else "",
            message=refusal.message if refusal else "",
            clauses=tuple([c.id for c in refusal.clauses]) if refusal else (),
        )

    def _restore(
        self, before: Settlement, after: Settlement, again: Redecided
    ) -> SettledAgain:
        """Settle again what was taken back before: nothing is left to refund."""
        self._settlements.append(before)
        after = self._charge(after, again.charged)
        return SettledAgain(before=before, refunds=(), after=after, restored=True)

    def _take_back(self, before: Settlement) -> tuple[PurseMovement, ...]:
        refunds = self._moved([(m.key, -m.fen) for m in before.movements])
        transaction_id = derived_id("R", self._request_of(before).key)
        self._entries += ledger.reversal_entries(
            transaction_id, before, refunds, self._facts.now
        )
        self._accumulate(before, -1)
        self._settlements.append(before)
        return refunds

    def _charge(
        self, after: Settlement, charged: Mapping[AccountKey, int]
    ) -> Settlement:
        charges = [(key, -fen) for key, fen in charged.items()]
        after = replace(after, movements=self._moved(charges))
        self._entries += ledger.settlement_entries(after, self._facts.now)
        self._accumulate(after, 1)
        self._note_day(after)
        self._again.append(after)
        return after

    def _settled(self, again: Redecided) -> Settlement | None:
        """Return the settlement that takes the place, before its purses have moved."""
        before, after = again.before, again.after
        if after is None:
            return None
        returned = before.bill.total_fen - after.bill.total_fen
        key = self._request_of(before).key
        return replace(
            after,
            settlement_id=settlement_id_of(key),
            settled_at=self._facts.now,
            request_key=key,
            first_settled_at=before.decided_as_of,
            replaces=before.settlement_id,
            returned_fen=before.returned_fen + returned,
            evidence=before.evidence,
        )

    def _request_of(self, settlement: Settlement) -> Request:
        """Return a request of its own for each settlement of the request."""
        own = uuid.UUID(self._request.request_id)
        request_id = str(uuid.uuid5(own, settlement.settlement_id))
        return self._request.another(request_id, self._request.method)

    def _moved(
        self, moves: Sequence[tuple[AccountKey, int]]
    ) -> tuple[PurseMovement, ...]:
        movements = []
        for key, fen in moves:
            before = self._accounts.get(key) or ledger.at_key(self._facts, key)
            self._accounts[key], movement = ledger.moved(before, fen)
            movements.append(movement)
        return tuple(movements)

    def _accumulate(self, settlement: Settlement, sign: int) -> None:
        for meter, fen in settlement.meters_added.items():
            read = self._readings.get(meter) or self._facts.get(MeterReading, meter)
            before_fen = read.fen if read else 0
            self._readings[meter] = MeterReading.of(meter, before_fen + sign * fen)
        key = settlement.accumulator_key
        share = (settlement.deductible_fen, settlement.fund_fen)
        if not any(share):
            return
        before = self._accumulators.get(key) or self._facts.get(Accumulator, key)
        before = before or Accumulator(
            settlement.bill.patient,
            settlement.scheme,
            pooling_area(settlement.area_code),
            settlement.bill.service_day.year,
        )
        self._accumulators[key] = before.plus(*[sign * fen for fen in share])

    def _note_day(self, settlement: Settlement) -> None:
        area = pooling_area(settlement.area_code)
        day = SettledDay(area, settlement.bill.service_day)
        if self._facts.get(SettledDay, day.key) is None:
            self._days[day.key] = day
