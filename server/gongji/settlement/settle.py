"""Quote or settle one bill (预结算, 结算): the way of a bill, of which `decide_bill` is the map.

settle       what must be known, and the order of the steps below
admission    may this bill be settled at all
entitlement  what the rules grant it: a row of the fund's table, purses
split        the arithmetic: deductible, ratio, caps, purses, cash
trace        the lines, by which anybody recomputes each amount
identities   I1-I5 of the national interface, before anything is written
entries      `account.ledger`: the balanced transaction
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from gongji.account import ledger
from gongji.account.ledger import Inconsistent
from gongji.cities.city import Cities
from gongji.filing.bill import filing_needs
from gongji.model.account import Account
from gongji.model.binding import Binding
from gongji.model.commands import Decision, RecallingCommand, RequestRecord
from gongji.model.decided import DecidedBy
from gongji.model.evidence import EvidenceSeen, ShownEvidence
from gongji.model.facts import Facts, Need, by_key
from gongji.model.ids import derived_id
from gongji.model.people import Institution, Person
from gongji.model.settlement import (
    Accumulator,
    Bill,
    Line,
    MeterReading,
    SettledDay,
    Settlement,
)
from gongji.model.wallet import WalletAccount
from gongji.rules.benefits import PurseKind
from gongji.rules.codes import AccountUse, Scheme, pooling_area
from gongji.settlement.admission import (
    AdmittedBill,
    admit,
    givers_of,
    refuse_other_place,
    scheme_of,
)
from gongji.settlement.entitlement import FundTerms, PurseTerms, fund_terms, purse_terms
from gongji.settlement.fund import FundPaid, fund_paid
from gongji.settlement.identities import check_identities
from gongji.settlement.messages import message_needs, settled_before
from gongji.settlement.meters import meter_needs
from gongji.settlement.once import noted, once_needs, seen_once
from gongji.settlement.split import (
    Charge,
    FundShare,
    Owed,
    charge_purses,
)
from gongji.settlement.trace import lines_of, notices_of
from gongji.settlement.wallet import with_wallet

SETTLE = "Settle"
"""The method a settled request is remembered under, as is one that never arrived."""


class Settle(RecallingCommand[Settlement], frozen=True):
    """Settle one bill (2207 门诊结算).

    What was `shown` is no content of the request: sent again with another token, it is
    the same request.
    """

    answer_type = Settlement

    bill: Bill
    cities: Cities
    shown: ShownEvidence | None = None

    def needs(self, facts: Facts) -> list[Need]:
        """Return what a quote needs, and the service day."""
        needs = _needs(self.bill, facts, self.cities, settling=True)
        # hot path: a message id is one more key of a fetch that is made anyway.
        if self.bill.msgid:
            needs += message_needs(self.bill, self.request, facts)
        return needs + once_needs(self.bill, self.shown, facts)

    def decide(self, facts: Facts) -> Decision[Settlement]:
        """Decide who pays what, with the records of it, or answer its message again.

        MessageIdReused, then every refusal of `decide_brought` and of `judge`, last
        InvoiceUsed and BillMayRepeat.
        """
        stands = settled_before(self.bill, self.request, facts)
        if stands is not None:
            return Decision(stands.as_settled, first_at=stands.settled_at)
        outcome = decide_brought(self.bill, facts, self.cities)
        seen = seen_once(outcome.case, self.shown, facts)
        decision = outcome.settled(self.request.key, facts, seen)
        # hot path: most bills have nothing that is used once.
        if self.shown is None and not (self.bill.msgid or self.bill.invoice_no):
            return decision
        return noted(decision, self.shown, self.request.caller, facts)

    def kept_of(self, answer: Settlement) -> bytes:
        """Return the settlement's id if another request made it."""
        if answer.request_key == self.request.key:
            return b""
        return answer.settlement_id.encode()

    def recall_needs(self, remembered: RequestRecord) -> Iterator[Need]:
        """Return the settlement as stored."""
        yield by_key(Settlement, settlement_id_in(remembered))

    def first_content(
        self, remembered: RequestRecord, facts: Facts
    ) -> Mapping[str, object]:
        """Return the bill that was settled."""
        return {"bill": self.recall(remembered, facts).bill}

    def recall(self, remembered: RequestRecord, facts: Facts) -> Settlement:
        """Return the settlement as first answered, even if reversed since."""
        stored = facts.get(Settlement, settlement_id_in(remembered))
        if stored is None:
            msg = (
                f"request {remembered.key} is remembered as settled, "
                "but its settlement is missing"
            )
            raise Inconsistent(msg)
        return stored.as_settled


