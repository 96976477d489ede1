"""What the tests of faults share: servers under load, and what must hold at the end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
from gongji.v1 import settlement_pb2 as pb

from tests.chaos.audit import Broken, audit
from tests.chaos.book import PUSHBACK_KEY, Book, Lost
from tests.chaos.callers import CALLERS, Connection, bill, calling
from tests.chaos.conftest import Tell
from tests.chaos.served import Reached, Served

_REASON = "STORE_UNAVAILABLE"


@asynccontextmanager
async def under_load(
    servers: Sequence[Served],
    book: Book,
    seed: int,
    reached: Sequence[Reached] = (),
) -> AsyncIterator[None]:
    """Start servers and have them called; at the end they stop in order.

    By then every caller has its last answer. `reached` is what callers connect to, if
    not the servers themselves.
    """
    try:
        for server in servers:
            server.start()
        async with calling(reached or servers, book, seed):
            for target in (*servers, *reached):
                await target.answers()
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


async def breaches(
    book: Book,
    tell: Tell,
    data: Path,
    database: str = "",
    *,
    refused: bool,
    **faults: int,
) -> list[str]:
    """Audit the data, put the counts into the report; return what does not hold.

    `refused` says whether the service has refused for the moment; then it did so
    properly, otherwise not at all.
    """
    broken, audited = await audit(book, data, database)
    tell(book, audited, **faults)
    return [*breaches_of(book, broken, refused=refused)]


def breaches_of(book: Book, broken: Broken, *, refused: bool) -> Iterator[str]:
    """Yield, of data that were audited, what callers saw or the data hold that may not be."""
    yield from book.faults
    for law, by in broken.items():
        yield f"{law}: {by}"
    if refused and not book.refusals:
        yield "nothing was refused"
    for lost in book.refusals:
        if not refused:
            yield f"refused: {lost}"
        elif flaw := _flaw(lost):
            yield f"{flaw}: {lost}"


def _flaw(lost: Lost) -> str:
    """Return what is improper about a refusal for the moment, empty if nothing is."""
    if (lost.refusal.code, lost.reason) != (grpc.StatusCode.UNAVAILABLE, _REASON):
        return "not as unavailable"
    if "请稍后用同一请求编号重试" not in lost.refusal.localized.message:
        return "without what to do"
    return "" if lost.pushback_ms else f"without {PUSHBACK_KEY}"
