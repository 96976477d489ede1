"""The gateway from its server's side: how it ends, and what replaces it."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Mapping
from typing import Any

import grpc
import pytest
from gongji.rpc.method import Answers, Method, Services
from gongji.serve import supervisor
from gongji.serve.authentication import AnybodyAuthenticator
from gongji.serve.beside import working_beside
from gongji.serve.gateway import Gateway

from tests.patience import PATIENCE_S

ANY = "127.0.0.1:0"


@pytest.mark.parametrize(
    ("word", "status"), [(b".", 0), (b"", 1)], ids=["in order", "killed"]
)
async def test_it_ends_as_its_server_does(word: bytes, status: int) -> None:
    """A server that ends in order has its calls finished; if it was killed they are
    UNAVAILABLE at once."""
    began, go_on = asyncio.Event(), asyncio.Event()

    async def slowly(raw: bytes, _: object) -> bytes:
        began.set()
        await go_on.wait()
        return raw

    gateway = gateway_to({"/x/slowly": slowly, "/x/echo": echo})
    await gateway.start()
    async with grpc.aio.insecure_channel(gateway.address) as channel:
        unary: Any = channel.unary_unary  # typed for messages only
        call = unary("/x/slowly")(b"z")
        await asyncio.wait_for(began.wait(), PATIENCE_S)
        process = tell_end(gateway, word)
        await until_refused(unary("/x/echo"))
        if not status:
            go_on.set()
        expected = grpc.StatusCode.UNAVAILABLE if status else grpc.StatusCode.OK
        assert (expected, status) == (await call.code(), await process.wait())
    await gateway.stop()


async def test_a_wire_that_breaks_is_replaced() -> None:
    """A gateway that loses its wire to a living server ends, and a successor with
    another wire answers on the same port."""
    gateway = gateway_to({"/x/echo": echo})
    await gateway.start()
    async with working_beside(gateway.keep()):
        first = gateway._supervisor._children[1].process
        for protocol in list(gateway._ipc._connected):
            protocol.close()
        assert 1 == await asyncio.wait_for(first.wait(), PATIENCE_S)
        async with grpc.aio.insecure_channel(gateway.address) as channel:
            unary: Any = channel.unary_unary  # typed for messages only
            call = unary("/x/echo")(b"z", timeout=PATIENCE_S, wait_for_ready=True)
            assert b"z" == await call
    await gateway.stop()


async def test_a_port_that_cannot_be_kept_ends_the_service(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """If no gateway can be had for long the service ends with the reason, so that who
    supervises it acts: no process lives on behind a dead port."""
    gateway = gateway_to({"/x/echo": echo})
    await gateway.start()
    monkeypatch.setattr(supervisor, "GIVEN_UP_S", 0.0)
    monkeypatch.setattr(supervisor, "FIRST_PAUSE_S", 0.01)

    async def none_left() -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(gateway._ipc, "new_client", none_left)
    keeping = asyncio.ensure_future(gateway.keep())
    gateway._supervisor._children[1].process.kill()
    with pytest.raises(OSError, match="没有一个 gateway 进程在服务"):
        await asyncio.wait_for(keeping, PATIENCE_S)
    await gateway.stop()


def tell_end(gateway: Gateway, word: bytes) -> asyncio.subprocess.Process:
    """Send the gateway's process the server's last word, nothing if it was killed."""
    process = gateway._supervisor._children[1].process
    assert process.stdin
    process.stdin.write(word)
    process.stdin.close()
    return process


async def echo(raw: bytes, _: object) -> bytes:
    return raw


async def until_refused(method: Any) -> None:
    """Call until a call is not answered: the gateway has heard of the end then."""
    while await method(b"").code() is grpc.StatusCode.OK:
        pass


def gateway_to(answers: Mapping[str, Answers]) -> Gateway:
    """Return a gateway with methods by their paths."""
    methods = {
        path: Method(path, streams_in=False, streams_out=False, answer=answer)
        for path, answer in answers.items()
    }
    return Gateway(Services(methods, (), ()), ANY, AnybodyAuthenticator())
