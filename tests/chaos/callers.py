"""Callers in a closed loop: each settles, reverses and repeats until all is answered."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from itertools import chain, count
from random import Random
from time import monotonic
from typing import Any, Final

import grpc
from gongji.v1 import settlement_pb2 as pb
from gongji.v1 import settlement_pb2_grpc, types_pb2

from tests.chaos.book import RETRYABLE, Book, Lost
from tests.chaos.served import Reached
from tests.chaos.town import DAYS, HOSPITALS, PATIENTS
from tests.chaos.witness import keep_checkpoints

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


class Connection:
    """A connection to one server, or to the front before some."""

    def __init__(self, served: Reached) -> None:
        self.served = served
        self.channel = served.channel("hospital", _OPTIONS)
        self.stub: Any = settlement_pb2_grpc.SettlementServiceStub(self.channel)
        self.answered_in = 0
        """The life of the server in which it last answered on it."""


class ChaosCaller:
    """One caller; `connections` are to the servers it may turn to, its own first."""

    def __init__(
        self, connections: Sequence[Connection], book: Book, chance: Random
    ) -> None:
        self._connections = connections
        self._book = book
        self._chance = chance
        self._acknowledged: dict[str, tuple[str, Any, Any]] = {}
        """Method, request and reply by request id."""
        self._standing: list[str] = []
        self._due = monotonic()

    async def work(self, over: asyncio.Event) -> None:
        """Call until it is over, and then until the last request is answered."""
        while not over.is_set():
            await self._rest()
            drawn = self._chance.random()
            if drawn < 0.15 and self._standing:
                place = self._chance.randrange(len(self._standing))
                await self._reverse(self._standing.pop(place))
            elif drawn < 0.3 and self._acknowledged:
                await self._repeat()
            else:
                await self._settle()

    async def _rest(self) -> None:
        """Wait for the next call's time; who is late makes up for it."""
        if not self._book.interval_s:
            self._due = monotonic()
            return
        # As of many who do not wait for one another.
        self._due += self._chance.expovariate(1 / self._book.interval_s)
        await asyncio.sleep(self._due - monotonic())

    async def _settle(self) -> None:
        """Settle a new bill.

        Now and then one whose first reply was lost is taken back instead of repeated
        (2601).
        """
        request = pb.SettleRequest(request_id=self._new_id(), bill=_bill(self._chance))
        patient = self._chance.random() < 0.7
        reply, tried = await self._answer("Settle", request, patient=patient)
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
        """Reverse by request id what may never have arrived.

        If it had not, the late original is refused.
        """
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
                fault = f"{lost.request_id}: settled although taken back before"
                self._book.faults.append(fault)
            return
        self._book.tally["taken back unseen"] += 1
        self._book.settled[lost.request_id] = reply.settlement
        self._note_reversal(lost.request_id, request, reply, tried)

    async def _repeat(self) -> None:
        """Repeat a request that was acknowledged."""
        request_id = self._chance.choice(list(self._acknowledged))
        method, request, first = self._acknowledged[request_id]
        second, _ = await self._answer(method, request)
        self._book.check_same(request_id, first, second)

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
        """Return the answer and how many attempts were lost before it.

        None if the caller is not patient and the first is lost. A refusal is an answer
        if its reason is expected; AssertionError if it is another final one.
        """
        unwritten = request.request_id not in self._acknowledged
        for tried in count():
            connection = self._connections[tried % len(self._connections)]
            outcome = await self._attempt(connection, method, request)
            if not isinstance(outcome, Lost) or expected == outcome.reason != "":
                if tried and unwritten:
                    self._check_unwritten(request.request_id, outcome)
                return outcome, tried
            unwritten = unwritten and outcome.certain
            self._check_retryable(method, request.request_id, outcome)
            if not patient:
                return None, tried
            self._book.tally["retries"] += 1
            await asyncio.sleep((outcome.pushback_ms or 20) / 1000)
        raise AssertionError

    def _check_retryable(self, method: str, request_id: str, lost: Lost) -> None:
        """Note a fault and raise AssertionError if the refusal is final."""
        if lost.refusal.code not in RETRYABLE:
            fault = f"{method} {request_id}: {lost}"
            self._book.faults.append(fault)
            raise AssertionError(fault)

    def _check_unwritten(self, request_id: str, outcome: Any) -> None:
        """Note a fault if refusals promised that nothing was written, and it was."""
        if not isinstance(outcome, Lost) and outcome.receipt.replayed:
            fault = f"{request_id}: told that nothing was written, and it was"
            self._book.faults.append(fault)

    async def _attempt(self, connection: Connection, method: str, request: Any) -> Any:
        """Return a reply, or how it was lost."""
        book, life = self._book, connection.served.life
        call = getattr(connection.stub, method)
        waits = len(self._connections) == 1
        book.in_flight += 1
        try:
            reply = await call(
                request,
                timeout=DEADLINE_S,
                wait_for_ready=waits,
                metadata=connection.served.token,
            )
        except grpc.aio.AioRpcError as error:
            lost = Lost.of(error)
        else:
            connection.answered_in = max(connection.answered_in, life)
            return reply
        finally:
            book.in_flight -= 1
        if lost.refusal.code in RETRYABLE:
            book.lost.append(lost)
            same_life = connection.answered_in == life == connection.served.life
            if same_life and not lost.reason:
                fault = f"{method}: a living server let the connection go: {lost}"
                book.faults.append(fault)
        return lost

    def _new_id(self) -> str:
        return str(uuid.UUID(int=self._chance.getrandbits(128), version=4))


