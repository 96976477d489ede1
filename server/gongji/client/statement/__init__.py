"""The statement a counter hands over (共济消费查询): a table, CSV, JSON or a printed page."""

from gongji.client.statement.pdf import UnprintableError, to_pdf
from gongji.client.statement.query import (
    SIDES,
    EarlierServiceError,
    UnsettledError,
    fetch,
)
from gongji.client.statement.sheet import (
    Sheet,
    SheetColumn,
    StatementPeriod,
    to_csv,
    to_json,
)

__all__ = [
    "SIDES",
    "EarlierServiceError",
    "Sheet",
    "SheetColumn",
    "StatementPeriod",
    "UnprintableError",
    "UnsettledError",
    "fetch",
    "to_csv",
    "to_json",
    "to_pdf",
]
