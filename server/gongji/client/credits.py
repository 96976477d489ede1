"""A month's credits for many people, sent to a running service, many on the way at
once; safe to send again."""

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

TOGETHER: Final = 64
"""How many credits are on the way at once, so that the service can commit them together."""

SHOWN: Final = 100
"""How many refusals are told; the others are counted."""

_REFUSALS: Final = {
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.ALREADY_EXISTS,
}
"""How a credit is refused for its person's sake; anything else stops the batch."""


@dataclass(frozen=True, slots=True)
class RefusedCredit:
    """A person who was not credited; rows count from 1, the first after the header."""

    row: int
    person_no: str
    reason: str
    message: str


@dataclass(slots=True)
class Credits:
    """What became of a batch: counts, and the first refusals by row."""

    credited: int = 0
    replayed: int = 0
    refused: int = 0
    refusals: list[RefusedCredit] = field(default_factory=list)

    def note(self, refusal: RefusedCredit) -> None:
        """Counts a refusal and keeps one of the first."""
        self.refused += 1
        if len(self.refusals) < SHOWN:
            self.refusals.append(refusal)


def read(lines: Iterable[str]) -> list[str]:
    """The column person_no of a CSV file. FileFaultError where it has none."""
    reader = csv.DictReader(lines)
    if PERSON_NO not in (reader.fieldnames or ()):
        raise FileFaultError(
            f"名单: 表头 {','.join(reader.fieldnames or ()) or '(空)'} 缺少 {PERSON_NO} 一列"
        )
    return [(row[PERSON_NO] or "").strip() for row in reader]


def request_id(month: str, person_no: str, attempt: int = 1) -> str:
    """The id of a person's credit of a month: the same file again is a replay.

    A final refusal is replayed too; once its cause is mended, another attempt asks anew.
    """
    return str(
        uuid.uuid5(uuid.NAMESPACE_URL, f"gongji:credit:{month}:{attempt}:{person_no}")
    )


def send(
    channel: grpc.Channel,
    month: str,
    persons: Sequence[str],
    progress: Callable[[], None],
    *,
    attempt: int = 1,
) -> Credits:
    """Credits a month to everyone, each on his own. grpc.RpcError where the service
    cannot go on."""
    stub: Any = account_pb2_grpc.AccountServiceStub(
        channel
    )  # the stubs do not know of futures
    done = Credits()
    for together in _in_groups(enumerate(persons, start=1), TOGETHER):
        calls = [
            stub.Credit.future(_request(month, person_no, attempt))
            for _, person_no in together
        ]
        for (row, person_no), call in zip(together, calls, strict=True):
            _take(call, row, person_no, done)
            progress()
    return done


def _request(month: str, person_no: str, attempt: int) -> account_pb2.CreditRequest:
    return account_pb2.CreditRequest(
        request_id=request_id(month, person_no, attempt),
        person=types_pb2.PersonRef(person_no=person_no),
        month=month,
    )


def _take(
    call: grpc.Future[account_pb2.CreditResponse],
    row: int,
    person_no: str,
    done: Credits,
) -> None:
    """Waits for one credit and counts what became of it."""
    try:
        replayed = call.result().receipt.replayed
    except grpc.RpcError as error:
        refusal = refusal_of(error)
        if refusal.code not in _REFUSALS:
            raise
        done.note(RefusedCredit(row, person_no, refusal.reason, refusal.message))
    else:
        done.credited, done.replayed = (
            done.credited + (not replayed),
            done.replayed + replayed,
        )


def _in_groups(
    rows: Iterator[tuple[int, str]], size: int
) -> Iterator[list[tuple[int, str]]]:
    while group := list(islice(rows, size)):
        yield group
