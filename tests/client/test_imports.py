"""Laws of a file's way to the service: read as it is sent, whole before anything is
sent, the same each time."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from gongji.client import imports
from gongji.client.imports import COLUMNS, FileFaultError, Row
from gongji.v1 import account_pb2, registry_pb2, types_pb2

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
MANY = 300


class Counted:
    """So many equal rows, and how many were taken since somebody last began."""

    def __init__(self, row: Row, bad: int = 0) -> None:
        self._row, self._bad = row, bad
        self.taken = 0

    def __iter__(self) -> Iterator[Row]:
        self.taken = 0
        for number in range(1, MANY + 1):
            self.taken = number
            yield (
                self._row
                | {"enrolments": "?", "kind": "?", "brought_forward_yuan": "?"}
                if number == self._bad
                else self._row
            )


class Wire:
    """A channel that takes one message at a time and notes how many rows had been read by then."""

    def __init__(self, rows: Counted) -> None:
        self._rows = rows
        self.ahead: list[int] = []

    def stream_unary(self, *_: Any, **__: Any) -> Callable[[Iterable[Any]], Any]:
        def call(messages: Iterable[Any]) -> Any:
            self.ahead = [
                self._rows.taken - number for number, _ in enumerate(messages)
            ]
            summary = registry_pb2.ImportSummary(received=len(self.ahead) - 1)
            return registry_pb2.ImportPersonsResponse(summary=summary)

        return call

    def unary_unary(self, method: str, *_: Any, **__: Any) -> Callable[[Any], Any]:
        def call(_: Any) -> Any:
            self.ahead.append(self._rows.taken - len(self.ahead) - 1)
            return account_pb2.CreditResponse(receipt=types_pb2.Receipt())

        return call


@pytest.mark.parametrize("kind", SOUND)
def test_a_row_is_read_when_it_is_sent(kind: str) -> None:
    """However long a file is, one of its rows is in memory: the next is read when the
    wire asks for it."""
    rows = Counted(SOUND[kind])
    wire: Any = Wire(rows)
    done = imports.send(wire, kind, rows, lambda: None)
    assert MANY == done.received
    # The header of a stream goes out before the first row is taken for the second time.
    assert [0] * MANY == wire.ahead[len(wire.ahead) - MANY :]


@pytest.mark.parametrize("kind", SOUND)
def test_nothing_is_sent_of_a_file_with_an_unreadable_row(kind: str) -> None:
    """A row that cannot be read is found before the first one is sent, and named."""
    rows = Counted(SOUND[kind], bad=MANY - 1)
    wire: Any = Wire(rows)
    with pytest.raises(FileFaultError, match=f"第 {MANY - 1} 行"):
        imports.send(wire, kind, rows, lambda: None)
    assert [] == wire.ahead


def test_a_file_is_gone_through_as_often_as_one_likes(tmp_path: Path) -> None:
    """A file's rows are counted and read anew each time, as they lie there."""
    (path := tmp_path / "x.csv").write_text(
        '\ufeffperson_no,brought_forward_yuan\nP1,1.00\n"P\n2",2.00\nP3\n',
        encoding="utf-8",
    )
    kind, rows = imports.read(path)
    expected = [("P1", "1.00"), ("P\n2", "2.00"), ("P3", "")]
    assert ("balances", 3) == (kind, len(rows))
    for _ in range(2):
        assert expected == [tuple(row.values()) for row in rows]


def test_a_pipe_is_read_like_a_file(tmp_path: Path) -> None:
    """What can be read only once is read once."""
    os.mkfifo(path := tmp_path / "pipe")
    text = "person_no,brought_forward_yuan\nP1,1.00\n"
    writing = threading.Thread(target=path.write_text, args=(text,))
    writing.start()
    kind, rows = imports.read(path)
    writing.join()
    assert ("balances", [BALANCE], [BALANCE]) == (kind, list(rows), list(rows))
