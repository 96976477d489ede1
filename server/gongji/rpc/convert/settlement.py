"""Bills and settlements: messages to records and back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from gongji.model.account import PurseMovement
from gongji.model.people import area_of_institution
from gongji.model.settlement import Bill, Settlement
from gongji.rpc.calls import own_request_id
from gongji.rpc.convert.evidence import write_evidence
from gongji.rpc.convert.values import (
    Sources,
    clause_to,
    day_from,
    day_to,
    decided_by_to,
    instant_to,
    write_instant,
)
from gongji.rules.codes import (
    AccountUse,
    ResidueOf,
    Scheme,
    Spending,
    VisitKind,
    pay_loc,
)
from gongji.settlement.preview import Affected
from gongji.settlement.recompute import PayerDifference, Recomputation
from gongji.v1 import settlement_pb2 as pb
from gongji.v1 import types_pb2

TRACE_VERSION: Final = "trace.v1"

_USES: Final = {
    pb.ACCOUNT_USE_NONE: AccountUse.NONE,
    pb.ACCOUNT_USE_OWN: AccountUse.OWN,
    pb.ACCOUNT_USE_CITY_ORDER: AccountUse.CITY_ORDER,
}

_USES_OUT: Final = {use: number for number, use in _USES.items()}

# A bill of before there were kinds of spending names none: it is medical.
_SPENDING: Final = {
    pb.SPENDING_UNSPECIFIED: Spending.MEDICAL,
    pb.SPENDING_MEDICAL: Spending.MEDICAL,
    pb.SPENDING_PUBLIC_HEALTH: Spending.PUBLIC_HEALTH,
    pb.SPENDING_FITNESS: Spending.FITNESS,
    pb.SPENDING_WELLNESS: Spending.WELLNESS,
}

# The later of two numbers of one kind wins: MEDICAL, not UNSPECIFIED.
_SPENDING_OUT: Final = {spending: number for number, spending in _SPENDING.items()}


def bill_from(message: pb.Bill, patient: str) -> Bill:
    """Return a bill of the patient with that number."""
    return Bill(
        patient=patient,
        institution_code=message.institution_code,
        service_day=day_from(message.service_day),
        visit_kind=VisitKind(message.visit_kind),
        scheme=Scheme(message.scheme) if message.scheme else None,
        total_fen=message.total_fen,
        out_of_catalogue_fen=message.out_of_catalogue_fen,
        above_limit_fen=message.above_limit_fen,
        first_selfpay_fen=message.first_selfpay_fen,
        in_scope_fen=message.in_scope_fen,
        account_use=_USES[message.account_use],
        givers=tuple(message.givers),
        inpatient_that_day=message.inpatient_that_day,
        residue=message.residue,
        spending=_SPENDING[message.spending],
        filing_no=message.filing_no,
        msgid=message.msgid,
        residue_of=ResidueOf(message.residue_of) if message.residue_of else None,
        invoice_no=message.invoice_no,
        insured_place=message.insured_place,
        use_wallet=message.use_wallet,
    )


def settlement_to(settlement: Settlement, sources: Sources) -> pb.Settlement:
    """Return a settlement, or a quote, with its lines and their rules in full."""
    message = pb.Settlement()
    write_settlement(settlement, sources, message)
    return message


def write_settlement(
    settlement: Settlement, sources: Sources, message: pb.Settlement
) -> None:
    """Write a settlement, or a quote, into a reply."""
    # hot path: written field by field where it will be sent from, it is not built apart
    # and copied there: a third of the work on it.
    message.settlement_id = settlement.settlement_id
    if settlement.settled_at is not None:
        write_instant(settlement.settled_at, message.settled_at)
    _write_bill(settlement.bill, message.bill)
    _write_split(settlement, message)
    _write_lines(settlement, sources, message)
    for movement in settlement.movements:
        message.movements.add(
            purse=movement.purse,
            fen=movement.fen,
            balance_after_fen=movement.balance_after_fen,
            version_after=movement.version_after,
            wallet=movement.wallet,
        )
    _write_deciding(settlement, message)
    if settlement.evidence is not None:
        write_evidence(
            settlement.evidence, settlement.area_code, sources, message.evidence
        )
    message.request_id = own_request_id(settlement.request_key)
    if settlement.reversed_at is not None:
        write_instant(settlement.reversed_at, message.reversed_at)
        message.reversed_why = settlement.reversed_why
    # hot path: few are settled again.
    if settlement.replaces or settlement.replaced_by:
        _write_replacement(settlement, message)


def _write_deciding(settlement: Settlement, message: pb.Settlement) -> None:
    """Write whose rules decided, on which knowledge, and where the patient was treated."""
    message.decided_by.CopyFrom(decided_by_to(settlement.decided_by))
    for record, revision in settlement.known.items():
        message.known.add(record=record, revision=revision)
    message.claim_id = settlement.bill.claim_id
    treated_in = area_of_institution(settlement.bill.institution_code)
    message.treatment_place = treated_in
    message.insured_place = settlement.area_code
    message.pay_loc = pb.PayLoc.ValueType(pay_loc(treated_in, settlement.area_code))


def _write_replacement(settlement: Settlement, message: pb.Settlement) -> None:
    """Write what it stands in the place of, and what stands in its place."""
    if settlement.first_settled_at is not None:
        write_instant(settlement.first_settled_at, message.first_settled_at)
    message.replaces = settlement.replaces
    message.replaced_by = settlement.replaced_by
    message.returned_fen = settlement.returned_fen


def _write_split(settlement: Settlement, message: pb.Settlement) -> None:
    """Write who pays how much, and the accumulators after it."""
    message.scheme = types_pb2.Scheme.ValueType(settlement.scheme)
    message.level = settlement.level
    message.deductible_fen = settlement.deductible_fen
    message.ratio_bp = settlement.ratio_bp
    message.fund_fen = settlement.fund_fen
    message.patient_part_fen = settlement.patient_part_fen
    message.account_fen = settlement.account_fen
    message.aid_fen = settlement.aid_fen
    message.wallet_fen = settlement.wallet_fen
    message.further_fen = settlement.further_fen
    for key, fen in settlement.meters_added.items():
        message.meters[key.rpartition("/")[2]] = fen
    message.cash_fen = settlement.cash_fen
    message.deductible_used_after_fen = settlement.deductible_used_after_fen
    message.fund_paid_after_fen = settlement.fund_paid_after_fen


def _write_lines(
    settlement: Settlement, sources: Sources, message: pb.Settlement
) -> None:
    """Write each fen's payer, rule and formula."""
    area_code = settlement.area_code
    for line in settlement.lines:
        written = message.lines.add(
            fen=line.fen,
            payer=pb.Payer.ValueType(line.payer),
            purse=line.purse,
            formula=line.formula,
            in_words=line.in_words,
        )
        # hot path: a message handed over as a keyword is encoded and decoded, a mapping
        # goes through checks of its type.
        written.rule.CopyFrom(sources.rule_to(area_code, line.rule))
        inputs = written.inputs
        for name, value in line.inputs.items():
            inputs[name] = value
    message.trace_version = TRACE_VERSION
    for notice in settlement.notices:
        message.notices.add(
            kind=pb.NoticeKind.ValueType(notice.kind),
            rule=sources.rule_to(settlement.area_code, notice.rule),
            in_words=notice.in_words,
        )


