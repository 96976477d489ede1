"""Sheets of any length as the service would fill them; their people and places are invented."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta

import pytest
from gongji.client.statement import Issuance, Sheet, SheetColumn, StatementPeriod
from gongji.rules.codes import SHANGHAI

FIRST = datetime(2025, 9, 1, 8, 0, 7, tzinfo=SHANGHAI)
INSTITUTIONS = (
    "滁州示例三级医院",
    "滁州示例大药房",
    "安庆示例医院（人民路院区）社区卫生服务中心第二分站",
)

NewSheet = Callable[..., Sheet]
"""Makes a statement of so many rows, one every ten hours; fields by name."""

ISSUED = Issuance(
    statement_no="20250930-9QXT0-7K3MV",
    code="7K3M-9QXT-0VBD-2F6H",
    authority="某市医疗保障部门",
    issued_at=datetime(2025, 9, 30, 20, 0, 5, tzinfo=SHANGHAI),
)

COLUMNS = (
    SheetColumn("at", "时间"),
    SheetColumn("institution", "机构", wide=True),
    SheetColumn("charged_fen", "共济支付（元）", fen=True),
)


def row_of(number: int) -> tuple[datetime, str, int]:
    at = FIRST + timedelta(hours=10 * number)
    institution = INSTITUTIONS[number % len(INSTITUTIONS)]
    return at, institution, 100_001 + 317 * number


@pytest.fixture
def new_sheet() -> NewSheet:
    def make(length: int = 3, **changes: object) -> Sheet:
        rows = tuple(row_of(number) for number in range(length))
        fields: dict[str, object] = {
            "title": "共济消费查询单",
            "party": "授权人",
            "person_no": "CZ001",
            "name": "陈**",
            "period": StatementPeriod(date(2025, 9, 1), date(2025, 12, 31)),
            "columns": COLUMNS,
            "rows": rows,
            "closing": ("合计", "", sum(fen for _, _, fen in rows)),
            "note": "本单不显示诊断与项目。",
            "issued": ISSUED,
            **changes,
        }
        return Sheet(**fields)  # type: ignore[arg-type] # fields by name

    return make
