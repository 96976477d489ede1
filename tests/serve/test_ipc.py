"""Laws of a hop: bytes arrive as they were sent whatever happens on the way, and who
goes takes his calls with him.

That every call of every service means the same over a hop is shown by the other tests
here: all go over one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import grpc
import pytest
from gongji.rpc.method import CallFailed, Calling, Method, Writing
from gongji.rpc.outcome import SOONEST_MS
from gongji.rpc.status import DETAILS_KEY, PUSHBACK_KEY, Status
from gongji.serve import frames, ipc
from gongji.store.queues import QUEUE_LIMIT
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

PATIENCE_S = 5
BIG = b"x" * 1_000_000
REFUSED = Status(
    grpc.StatusCode.UNAVAILABLE,
    "GONE",
    "稍后再来",
    ((DETAILS_KEY, b"\0\xff"), (PUSHBACK_KEY, "500")),
)


@dataclass
class Caller:
    """A call as gRPC would carry it; keeps the replies that stream."""

    caller: str | None = "hospital-1"
    remaining_s: float | None = 2.5
    replies: list[bytes] = field(default_factory=list)

    async def write(self, reply: bytes) -> None:
        self.replies.append(reply)


@dataclass
class Behind:
    """What answers: each method does one thing a service might, and notes what it saw."""

    began: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    taken: int = 0

    async def echo(self, raw: bytes, calling: Calling) -> bytes:
        return f"{calling.caller} {calling.remaining_s} ".encode() + raw

    async def refuse(self, raw: Any, calling: Calling) -> bytes:
        raise CallFailed(REFUSED)

    async def linger(self, raw: Any, calling: Calling) -> bytes:
        self.began.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return b""

    async def count(self, raw: AsyncIterator[bytes], calling: Calling) -> bytes:
        return str(sum([len(one) async for one in raw])).encode()

    async def take(self, raw: AsyncIterator[bytes], calling: Calling) -> bytes:
        """Takes requests until they are cut off."""
        self.began.set()
        try:
            async for _ in raw:
                self.taken += 1
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return b""

    async def vanish(self, raw: Any, calling: Any) -> bytes:
        """Goes away as a process that is killed."""
        calling.stream.close()
        return b""

    async def twice(self, raw: AsyncIterator[bytes], calling: Writing) -> bytes:
        async for one in raw:
            await calling.write(one)
            await calling.write(one)
        return b""

    def methods(self) -> dict[str, Method]:
        plain = {
            name: Method(
                name, streams_in=False, streams_out=False, answer=getattr(self, name)
            )
            for name in PLAIN
        }
        many = {
            f"{name}/": Method(
                f"{name}/",
                streams_in=True,
                streams_out=name == "twice",
                answer=getattr(self, name),
            )
            for name in STREAMING
        }
        return plain | many


PLAIN = ("echo", "refuse", "linger")
STREAMING = ("count", "refuse", "linger", "take", "twice", "vanish")


@dataclass
class Hop:
    """Both ends: what answers, and its methods as the other end has them."""

    behind: Behind
    remote: ipc.RemoteMethods
    lost: asyncio.Event

    def call(
        self, path: str, raw: Any, caller: Caller | None = None
    ) -> asyncio.Task[bytes]:
        """A call under way."""

        async def called() -> bytes:
            return await self.remote.methods[path].answer(raw, caller or Caller())

        return asyncio.create_task(called())


@pytest.fixture
async def over() -> AsyncIterator[Hop]:
    async with joined() as joint:
        yield joint


@asynccontextmanager
async def joined() -> AsyncIterator[Hop]:
    behind, lost = Behind(), asyncio.Event()
    answered = behind.methods()
    async with ipc.serve_ipc(answered) as folder:
        remote = await ipc.connect_ipc(folder, ipc.shapes_of(answered), lost.set)
        yield Hop(behind, remote, lost)


async def many(
    count: int, raw: bytes = BIG, then: Callable[[], object] = lambda: None
) -> AsyncIterator[bytes]:
    """Requests; then something happens, and no more come."""
    for _ in range(count):
        yield raw
    then()
    await asyncio.sleep(60)


async def some(*requests: bytes) -> AsyncIterator[bytes]:
    for raw in requests:
        yield raw


async def test_what_is_known_of_a_call_arrives(over: Hop) -> None:
    """Request, caller and time left arrive as they were, also where there are none."""
    assert b"hospital-1 2.5 q" == await over.call("echo", b"q")
    assert b"None None " == await over.call("echo", b"", Caller(None, None))


async def test_replies_find_their_calls(over: Hop) -> None:
    """Many calls at once, large and small, each get the reply to their own request."""
    requests = [bytes([n]) * (1 + n * n * 17 % 300_000) for n in range(200)]
    replies = await asyncio.gather(*(over.call("echo", raw) for raw in requests))
    assert [b"hospital-1 2.5 " + raw for raw in requests] == replies


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=6), st.data())
def test_frames_may_be_cut_anywhere(raws: list[bytes], data: st.DataObject) -> None:
    """However a connection cuts what is sent, each frame is handed over once,
    whole and in order."""
    got: list[bytes] = []
    wire = frames.FrameProtocol(lambda frame: got.append(frame.raw), lambda: None)
    sent = b"".join(frames.encode_frame(frames.CallChunk(raw)) for raw in raws)
    cuts = sorted(
        data.draw(st.sets(st.integers(0, len(sent)), max_size=8)) | {0, len(sent)}
    )
    for start, stop in pairwise(cuts):
        wire.data_received(sent[start:stop])
    assert raws == got


async def test_streams_run_both_ways(over: Hop) -> None:
    """Each request is answered as it comes, in order, before the last has been sent."""
    caller, come = Caller(), asyncio.Event()
    assert str(3 * len(BIG)).encode() == await over.call("count/", some(BIG, BIG, BIG))
    under_way = over.call("twice/", many(2, b"a", come.set), caller)
    await asyncio.wait_for(come.wait(), PATIENCE_S)
    while len(caller.replies) < 4:  # noqa: ASYNC110 - bounded by the test's own patience
        await asyncio.sleep(0.001)
    under_way.cancel()
    assert [b"a"] * 4 == caller.replies


@pytest.mark.parametrize("path", ["refuse", "refuse/"])
async def test_a_refusal_arrives_whole(over: Hop, path: str) -> None:
    """Code, reason, sentence and details arrive, text as text and bytes as bytes;
    requests nobody reads do no harm."""
    with pytest.raises(CallFailed) as refused:
        await asyncio.wait_for(
            over.call(path, many(50) if path.endswith("/") else b""), PATIENCE_S
        )
    assert REFUSED == refused.value.status


@pytest.mark.parametrize("path", ["linger", "take/"])
async def test_who_goes_takes_his_call_with_him(over: Hop, path: str) -> None:
    """A call whose caller has gone is cancelled where it is answered; the next one is answered."""
    call = over.call(path, many(1) if path.endswith("/") else b"")
    await asyncio.wait_for(over.behind.began.wait(), PATIENCE_S)
    call.cancel()
    await asyncio.wait_for(over.behind.cancelled.wait(), PATIENCE_S)
    assert await over.call("echo", b"")


def test_a_gateway_lets_in_what_may_queue() -> None:
    """More would wait in sockets, where nobody is told; fewer would leave room nobody uses."""
    assert QUEUE_LIMIT == ipc.MAX_PENDING_CALLS


async def test_too_many_are_turned_away_unread(
    over: Hop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond the bound a call is told when to come again, and the log tells it; when
    one ends another may come."""
    monkeypatch.setattr(ipc, "MAX_PENDING_CALLS", 3)
    under_way = [over.call("linger", b"") for _ in range(3)]
    await asyncio.sleep(0)
    with capture_logs() as lines, pytest.raises(CallFailed) as turned_away:
        await over.call("echo", b"")
    told = turned_away.value.status
    assert (grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED") == (
        told.code,
        told.reason,
    )
    await asyncio.wait_for(
        over.remote.ping(), PATIENCE_S
    )  # a busy server is not a dead one
    assert str(SOONEST_MS) == dict(told.trailing)[PUSHBACK_KEY]
    assert [("echo", "OVERLOADED", "hospital-1")] == [
        (li["method"], li["reason"], li["caller"]) for li in lines
    ]
    under_way[0].cancel()
    await asyncio.wait(under_way[:1])
    assert await over.call("echo", b"")
    for call in under_way:
        call.cancel()


