"""A sheet as a file, XLSX or PDF by its suffix, and the sheet of such a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gongji.kit.sheet.content import RulesSheet, SheetRow

SIGNATURES: Final = ("拟定", "复核", "负责人", "日期")
"""Lines to be signed on."""

MOST_BYTES: Final = 32 << 20
"""No sheet is that large."""


class UnreadableSheetError(ValueError):
    """A file is no sheet of rules; the message says why, in Chinese."""


@dataclass(frozen=True, slots=True)
class SheetToSign:
    """A sheet, what changed since the last one, and clauses to be verified soon.

    `changes` are None if there is no last one.
    """

    sheet: RulesSheet
    changes: Sequence[SheetRow] | None
    due: Sequence[SheetRow]


def kind_of(name: str) -> str:
    """Return "pdf" or "xlsx" by a file's name. ValueError."""
    suffix = name.rpartition(".")[2].lower()
    if suffix not in {"pdf", "xlsx"}:
        msg = f"规则清单只写成 .pdf 或 .xlsx，得到 {name}"
        raise ValueError(msg)
    return suffix
