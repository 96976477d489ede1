"""A service under a policy, its callers, and the people for whom they act."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import date, datetime, timedelta
from typing import Any, Final

import grpc
from gongji.access.policy import FilePolicy
from gongji.binding.workdays import Workdays
from gongji.cities.kept import KeepRules
from gongji.model.account import Account
from gongji.model.people import Certificate, Kin, Person
from gongji.rpc.services import services_of
from gongji.rules.codes import IDENTITY_CARD, BindingState
from gongji.serve.clock import SandboxClock
from gongji.store import Store
from gongji.v1 import access_pb2, binding_pb2, types_pb2
from google.protobuf.timestamp_pb2 import Timestamp
from msgspec.structs import replace

from tests.rpc.conftest import over_ipc
from tests.scaffold.people import NOW, binding, identity_number
from tests.scaffold.service import HOSPITAL, RefusedCall, Service
from tests.scaffold.world import World

POLICY: Final = f"""
version = 1
revision = "test"

[guessing]
wrong = 3
nobody = 4

[callers.app]
kind = "app"
cities = ["*"]
channels = ["*"]

[callers.other_app]
kind = "app"
cities = ["*"]
channels = ["*"]

[callers.full_app]
kind = "app"
cities = ["*"]
channels = ["*"]
fields = ["contribution_base", "kin", "phone"]

[callers.counter]
kind = "counter"
cities = ["*"]
channels = ["*"]

[callers.bank]
kind = "bank"
cities = ["*"]
channels = ["*"]

[callers.hospital]
kind = "hospital"
institutions = ["{HOSPITAL}"]

[callers.pharmacy]
kind = "pharmacy"
institutions = ["{HOSPITAL}"]

[callers.operator]
kind = "operator"
cities = ["*"]

[callers.auditor]
kind = "auditor"
cities = ["*"]

[callers.reviewer]
kind = "reviewer"
cities = ["*"]

