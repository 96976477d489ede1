"""What the tests of faults share: servers under load, and what must hold at the end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
from gongji.v1 import settlement_pb2 as pb

from tests.chaos.audit import Broken, audit
from tests.chaos.book import PUSHBACK_KEY, Book
from tests.chaos.callers import CALLERS, Connection, bill, calling
from tests.chaos.conftest import Tell
from tests.chaos.served import Served

_REASON = "STORE_UNAVAILABLE"
_SHOWN = 5


@asynccontextmanager
async def under_load(
    servers: Sequence[Served], book: Book, seed: int
) -> AsyncIterator[None]:
    """Start servers and have them called; at the end they stop in order.

    By then every caller has its last answer.
    """
    try:
        for server in servers:
            server.start()
        async with calling(servers, book, seed):
            for server in servers:
                await server.answers()
            await book.next_answers(CALLERS)
            yield
        # One killed last may just be starting again.
        for server in servers:
            await server.answers()
        for server in servers:
            assert 0 == server.stop()
    finally:
        for server in servers:
            server.kill()


async def reads(served: Served, book: Book) -> None:
    """Assert that it shows what it acknowledged and quotes a bill. AioRpcError."""
    connection = Connection(served)
    try:
        settled = next(iter(book.settled.values()))
        request = pb.GetSettlementRequest(settlement_id=settled.settlement_id)
        shown = await connection.stub.GetSettlement(
            request, timeout=10, metadata=served.token
        )
        assert settled.lines == shown.settlement.lines
        quoted = await connection.stub.Quote(
            pb.QuoteRequest(bill=bill(1)), timeout=10, metadata=served.token
        )
        assert "" == quoted.settlement.settlement_id
    finally:
        await connection.channel.close()


async def conclude(
    book: Book,
    tell: Tell,
    data: Path,
    database: str = "",
    *,
    refused: bool,
    **faults: int,
) -> None:
    """Audit the data, put the counts into the report, and assert that every law stands.

    `refused` says whether the service has refused for the moment; then it did so
    properly, otherwise not at all.
    """
    broken, audited = await audit(book, data, database)
    assert_kept(book, tell, broken, audited, refused=refused, **faults)


def assert_kept(
    book: Book,
    tell: Tell,
    broken: Broken,
    audited: dict[str, int],
    *,
    refused: bool,
    **faults: int,
) -> None:
    """As `conclude`, of data that were audited."""
    tell(book, audited, **faults)
    assert [] == book.faults, "\n".join(book.faults[:_SHOWN])
    assert {} == broken, broken
    shown = [str(lost) for lost in book.refusals[:_SHOWN]]
    assert refused == bool(book.refusals), shown
    for lost in book.refusals:
        assert grpc.StatusCode.UNAVAILABLE == lost.refusal.code, lost
        assert _REASON == lost.reason, lost
        assert "请稍后用同一请求编号重试" in lost.refusal.localized.message, lost
    without = [str(lost) for lost in book.refusals if not lost.pushback_ms]
    assert [] == without, (
        f"{len(without)} of {len(book.refusals)} without {PUSHBACK_KEY}: {without[:_SHOWN]}"
    )