class Quote(Struct, frozen=True):
    """Answer what `Settle` would answer now (2206 门诊预结算), writing nothing."""

    bill: Bill
    cities: Cities

    def needs(self, facts: Facts) -> list[Need]:
        """Return patient, institution, purse, bindings; then accumulator and givers."""
        return _needs(self.bill, facts, self.cities)

    def decide(self, facts: Facts) -> Decision[Settlement]:
        """Decide who pays what. Every refusal of `decide_brought`."""
        outcome = decide_brought(self.bill, facts, self.cities)
        return Decision(outcome.quoted())


class QuoteOnce(Quote, frozen=True):
    """A quote that refuses an invoice paid before, and what was shown, as `Settle` does."""

    shown: ShownEvidence | None = None

    def needs(self, facts: Facts) -> list[Need]:
        """Return what a quote needs, and the invoice."""
        return super().needs(facts) + once_needs(self.bill, self.shown, facts)

    def decide(self, facts: Facts) -> Decision[Settlement]:
        """Decide who pays what. Every refusal of `Settle` but of its message."""
        outcome = decide_brought(self.bill, facts, self.cities)
        seen = seen_once(outcome.case, self.shown, facts)
        quote = outcome.quoted()
        return Decision(quote if seen is None else replace(quote, evidence=seen))


def settling_needs(bill: Bill, facts: Facts, cities: Cities) -> list[Need]:
    """Return what must be known to settle a bill, its message and invoice apart."""
    return _needs(bill, facts, cities, settling=True)


def decide_brought(bill: Bill, facts: Facts, cities: Cities) -> Outcome:
    """Decide a bill that is brought now, by what its sender says of it too.

    Refusals of `decide_bill`, then of `refuse_other_place`.
    """
    outcome = decide_bill(bill, facts, cities)
    refuse_other_place(outcome.case)
    return outcome


def decide_bill(bill: Bill, facts: Facts, cities: Cities) -> Outcome:
    """Decide who pays each fen of a bill. Refusals of `admit` and of `purse_terms`."""
    case = admit(bill, facts, cities)
    terms = fund_terms(case)
    before = _accumulator(case, facts)
    paid = fund_paid(case, terms, before, facts)
    share = paid.share
    purses = purse_terms(case, facts, cities)
    if bill.use_wallet:
        purses = with_wallet(purses, case, facts)
    owed = Owed.after(bill, share, paid.further_fen)
    charges, cash_fen = charge_purses(owed, [p.purse for p in purses])
    charged = zip(purses, charges, strict=True)
    return Outcome(
        case=case,
        terms=terms,
        paid=paid,
        after=before.plus(share.deductible_fen, share.fund_fen),
        charges=charges,
        cash_fen=cash_fen,
        lines=lines_of(case, terms, paid, charged),
        decided_by=_decided_by(case, purses),
        known=_known(case, purses, facts),
    )


def _decided_by(case: AdmittedBill, purses: Iterable[PurseTerms]) -> DecidedBy:
    decided = case.city.decided_by
    # A giver's own city decides what his purse may pay.
    others = {digest for terms in purses for digest in terms.digests if digest}
    others.discard(decided.rules_digest)
    return replace(decided, other_digests=tuple(sorted(others))) if others else decided


class Outcome(Struct, frozen=True, kw_only=True):
    """A decided bill, to be quoted or settled."""

    case: AdmittedBill
    terms: FundTerms
    paid: FundPaid
    after: Accumulator
    charges: tuple[Charge, ...]
    cash_fen: int
    lines: tuple[Line, ...]
    decided_by: DecidedBy
    known: dict[str, int]

    def quoted(self) -> Settlement:
        """Return the settlement as a quote: no id, no time, no movements."""
        case = self.case
        share = self.paid.share
        quote = Settlement(
            settlement_id="",
            settled_at=None,
            request_key="",
            bill=case.bill,
            scheme=case.enrolment.scheme,
            area_code=case.city.area_code,
            level=self.terms.level,
            deductible_fen=share.deductible_fen,
            ratio_bp=self.paid.ratio_bp,
            fund_fen=share.fund_fen,
            own_fen=self._paid_by(PurseKind.OWN),
            aid_fen=self._paid_by(PurseKind.GIVERS),
            wallet_fen=self._paid_by(PurseKind.WALLET),
            cash_fen=self.cash_fen,
            lines=self.lines,
            movements=(),
            deductible_used_after_fen=self.after.deductible_used_fen,
            fund_paid_after_fen=self.after.fund_paid_fen,
            decided_by=self.decided_by,
            known=self.known,
            notices=notices_of(case),
            meters_before=self.paid.meters_before,
            meters_added=self.paid.meters_added,
            further_fen=self.paid.further_fen,
        )
        check_identities(quote)
        return quote

    def settled(
        self, request_key: str, facts: Facts, seen: EvidenceSeen | None = None
    ) -> Decision[Settlement]:
        """Return the settlement with every record it writes."""
        paying = [charge for charge in self.charges if charge.fen]
        moves = [(charge.purse.key, -charge.fen) for charge in paying]
        accounts, movements = ledger.move_all(facts, moves)
        settlement = replace(
            self.quoted(),
            settlement_id=settlement_id_of(request_key),
            settled_at=facts.now,
            request_key=request_key,
            movements=movements,
            evidence=seen,
        )
        entries = ledger.settlement_entries(settlement, facts.now)
        writes = (
            *accounts,
            *self._accumulated(),
            *self._read_on(),
            *self._settled_day(facts),
            *entries,
        )
        return Decision(settlement, writes, creates=(settlement,))

    def _paid_by(self, kind: PurseKind) -> int:
        # A list is quicker than a generator for the one or two purses of a bill.
        return sum([c.fen for c in self.charges if c.purse.kind is kind])

    def _accumulated(self) -> tuple[Accumulator, ...]:
        # A bill the fund has no part in leaves no accumulator behind.
        if self.paid.share == FundShare():
            return ()
        return (self.after,)

    def _read_on(self) -> list[MeterReading]:
        before = self.paid.meters_before
        return [
            MeterReading.of(key, before[key] + fen)
            for key, fen in self.paid.meters_added.items()
        ]

    def _settled_day(self, facts: Facts) -> tuple[SettledDay, ...]:
        # Written once: an adoption may not change the rules of a settled day.
        area = pooling_area(self.case.city.area_code)
        day = SettledDay(area, self.case.bill.service_day)
        if facts.get(SettledDay, day.key) is not None:
            return ()
        return (day,)


