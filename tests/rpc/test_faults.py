"""Faults ordered of a sandbox: what is lost is committed, what is refused is not."""

from __future__ import annotations

import asyncio
import json
from time import monotonic
from typing import Any, Final, NamedTuple

import grpc
import pytest
from gongji.binding.workdays import Workdays
from gongji.model.refusals import MalformedField
from gongji.rpc.faults import DELAY_MS, KINDS, LONGEST_MS, fault_in
from gongji.rpc.origin import FAULT_KEY
from gongji.v1 import sandbox_pb2 as pb
from gongji.v1 import settlement_pb2 as settled_pb

from tests.patience import PATIENCE_S
from tests.rpc.port import make_server
from tests.rpc.retried import FIRST_ID, charged
from tests.scaffold.service import HOSPITAL, RefusedCall, Service, charge_of

DELAY: Final = 60_000
"""Milliseconds that no test waits for."""

SHORT_S: Final = 0.3
"""Seconds in which a call that waits before its work is seen to do nothing."""


class Struck(NamedTuple):
    """What happens to a call by a fault."""

    kind: int
    ends: str
    """How it ends; "" if no test waits for that."""
    done: bool
    """Whether it is done all the same."""


STRUCK: Final = {
    "lost-reply": Struck(pb.FAULT_KIND_LOST_REPLY, "UNAVAILABLE ", done=True),
    "no-reply": Struck(pb.FAULT_KIND_NO_REPLY, "", done=True),
    f"late-reply={DELAY}": Struck(pb.FAULT_KIND_LATE_REPLY, "", done=True),
    f"slow={DELAY}": Struck(pb.FAULT_KIND_SLOW, "", done=False),
    "unavailable": Struck(
        pb.FAULT_KIND_UNAVAILABLE, "UNAVAILABLE STORE_UNAVAILABLE", done=False
    ),
}
"""Each fault by its name in the metadata."""


def test_every_kind_is_here() -> None:
    """Each kind of fault is tried, and can be ordered in both ways."""
    assert list(KINDS) == [name.partition("=")[0] for name in STRUCK]
    numbers = [0, *[struck.kind for struck in STRUCK.values()]]
    assert sorted(numbers) == sorted(pb.FaultKind.values())


def settling(s: Service) -> settled_pb.SettleRequest:
    return settled_pb.SettleRequest(request_id=FIRST_ID, bill=s.bill())


async def outcome(s: Service, *metadata: tuple[str, str]) -> str:
    """Settle; return how that ends."""
    try:
        await s.settlements.Settle(settling(s), metadata=metadata)
    except grpc.aio.AioRpcError as error:
        return RefusedCall.of(error).outcome
    return "OK"


async def order(s: Service, **order: Any) -> list[pb.OrderedFault]:
    request = pb.OrderFaultRequest(request_id=s.new_id(), **order)
    return list((await s.sandbox.OrderFault(request)).pending)


async def pending(s: Service) -> list[tuple[str, str]]:
    """Return caller and method of the faults ordered now."""
    listed = await order(s, caller="nobody")
    return [(one.caller, one.method) for one in listed]


@pytest.mark.parametrize("stated", STRUCK)
@pytest.mark.parametrize("by_metadata", [True, False], ids=["call", "order"])
async def test_what_happens(house: Service, stated: str, *, by_metadata: bool) -> None:
    """A call ends as was ordered, and was done exactly if it should be; by the same id
    it is settled once."""
    struck = STRUCK[stated]
    metadata = [(FAULT_KEY, stated)] if by_metadata else []
    if not by_metadata:
        delay = stated.partition("=")[2]
        delay_ms = int(delay or 0)
        await order(house, kind=struck.kind, method="Settle", delay_ms=delay_ms)
    await happened(house, struck, *metadata)
    reply = await house.settlements.Settle(settling(house))
    assert struck.done is reply.receipt.replayed
    assert charge_of(reply.settlement) == await charged(house) > 0


