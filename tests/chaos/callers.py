"""Callers in a closed loop: each settles, reverses and asks again, and lets go of no
request without an answer."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from itertools import count
from random import Random
from typing import Any, Final

import grpc
from gongji.v1 import settlement_pb2 as pb
from gongji.v1 import settlement_pb2_grpc, types_pb2

from tests.chaos.book import Book, Lost
from tests.chaos.served import Served
from tests.chaos.town import DAYS, HOSPITALS, PATIENTS

CALLERS: Final = 24
EVERY_CALLER: Final = 3 * CALLERS
"""So many refusals that nobody gets through."""

CONNECTIONS: Final = 4
DEADLINE_S: Final = 30
PATIENCE_S: Final = 60
"""How long the callers may take to get their last answers once everything works again."""

_OPTIONS: Final = (
    # Connections of their own, made again soon after a server is back.
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 200),
    # Retries are counted, so they are ours.
    ("grpc.enable_retries", 0),
)
_AGAIN: Final = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED}


class Desk:
    """A connection to one server."""

    def __init__(self, served: Served) -> None:
        self.served = served
        self.channel = grpc.aio.insecure_channel(served.address, options=_OPTIONS)
        self.stub: Any = settlement_pb2_grpc.SettlementServiceStub(self.channel)
        self.answered_in = 0
        """The life of the server in which it last answered here."""


class Caller:
    """One caller; `desks` are the servers he may turn to, the first of them his own."""

    def __init__(self, desks: Sequence[Desk], book: Book, chance: Random) -> None:
        self._desks = desks
        self._book = book
        self._chance = chance
        self._acknowledged: dict[str, tuple[str, Any, Any]] = {}
        """Method, request and reply by request id."""
        self._standing: list[str] = []

    async def work(self, over: asyncio.Event) -> None:
        """Calls until told that it is over, and then until the last request is answered."""
        while not over.is_set():
            drawn = self._chance.random()
            if drawn < 0.15 and self._standing:
                await self._reverse(
                    self._standing.pop(self._chance.randrange(len(self._standing)))
                )
            elif drawn < 0.3 and self._acknowledged:
                await self._again()
            else:
                await self._settle()

    async def _settle(self) -> None:
        """A new bill; now and then one whose first reply was lost is taken back instead
        of asked for again (2601)."""
        request = pb.SettleRequest(request_id=self._new_id(), bill=_bill(self._chance))
        reply, tried = await self._answer(
            "Settle", request, patient=self._chance.random() < 0.7
        )
        if reply is None:
            await self._take_back(request)
            return
        self._note("Settle", request, reply, tried)
        self._book.settled[request.request_id] = reply.settlement
        self._standing.append(request.request_id)

    async def _reverse(self, settle_id: str) -> None:
        request = pb.ReverseRequest(request_id=self._new_id(), why="试验")
        if self._chance.random() < 0.5:
            request.settlement_id = self._book.settled[settle_id].settlement_id
        else:
            request.settle_request_id = settle_id
        reply, tried = await self._answer("Reverse", request)
        self._note_reversal(settle_id, request, reply, tried)

    async def _take_back(self, lost: pb.SettleRequest) -> None:
        """Reverses by request id what may never have arrived; if so, the late original
        is refused."""
        request = pb.ReverseRequest(
            request_id=self._new_id(), settle_request_id=lost.request_id, why="试验"
        )
        reply, tried = await self._answer(
            "Reverse", request, expected="SETTLEMENT_NOT_FOUND"
        )
        if isinstance(reply, Lost):
            self._book.tally["taken back before they came"] += 1
            self._book.never[lost.request_id] = request.request_id
            late, _ = await self._answer("Settle", lost, expected="ORIGINAL_REVERSED")
            if not isinstance(late, Lost):
                self._book.faults.append(
                    f"{lost.request_id}: settled although taken back before"
                )
            return
        self._book.tally["taken back unseen"] += 1
        self._book.settled[lost.request_id] = reply.settlement
        self._note_reversal(lost.request_id, request, reply, tried)

    async def _again(self) -> None:
        """Something acknowledged, asked once more."""
        known = self._chance.choice(list(self._acknowledged))
        method, request, first = self._acknowledged[known]
        again, _ = await self._answer(method, request)
        self._book.check_same(known, first, again)

    def _note(self, method: str, request: Any, reply: Any, tried: int) -> None:
        self._book.acknowledge(
            request.request_id, tried=tried, replayed=reply.receipt.replayed
        )
        self._acknowledged[request.request_id] = (method, request, reply)

    def _note_reversal(
        self,
        settle_id: str,
        request: pb.ReverseRequest,
        reply: pb.ReverseResponse,
        tried: int,
    ) -> None:
        self._note("Reverse", request, reply, tried)
        self._book.tally["reversals"] += 1
        self._book.reversals[settle_id] = request.request_id
        self._book.refunds[request.request_id] = list(reply.refunds)

    async def _answer(
        self, method: str, request: Any, *, patient: bool = True, expected: str = ""
    ) -> tuple[Any, int]:
        """The answer and after how many lost attempts; none where he is not patient and
        the first is lost.

        A refusal is an answer where its reason is expected; AssertionError where it is
        another final one.
        """
        unwritten = True
        for tried in count():
            outcome = await self._attempt(
                self._desks[tried % len(self._desks)], method, request
            )
            if not isinstance(outcome, Lost) or (
                expected and expected == outcome.reason
            ):
                if tried and unwritten and request.request_id not in self._acknowledged:
                    self._check_unwritten(request.request_id, outcome)
                return outcome, tried
            unwritten = unwritten and outcome.certain
            if outcome.told.code not in _AGAIN:
                fault = f"{method} {request.request_id}: {outcome}"
                self._book.faults.append(fault)
                raise AssertionError(fault)
            if not patient:
                return None, tried
            self._book.tally["retries"] += 1
            await asyncio.sleep((outcome.pushback_ms or 20) / 1000)
        raise AssertionError

    def _check_unwritten(self, request_id: str, outcome: Any) -> None:
        """Who was only ever told that nothing was written does not find it written."""
        if not isinstance(outcome, Lost) and outcome.receipt.replayed:
            self._book.faults.append(
                f"{request_id}: told that nothing was written, and it was"
            )

    async def _attempt(self, desk: Desk, method: str, request: Any) -> Any:
        """A reply, or how it was lost."""
        book, life = self._book, desk.served.life
        call = getattr(desk.stub, method)
        book.in_flight += 1
        try:
            reply = await call(
                request, timeout=DEADLINE_S, wait_for_ready=len(self._desks) == 1
            )
        except grpc.aio.AioRpcError as error:
            lost = Lost.of(error)
        else:
            desk.answered_in = max(desk.answered_in, life)
            return reply
        finally:
            book.in_flight -= 1
        if lost.told.code in _AGAIN:
            book.lost.append(lost)
            if not lost.reason and desk.answered_in == life == desk.served.life:
                book.faults.append(
                    f"{method}: a living server let the connection go: {lost}"
                )
        return lost

    def _new_id(self) -> str:
        return str(uuid.UUID(int=self._chance.getrandbits(128), version=4))


def bill(seed: int) -> pb.Bill:
    """A bill of some patient."""
    return _bill(Random(seed))  # noqa: S311 - a test's chances, to be had again by the seed


def _bill(chance: Random) -> pb.Bill:
    """A bill of some patient, often of one of the few who come all the time."""
    parts: dict[str, Any] = {
        "in_scope_fen": chance.randrange(10_00, 400_00),
        "first_selfpay_fen": chance.randrange(0, 20_00),
        "out_of_catalogue_fen": chance.randrange(0, 10_00),
    }
    return pb.Bill(
        patient=types_pb2.PersonRef(
            person_no=chance.choice(PATIENTS[:4] if chance.random() < 0.2 else PATIENTS)
        ),
        institution_code=chance.choice(list(HOSPITALS)),
        service_day=chance.choice(DAYS),
        visit_kind=pb.VISIT_KIND_OUTPATIENT,
        account_use=pb.ACCOUNT_USE_CITY_ORDER,
        total_fen=sum(parts.values()),
        **parts,
    )


@asynccontextmanager
async def calling(
    servers: Iterable[Served], book: Book, seed: int
) -> AsyncIterator[None]:
    """Callers at work, spread over the servers; at the end each has his last answer.
    TimeoutError where one has not."""
    rows = [[Desk(served) for served in servers] for _ in range(CONNECTIONS)]
    over = asyncio.Event()
    chance = Random(seed)  # noqa: S311 - a test's chances, to be had again by the seed
    tasks = []
    for number in range(CALLERS):
        row = rows[number % CONNECTIONS]
        own = number // CONNECTIONS % len(row)
        caller = Caller([*row[own:], *row[:own]], book, Random(chance.getrandbits(64)))  # noqa: S311 - as above
        tasks.append(asyncio.create_task(caller.work(over)))
    try:
        yield
        over.set()
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for desk in (desk for row in rows for desk in row):
            await desk.channel.close()
