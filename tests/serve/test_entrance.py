"""The port's entrance, over the wire: shares kept, stalled calls ended, health answered."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import grpc
import pytest
from gongji.access.callers import CallerLimits
from gongji.access.identity import CallerIdentity
from gongji.model.refusals import CredentialMissing
from gongji.rpc.method import Calling, Ending, Method, Services, Writing
from gongji.rpc.status import PUSHBACK_KEY, Status
from gongji.serve import entrance, shares
from gongji.serve.authentication import AnybodyAuthenticator
from gongji.serve.health import HEALTH_LIMITS
from gongji.serve.port import OpenPort

LIMITS = CallerLimits(calls=4, per_second=1000, streams=3)

CHECK = "/grpc.health.v1.Health/Check"
WATCH = "/grpc.health.v1.Health/Watch"

SERVING = b"\x08\x01"

EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED
DEADLINE = grpc.StatusCode.DEADLINE_EXCEEDED


class Named(AnybodyAuthenticator):
    """Knows who states a name, and gives everybody the same limits."""

    def identify(
        self,
        metadata: Mapping[str, str | bytes],
        peer: Mapping[str, Sequence[bytes]],
    ) -> CallerIdentity:
        name = metadata.get("name")
        if not isinstance(name, str):
            raise CredentialMissing("没有名称")
        return CallerIdentity(name)

    def limits(self, caller: str) -> CallerLimits:
        return LIMITS


async def echo(raw: bytes, _: Calling) -> Ending:
    return raw


async def linger(raw: bytes, _: Calling) -> Ending:
    await asyncio.sleep(60)
    return raw


async def count(requests: AsyncIterator[bytes], _: Calling) -> Ending:
    return str(len([raw async for raw in requests])).encode()


async def repeat(requests: AsyncIterator[bytes], calling: Writing) -> Ending:
    async for raw in requests:
        await calling.write(raw)
    return b""


async def tell(requests: AsyncIterator[bytes], calling: Writing) -> Ending:
    await anext(requests)
    while True:
        await calling.write(b"news")
        await asyncio.sleep(0.01)


async def refuse(requests: AsyncIterator[bytes], _: Calling) -> Ending:
    await anext(requests)
    return Status(grpc.StatusCode.INVALID_ARGUMENT, "", "", ())


def services() -> Services:
    methods = [
        Method("/s/echo", streams_in=False, streams_out=False, answer=echo),
        Method("/s/linger", streams_in=False, streams_out=False, answer=linger),
        Method("/s/count", streams_in=True, streams_out=False, answer=count),
        Method("/s/repeat", streams_in=True, streams_out=True, answer=repeat),
        Method("/s/tell", streams_in=True, streams_out=True, answer=tell, endless=True),
        Method("/s/refuse", streams_in=True, streams_out=False, answer=refuse),
        Method("/s/refuse_both", streams_in=True, streams_out=True, answer=refuse),
    ]
    return Services({method.path: method for method in methods}, (), ())


class StubCaller:
    """One caller of the port, with a connection of its own."""

    def __init__(self, address: str, name: str = "") -> None:
        options = [("grpc.use_local_subchannel_pool", 1)]
        # Any: its stubs know messages only.
        self.channel: Any = grpc.aio.insecure_channel(address, options)
        self.metadata = [("name", name)] if name else []

    def echo(self) -> Any:
        return self.channel.unary_unary("/s/echo")(b"x", metadata=self.metadata)

    def linger(self) -> Any:
        return self.channel.unary_unary("/s/linger")(b"x", metadata=self.metadata)

    def unfinished(self, path: str = "/s/echo") -> Any:
        """Begin a call whose request never comes."""
        return self.channel.stream_stream(path)(metadata=self.metadata)

    def check(self) -> Any:
        return self.channel.unary_unary(CHECK)(b"", metadata=self.metadata)

    def watch(self) -> Any:
        return self.channel.unary_stream(WATCH)(b"", metadata=self.metadata)


@pytest.fixture
async def port() -> AsyncIterator[OpenPort]:
    server = OpenPort(services(), "127.0.0.1:0", Named())
    await server.start()
    yield server
    await server.stop(0)


async def failure(call: Any) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await call
    return failed.value


async def first(call: Any) -> bytes:
    reply: bytes = await call.read()
    return reply


async def test_a_greedy_caller_fills_its_own_share_only(port: OpenPort) -> None:
    """With all its places taken a caller is told when to come again; others are answered."""
    greedy, quiet = (
        StubCaller(port.address, "greedy"),
        StubCaller(port.address, "quiet"),
    )
    held = [asyncio.ensure_future(greedy.linger()) for _ in range(LIMITS.calls)]
    await asyncio.sleep(0.1)
    error = await failure(greedy.echo())
    assert EXHAUSTED == error.code()
    assert "同时在办的调用已达其份额（4）" in str(error.details())
    assert int(dict(error.trailing_metadata() or ())[PUSHBACK_KEY]) > 0
    assert b"x" == await quiet.echo()
    for call in held:
        call.cancel()


@pytest.mark.parametrize("path", ["/s/echo", "/s/linger"])
async def test_a_request_that_never_comes_ends(
    port: OpenPort, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """A call whose request does not come counts, and is ended in time."""
    monkeypatch.setattr(entrance, "READ_S", 0.2)
    caller = StubCaller(port.address, "a")
    calls = [caller.unfinished(path) for _ in range(LIMITS.calls)]
    await asyncio.sleep(0.05)
    assert EXHAUSTED == (await failure(caller.echo())).code()
    assert {DEADLINE} == {(await failure(call.read())).code() for call in calls}
    assert b"x" == await caller.echo()


@pytest.mark.parametrize("path", ["/s/count", "/s/repeat"])
async def test_a_stream_that_pauses_ends(
    port: OpenPort, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """A stream counts from its beginning, and is ended if its caller falls silent."""
    monkeypatch.setattr(entrance, "PAUSE_S", 0.3)
    caller = StubCaller(port.address, "a")
    calls = [caller.unfinished(path) for _ in range(LIMITS.streams)]
    await asyncio.sleep(0.05)
    assert EXHAUSTED == (await failure(caller.unfinished(path).read())).code()
    assert b"x" == await caller.echo()
    assert {DEADLINE} == {(await failure(call.read())).code() for call in calls}


async def test_a_reply_nobody_takes_ends_its_work(
    port: OpenPort, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Work whose replies are not taken ends; its place stays taken until the caller goes."""
    monkeypatch.setattr(entrance, "PAUSE_S", 0.3)
    caller = StubCaller(port.address, "a")
    call = caller.unfinished("/s/repeat")
    big = bytes(1_000_000)
    with suppress(
        asyncio.TimeoutError, grpc.aio.AioRpcError, asyncio.InvalidStateError
    ):
        async with asyncio.timeout(1):
            while True:
                await call.write(big)
    share = port._entrances.shares.of("a")
    leases = list(port._entrances.shares._leases)
    async with asyncio.timeout(10):
        while not all(lease.overdue for lease in leases):  # noqa: ASYNC110 - bounded
            await asyncio.sleep(0.01)
    assert 1 == share.streams
    call.cancel()
    async with asyncio.timeout(10):
        while share.streams:  # noqa: ASYNC110 - bounded
            await asyncio.sleep(0.01)