async def test_who_has_gone_before_his_turn_leaves_nothing() -> None:
    """A call that comes together with the word that its caller has gone is not
    answered, and not kept either."""
    behind = Behind()
    answering = ipc._Connection(behind.methods(), set())
    asks = frames.CallRequest(1, "linger", None, None)
    answering.protocol.data_received(
        frames.encode_frame(asks) + frames.encode_frame(frames.CallCancel(1))
    )
    assert [1] == list(answering._calls)
    await asyncio.sleep(0.01)
    assert [] == list(answering._calls)
    assert not behind.began.is_set()


async def test_a_slow_reader_is_not_flooded(over: Hop) -> None:
    """What nobody takes is not read from the caller either, beyond what connections hold."""
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1
            yield BIG

    call = over.call("linger/", endless())
    await asyncio.wait_for(over.behind.began.wait(), PATIENCE_S)
    before = -1
    while before != sent:
        before = sent
        await asyncio.sleep(0.2)
    call.cancel()
    assert 1 <= sent < 10


async def test_who_answers_is_missed(tmp_path: Any) -> None:
    """The carrying end is told once nobody answers any more; where nobody ever did, it
    is an error."""
    async with joined() as joint:
        assert await joint.call("echo", b"")
        assert not joint.lost.is_set()
    await asyncio.wait_for(joint.lost.wait(), PATIENCE_S)
    with pytest.raises(FileNotFoundError):
        await ipc.connect_ipc(tmp_path, [], lambda: None)


async def test_a_stream_nobody_answers_any_more_is_unavailable() -> None:
    """Whether who answers it goes away in its midst or went before: to be tried again,
    as what a killed process had."""
    async with joined() as joint:
        with pytest.raises(CallFailed) as cut:
            await joint.call("vanish/", some(b""))
    with pytest.raises(CallFailed) as late:
        await joint.call("count/", some(b""))
    told = [
        (ended.value.status.code, ended.value.status.reason) for ended in (cut, late)
    ]
    assert [(grpc.StatusCode.UNAVAILABLE, "STORE_UNAVAILABLE")] * 2 == told