async def happened(house: Service, struck: Struck, *metadata: tuple[str, str]) -> None:
    """Settle, wait until a fault has happened, and leave the call if it has no end."""
    if struck.ends:
        assert struck.ends == await outcome(house, *metadata)
        return
    call = house.settlements.Settle(settling(house), metadata=metadata)
    waiting_s = PATIENCE_S if struck.done else SHORT_S
    assert struck.done is await charged_within(house, waiting_s)
    assert not call.done()
    call.cancel()


async def charged_within(s: Service, seconds: float) -> bool:
    """Return whether P1's purse is charged within a time."""
    until = monotonic() + seconds
    while monotonic() < until:
        if await charged(s):
            return True
        await asyncio.sleep(0.01)
    return False


async def test_late_is_late(service: Service) -> None:
    """A caller that waits gets late replies and slow answers, not before their time."""
    for stated in ("late-reply=200", "slow=200"):
        began = monotonic()
        metadata = [(FAULT_KEY, stated)]
        request = settled_pb.QuoteRequest(bill=service.bill())
        await service.settlements.Quote(request, metadata=metadata)
        assert monotonic() - began >= 0.2


async def test_orders_are_counted(service: Service) -> None:
    """A fault happens to as many calls as were ordered; it can be withdrawn before."""
    away = {"kind": pb.FAULT_KIND_UNAVAILABLE, "method": "Settle"}
    assert [2] == [one.calls for one in await order(service, **away, calls=2)]
    ends = [await outcome(service) for _ in range(3)]
    assert ["UNAVAILABLE STORE_UNAVAILABLE"] * 2 + ["OK"] == ends
    assert [("", "Settle")] == [
        (o.caller, o.method) for o in await order(service, **away)
    ]
    assert [] == await order(service, method="Settle")
    assert "OK" == await outcome(service)


async def test_all_are_withdrawn(service: Service) -> None:
    """By an order of nothing for everybody, and by Reset."""
    away = {"kind": pb.FAULT_KIND_UNAVAILABLE}
    for caller in ("a", "b"):
        await order(service, **away, caller=caller)
    assert 2 == len(await pending(service))
    assert [] == await order(service)
    await order(service, **away)
    await service.sandbox.Reset(pb.ResetRequest(request_id=service.new_id()))
    assert [] == await pending(service)


async def test_the_narrowest_happens_first(service: Service) -> None:
    """Of several that fit: for caller and method, for the caller, the method, everybody."""
    keys = [("", ""), ("", "Settle"), ("me", ""), ("me", "Settle")]
    kind = pb.FAULT_KIND_UNAVAILABLE
    for caller, method in keys:
        await order(service, kind=kind, caller=caller, method=method)
    left = []
    for _ in keys:
        await outcome(service, ("x-gongji-caller", "me"))
        left.append(await pending(service))
    assert [keys[:3], keys[:2], keys[:1], []] == left


async def test_others_are_spared(service: Service) -> None:
    """A fault for one caller, or one method, happens to no other; none to SandboxService."""
    kind = pb.FAULT_KIND_UNAVAILABLE
    await order(service, kind=kind, caller="somebody", calls=9)
    await order(service, kind=kind, method="Reverse", calls=9)
    assert "OK" == await outcome(service)
    await order(service, kind=kind, calls=9)
    await service.sandbox.GetClock(pb.GetClockRequest())
    assert "UNAVAILABLE STORE_UNAVAILABLE" == await outcome(service)


async def test_a_stream_breaks_behind_its_first_reply(service: Service) -> None:
    """Of a stream of replies the first comes; then it has broken."""
    header = settled_pb.ReconcileHeader(
        institution_code=HOSPITAL, from_day="2025-09-01", to_day="2025-09-30"
    )
    rows = [
        settled_pb.ReconcileRow(settlement_id=f"S{n}", patient="P1") for n in range(3)
    ]
    sent = [
        settled_pb.ReconcileDetailsRequest(header=header),
        *[settled_pb.ReconcileDetailsRequest(row=row) for row in rows],
    ]
    call = service.settlements.ReconcileDetails
    assert 3 == len([reply async for reply in call(iter(sent))])
    differences = aiter(call(iter(sent), metadata=[(FAULT_KEY, "lost-reply")]))
    await anext(differences)
    with pytest.raises(grpc.aio.AioRpcError) as broken:
        await anext(differences)
    assert "UNAVAILABLE " == RefusedCall.of(broken.value).outcome


