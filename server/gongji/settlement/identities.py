"""The national identities I1–I5, held before a settlement is written."""

from __future__ import annotations

from gongji.account.ledger import Inconsistent
from gongji.model.settlement import Settlement


def check_identities(settlement: Settlement) -> None:
    """I1–I5 of the national interface and the law of the lines. Inconsistent where one
    does not hold."""
    s, bill = settlement, settlement.bill
    parts = (
        bill.out_of_catalogue_fen
        + bill.above_limit_fen
        + bill.first_selfpay_fen
        + bill.in_scope_fen
    )
    patient, purses, lines = (
        s.patient_part_fen,
        s.account_fen,
        [line.fen for line in s.lines],
    )
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
