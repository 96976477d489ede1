"""Settling a bill and taking it back: what a command must know, the pure decision over it, the records it leaves.

`Quote` is `Settle` without writing. A reversal returns each fen to the purse it came from, also after unbinding, and
takes from the accumulators exactly what its settlement added; later settlements stand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date

from msgspec import Struct
from msgspec.structs import replace

from gongji import ledger
from gongji.admission import Admitted, admit, givers_of, scheme_of
from gongji.benefits import PurseKind, Reversal
from gongji.cities import Cities
from gongji.codes import AccountUse, Scheme, pooling_area
from gongji.entitlement import FundTerms, asked_purses, fund_terms
from gongji.errors import AlreadyReversed, MalformedField, NotLastSettlement, SettlementNotFound
from gongji.facts import Decision, Facts, Need, Remembered, Request, by_key, derived_id
from gongji.hookspecs import CityRules
from gongji.ledger import Inconsistent
from gongji.model import (
    Account,
    Accumulator,
    Bill,
    Binding,
    Institution,
    Person,
    PurseMovement,
    SettledDay,
    Settlement,
)
from gongji.split import Charge, FundShare, Owed, Used, charge_purses, fund_share
from gongji.trace import lines_of

SETTLE = "Settle"
"""The method under which a settled, or never arrived, request is remembered."""


class Settle(Struct, frozen=True):
    """Settles one bill (2207 门诊结算)."""

    request: Request
    bill: Bill
    cities: Cities

    @property
    def answers(self) -> type[Settlement]:
        """The settlement."""
        return Settlement

    def needs(self, facts: Facts) -> list[Need]:
        """Patient, institution, purse and bindings; then the year's accumulator, the day and the givers."""
        needs = _needs(self.bill, facts)
        if facts.has(needs[0]) and (patient := facts.get(Person, self.bill.patient)):
            needs.append(by_key(SettledDay, settled_day_key(patient.insured_place, self.bill.service_day)))
        return needs

    def decide(self, facts: Facts) -> Decision[Settlement]:
        """Who pays what, and the records of it. Every refusal of `admit`."""
        return _settled(self.bill, facts, self.cities, self.request.request_id)

    def recall_needs(self, remembered: Remembered) -> Iterator[Need]:
        """The settlement as stored."""
        yield by_key(Settlement, settlement_id_of(remembered.request_id))

    def recall(self, remembered: Remembered, facts: Facts) -> Settlement:
        """The settlement as it was first answered, whatever happened to it since."""
        stored = facts.get(Settlement, settlement_id_of(remembered.request_id))
        if stored is None:
            msg = f"request {remembered.request_id} is remembered as settled, but its settlement is missing"
            raise Inconsistent(msg)
        return replace(stored, reversed_at=None, reversed_why="")


class Quote(Struct, frozen=True):
    """What `Settle` would answer now (2206 门诊预结算): no id, no time, no movements."""

    bill: Bill
    cities: Cities

    def needs(self, facts: Facts) -> list[Need]:
        """As `Settle`, but for the day."""
        return _needs(self.bill, facts)

    def decide(self, facts: Facts) -> Decision[Settlement]:
        """As `Settle`, and nothing to write."""
        return Decision(_settled(self.bill, facts, self.cities, "").answer)


class Reversed(Struct, frozen=True):
    """A settlement as it stands reversed, and what came back to each purse."""

    settlement: Settlement
    refunds: tuple[PurseMovement, ...]


