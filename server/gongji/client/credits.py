"""Monthly credits (划入) of many people, sent to a running service; safe to send again."""

from __future__ import annotations

import csv
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

import grpc

from gongji.client.connection import refusal_of
from gongji.client.imports import FileFaultError
from gongji.v1 import account_pb2, account_pb2_grpc, types_pb2

PERSON_NO: Final = "person_no"
"""The column that is read; a file may have others."""

MAX_IN_FLIGHT: Final = 64
"""Credits on the way at once: the service commits them together."""

MAX_REFUSALS: Final = 100
"""Refusals that are listed; further ones are only counted."""

_REFUSALS: Final = {
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.ALREADY_EXISTS,
}
"""Codes that concern one person; any other code stops the batch."""


@dataclass(frozen=True, slots=True)
class RefusedCredit:
    """A person who was not credited; rows count from 1, the first after the header."""

    row: int
    person_no: str
    reason: str
    message: str


@dataclass(slots=True)
class Credits:
    """The result of a batch: counts, and the first refusals by row."""

    credited: int = 0
    replayed: int = 0
    refused: int = 0
    refusals: list[RefusedCredit] = field(default_factory=list)

    def count(self, *, replayed: bool) -> None:
        """Count a credit."""
        if replayed:
            self.replayed += 1
        else:
            self.credited += 1

    def refuse(self, refusal: RefusedCredit) -> None:
        """Count a refusal, and list it if it is one of the first."""
        self.refused += 1
        if len(self.refusals) < MAX_REFUSALS:
            self.refusals.append(refusal)


def read(lines: Iterable[str]) -> list[str]:
    """Return the column person_no of a CSV file. FileFaultError if it has none."""
    reader = csv.DictReader(lines)
    columns = reader.fieldnames or ()
    if PERSON_NO not in columns:
        header = ",".join(columns) or "(空)"
        raise FileFaultError(f"名单: 表头 {header} 缺少 {PERSON_NO} 一列")
    return [(row[PERSON_NO] or "").strip() for row in reader]


def request_id(month: str, person_no: str, attempt: int = 1) -> str:
    """Return the id of a person's credit of a month; the same file again is a replay.

    A final refusal is replayed too: once its cause is mended, take the next attempt.
    """
    name = f"gongji:credit:{month}:{attempt}:{person_no}"
    return str(uuid.uuid5(uuid.NAMESPACE_URL, name))


def send(
    channel: grpc.Channel,
    month: str,
    persons: Sequence[str],
    progress: Callable[[], None],
    *,
    attempt: int = 1,
) -> Credits:
    """Credit a month to each person. grpc.RpcError if the service cannot go on."""
    # Any: the stubs' types do not know of futures.
    stub: Any = account_pb2_grpc.AccountServiceStub(channel)
    result = Credits()
    for batch in _batches(enumerate(persons, start=1), MAX_IN_FLIGHT):
        calls = [
            stub.Credit.future(_request(month, person_no, attempt))
            for _, person_no in batch
        ]
        for (row, person_no), call in zip(batch, calls, strict=True):
            _wait(call, row, person_no, result)
            progress()
    return result


def _request(month: str, person_no: str, attempt: int) -> account_pb2.CreditRequest:
    return account_pb2.CreditRequest(
        request_id=request_id(month, person_no, attempt),
        person=types_pb2.PersonRef(person_no=person_no),
        month=month,
    )


def _wait(
    call: grpc.Future[account_pb2.CreditResponse],
    row: int,
    person_no: str,
    result: Credits,
) -> None:
    """Wait for one credit and count it."""
    try:
        response = call.result()
    except grpc.RpcError as error:
        refusal = refusal_of(error)
        if refusal.code not in _REFUSALS:
            raise
        result.refuse(RefusedCredit(row, person_no, refusal.reason, refusal.message))
    else:
        result.count(replayed=response.receipt.replayed)


def _batches(
    rows: Iterator[tuple[int, str]], size: int
) -> Iterator[list[tuple[int, str]]]:
    while batch := list(islice(rows, size)):
        yield batch
