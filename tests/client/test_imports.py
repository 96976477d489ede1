"""Laws of imports: rows go out as they are read, those at fault are left out and listed."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from gongji.client import imports
from gongji.client.crediting import MAX_IN_FLIGHT
from gongji.client.imports import COLUMNS
from gongji.client.rows import FileOutcome, Row
from gongji.text.files import FileFaultError, TextFile
from gongji.text.tables import CsvRow
from gongji.v1 import account_pb2, registry_pb2
from google.protobuf.message import Message

PERSON = dict.fromkeys(COLUMNS["persons"], "") | {
    "person_no": "P1",
    "enrolments": "310/11/1/2020-01-01/",
}
PLACE = dict.fromkeys(COLUMNS["institutions"], "") | {
    "code": "H34119900001",
    "kind": "1",
    "hosp_lv": "2",
}
BALANCE = {"person_no": "P1", "brought_forward_yuan": "1.00"}
SOUND = {"persons": PERSON, "institutions": PLACE, "balances": BALANCE}
UNREADABLE = {"enrolments": "?", "kind": "?", "brought_forward_yuan": "?"}
AHEAD = {"persons": 1, "institutions": 1, "balances": MAX_IN_FLIGHT + 1}
"""How many rows are in memory: one of a stream; of calls those on the way and the next."""

MANY = 300


class CountedRows:
    """Equal rows, some of them bad if asked for, that count how many were read."""

    def __init__(self, row: Row, bad: Iterable[int] = ()) -> None:
        self._row = row
        self._bad = set(bad)
        self.read = 0

    def __iter__(self) -> Iterator[CsvRow]:
        unreadable = self._row | UNREADABLE
        for number in range(2, MANY + 2):
            self.read += 1
            cells = unreadable if number in self._bad else self._row
            yield CsvRow(number, {**cells, "person_no": f"P{number}"})


class Answered:
    """A call that has its answer."""

    def __init__(self, reply: Message, taken: Callable[[], None]) -> None:
        self._reply = reply
        self._taken = taken

    def result(self) -> Message:
        self._taken()
        return self._reply


class CountingChannel:
    """A channel that records how many rows were read ahead of each it takes.

    It refuses the rows of a stream whose number as sent it is told.
    """

    def __init__(self, rows: CountedRows, refused: Iterable[int] = ()) -> None:
        self._rows = rows
        self._refused = list(refused)
        self.ahead: list[int] = []
        self.on_the_way: list[str] = []
        self.together = 0

    def stream_unary(
        self, *_: object, **__: object
    ) -> Callable[[Iterable[Message]], registry_pb2.ImportPersonsResponse]:
        def call(messages: Iterable[Message]) -> registry_pb2.ImportPersonsResponse:
            for number, _ in enumerate(messages):
                # The header goes out before the first row is read.
                if number:
                    self._take()
            errors = [registry_pb2.RowError(row=row) for row in self._refused]
            refused = len(self._refused)
            summary = registry_pb2.ImportSummary(
                written=len(self.ahead) - refused, refused=refused, errors=errors
            )
            return registry_pb2.ImportPersonsResponse(summary=summary)

        return call

    def unary_unary(self, *_: object, **__: object) -> CountingChannel:
        return self

    def future(self, request: account_pb2.CreditRequest) -> Answered:
        self._take()
        person_no = request.person.person_no
        self.on_the_way.append(person_no)
        self.together = max(self.together, self.on_the_way.count(person_no))
        reply = account_pb2.CreditResponse(fen=1)
        return Answered(reply, lambda: self.on_the_way.remove(person_no))

    def _take(self) -> None:
        self.ahead.append(self._rows.read - len(self.ahead))


def send(
    kind: str, rows: CountedRows, refused: Iterable[int] = ()
) -> tuple[FileOutcome, list[int]]:
    """Send rows; return the outcome, and how far reading was ahead of sending."""
    channel = CountingChannel(rows, refused)
    stands_in: Any = channel  # as much of a channel as the stubs use
    outcome = FileOutcome()
    imports.send(stands_in, kind, rows, outcome, lambda: None)
    return outcome, channel.ahead


@pytest.mark.parametrize("kind", SOUND)
def test_a_row_is_read_when_it_is_sent(kind: str) -> None:
    """However long a file is, only the rows on their way are in memory, and each is
    read once."""
    rows = CountedRows(SOUND[kind])
    outcome, ahead = send(kind, rows)
    assert (MANY, MANY, MANY) == (outcome.written, len(ahead), rows.read)
    assert max(ahead) <= AHEAD[kind]


@pytest.mark.parametrize("kind", SOUND)
def test_a_row_at_fault_is_left_out(kind: str) -> None:
    """Rows that cannot be read are listed by their numbers; all others are sent."""
    outcome, ahead = send(kind, CountedRows(SOUND[kind], bad=[7, 301]))
    assert [7, 301] == [row.row for row in outcome.refused.in_order()]
    assert (MANY - 2, MANY - 2, MANY) == (len(ahead), outcome.written, outcome.received)


def test_a_file_says_one_total() -> None:
    """A second row of one person, year and batch is refused: as a total it would take
    back what the first one brought. Without a year it may be of the same."""
    cells = [
        {"brought_forward_yuan": "100.00"},
        {"brought_forward_yuan": "20.00"},
        {"year": "2024"},
        {"batch": "x", "year": "2024"},
        {"batch": "x", "year": "2025"},
        {"batch": "x"},
        {"batch": imports.DEFAULT_BATCH},
        {"person_no": "P2"},
    ]
    rows = [CsvRow(number, BALANCE | more) for number, more in enumerate(cells, 2)]
    outcome = FileOutcome()
    stands_in: Any = CountingChannel(CountedRows(BALANCE))
    imports.send(stands_in, "balances", rows, outcome, lambda: None)
    assert 4 == outcome.written
    assert [3, 4, 7, 8] == [refused.row for refused in outcome.refused.listed]


def test_of_one_person_one_row_is_on_the_way() -> None:
    """The rows of one person, each of a batch of its own, go one by one."""
    rows = [
        CsvRow(number, {**BALANCE, "batch": f"x{number}"}) for number in range(2, 6)
    ]
    others = [CsvRow(n, {**BALANCE, "person_no": f"Q{n}"}) for n in range(6, 9)]
    channel = CountingChannel(CountedRows(BALANCE))
    stands_in: Any = channel
    outcome = FileOutcome()
    imports.send(stands_in, "balances", [*rows, *others], outcome, lambda: None)
    assert (7, 1) == (outcome.written, channel.together)


def test_a_refused_row_has_its_number_in_the_file() -> None:
    """The service counts the rows it was sent; what it refuses is listed by the row of
    the file, among those that were not sent."""
    rows = CountedRows(PERSON, bad=[2, 5, 6])
    outcome, _ = send("persons", rows, refused=[1, 2, 3, MANY - 3])
    listed = [row.row for row in outcome.refused.in_order()]
    assert [2, 3, 4, 5, 6, 7, MANY + 1] == listed
    assert (7, MANY - 7) == (outcome.refused.count, outcome.written)


def kind_of(header: str) -> str:
    return imports.read(TextFile("x.csv", io.BytesIO(f"{header}\n".encode())))[0]


def test_columns_stand_in_any_order() -> None:
    """A kind of file is known by its columns, whatever their order."""
    for kind, columns in COLUMNS.items():
        assert kind == kind_of(",".join(reversed(columns)))


HEADERS = {
    "a column too few": ("person_no", "缺少 brought_forward_yuan"),
    "a column nobody knows": (
        "person_no,brought_forward_yuan,note",
        "没有note这一列",
    ),
    "a column without a name": ("person_no,brought_forward_yuan,", "没有（空）这一列"),
    "a blank after a name": (
        "person_no,brought_forward_yuan ",
        "缺少 brought_forward_yuan",
    ),
    "a column twice": (
        "person_no,person_no,brought_forward_yuan",
        "person_no 一列出现两次",
    ),
    "nothing of ours": ("a,b", "表头 a,b 不是已知的文件；应为 persons："),
    "a blank line": ("", "不是已知的文件"),
}


@pytest.mark.parametrize(("header", "message"), HEADERS.values(), ids=HEADERS)
def test_another_header(header: str, message: str) -> None:
    """A header with a column missing, unknown or doubled is refused, and says which."""
    with pytest.raises(FileFaultError, match=f"^x.csv.*{re.escape(message)}"):
        kind_of(header)
