"""The statement a counter hands over (共济消费查询): a table, CSV, JSON or a printed page."""

from gongji.client.statement.checking import (
    MOST_BYTES,
    FileComparison,
    UnreadableStatementError,
    compared,
    printed_on,
)
from gongji.client.statement.issued import issue, verified
from gongji.client.statement.pdf import UnprintableError, require_printing, to_pdf
from gongji.client.statement.query import (
    SIDES,
    EarlierServiceError,
    UnsettledError,
    fetch,
)
from gongji.client.statement.sheet import (
    Issuance,
    Sheet,
    SheetColumn,
    StatementPeriod,
    document_of,
    to_csv,
    to_json,
)

__all__ = [
    "MOST_BYTES",
    "SIDES",
    "EarlierServiceError",
    "FileComparison",
    "Issuance",
    "Sheet",
    "SheetColumn",
    "StatementPeriod",
    "UnprintableError",
    "UnreadableStatementError",
    "UnsettledError",
    "compared",
    "document_of",
    "fetch",
    "issue",
    "printed_on",
    "require_printing",
    "to_csv",
    "to_json",
    "to_pdf",
    "verified",
]
