"""A file beside what was issued: the same bytes, or told in what it differs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from gongji.client.statement import (
    Sheet,
    UnreadableStatementError,
    compared,
    printed_on,
    to_pdf,
)

from tests.client.statement.conftest import FIRST, ISSUED, NewSheet

FORGED: dict[str, dict[str, Any]] = {
    "a total": {"closing": ("合计", "", 99_999_999)},
    "a row": {"rows": ((FIRST, "滁州示例三级医院", 1),)},
    "a row more": {"rows": ((FIRST, "滁州示例三级医院", 100_001),) * 2},
    "no row": {"rows": ()},
    "the name": {"name": "赵**"},
    "the number of the person": {"person_no": "CZ002"},
    "the period": {"period": "自 2020-01-01 起"},
    "the authority": {"issued": replace(ISSUED, authority="别市医疗保障部门")},
    "the time": {"issued": replace(ISSUED, issued_at=FIRST)},
}


@pytest.fixture
def issued(new_sheet: NewSheet) -> Sheet:
    """A statement of one row."""
    return new_sheet(1)


def test_the_original_is_known(issued: Sheet) -> None:
    """The file as it was issued has the same bytes, and says number and code itself."""
    file = to_pdf(issued)
    assert (ISSUED.statement_no, ISSUED.code) == printed_on(file)
    found = compared(file, issued)
    assert found.identical
    assert not found.differences


@pytest.mark.parametrize("changes", FORGED.values(), ids=FORGED)
def test_what_was_changed_is_told(issued: Sheet, changes: dict[str, Any]) -> None:
    """Whatever else stands on a page under the same number and code is told."""
    forged = replace(issued, **changes)
    assert (ISSUED.statement_no, ISSUED.code) == printed_on(to_pdf(forged))
    found = compared(to_pdf(forged), issued)
    assert not found.identical
    assert found.differences


def test_a_difference_has_both_sides(issued: Sheet) -> None:
    """A changed total is told as it stands on the file and as it was issued."""
    forged = replace(issued, closing=("合计", "", 99_999_999))
    (difference,) = compared(to_pdf(forged), issued).differences
    assert ("合计999,999.99", "合计1,000.01") == difference


def test_other_bytes_are_no_original(issued: Sheet) -> None:
    """Every other file with the same text is told from the original."""
    file = to_pdf(issued)
    found = compared(file + b"\n", issued)
    assert not found.identical
    assert not found.differences


@pytest.mark.parametrize("file", [b"", b"no PDF", b"%PDF-1.7\n", b"\0" * 100])
def test_what_is_no_statement_is_said(file: bytes) -> None:
    """Of a file in which nothing can be read a sentence says what to do."""
    with pytest.raises(UnreadableStatementError):
        printed_on(file)