async def test_health_is_answered_whatever_is_taken(
    port: OpenPort, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Health has places of its own, for callers without a name too."""
    monkeypatch.setattr(port._entrances.shares, "_most_calls", 1)
    busy = StubCaller(port.address, "busy")
    held = asyncio.ensure_future(busy.linger())
    await asyncio.sleep(0.1)
    error = await failure(StubCaller(port.address, "other").echo())
    assert "在办的调用已达上限" in str(error.details())
    assert SERVING == await StubCaller(port.address).check() == await busy.check()
    held.cancel()


async def test_watches_of_one_connection_are_bounded(port: OpenPort) -> None:
    """Health.Watch counts: of one connection so many, and another has its own."""
    watcher = StubCaller(port.address)
    watches = [watcher.watch() for _ in range(HEALTH_LIMITS.streams)]
    assert {SERVING} == {await first(watch) for watch in watches}
    assert EXHAUSTED == (await failure(watcher.watch().read())).code()
    assert (
        SERVING
        == await watcher.check()
        == await first(StubCaller(port.address).watch())
    )


async def test_who_does_not_wait_is_held_back(
    port: OpenPort, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refusal of who came too early too often takes as long as it tells to wait."""
    monkeypatch.setattr(shares, "_PROMPT_REFUSALS", 3)
    monkeypatch.setattr(shares, "_PROMPT_REFUSALS_PER_S", 0)
    caller = StubCaller(port.address, "a")
    held = [asyncio.ensure_future(caller.linger()) for _ in range(LIMITS.calls)]
    await asyncio.sleep(0.1)
    waits = [await refused_after(caller) for _ in range(5)]
    assert all(waited < told for waited, told in waits[:3])
    assert all(waited >= told for waited, told in waits[3:])
    for call in held:
        call.cancel()


async def refused_after(caller: StubCaller) -> tuple[float, float]:
    """Return how long a refusal took, and how long it tells to wait, in seconds."""
    began = time.monotonic()
    error = await failure(caller.echo())
    told_ms = int(dict(error.trailing_metadata() or ())[PUSHBACK_KEY])
    return time.monotonic() - began, told_ms / 1000


async def test_nobody_unknown_takes_a_place(port: OpenPort) -> None:
    """Who is not known is refused before any request is read, and holds nothing."""
    stranger = StubCaller(port.address)
    error = await failure(stranger.unfinished().read())
    assert grpc.StatusCode.UNAUTHENTICATED == error.code()
    assert {} == port._entrances.shares._leases


@pytest.mark.parametrize("path", ["/s/refuse", "/s/refuse_both"])
async def test_a_refusal_waits_for_what_is_being_sent(
    port: OpenPort, path: str
) -> None:
    """A stream refused in its midst is read on for a moment before it ends.

    Ended while it sends, gRPC's own client reports INTERNAL now and then.
    """
    sent: list[int] = []

    async def rows() -> AsyncIterator[bytes]:
        for number in range(3):
            sent.append(number)
            yield b"row"
            await asyncio.sleep(0.05)

    caller = StubCaller(port.address, "a")
    call = caller.channel.stream_stream(path)(rows(), metadata=caller.metadata)
    assert grpc.StatusCode.INVALID_ARGUMENT == (await failure(call.read())).code()
    assert [0, 1, 2] == sent


@pytest.mark.parametrize("name", ["", "a", "over"])
@pytest.mark.parametrize("path", ["/s/refuse", "/s/refuse_both"])
async def test_who_is_refused_while_sending_is_told_why(
    port: OpenPort, path: str, name: str
) -> None:
    """A client that sends on hears the refusal: as a stranger, refused, over its share."""
    caller = StubCaller(port.address, name)
    held = []
    if name == "over":
        held = [caller.unfinished("/s/repeat") for _ in range(LIMITS.streams)]
        await asyncio.sleep(0.05)
    expected = {
        "": grpc.StatusCode.UNAUTHENTICATED,
        "a": grpc.StatusCode.INVALID_ARGUMENT,
        "over": EXHAUSTED,
    }

    async def rows() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"row"

    heard = Counter[grpc.StatusCode]()
    for _ in range(50):
        call = caller.channel.stream_stream(path)(rows(), metadata=caller.metadata)
        heard[(await failure(call.read())).code()] += 1
    assert {expected[name]: 50} == heard
    for call in held:
        call.cancel()


async def test_what_has_no_end_is_ended_when_the_port_stops() -> None:
    """A port that stops does not wait for an endless stream: it goes on elsewhere."""
    server = OpenPort(services(), "127.0.0.1:0", Named())
    await server.start()
    caller = StubCaller(server.address, "a")
    call = caller.channel.unary_stream("/s/tell")(b"x", metadata=caller.metadata)
    assert b"news" == await first(call)
    began = time.monotonic()
    await server.stop(30)
    assert time.monotonic() - began < 20

    async def rest() -> None:
        while await call.read():
            pass

    assert grpc.StatusCode.UNAVAILABLE == (await failure(rest())).code()