def movements_to(movements: Iterable[PurseMovement]) -> list[pb.PurseMovement]:
    """Return money that moved in purses."""
    return [
        pb.PurseMovement(
            purse=m.purse,
            fen=m.fen,
            balance_after_fen=m.balance_after_fen,
            version_after=m.version_after,
            wallet=m.wallet,
        )
        for m in movements
    ]


def affected_to(affected: Affected) -> pb.AffectedSettlement:
    """Return a later settlement that stands, and how it would be split without this one."""
    settlement, would_be = affected.settlement, affected.would_be
    return pb.AffectedSettlement(
        settlement_id=settlement.settlement_id,
        settled_at=instant_to(settlement.settled_at),
        fund_fen=settlement.fund_fen,
        fund_would_be_fen=would_be.fund_fen,
        deductible_fen=settlement.deductible_fen,
        deductible_would_be_fen=would_be.deductible_fen,
    )


def payer_differences_to(
    differences: Iterable[PayerDifference],
) -> list[pb.PayerDifference]:
    """Return who pays otherwise."""
    return [
        pb.PayerDifference(
            payer=pb.Payer.ValueType(d.payer),
            purse=d.purse,
            stored_fen=d.stored_fen,
            fen=d.fen,
        )
        for d in differences
    ]


def recomputation_to(done: Recomputation, sources: Sources) -> pb.Recomputation:
    """Return a settlement decided once more, with what differs from the stored one."""
    message = pb.Recomputation(
        equal=done.equal,
        different=done.different,
        differences=payer_differences_to(done.differences),
    )
    if done.settlement is not None:
        write_settlement(done.settlement, sources, message.settlement)
    elif done.refusal is not None:
        message.refusal.reason = done.refusal.reason()
        message.refusal.message = done.refusal.message
        message.refusal.clauses.extend(map(clause_to, done.refusal.clauses))
    else:
        message.impossible = done.impossible
    return message


