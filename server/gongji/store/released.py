"""Settlements as the documents of version 2 of the schema hold them.

The log of a database of then begins with its rows as they stood; whatever rewrote one
since has left another document, of which that one is made again.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from gongji.model.settlement import Settlement
from gongji.store.personal import COMMITMENTS, SEALED
from gongji.store.table import DOCUMENT, AnyTable, Row

_SETTLEMENT: Final = (
    *("settlement_id", "settled_at", "request_key", "bill", "scheme", "area_code"),
    *("level", "deductible_fen", "ratio_bp", "fund_fen", "own_fen", "aid_fen"),
    *("cash_fen", "lines", "movements", "deductible_used_after_fen"),
    *("fund_paid_after_fen", "decided_by", "reversed_at", "reversed_why"),
)

_BILL: Final = (
    *("patient", "institution_code", "service_day", "visit_kind", "total_fen"),
    *("out_of_catalogue_fen", "above_limit_fen", "first_selfpay_fen", "in_scope_fen"),
    *("account_use", "scheme", "givers", "inpatient_that_day", "residue", "spending"),
    *("filing_no", "msgid"),
)

_LINE: Final = ("fen", "payer", "purse", "rule", "formula", "inputs", "in_words")

_DECIDED_BY: Final = (
    *("area_code", "plugin", "plugin_version", "core_version", "adoptions"),
)


def released_row(table: AnyTable, settlement: Settlement) -> Row:
    """Return the row of a settlement as version 2 wrote it: nothing is sealed."""
    content = _fields(settlement, _SETTLEMENT) | {
        "bill": _fields(settlement.bill, _BILL),
        "lines": [_fields(line, _LINE) for line in settlement.lines],
        "decided_by": _fields(settlement.decided_by, _DECIDED_BY),
    }
    named = {_RENAMED.get(name, name): value for name, value in content.items()}
    values = {DOCUMENT: msgspec.json.encode(named), SEALED: None, COMMITMENTS: None}
    row = zip(table.columns, table.row(settlement), strict=True)
    return tuple([values.get(column.name, value) for column, value in row])


_RENAMED: Final = {"request_key": "request_id"}


def _fields(record: Any, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(record, name) for name in names}
