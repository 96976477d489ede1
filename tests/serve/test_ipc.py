"""Laws of IPC: bytes arrive as they were sent, and a process that goes ends its calls.

That every call of every service means the same through it is shown by tests/rpc, where
all calls take this way.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Protocol, TypeVar

import grpc
import pytest
from gongji.access.identity import ANYBODY, CallerIdentity
from gongji.rpc.method import Calling, Ending, Method, Writing
from gongji.rpc.origin import CallOrigin
from gongji.rpc.outcome import SOONEST_MS
from gongji.rpc.status import DETAILS_KEY, PUSHBACK_KEY, Status
from gongji.serve import frames, ipc
from gongji.store.queues import QUEUE_LIMIT
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from tests.patience import PATIENCE_S

T = TypeVar("T")

BIG = b"x" * 1_000_000
REFUSED = Status(
    grpc.StatusCode.UNAVAILABLE,
    "GONE",
    "稍后再来",
    ((DETAILS_KEY, b"\0\xff"), (PUSHBACK_KEY, "500")),
)


HOSPITAL = CallerIdentity("hospital-1")
ORIGIN = CallOrigin("10.1.2.3", "ab" * 16, "cd" * 8, sampled=True)


@dataclass
class FakeCall:
    """A call as gRPC would carry it; records the replies that stream."""

    identity: CallerIdentity = HOSPITAL
    remaining_s: float | None = 2.5
    origin: CallOrigin = ORIGIN
    replies: list[bytes] = field(default_factory=list)

    async def write(self, reply: bytes) -> None:
        self.replies.append(reply)


class StreamOnServer(Protocol):
    """A streaming call as the server knows it."""

    stream: frames.FrameStream


@dataclass
class FakeServer:
    """Methods that each do one thing a service might, and record what they saw."""

    began: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    received: int = 0

    async def echo(self, raw: bytes, calling: Calling) -> bytes:
        assert ORIGIN == calling.origin
        return f"{calling.identity.caller} {calling.remaining_s} ".encode() + raw

    async def refuse(self, raw: object, calling: Calling) -> Ending:
        return REFUSED

    async def linger(self, raw: object, calling: Calling) -> bytes:
        self.began.set()
        with self.cancellation():
            await asyncio.sleep(60)
        return b""

    async def count(self, raw: AsyncIterator[bytes], calling: Calling) -> bytes:
        sizes = [len(request) async for request in raw]
        return str(sum(sizes)).encode()

    async def take(self, raw: AsyncIterator[bytes], calling: Calling) -> bytes:
        """Take requests until they are cut off."""
        self.began.set()
        with self.cancellation():
            async for _ in raw:
                self.received += 1
        return b""

    async def vanish(self, raw: object, calling: StreamOnServer) -> bytes:
        """Go away as a process that is killed."""
        calling.stream.close()
        return b""

    async def twice(self, raw: AsyncIterator[bytes], calling: Writing) -> bytes:
        async for request in raw:
            await calling.write(request)
            await calling.write(request)
        return b""

    @contextmanager
    def cancellation(self) -> Iterator[None]:
        """Record that the call is cancelled."""
        try:
            yield
        except asyncio.CancelledError:
            self.cancelled.set()
            raise

    def methods(self) -> dict[str, Method]:
        """Return the methods by path; those of paths ending in / stream."""
        methods = [*map(self._plain, PLAIN), *map(self._streaming, STREAMING)]
        return {method.path: method for method in methods}

    def _plain(self, name: str) -> Method:
        return Method(
            name,
            streams_in=False,
            streams_out=False,
            answer=getattr(self, name),
        )

    def _streaming(self, name: str) -> Method:
        return Method(
            f"{name}/",
            streams_in=True,
            streams_out=name == "twice",
            answer=getattr(self, name),
        )


PLAIN = ("echo", "refuse", "linger")
STREAMING = ("count", "refuse", "linger", "take", "twice", "vanish")


@dataclass
class Connected:
    """A server, and its methods as the client has them."""

    server: FakeServer
    client: ipc.RemoteMethods
    lost: asyncio.Event

    def call(
        self,
        path: str,
        raw: bytes | AsyncIterator[bytes] = b"",
        calling: FakeCall | None = None,
    ) -> asyncio.Task[Ending]:
        """Begin a call."""

        async def called() -> Ending:
            method = self.client.methods[path]
            return await method.answer(raw, calling or FakeCall())

        return asyncio.create_task(called())


@pytest.fixture
async def pair() -> AsyncIterator[Connected]:
    async with connected() as both:
        yield both


@asynccontextmanager
async def connected() -> AsyncIterator[Connected]:
    server, lost = FakeServer(), asyncio.Event()
    methods = server.methods()
    async with ipc.serve_ipc(methods) as answering:
        wire = await answering.new_client()
        client = await ipc.connect_ipc(wire, ipc.shapes_of(methods), lost.set)
        yield Connected(server, client, lost)


async def endless(
    count: int, raw: bytes = BIG, then: Callable[[], object] = lambda: None
) -> AsyncIterator[bytes]:
    """Yield requests, do something, and end neither the stream nor the call."""
    for _ in range(count):
        yield raw
    then()
    await asyncio.sleep(60)


async def requests_of(*requests: bytes) -> AsyncIterator[bytes]:
    for raw in requests:
        yield raw


async def soon(awaitable: Awaitable[T]) -> T:
    """Wait for something that ought to happen soon."""
    return await asyncio.wait_for(awaitable, PATIENCE_S)


def refusal(ended: Ending) -> tuple[grpc.StatusCode, str]:
    """Return the code and reason of a failed call."""
    assert isinstance(ended, Status)
    return ended.code, ended.reason


async def test_what_is_known_of_a_call_arrives(pair: Connected) -> None:
    """Request, caller, remaining time and origin arrive as they were, also if there are
    none."""
    anonymous = FakeCall(ANYBODY, remaining_s=None)
    assert b"hospital-1 2.5 q" == await pair.call("echo", b"q")
    assert b"anonymous None " == await pair.call("echo", b"", anonymous)


async def test_replies_find_their_calls(pair: Connected) -> None:
    """Many calls at once, large and small, each get the reply to their own request."""
    sizes = [1 + n * n * 17 % 300_000 for n in range(200)]
    requests = [bytes([n]) * size for n, size in enumerate(sizes)]
    replies = await asyncio.gather(*(pair.call("echo", raw) for raw in requests))
    assert [b"hospital-1 2.5 " + raw for raw in requests] == replies


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=6), st.data())
def test_frames_may_be_cut_anywhere(raws: list[bytes], data: st.DataObject) -> None:
    """However a connection cuts what is sent, each frame is handed over once,
    whole and in order."""
    received: list[bytes] = []
    protocol = frames.FrameProtocol(
        lambda frame: received.append(frame.raw), lambda: None
    )
    sent = b"".join(frames.encode_frame(frames.CallChunk(raw)) for raw in raws)
    cuts = data.draw(st.sets(st.integers(0, len(sent)), max_size=8))
    for start, stop in pairwise(sorted(cuts | {0, len(sent)})):
        protocol.data_received(sent[start:stop])
    assert raws == received


async def test_streams_run_both_ways(pair: Connected) -> None:
    """Each request is answered as it comes, in order, before the last has been sent."""
    counted = await pair.call("count/", requests_of(BIG, BIG, BIG))
    assert str(3 * len(BIG)).encode() == counted
    call, sent = FakeCall(), asyncio.Event()
    under_way = pair.call("twice/", endless(2, b"a", sent.set), call)
    await soon(sent.wait())
    while len(call.replies) < 4:  # noqa: ASYNC110 - bounded by the test's own patience
        await asyncio.sleep(0.001)
    under_way.cancel()
    assert [b"a"] * 4 == call.replies


@pytest.mark.parametrize("path", ["refuse", "refuse/"])
async def test_a_refusal_arrives_whole(pair: Connected, path: str) -> None:
    """Code, reason, sentence and details arrive, text as text and bytes as bytes;
    requests nobody reads do no harm."""
    raw = endless(50) if path.endswith("/") else b""
    assert REFUSED == await soon(pair.call(path, raw))


@pytest.mark.parametrize("path", ["linger", "take/"])
async def test_who_goes_takes_his_call_with_him(pair: Connected, path: str) -> None:
    """A call whose caller has gone is cancelled at the server; the next is answered."""
    call = pair.call(path, endless(1) if path.endswith("/") else b"")
    await soon(pair.server.began.wait())
    call.cancel()
    await soon(pair.server.cancelled.wait())
    assert await pair.call("echo", b"")


async def test_who_goes_ends_a_stream_nobody_reads(pair: Connected) -> None:
    """A stream is cancelled with its caller though the server reads none of what is there."""
    call = pair.call("linger/", endless(100_000, BIG))
    await soon(pair.server.began.wait())
    # Until the connection holds what nobody reads.
    await asyncio.sleep(0.2)
    assert not pair.server.cancelled.is_set()
    call.cancel()
    await soon(pair.server.cancelled.wait())
    assert await pair.call("echo", b"")


def test_a_gateway_lets_in_what_may_queue() -> None:
    """More would wait in sockets, unrejected; fewer would leave the queue half empty."""
    assert QUEUE_LIMIT == ipc.MAX_PENDING_CALLS


async def test_too_many_are_turned_away_unread(
    pair: Connected, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond the bound a call is told when to come again, and is logged; when one ends
    another may come."""
    monkeypatch.setattr(ipc, "MAX_PENDING_CALLS", 3)
    under_way = [pair.call("linger") for _ in range(3)]
    await asyncio.sleep(0)
    with capture_logs() as lines:
        rejected = await pair.call("echo")
    assert (grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED") == refusal(rejected)
    assert isinstance(rejected, Status)
    assert str(SOONEST_MS) == dict(rejected.trailing)[PUSHBACK_KEY]
    (line,) = lines
    assert ("echo", "OVERLOADED") == (line["method"], line["reason"])
    assert "hospital-1" == line["caller"]
    # A busy server is not a dead one.
    await soon(pair.client.ready())
    under_way[0].cancel()
    await asyncio.wait(under_way[:1])
    assert await pair.call("echo")
    for call in under_way:
        call.cancel()


async def test_who_has_gone_before_his_turn_leaves_nothing() -> None:
    """A call that arrives together with its cancellation is neither answered nor kept."""
    server = FakeServer()
    connection = ipc._Connection(server.methods(), set(), {})
    request = frames.CallRequest(1, "linger", ANYBODY, None)
    connection.protocol.data_received(
        frames.encode_frame(request) + frames.encode_frame(frames.CallCancel(1))
    )
    assert [1] == list(connection._calls)
    await asyncio.wait(connection._calls.values(), timeout=PATIENCE_S)
    assert [] == list(connection._calls)
    assert not server.began.is_set()


async def test_a_slow_reader_is_not_flooded(pair: Connected) -> None:
    """What the server does not take is not read from the caller, beyond what connections
    hold."""
    sent = 0

    async def flood() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1
            yield BIG

    call = pair.call("linger/", flood())
    await soon(pair.server.began.wait())
    before = -1
    while before != sent:
        before = sent
        await asyncio.sleep(0.2)
    call.cancel()
    assert 1 <= sent < 10


async def test_who_answers_is_missed() -> None:
    """The client is told once the server is lost."""
    async with connected() as pair:
        assert await pair.call("echo")
        assert not pair.lost.is_set()
    await soon(pair.lost.wait())


async def test_a_stream_nobody_answers_any_more_is_unavailable() -> None:
    """If the server goes away in its midst or went before, it is to be tried again, like
    the calls of a killed process."""
    async with connected() as pair:
        cut = await pair.call("vanish/", requests_of(b""))
    late = await pair.call("count/", requests_of(b""))
    unavailable = (grpc.StatusCode.UNAVAILABLE, "STORE_UNAVAILABLE")
    assert unavailable == refusal(cut) == refusal(late)