def patient_row_to(
    settlement: Settlement, institution_name: str, *, refund: bool
) -> pb.SettlementRow:
    """Return a settlement, or its refund, as the patient sees it in a list."""
    sign = -1 if refund else 1
    row = holder_row_to(
        settlement, institution_name, sign * settlement.own_fen, refund=refund
    )
    row.total_fen = sign * settlement.bill.total_fen
    row.fund_fen = sign * settlement.funds_fen
    row.cash_fen = sign * settlement.cash_fen
    row.aid_fen = sign * settlement.aid_fen
    row.wallet_fen = sign * settlement.wallet_fen
    return row


def holder_row_to(
    settlement: Settlement, institution_name: str, charged_fen: int, *, refund: bool
) -> pb.SettlementRow:
    """Return a settlement, or its refund, as a holder sees it: charge, time and place."""
    # Never total or items: what ails a relative is not the holder's business.
    bill = settlement.bill
    return pb.SettlementRow(
        settlement_id=settlement.settlement_id,
        settled_at=instant_to(settlement.settled_at),
        service_day=day_to(bill.service_day),
        institution_code=bill.institution_code,
        institution_name=institution_name,
        patient=bill.patient,
        charged_fen=charged_fen,
        reversed=settlement.reversed_at is not None,
        reversed_at=instant_to(settlement.reversed_at),
        refund=refund,
        replaces=settlement.replaces,
        replaced_by=settlement.replaced_by,
    )


def bill_to(bill: Bill) -> pb.Bill:
    """Return a bill."""
    message = pb.Bill()
    _write_bill(bill, message)
    return message


def _write_bill(bill: Bill, message: pb.Bill) -> None:
    _write_said(bill, message)
    message.patient.person_no = bill.patient
    message.institution_code = bill.institution_code
    message.service_day = day_to(bill.service_day)
    message.visit_kind = pb.VisitKind.ValueType(bill.visit_kind)
    message.scheme = types_pb2.Scheme.ValueType(bill.scheme or 0)
    message.total_fen = bill.total_fen
    message.out_of_catalogue_fen = bill.out_of_catalogue_fen
    message.above_limit_fen = bill.above_limit_fen
    message.first_selfpay_fen = bill.first_selfpay_fen
    message.in_scope_fen = bill.in_scope_fen
    message.account_use = _USES_OUT[bill.account_use]
    message.givers.extend(bill.givers)


def _write_said(bill: Bill, message: pb.Bill) -> None:
    """Write what was said with the bill, beside amounts and purses."""
    message.inpatient_that_day = bill.inpatient_that_day
    message.residue = bill.residue
    message.residue_of = pb.ResidueOf.ValueType(bill.residue_of or 0)
    message.spending = _SPENDING_OUT[bill.spending]
    message.filing_no = bill.filing_no
    message.msgid = bill.msgid
    message.invoice_no = bill.invoice_no
    message.insured_place = bill.insured_place
    message.use_wallet = bill.use_wallet