async def test_what_grpc_repeats_is_spared(service: Service) -> None:
    """Under a retry policy a call that orders its own fault succeeds on the second try."""
    config = {
        "methodConfig": [
            {
                "name": [{"service": "gongji.v1.SettlementService"}],
                "retryPolicy": {
                    "maxAttempts": 3,
                    "initialBackoff": "0.01s",
                    "maxBackoff": "0.1s",
                    "backoffMultiplier": 2,
                    "retryableStatusCodes": ["UNAVAILABLE"],
                },
            }
        ]
    }
    options = [("grpc.service_config", json.dumps(config))]
    address = service.server.address
    async with grpc.aio.insecure_channel(address, options=options) as channel:
        call: Any = channel.unary_unary(
            "/gongji.v1.SettlementService/Settle",
            request_serializer=settled_pb.SettleRequest.SerializeToString,
            response_deserializer=settled_pb.SettleResponse.FromString,
        )
        reply = await call(settling(service), metadata=[(FAULT_KEY, "lost-reply")])
    assert reply.receipt.replayed


BAD: Final = {
    "lost",
    "lost-reply=1",
    "lost-reply=",
    "slow=",
    "slow=-1",
    "slow=1.5",
    "slow=" + "9" * 5000,
    f"slow={LONGEST_MS + 1}",
    "SLOW",
    "slow=\uff11",
}


@pytest.mark.parametrize("stated", sorted(BAD), ids=lambda stated: stated[:20])
def test_what_is_no_fault(stated: str) -> None:
    """What is no fault is none, however near it comes."""
    with pytest.raises(MalformedField, match=FAULT_KEY):
        fault_in(stated)


async def test_a_misspelt_fault_is_named(house: Service) -> None:
    """A call that orders what is no fault is refused by name, and nothing is done."""
    assert "INVALID_ARGUMENT MALFORMED_FIELD" == await outcome(
        house, (FAULT_KEY, "lost")
    )
    assert 0 == await charged(house)


async def test_a_call_orders_one_fault(house: Service) -> None:
    """A call that orders two faults is refused as one that orders none there is."""
    both = [(FAULT_KEY, "slow=0"), (FAULT_KEY, "lost-reply")]
    assert "INVALID_ARGUMENT MALFORMED_FIELD" == await outcome(house, *both)
    assert 0 == await charged(house)


def test_a_delay_has_a_default() -> None:
    """Late and slow are so by a second unless they say; others have no delay."""
    delays = [fault_in(name).delay_ms for name in KINDS]
    assert [0, 0, DELAY_MS, DELAY_MS, 0] == delays
    assert [0, 0] == [fault_in(f"{name}=0").delay_ms for name in ("late-reply", "slow")]


@pytest.mark.parametrize(
    "method", ["Settl", "gongji.v1.SettlementService/Settle", "GetClock"]
)
async def test_an_unknown_method(service: Service, method: str) -> None:
    """Faults are ordered for methods that there are, by their own names."""
    request = pb.OrderFaultRequest(
        request_id=service.new_id(), kind=pb.FAULT_KIND_SLOW, method=method
    )
    refused = await service.refused(service.sandbox.OrderFault, request)
    assert "MALFORMED_FIELD method" == refused.named


async def test_only_a_sandbox_takes_orders(house: Service) -> None:
    """Elsewhere a call that orders a fault is refused, and nothing is done."""
    plain = make_server(
        house.store, house.cities, Workdays(), house.clock, address="127.0.0.1:0"
    )
    await plain.start()
    async with grpc.aio.insecure_channel(plain.address) as channel:
        call: Any = channel.unary_unary("/gongji.v1.SettlementService/Settle")
        metadata = [(FAULT_KEY, "lost-reply")]
        request = settling(house).SerializeToString()
        refused = await house.refused(call, request, metadata=metadata)
    await plain.stop(0)
    assert f"MALFORMED_FIELD {FAULT_KEY}" == refused.named
    assert 0 == await charged(house)
