"""The national identities I1-I5, checked before a settlement is answered or written."""

from __future__ import annotations

from gongji.account.ledger import Inconsistent
from gongji.model.settlement import Settlement


def check_identities(settlement: Settlement) -> None:
    """Check I1-I5 and that the lines add up. Inconsistent if one does not hold."""
    bill = settlement.bill
    total = bill.total_fen
    fund = settlement.funds_fen
    patient = settlement.patient_part_fen
    purses = settlement.account_fen
    cash = settlement.cash_fen
    lines = [line.fen for line in settlement.lines]
    laws = {
        "I1 total = fund + patient": total == fund + patient,
        "I2 0 <= fund <= in scope": 0 <= fund <= bill.in_scope_fen,
        "I3 total = parts": total == bill.parts_fen,
        "I4 patient = purses + cash": patient == purses + cash,
        "I5 0 <= aid <= purses": 0 <= settlement.aid_fen <= purses,
        "the wallet pays of what purses do": 0 <= settlement.wallet_fen <= purses,
        "lines sum to the total": total == sum(lines),
        "nobody pays less than nothing": min(lines) >= 0,
    }
    broken = [law for law, holds in laws.items() if not holds]
    if broken:
        msg = f"settlement {settlement.settlement_id!r} breaks {'; '.join(broken)}"
        raise Inconsistent(msg)
