"""Monthly credits (划入) of many people, sent to a running service; safe to send again."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Final

import grpc

from gongji.client.crediting import credit_each
from gongji.client.rows import FileOutcome, Row, sound
from gongji.text.characters import shown
from gongji.text.files import FileFaultError, TextFile
from gongji.text.tables import CsvFile
from gongji.v1 import account_pb2, types_pb2

PERSON_NO: Final = "person_no"
"""The column that is read; a file may have others."""


def read(file: TextFile) -> CsvFile:
    """Return the rows of a CSV file. FileFaultError if it has no column person_no."""
    table = CsvFile(file)
    if table.missing([PERSON_NO]):
        header = ",".join(map(shown, table.header))
        raise FileFaultError(f"{table.name}：表头 {header} 缺少 {PERSON_NO} 一列")
    return table


def request_id(month: str, person_no: str, attempt: int = 1) -> str:
    """Return the id of a person's credit of a month; the same file again is a replay.

    A final refusal is replayed too: once its cause is mended, take the next attempt.
    """
    name = f"gongji:credit:{month}:{attempt}:{person_no}"
    return str(uuid.uuid5(uuid.NAMESPACE_URL, name))


def send(
    channel: grpc.Channel,
    month: str,
    persons: CsvFile,
    outcome: FileOutcome,
    progress: Callable[[], None],
    *,
    attempt: int = 1,
) -> None:
    """Credit a month to each person. grpc.RpcError if the service cannot go on."""

    def request(row: Row) -> account_pb2.CreditRequest:
        return account_pb2.CreditRequest(
            request_id=request_id(month, row[PERSON_NO], attempt),
            person=types_pb2.PersonRef(person_no=row[PERSON_NO]),
            month=month,
        )

    requests = sound(persons, [PERSON_NO], request, outcome.refused)
    credit_each(
        channel, requests, outcome, progress, lambda reply: not reply.receipt.replayed
    )