[callers.collector]
kind = "collector"
cities = ["*"]
"""


@asynccontextmanager
async def under_policy(
    world: World, store: Store, clock: SandboxClock, text: str = POLICY
) -> AsyncIterator[Service]:
    """Run a service, no sandbox, whose callers are believed by the name they state."""
    await store.reset()
    await store.apply(KeepRules(world.cities))
    async with _serving(world, store, clock, text) as served:
        await served.write(*family(world), world.hospital(2, code=HOSPITAL))
        yield served


@asynccontextmanager
async def another_process(
    service: Service, text: str = POLICY
) -> AsyncIterator[Service]:
    """Run a service of its own over the database of one, under a policy."""
    async with _serving(service.world, service.store, service.clock, text) as served:
        yield served


@asynccontextmanager
async def _serving(
    world: World, store: Store, clock: SandboxClock, text: str
) -> AsyncIterator[Service]:
    policy = FilePolicy.of(text)
    offer = services_of(store, world.cities, Workdays(), clock, policy)
    async with over_ipc(offer) as server:
        served = Service(server, store, world, clock)
        yield served
        await served.channel.close()


@asynccontextmanager
async def family_under_policy(
    world: World, store: Store, clock: SandboxClock
) -> AsyncIterator[Service]:
    """Run `under_policy` for a family with its bindings: W and C are bound to H's purse
    (B-H-W, B-H-C), and applications for the same wait for consent (A-H-W, A-H-C)."""
    async with under_policy(world, store, clock) as served:
        since = NOW - timedelta(days=10)
        for member, relation in (("W", "12"), ("C", "30")):
            active = binding("H", member, since, relation=relation)
            applied = replace(
                active,
                binding_id=f"A-H-{member}",
                state=BindingState.AWAITING_CONSENT,
                active_at=None,
                expires_at=NOW + timedelta(days=9),
            )
            await served.write(active, applied)
        await served.write(Account("H", 1_000_00, 1), Account("C", 0, 1))
        yield served


def family(world: World) -> list[Any]:
    """Return a family: a husband and a wife, their child, and others.

    H and W are married, C is their child. F, the father of O, has died; G is O's
    grandmother, B his brother who is of age. S is a stranger, D has died.
    """
    details: dict[str, Any] = {"name": "赵某某", "phone": "13800001234"}
    dead = date(2025, 1, 1)
    return [
        world.person("H", kin=(Kin("W", "12", "t"), Kin("C", "30", "t")), **details),
        world.person("W", kin=(Kin("H", "11", "t"),), **details),
        child(world, "C", Kin("H", "51", "t"), Kin("W", "52", "t")),
        child(
            world, "O", Kin("F", "51", "t"), Kin("G", "62", "t"), Kin("B", "71", "t")
        ),
        world.person("F", died_on=dead, **details),
        world.person("G", **details),
        world.person("B", **details),
        world.person("S", **details),
        world.person("D", died_on=dead, kin=(Kin("C", "30", "t"),), **details),
    ]


def child(world: World, person_no: str, *kin: Kin) -> Person:
    """Return a child of ten years, insured as one."""
    serial = len(world.all(Person))
    number = identity_number(serial, born="20150601")
    card = Certificate(IDENTITY_CARD, number)
    return world.person(person_no, "1405", name="赵某", certificate=card, kin=kin)


def subject(
    person_no: str,
    at: datetime = NOW,
    *,
    purpose: int = access_pb2.ACCESS_PURPOSE_OWN_REQUEST,
    **changes: Any,
) -> bytes:
    """Return the packed subject of a person identified at an instant; "" is nobody."""
    stated: dict[str, Any] = {"purpose": purpose}
    if person_no:
        stamp = Timestamp()
        stamp.FromDatetime(at)
        stated |= {
            "person": types_pb2.PersonRef(person_no=person_no),
            "identification": access_pb2.IDENTIFICATION_FACE,
            "identified_at": stamp,
            "evidence": "face-0001",
        }
    return access_pb2.Subject(**{**stated, **changes}).SerializeToString()


def consent(
    method: int = binding_pb2.CONSENT_METHOD_OWN_ACCOUNT, at: datetime = NOW
) -> binding_pb2.Consent:
    """Return a consent given in some way at an instant."""
    given = binding_pb2.Consent(method=binding_pb2.ConsentMethod.ValueType(method))
    given.at.FromDatetime(at)
    return given


def application(
    service: Service, holder: str, member: str, **changes: Any
) -> binding_pb2.SubmitBindingRequest:
    """Return an application of a holder for a member, at the counter."""
    fields: dict[str, Any] = {
        "request_id": service.new_id(),
        "holder": service.ref(holder),
        "member": service.ref(member),
        "relation": "10",
        "purposes": [types_pb2.PURPOSE_VISIT],
        "channel": "window",
        **changes,
    }
    return binding_pb2.SubmitBindingRequest(**fields)


def metadata(caller: str, packed: bytes | None = None) -> Any:
    """Return what a caller sends beside a request."""
    sent: list[tuple[str, str | bytes]] = [("x-gongji-caller", caller)]
    if packed is not None:
        sent.append(("x-gongji-subject-bin", packed))
    return tuple(sent)


async def outcome(
    call: Callable[..., Awaitable[Any]],
    request: object,
    caller: str = "app",
    packed: bytes | None = None,
) -> Any:
    """Return the reply of a call, or how it was refused."""
    try:
        return await call(request, metadata=metadata(caller, packed))
    except grpc.aio.AioRpcError as error:
        return RefusedCall.of(error)


async def reason(*asked: Any, **more: Any) -> str:
    """Return the reason of a refusal, "" of an answer; as `outcome`."""
    ended = await outcome(*asked, **more)
    return ended.reason if isinstance(ended, RefusedCall) else ""


def later(minutes: float) -> datetime:
    """Return an instant so many minutes after now."""
    return NOW + timedelta(minutes=minutes)
