"""What a call leaves in memory: nothing that only a collection of cycles would free."""

from __future__ import annotations

import asyncio
import gc
import uuid
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType, TracebackType
from typing import Any, TypeAlias

import grpc
import pytest
from gongji.v1 import settlement_pb2 as pb
from google.protobuf.message import Message

from tests.scaffold.service import Service

Ask: TypeAlias = Callable[[Service], Awaitable[object]]

TIMES = 20

SETTLE = "/gongji.v1.SettlementService/Settle"


def raw(house: Service) -> Any:
    """Return a channel for bytes as they are."""
    return house.channel


async def unreadable(house: Service) -> None:
    await raw(house).unary_unary(SETTLE)(b"\xff\xff")


async def malformed(house: Service) -> None:
    await house.settlements.Settle(pb.SettleRequest())


async def refused_by_the_store(house: Service) -> None:
    bill = house.bill(institution_code="H34110009999")
    request_id = str(uuid.uuid4())
    await house.settlements.Settle(pb.SettleRequest(request_id=request_id, bill=bill))


async def not_found(house: Service) -> None:
    await house.settlements.GetSettlement(pb.GetSettlementRequest(settlement_id="x"))


async def nobody_knows_who_calls(house: Service) -> None:
    call = raw(house).unary_unary(SETTLE)
    await call(b"", metadata=(("x-gongji-caller", "!"),))


async def too_late(house: Service) -> None:
    request = pb.SettleRequest(request_id=str(uuid.uuid4()), bill=house.bill())
    await house.settlements.Settle(request, timeout=0.002)


async def cancelled(house: Service) -> None:
    request = pb.SettleRequest(request_id=str(uuid.uuid4()), bill=house.bill())
    call = house.settlements.Settle(request)
    await asyncio.sleep(0)
    call.cancel()
    with suppress(asyncio.CancelledError):
        await call


async def no_such_health(house: Service) -> None:
    await raw(house).unary_unary("/grpc.health.v1.Health/Check")(b"\x0a\x01x")


async def unreadable_rows(house: Service) -> None:
    path = "/gongji.v1.RegistryService/ImportPersons"
    await raw(house).stream_unary(path)(iter([b"\xff", b"x"]))


async def unreadable_rows_both_ways(house: Service) -> None:
    path = "/gongji.v1.SettlementService/ReconcileDetails"
    await raw(house).stream_stream(path)(iter([b"\xff", b"x"])).read()


ASKED: list[Ask] = [
    unreadable,
    malformed,
    refused_by_the_store,
    not_found,
    nobody_knows_who_calls,
    too_late,
    cancelled,
    no_such_health,
    unreadable_rows,
    unreadable_rows_both_ways,
]


@pytest.mark.sampled(8)
@pytest.mark.parametrize("home", ["memory", "shared"], indirect=True)
@pytest.mark.parametrize("ask", ASKED, ids=[ask.__name__ for ask in ASKED])
async def test_what_a_refused_call_held_is_freed_with_it(
    house: Service, ask: Ask
) -> None:
    """A refused call leaves no frame, error or message to the collector of cycles."""
    # Caches and lazy imports fill with the first.
    await asked(house, ask)
    with uncollected() as left:
        for _ in range(TIMES):
            await asked(house, ask)
    assert [] == left


async def asked(house: Service, ask: Ask) -> None:
    with suppress(grpc.aio.AioRpcError):
        await ask(house)
    # Until the server's side of the call has ended as well.
    for _ in range(5):
        await asyncio.sleep(0.001)


@contextmanager
def uncollected() -> Iterator[list[str]]:
    """List, at the end, what only the collector frees of frames, errors and messages."""
    left: list[str] = []
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        yield left
        gc.collect()
        left += sorted({name for name in map(_held, gc.garbage) if name})
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


def _held(found: Any) -> str:
    """Return what an object is, if it is of the kind that holds a request."""
    if isinstance(found, FrameType):
        return f"frame {found.f_code.co_name}"
    if isinstance(found, TracebackType | BaseException | Message):
        return type(found).__name__
    return ""
