"""Cells as spreadsheets spoil them: what is wrong with one, and what to write instead."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from gongji.client import lists
from gongji.rules import money
from gongji.text.characters import problem_of_identifier, problem_of_text
from gongji.text.forms import as_sent, day_meant
from gongji.text.tables import CellFault

Check = Callable[[str], str]
"""Returns what is wrong with a cell, in Chinese; "" if nothing is. Values of
identifiers are never repeated: they may be somebody's number."""

MAX_IDENTIFIER: Final = 30
"""Characters of the longest identifier."""

_EXPONENT: Final = re.compile(r"\d(?:\.\d+)?E\+\d+", re.ASCII | re.IGNORECASE)

_WIDE: Final = re.compile("[\uff01-\uff5e]")
"""Digits, letters and signs in full width."""

_ISO_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def fault_of(cells: Mapping[str, str], columns: Iterable[str]) -> CellFault | None:
    """Return the first fault of a row's cells; only these columns are looked at."""
    for column in columns:
        cell = cells.get(column, "")
        problem = _problem_of_cell(cell) or CHECKS.get(column, _any)(cell)
        if problem:
            return CellFault(column, problem)
    return None


def _problem_of_cell(cell: str) -> str:
    if cell.startswith(("'", "’")):
        return "开头的撇号是表格软件的文本记号，请删去"
    if cell.startswith("="):
        return "是表格软件的公式，请改为其值"
    if "\ufffd" in cell:
        return "文字已经损坏（U+FFFD），请从原系统重新导出"
    return ""


def _any(cell: str) -> str:
    return problem_of_text(cell) if cell else ""


def certificate(cell: str) -> str:
    """Return what is wrong with a certificate's number; the service forgives blanks."""
    return _any(cell) or _rewritten(cell)


def identifier(cell: str) -> str:
    """Return what is wrong with a number or code; an empty one is not judged here."""
    problem = _rewritten(cell)
    if problem:
        return problem
    if _WIDE.search(cell):
        return "含有全角的数字或字母，请改为半角"
    if len(cell) > MAX_IDENTIFIER:
        return f"至多 {MAX_IDENTIFIER} 个字符"
    return problem_of_identifier(cell)


def _rewritten(cell: str) -> str:
    if _EXPONENT.fullmatch(cell) is None:
        return ""
    return (
        "已被表格软件改写为科学计数法，原来的数字丢失了；"
        "请把这一列设为文本格式，从原系统重新导出"
    )


def certificate_type(cell: str) -> str:
    """Return what is wrong with a type of certificate; an empty one is not judged here."""
    if len(cell) == 1 and cell.isdecimal():
        return (
            f"证件类型至少两位，如 01；这里只有{as_sent(cell)}，"
            "前面的 0 可能被表格软件删去了：请把这一列设为文本格式"
        )
    return identifier(cell)


def amount(cell: str) -> str:
    """Return what is wrong with an amount in yuan; an empty one is not judged here."""
    if not cell:
        return ""
    if _EXPONENT.fullmatch(cell):
        return "科学计数法不是准确的金额，请写作 1234.50"
    if _WIDE.search(cell):
        return "含有全角的数字，请改为半角，如 1234.50"
    try:
        money.fen(cell)
    except ValueError as fault:
        return str(fault)
    return ""


def dated(check: Check) -> Check:
    """Return a check of a cell with one value, or with values that have first days."""

    def problem(cell: str) -> str:
        try:
            values = lists.dated(cell)
        except ValueError as fault:
            return str(fault)
        if not values:
            return check(cell)
        problems = (check(value) or day(since) for value, since in values)
        return next(filter(None, problems), "")

    return problem


def day(cell: str) -> str:
    """Return what is wrong with a day, and how it is written; empty is none."""
    if not cell or _ISO_DAY.fullmatch(cell):
        return ""
    meant = day_meant(cell)
    told = f"日期须写作 {meant.text or 'YYYY-MM-DD，如 2025-09-01'}"
    return f"{told}，{meant.hint}" if meant.hint else told


CHECKS: Final[Mapping[str, Check]] = {
    **dict.fromkeys(
        (
            "person_no",
            "phone",
            "code",
            "kind",
            "hosp_lv",
            "care_class",
            "settlement_id",
            "patient",
            "refund",
            "batch",
            "year",
        ),
        identifier,
    ),
    "cert_type": certificate_type,
    "cert_no": certificate,
    "insured_place": dated(identifier),
    "contribution_base_yuan": dated(amount),
    **dict.fromkeys(
        (
            "brought_forward_yuan",
            "total_yuan",
            "fund_yuan",
            "account_yuan",
        ),
        amount,
    ),
    **dict.fromkeys(("died_on", "born_on", "designated_from", "designated_to"), day),
}
"""What a column holds; one that is not named here holds text."""