def bill(seed: int) -> pb.Bill:
    """Return a bill of some patient."""
    return _bill(Random(seed))  # noqa: S311 - a test's chances, to be had again by the seed


def _bill(chance: Random) -> pb.Bill:
    """Return a bill of some patient, often of one of the few who come all the time."""
    parts: dict[str, Any] = {
        "in_scope_fen": chance.randrange(10_00, 400_00),
        "first_selfpay_fen": chance.randrange(0, 20_00),
        "out_of_catalogue_fen": chance.randrange(0, 10_00),
    }
    patients = PATIENTS[:4] if chance.random() < 0.2 else PATIENTS
    return pb.Bill(
        patient=types_pb2.PersonRef(person_no=chance.choice(patients)),
        institution_code=chance.choice(list(HOSPITALS)),
        service_day=chance.choice(DAYS),
        visit_kind=pb.VISIT_KIND_OUTPATIENT,
        account_use=pb.ACCOUNT_USE_CITY_ORDER,
        total_fen=sum(parts.values()),
        **parts,
    )


@asynccontextmanager
async def calling(
    servers: Sequence[Reached], book: Book, seed: int
) -> AsyncIterator[None]:
    """Have callers at work, spread over the servers, and somebody who keeps checkpoints.

    At the end each has its last answer; TimeoutError if one has not.
    """
    connections = [
        [Connection(served) for served in servers] for _ in range(CONNECTIONS)
    ]
    over = asyncio.Event()
    callers = _callers(connections, book, seed)
    tasks = [asyncio.create_task(caller.work(over)) for caller in callers]
    witness = [(served, served.channel("auditor", _OPTIONS)) for served in servers]
    tasks.append(asyncio.create_task(keep_checkpoints(witness, book, over)))
    try:
        yield
        over.set()
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for connection in chain.from_iterable(connections):
            await connection.channel.close()
        for _, channel in witness:
            await channel.close()


def _callers(
    connections: Sequence[Sequence[Connection]], book: Book, seed: int
) -> Iterator[ChaosCaller]:
    """Yield callers that share the connections; each has a server it turns to first."""
    chance = Random(seed)  # noqa: S311 - a test's chances, to be had again by the seed
    for number in range(CALLERS):
        to_servers = connections[number % CONNECTIONS]
        own = number // CONNECTIONS % len(to_servers)
        own_first = [*to_servers[own:], *to_servers[:own]]
        of_caller = Random(chance.getrandbits(64))  # noqa: S311 - as above
        yield ChaosCaller(own_first, book, of_caller)
