"""Settling a bill and taking it back: what a command must know, the pure decision over
it, the records it leaves.

`Quote` is `Settle` without writing. A reversal returns each fen to the purse it came
from, also after unbinding, and takes from the accumulators exactly what its settlement
added; later settlements stand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct
from msgspec.structs import replace

from gongji.account import ledger
from gongji.account.ledger import Inconsistent
from gongji.cities.city import Cities
from gongji.model.account import Account
from gongji.model.binding import Binding
from gongji.model.commands import Decision, RecallingCommand, RequestRecord
from gongji.model.facts import Facts, Need, by_key
from gongji.model.ids import derived_id
from gongji.model.people import Institution, Person
from gongji.model.settlement import Accumulator, Bill, SettledDay, Settlement
from gongji.rules.benefits import PurseKind
from gongji.rules.codes import AccountUse, Scheme, pooling_area
from gongji.settlement.admission import Admitted, admit, givers_of, scheme_of
from gongji.settlement.entitlement import FundTerms, asked_purses, fund_terms
from gongji.settlement.identities import check_identities
from gongji.settlement.split import (
    Charge,
    FundShare,
    Owed,
    Used,
    charge_purses,
    fund_share,
)
from gongji.settlement.trace import lines_of

SETTLE = "Settle"
"""The method under which a settled, or never arrived, request is remembered."""


class Settle(RecallingCommand[Settlement], frozen=True):
    """Settles one bill (2207 门诊结算)."""

    answer_type = Settlement

    bill: Bill
    cities: Cities

    def needs(self, facts: Facts) -> list[Need]:
        """Patient, institution, purse and bindings; then the year's accumulator, the
        day and the givers."""
        needs = _needs(self.bill, facts)
        if facts.has(needs[0]) and (patient := facts.get(Person, self.bill.patient)):
            needs.append(by_key(SettledDay, _day_of_bill(self.bill, patient)))
        return needs

    def decide(self, facts: Facts) -> Decision[Settlement]:
        """Who pays what, and the records of it. Every refusal of `admit`."""
        return _settled(self.bill, facts, self.cities, self.request.request_id)

    def recall_needs(self, remembered: RequestRecord) -> Iterator[Need]:
        """The settlement as stored."""
        yield by_key(Settlement, settlement_id_of(remembered.request_id))

    def recall(self, remembered: RequestRecord, facts: Facts) -> Settlement:
        """The settlement as it was first answered, whatever happened to it since."""
        stored = facts.get(Settlement, settlement_id_of(remembered.request_id))
        if stored is None:
            msg = (
                f"request {remembered.request_id} is remembered as settled, "
                "but its settlement is missing"
            )
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


def settlement_id_of(request_id: str) -> str:
    """The id of the settlement a request makes."""
    return derived_id("S", request_id)


def _needs(bill: Bill, facts: Facts) -> list[Need]:
    """The patient first; what follows from him and his bindings once they are known."""
    patient_known = Need(Person, "", bill.patient)
    bound = Need(Binding, "member", bill.patient)
    needs = [
        patient_known,
        Need(Institution, "", bill.institution_code),
        Need(Account, "", bill.patient),
        bound,
    ]
    if not (facts.has(patient_known) and facts.has(bound)):
        return needs
    if patient := facts.get(Person, bill.patient):
        scheme = scheme_of(bill, patient)
        needs.append(by_key(Accumulator, _year_of_bill(bill, patient, scheme)))
    if bill.account_use is AccountUse.CITY_ORDER:
        for holder in givers_of(bill, facts.where(Binding, "member", bill.patient)):
            needs += by_key(Person, holder), by_key(Account, holder)
    return needs


def _settled(
    bill: Bill, facts: Facts, cities: Cities, request_id: str
) -> Decision[Settlement]:
    """The settlement and its records; without a request id a quote: no id, no time, no
    movements."""
    case = admit(bill, facts, cities)
    terms = fund_terms(case)
    before = _accumulated(case, facts)
    used = Used(before.deductible_used_fen, before.fund_paid_fen)
    paid = (
        fund_share(bill.in_scope_fen, terms.benefit, used)
        if terms.benefit
        else FundShare()
    )
    asked = tuple(asked_purses(case, facts, cities))
    charges, cash_fen = charge_purses(_owed(bill, paid), [a.purse for a in asked])
    accounts, movements = ledger.move_all(
        facts, [(c.purse.owner, -c.fen) for c in charges if c.fen]
    )
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
    return Decision(
        settlement,
        (settlement, *accounts, *changed, *_first_of_day(case, facts), *entries),
    )


def _owed(bill: Bill, paid: FundShare) -> Owed:
    in_scope_fen = bill.in_scope_fen - paid.fund_fen
    return Owed(
        in_scope_fen,
        bill.first_selfpay_fen,
        bill.above_limit_fen,
        bill.out_of_catalogue_fen,
    )


def _ratio(terms: FundTerms) -> int:
    return terms.benefit.ratio_bp if terms.benefit else 0


def _paid_by(kind: PurseKind, charges: Iterable[Charge]) -> int:
    return sum([c.fen for c in charges if c.purse.kind is kind])


def _first_of_day(case: Admitted, facts: Facts) -> tuple[SettledDay, ...]:
    """The note that something was settled of this day, if it is the first."""
    if facts.get(SettledDay, _day_of_bill(case.bill, case.patient)):
        return ()
    area = pooling_area(case.patient.insured_place)
    return (SettledDay(area, case.bill.service_day),)


def _accumulated(case: Admitted, facts: Facts) -> Accumulator:
    """What the patient used up before, in the scheme, pooling area and natural year of
    the service day."""
    bill, scheme = case.bill, case.enrolment.scheme
    stored = facts.get(Accumulator, _year_of_bill(bill, case.patient, scheme))
    return stored or Accumulator(
        bill.patient,
        scheme,
        pooling_area(case.patient.insured_place),
        bill.service_day.year,
    )


def _year_of_bill(bill: Bill, patient: Person, scheme: Scheme) -> str:
    area = pooling_area(patient.insured_place)
    return Accumulator.key_of(bill.patient, scheme, area, bill.service_day.year)


def _day_of_bill(bill: Bill, patient: Person) -> str:
    return SettledDay.key_of(pooling_area(patient.insured_place), bill.service_day)