class Reverse(Struct, frozen=True):
    """Takes a settlement back: by its id (2208 撤销), or by the request id of the Settle whose reply was lost (2601).

    MalformedField where both or none is given, or the request id is no UUID.
    """

    request: Request
    settlement_id: str
    settle_request_id: str
    why: str
    cities: Cities
    patient: str = ""

    def __post_init__(self) -> None:
        if bool(self.settlement_id) == bool(self.settle_request_id):
            raise MalformedField("请以结算编号或原请求编号之一指明要撤销的结算", field="settlement_id")
        try:
            _ = self.original_id
        except ValueError:
            raise MalformedField("原请求编号不是 UUID", field="settle_request_id") from None

    @property
    def answers(self) -> type[Reversed]:
        """The settlement and its refunds."""
        return Reversed

    @property
    def original_id(self) -> str:
        """The id of the settlement meant."""
        return self.settlement_id or settlement_id_of(self.settle_request_id)

    def needs(self, facts: Facts) -> Iterator[Need]:
        """The settlement, its request; then the accumulator, the purses that paid, and where it counts the others."""
        original = by_key(Settlement, self.original_id)
        yield original
        if self.settle_request_id:
            yield by_key(Remembered, self.settle_request_id)
        if not facts.has(original) or (settlement := facts.get(Settlement, self.original_id)) is None:
            return
        if _last_first(settlement, facts, self.cities):
            yield Need(Settlement, "patient", settlement.bill.patient)
        yield by_key(Accumulator, year_of(settlement))
        for movement in settlement.movements:
            yield by_key(Account, movement.purse)

    def decide(self, facts: Facts) -> Decision[Reversed]:
        """The mirror image of the settlement. SettlementNotFound, AlreadyReversed, NotLastSettlement."""
        settlement = facts.get(Settlement, self.original_id)
        if settlement is None:
            raise self._not_found(facts)
        if self.patient not in {"", settlement.bill.patient}:
            raise SettlementNotFound(f"结算 {settlement.settlement_id} 不是该患者的", field="patient")
        if settlement.reversed_at is not None:
            raise AlreadyReversed(
                f"结算 {settlement.settlement_id} 已于 {settlement.reversed_at:%Y-%m-%d %H:%M} 撤销",
                settlement_id=settlement.settlement_id,
            )
        _refuse_unless_last(settlement, facts, self.cities)
        after, refunds = ledger.move_all(facts, [(m.purse, -m.fen) for m in settlement.movements])
        taken_back = replace(settlement, reversed_at=facts.now, reversed_why=self.why)
        transaction_id = derived_id("R", self.request.request_id)
        entries = ledger.reversal_entries(transaction_id, settlement, refunds, facts.now)
        writes = (taken_back, *after, *_less(settlement, facts), *entries)
        return Decision(Reversed(taken_back, refunds), writes)

    def _not_found(self, facts: Facts) -> SettlementNotFound:
        """An original that never arrived is kept from being settled late: the refusal leaves a tombstone."""
        original = self.settle_request_id
        if not original:
            return SettlementNotFound(f"没有编号为 {self.settlement_id} 的结算", field="settlement_id")
        refusal = SettlementNotFound(f"请求 {original} 没有产生结算", field="settle_request_id")
        if facts.get(Remembered, original) is not None:
            return refusal
        return refusal.leaving(Remembered(original, "", SETTLE, {}, facts.now, tombstone=True))


def settlement_id_of(request_id: str) -> str:
    """The id of the settlement a request makes."""
    return derived_id("S", request_id)


def year_key(person_no: str, scheme: Scheme, area_code: str, day: date) -> str:
    """What accumulators and a patient's settlements of a year are filed under: P1/310/3411/2025."""
    return f"{person_no}/{int(scheme)}/{pooling_area(area_code)}/{day.year}"


def settled_day_key(area_code: str, day: date) -> str:
    """What a settled day is filed under: 3411/2025-09-30."""
    return f"{pooling_area(area_code)}/{day.isoformat()}"


def year_of(settlement: Settlement) -> str:
    """The year a settlement is filed under."""
    bill = settlement.bill
    return year_key(bill.patient, settlement.scheme, settlement.area_code, bill.service_day)


def check_identities(settlement: Settlement) -> None:
    """I1–I5 of the national interface and the law of the lines. Inconsistent where one does not hold."""
    s, bill = settlement, settlement.bill
    parts = bill.out_of_catalogue_fen + bill.above_limit_fen + bill.first_selfpay_fen + bill.in_scope_fen
    patient, purses, lines = s.patient_part_fen, s.account_fen, [line.fen for line in s.lines]
    laws = {
        "I1 total = fund + patient": bill.total_fen == s.fund_fen + patient,
        "I2 0 <= fund <= in scope": 0 <= s.fund_fen <= bill.in_scope_fen,
        "I3 total = parts": bill.total_fen == parts,
        "I4 patient = purses + cash": patient == purses + s.cash_fen,
        "I5 0 <= aid <= purses": 0 <= s.aid_fen <= purses,
        "lines sum to the total": bill.total_fen == sum(lines),
        "nobody pays less than nothing": min(lines) >= 0,
    }
    if broken := [law for law, holds in laws.items() if not holds]:
        msg = f"settlement {s.settlement_id!r} breaks {'; '.join(broken)}"
        raise Inconsistent(msg)


def _needs(bill: Bill, facts: Facts) -> list[Need]:
    """The patient first; what follows from him and his bindings once they are known."""
    patient_known = Need(Person, "", bill.patient)
    bound = Need(Binding, "member", bill.patient)
    needs = [patient_known, Need(Institution, "", bill.institution_code), Need(Account, "", bill.patient), bound]
    if not (facts.has(patient_known) and facts.has(bound)):
        return needs
    if patient := facts.get(Person, bill.patient):
        needs.append(by_key(Accumulator, _year_of_bill(bill, patient)))
    if bill.account_use is AccountUse.CITY_ORDER:
        for holder in givers_of(bill, facts.where(Binding, "member", bill.patient)):
            needs += by_key(Person, holder), by_key(Account, holder)
    return needs


