"""A file's rows as messages: sound ones are sent, the others listed by their numbers."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, TypeVar

from gongji.client.cells import fault_of
from gongji.model.refusals import MalformedField
from gongji.text.tables import CsvRow

Row = dict[str, str]

M = TypeVar("M")

MAX_LISTED: Final = 1000
"""Refused rows that are listed; further ones are only counted."""


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row that was left out; rows count as in a spreadsheet, the header is row 1."""

    row: int
    field: str
    reason: str
    message: str
    person_no: str = ""


@dataclass(slots=True)
class RefusedRows:
    """The rows that were left out: all are counted, the first are listed."""

    count: int = 0
    listed: list[RefusedRow] = field(default_factory=list)

    def add(self, row: RefusedRow) -> None:
        """Count a row, and list it if it is one of the first."""
        self.add_all(1, [row])

    def add_all(self, count: int, first: Iterable[RefusedRow]) -> None:
        """Count rows of which only the first may be known."""
        self.count += count
        room = MAX_LISTED - len(self.listed)
        self.listed.extend(islice(first, room))

    def in_order(self) -> list[RefusedRow]:
        """Return those listed, by their numbers."""
        return sorted(self.listed, key=lambda refused: refused.row)


@dataclass(slots=True)
class FileOutcome:
    """What has become of a file's rows so far."""

    written: int = 0
    unchanged: int = 0
    import_id: str = ""
    """By which the service knows the import; "" if the rows are no import."""
    refused: RefusedRows = field(default_factory=RefusedRows)

    @property
    def received(self) -> int:
        """Rows that are written, that were before, or that were refused."""
        return self.written + self.unchanged + self.refused.count


def sound(
    rows: Iterable[CsvRow],
    columns: Iterable[str],
    convert: Callable[[Row], M],
    refused: RefusedRows,
) -> Iterator[tuple[int, M]]:
    """Yield the messages of the rows that can be read, each with its row's number.

    Only these columns are looked at. A row at fault goes to `refused`, whole.
    """
    read = list(columns)
    for row in rows:
        fault = row.fault or fault_of(row.cells, read)
        if fault is None:
            try:
                message = convert(dict(row.cells))
            except ValueError as unread:
                refused.add(_refused(row, "", str(unread)))
            else:
                yield row.number, message
        else:
            refused.add(_refused(row, fault.column, fault.message))


def _refused(row: CsvRow, column: str, message: str) -> RefusedRow:
    person_no = row.cells.get("person_no", "")
    return RefusedRow(row.number, column, MalformedField.reason(), message, person_no)


class SentNumbers:
    """Which row of the file each row of a stream was, without a list of them all."""

    def __init__(self) -> None:
        self._sent = 0
        # Where the numbers part: rows sent before, and the row of the next.
        self._steps: list[tuple[int, int]] = []

    def note(self, number: int) -> None:
        """Note the number of the row sent next."""
        self._sent += 1
        if not self._steps or number - self._sent != self._offset(-1):
            self._steps.append((self._sent, number))

    def of(self, sent: int) -> int:
        """Return the number in the file of a row that was sent as the n-th, from 1."""
        at = bisect_right(self._steps, sent, key=lambda step: step[0]) - 1
        return sent + self._offset(at)

    def _offset(self, at: int) -> int:
        sent, number = self._steps[at]
        return number - sent
