"""What the tests of faults share: servers under load from first call to last answer,
and what must hold at the end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
from gongji.v1 import settlement_pb2 as pb

from tests.chaos.audit import audit
from tests.chaos.book import PUSHBACK_KEY, Book
from tests.chaos.callers import CALLERS, Desk, bill, calling
from tests.chaos.conftest import Tell
from tests.chaos.served import Served

_REASON = "STORE_UNAVAILABLE"
_SHOWN = 5


@asynccontextmanager
async def under_load(
    servers: Sequence[Served], book: Book, seed: int
) -> AsyncIterator[None]:
    """Servers started and called; then every caller has his last answer and the servers
    end in order."""
    try:
        for server in servers:
            server.start()
        async with calling(servers, book, seed):
            for server in servers:
                await server.answers()
            await book.next_answers(CALLERS)
            yield
        for server in servers:  # one killed last may just be starting again
            await server.answers()
        assert [0 for _ in servers] == [server.stop() for server in servers]
    finally:
        for server in servers:
            server.kill()


async def reads(served: Served, book: Book) -> None:
    """Has it show what it acknowledged and quote a bill. AssertionError or AioRpcError
    where it does not."""
    desk = Desk(served)
    try:
        told = next(iter(book.settled.values()))
        shown = await desk.stub.GetSettlement(
            pb.GetSettlementRequest(settlement_id=told.settlement_id), timeout=10
        )
        assert told.lines == shown.settlement.lines
        quoted = await desk.stub.Quote(pb.QuoteRequest(bill=bill(1)), timeout=10)
        assert "" == quoted.settlement.settlement_id
    finally:
        await desk.channel.close()


async def conclude(
    book: Book,
    tell: Tell,
    data: Path,
    database: str = "",
    *,
    refused: bool,
    **faults: int,
) -> None:
    """Holds the data against the book, puts the counts into the report, and has every law stand.

    `refused` says whether the service has refused for the moment; then it did so
    properly, otherwise not at all.
    """
    broken, looked_at = await audit(book, data, database)
    tell(book, looked_at, **faults)
    assert [] == book.faults, "\n".join(book.faults[:_SHOWN])
    assert {} == broken, broken
    assert refused == bool(book.refusals), [
        str(lost) for lost in book.refusals[:_SHOWN]
    ]
    for lost in book.refusals:
        assert (grpc.StatusCode.UNAVAILABLE, _REASON) == (
            lost.told.code,
            lost.reason,
        ), lost
        assert "请稍后用同一请求编号重试" in lost.told.localized.message, lost
    without = [str(lost) for lost in book.refusals if not lost.pushback_ms]
    assert [] == without, (
        f"{len(without)} of {len(book.refusals)} without {PUSHBACK_KEY}: {without[:_SHOWN]}"
    )
