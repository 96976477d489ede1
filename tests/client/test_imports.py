"""Laws of imports: a file is read whole before anything is sent, then row by row."""

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
MANY = 300


class CountedRows:
    """Equal rows, one of them bad if asked for, that count how many were read."""

    def __init__(self, row: Row, bad: int = 0) -> None:
        self._row = row
        self._bad = bad
        self.read = 0

    def __iter__(self) -> Iterator[Row]:
        unreadable = self._row | UNREADABLE
        for number in range(1, MANY + 1):
            self.read = number
            yield unreadable if number == self._bad else self._row


class CountingChannel:
    """A channel that records how many rows were read ahead of each message it takes."""

    def __init__(self, rows: CountedRows) -> None:
        self._rows = rows
        self.ahead: list[int] = []

    def stream_unary(
        self, *_: object, **__: object
    ) -> Callable[[Iterable[Message]], registry_pb2.ImportPersonsResponse]:
        def call(messages: Iterable[Message]) -> registry_pb2.ImportPersonsResponse:
            for number, _ in enumerate(messages):
                self.ahead.append(self._rows.read - number)
            summary = registry_pb2.ImportSummary(received=len(self.ahead) - 1)
            return registry_pb2.ImportPersonsResponse(summary=summary)

        return call

    def unary_unary(
        self, method: str, *_: object, **__: object
    ) -> Callable[[Message], account_pb2.CreditResponse]:
        def call(_: Message) -> account_pb2.CreditResponse:
            sent = len(self.ahead)
            self.ahead.append(self._rows.read - sent - 1)
            return account_pb2.CreditResponse(receipt=types_pb2.Receipt())

        return call


def send(kind: str, rows: CountedRows) -> tuple[imports.Imported, list[int]]:
    """Send rows; return the result, and how far reading was ahead of sending."""
    channel = CountingChannel(rows)
    stands_in: Any = channel  # as much of a channel as the stubs use
    return imports.send(stands_in, kind, rows, lambda: None), channel.ahead


@pytest.mark.parametrize("kind", SOUND)
def test_a_row_is_read_when_it_is_sent(kind: str) -> None:
    """However long a file is, one of its rows is in memory: the next is read when the
    channel asks for it."""
    imported, ahead = send(kind, CountedRows(SOUND[kind]))
    assert MANY == imported.received
    # The header of a stream goes out before the first row is read again.
    assert [0] * MANY == ahead[-MANY:]


@pytest.mark.parametrize("kind", SOUND)
def test_nothing_is_sent_of_a_file_with_an_unreadable_row(kind: str) -> None:
    """A row that cannot be read is found before the first one is sent, and named."""
    rows = CountedRows(SOUND[kind], bad=MANY - 1)
    channel = CountingChannel(rows)
    stands_in: Any = channel
    with pytest.raises(FileFaultError, match=f"第 {MANY - 1} 行"):
        imports.send(stands_in, kind, rows, lambda: None)
    assert [] == channel.ahead


def test_a_file_is_gone_through_as_often_as_one_likes(tmp_path: Path) -> None:
    """A file's rows are counted and read anew each time, as they are in the file."""
    path = tmp_path / "x.csv"
    path.write_text(
        '\ufeffperson_no,brought_forward_yuan\nP1,1.00\n"P\n2",2.00\nP3\n',
        encoding="utf-8",
    )
    kind, rows = imports.read(path)
    expected = [("P1", "1.00"), ("P\n2", "2.00"), ("P3", "")]
    assert ("balances", 3) == (kind, len(rows))
    for _ in range(2):
        assert expected == [tuple(row.values()) for row in rows]


def test_a_pipe_is_read_like_a_file(tmp_path: Path) -> None:
    """A pipe's rows, which can be read only once, are there twice."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    text = "person_no,brought_forward_yuan\nP1,1.00\n"
    writing = threading.Thread(target=path.write_text, args=(text,))
    writing.start()
    kind, rows = imports.read(path)
    writing.join()
    assert "balances" == kind
    for _ in range(2):
        assert [BALANCE] == list(rows)
