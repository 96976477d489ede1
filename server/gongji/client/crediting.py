"""Credits sent one call each, many on the way at once; a refused row stops nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import grpc

from gongji.client.connection import refusal_of
from gongji.client.rows import FileOutcome, RefusedRow
from gongji.v1 import account_pb2, account_pb2_grpc

MAX_IN_FLIGHT: Final = 64
"""Credits on the way at once: the service commits them together."""

_OF_ONE_ROW: Final = {
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.ALREADY_EXISTS,
    grpc.StatusCode.INTERNAL,
}
"""Codes that concern one row; any other code stops the file."""

NumberedRequest = tuple[int, account_pb2.CreditRequest]
"""The row of the file it comes from, and the request."""


def credit_each(
    channel: grpc.Channel,
    requests: Iterable[NumberedRequest],
    outcome: FileOutcome,
    progress: Callable[[], None],
    is_new: Callable[[account_pb2.CreditResponse], bool],
) -> None:
    """Send each request and count it. grpc.RpcError if the service cannot go on."""
    # Any: the stubs' types do not know of futures.
    stub: Any = account_pb2_grpc.AccountServiceStub(channel)
    for batch in _batches(requests, MAX_IN_FLIGHT):
        calls = [stub.Credit.future(request) for _, request in batch]
        stopped = None
        for (row, request), call in zip(batch, calls, strict=True):
            # Of a batch that stops the others are waited for: they may have been executed.
            stopped = _wait(call, row, request, outcome, is_new) or stopped
            progress()
        if stopped is not None:
            raise stopped


def _wait(
    call: grpc.Future[account_pb2.CreditResponse],
    row: int,
    request: account_pb2.CreditRequest,
    outcome: FileOutcome,
    is_new: Callable[[account_pb2.CreditResponse], bool],
) -> grpc.RpcError | None:
    """Wait for one credit and count it; return the error if it stops the file."""
    try:
        response = call.result()
    except grpc.RpcError as error:
        refusal = refusal_of(error)
        if refusal.code not in _OF_ONE_ROW:
            return error
        reason = refusal.reason or refusal.code.name
        person_no = request.person.person_no
        outcome.refused.add(
            RefusedRow(row, refusal.field, reason, refusal.message, person_no)
        )
        return None
    if is_new(response):
        outcome.written += 1
    else:
        outcome.unchanged += 1
    return None


def _batches(
    rows: Iterable[NumberedRequest], size: int
) -> Iterator[list[NumberedRequest]]:
    """Yield rows to be on the way at once: of one person only one, for the last holds."""
    batch: dict[str, NumberedRequest] = {}
    for row, request in rows:
        person_no = request.person.person_no
        if len(batch) == size or person_no in batch:
            yield list(batch.values())
            batch = {}
        batch[person_no] = row, request
    if batch:
        yield list(batch.values())