def _settled(bill: Bill, facts: Facts, cities: Cities, request_id: str) -> Decision[Settlement]:
    """The settlement and its records; without a request id a quote: no id, no time, no movements."""
    case = admit(bill, facts, cities)
    terms = fund_terms(case)
    before = _accumulated(case, facts)
    used = Used(before.deductible_used_fen, before.fund_paid_fen)
    paid = fund_share(bill.in_scope_fen, terms.benefit, used) if terms.benefit else FundShare()
    asked = tuple(asked_purses(case, facts, cities))
    charges, cash_fen = charge_purses(_owed(bill, paid), [a.purse for a in asked])
    accounts, movements = ledger.move_all(facts, [(c.purse.owner, -c.fen) for c in charges if c.fen])
    after = replace(
        before,
        deductible_used_fen=before.deductible_used_fen + paid.deductible_fen,
        fund_paid_fen=before.fund_paid_fen + paid.fund_fen,
    )
    settlement = Settlement(
        settlement_id=settlement_id_of(request_id) if request_id else "",
        settled_at=facts.now if request_id else None,
        request_id=request_id,
        bill=bill,
        scheme=case.enrolment.scheme,
        area_code=case.city.area_code,
        level=terms.level,
        deductible_fen=paid.deductible_fen,
        ratio_bp=_ratio(terms),
        fund_fen=paid.fund_fen,
        own_fen=_paid_by(PurseKind.OWN, charges),
        aid_fen=_paid_by(PurseKind.GIVERS, charges),
        cash_fen=cash_fen,
        lines=lines_of(case, terms, used, paid, zip(asked, charges, strict=True)),
        movements=movements if request_id else (),
        deductible_used_after_fen=after.deductible_used_fen,
        fund_paid_after_fen=after.fund_paid_fen,
        decided_by=case.city.decided_by,
    )
    check_identities(settlement)
    if not request_id:
        return Decision(settlement)
    changed = (after,) if after != before else ()
    entries = ledger.settlement_entries(settlement, facts.now)
    return Decision(settlement, (settlement, *accounts, *changed, *_first_of_day(case, facts), *entries))


def _owed(bill: Bill, paid: FundShare) -> Owed:
    in_scope_fen = bill.in_scope_fen - paid.fund_fen
    return Owed(in_scope_fen, bill.first_selfpay_fen, bill.above_limit_fen, bill.out_of_catalogue_fen)


def _ratio(terms: FundTerms) -> int:
    return terms.benefit.ratio_bp if terms.benefit else 0


def _paid_by(kind: PurseKind, charges: Iterable[Charge]) -> int:
    return sum([c.fen for c in charges if c.purse.kind is kind])


def _first_of_day(case: Admitted, facts: Facts) -> tuple[SettledDay, ...]:
    """The note that something was settled of this day, where it is the first."""
    area, day = case.patient.insured_place, case.bill.service_day
    known = facts.get(SettledDay, settled_day_key(area, day))
    return () if known else (SettledDay(pooling_area(area), day),)


def _accumulated(case: Admitted, facts: Facts) -> Accumulator:
    """What the patient used up before, in the scheme, pooling area and natural year of the service day."""
    bill, area = case.bill, case.patient.insured_place
    scheme = case.enrolment.scheme
    found = facts.get(Accumulator, year_key(bill.patient, scheme, area, bill.service_day))
    return found or Accumulator(bill.patient, scheme, pooling_area(area), bill.service_day.year)


def _year_of_bill(bill: Bill, patient: Person) -> str:
    return year_key(bill.patient, scheme_of(bill, patient), patient.insured_place, bill.service_day)


def _less(settlement: Settlement, facts: Facts) -> Iterator[Accumulator]:
    """The accumulator without what this settlement added, where it added anything."""
    if not (settlement.deductible_fen or settlement.fund_fen):
        return
    before = facts.get(Accumulator, year_of(settlement))
    deductible = (before.deductible_used_fen if before else 0) - settlement.deductible_fen
    fund = (before.fund_paid_fen if before else 0) - settlement.fund_fen
    if before is None or deductible < 0 or fund < 0:
        msg = f"accumulator of settlement {settlement.settlement_id} holds less than the settlement added"
        raise Inconsistent(msg)
    yield replace(before, deductible_used_fen=deductible, fund_paid_fen=fund)


def of_same_year(settlement: Settlement, facts: Facts) -> list[Settlement]:
    """The settlements that share its accumulator, itself among them."""
    year = year_of(settlement)
    return [s for s in facts.where(Settlement, "patient", settlement.bill.patient) if year_of(s) == year]


def _last_first(settlement: Settlement, facts: Facts, cities: Cities) -> bool:
    """Whether the city lets only the last be reversed."""
    rules = cities.of(settlement.area_code).rules(facts.today)
    return rules.value(CityRules.reversal) is Reversal.LAST_FIRST


def _refuse_unless_last(settlement: Settlement, facts: Facts, cities: Cities) -> None:
    """Where the city lets only the last be reversed: NotLastSettlement. Settlements of one instant count as equal."""
    if not _last_first(settlement, facts, cities) or settlement.settled_at is None:
        return
    standing = [s for s in of_same_year(settlement, facts) if s.reversed_at is None]
    later = [s for s in standing if s.settled_at is not None and s.settled_at > settlement.settled_at]
    if later:
        raise NotLastSettlement(
            f"须先撤销其后的 {len(later)} 笔结算, 再撤销 {settlement.settlement_id}",
            clauses=cities.of(settlement.area_code).rules(facts.today).answer(CityRules.reversal).clauses,
            settlement_id=settlement.settlement_id,
            last=max(later, key=lambda s: (s.settled_at, s.settlement_id)).settlement_id,
        )