def settlement_id_of(request_key: str) -> str:
    """Return the id of the settlement a request makes. ValueError if it has no UUID."""
    return derived_id("S", request_key)


def _known(
    case: AdmittedBill, purses: Sequence[PurseTerms], facts: Facts
) -> dict[str, int]:
    """Return the revision of each record the bill was decided on, by its key."""
    known = {
        case.patient.person_no: case.patient.revision,
        case.institution.code: case.institution.revision,
    }
    for terms in purses:
        giver = facts.get(Person, terms.purse.owner)
        if giver is not None:
            known[giver.person_no] = giver.revision
    return known


def settlement_id_in(remembered: RequestRecord) -> str:
    """Return the id of the settlement a request to settle was answered with."""
    if remembered.method == SETTLE and remembered.answer:
        return remembered.answer.decode()
    return settlement_id_of(remembered.key)


def _needs(
    bill: Bill, facts: Facts, cities: Cities, *, settling: bool = False
) -> list[Need]:
    # hot path: `Need` itself, asked in every round of every bill.
    person = Need(Person, "", bill.patient)
    bindings = Need(Binding, "member", bill.patient)
    needs = [
        person,
        Need(Institution, "", bill.institution_code),
        Need(Account, "", bill.patient),
        bindings,
        *filing_needs(bill),
    ]
    # Accumulator and givers follow from patient and bindings: a second round.
    if not (facts.has(person) and facts.has(bindings)):
        return needs
    patient = facts.get(Person, bill.patient)
    if patient is not None:
        needs += _needs_of_patient(bill, patient, cities, settling=settling)
    if bill.account_use is AccountUse.CITY_ORDER:
        bound = facts.where(Binding, "member", bill.patient)
        for holder in givers_of(bill, bound):
            needs.append(by_key(Person, holder))
            needs.append(by_key(Account, holder))
    return needs


def _needs_of_patient(
    bill: Bill, patient: Person, cities: Cities, *, settling: bool
) -> list[Need]:
    """Return the accumulator of the bill's year and its meters, the wallet if it asks for
    that and, to settle it, the service day."""
    scheme = scheme_of(bill, patient)
    area = pooling_area(patient.place_on(bill.service_day, scheme))
    needs = [
        Need(Accumulator, "", _unused(bill, scheme, area).key),
        *meter_needs(bill, patient, scheme, cities),
    ]
    if bill.use_wallet:
        needs.append(Need(WalletAccount, "", bill.patient))
    if settling:
        day = SettledDay.key_of(area, bill.service_day)
        needs.append(Need(SettledDay, "", day))
    return needs


def _accumulator(case: AdmittedBill, facts: Facts) -> Accumulator:
    area = pooling_area(case.city.area_code)
    unused = _unused(case.bill, case.enrolment.scheme, area)
    return facts.get(Accumulator, unused.key) or unused


def _unused(bill: Bill, scheme: Scheme, area: str) -> Accumulator:
    """Return the accumulator of the bill's year with nothing used."""
    # The natural year of the service day: no document says which date (assumption).
    return Accumulator(bill.patient, scheme, area, bill.service_day.year)
