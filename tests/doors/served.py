"""Two cities, their people and records, and one caller of each kind who knows one of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import Any, Final

import grpc
from gongji.access.policy import FilePolicy
from gongji.binding.workdays import Workdays
from gongji.cities.kept import KeepRules
from gongji.model.account import Account
from gongji.model.binding import Binding
from gongji.model.commands import Request, RequestRecord
from gongji.model.decided import DecidedBy
from gongji.rpc.services import services_of
from gongji.rules.codes import BindingState
from gongji.serve.clock import SandboxClock
from gongji.store import Store
from gongji.store.replay import request_row
from gongji.v1 import registry_pb2, settlement_pb2, statement_pb2, types_pb2
from msgspec.structs import replace

from tests.doors.cells import (
    ABSENT,
    NOBODY,
    OTHER,
    OWN,
    PARTY,
    STRANGER,
    SUBJECTS,
    Cell,
    kinds,
)
from tests.rpc.conftest import over_ipc
from tests.rpc.services.acting import metadata, subject
from tests.scaffold.people import ANQING, CHUZHOU, NOW, binding, claim, filing
from tests.scaffold.service import RefusedCall, Service, import_header, import_rows
from tests.scaffold.world import World

AREA: Final = {OWN: ANQING, OTHER: CHUZHOU}

CHANNEL: Final = {OWN: "window", OTHER: "minip_alipay"}

HOLDER: Final = {OWN: "HO", OTHER: "HX", ABSENT: "H404"}

MEMBER: Final = {OWN: "MO", OTHER: "MX", ABSENT: "M404"}

STRANGER_NO: Final = "S"

INSTITUTION: Final = {
    (OWN, OWN): "H34080000001",
    (OWN, OTHER): "H34110000001",
    (OTHER, OWN): "H34080000002",
    (OTHER, OTHER): "H34110000002",
    (ABSENT, OWN): "H34990000001",
    (ABSENT, ABSENT): "H34990000001",
}
"""An institution by whose it is and whose city it lies in; one that is nowhere."""

POLICY: Final = f"""
version = 1
revision = "doors"
limits = {{ calls = 4096, per_second = 100000, streams = 4096 }}
guessing = {{ wrong = 10000, nobody = 10000 }}

[callers]
app = {{ kind = "app", cities = ["3408"], channels = ["window"] }}
counter = {{ kind = "counter", cities = ["3408"], channels = ["window"] }}
bank = {{ kind = "bank", cities = ["3408"], channels = ["window"] }}
collector = {{ kind = "collector", cities = ["3408"] }}
feeder = {{ kind = "feeder", cities = ["3408"] }}
reviewer = {{ kind = "reviewer", cities = ["3408"] }}
auditor = {{ kind = "auditor", cities = ["3408"] }}
operator = {{ kind = "operator", cities = ["3408"] }}
city_team = {{ kind = "city_team" }}
tester = {{ kind = "tester" }}
front = {{ kind = "front" }}
root = {{ kind = "operator", cities = ["*"] }}
feeders = {{ kind = "feeder", cities = ["*"] }}

[callers.hospital]
kind = "hospital"
institutions = ["{INSTITUTION[OWN, OWN]}", "{INSTITUTION[OWN, OTHER]}"]

[callers.pharmacy]
kind = "pharmacy"
institutions = ["{INSTITUTION[OWN, OWN]}", "{INSTITUTION[OWN, OTHER]}"]
"""
"""Callers are named as their kinds; `root` prepares what the others ask for."""


@dataclass
class Doors:
    """The running service and the ids of what lies in it."""

    service: Service
    settlements: dict[tuple[str, str], str] = field(
        default_factory=lambda: {(ABSENT, ABSENT): "S404"}
    )
    """By whose institution and whose city."""
    imports: dict[str, str] = field(
        default_factory=lambda: {ABSENT: "01890000-0000-7000-8000-000000000000"}
    )
    """By whose city; the own one is the feeder's."""
    statement: statement_pb2.IssueStatementResponse = field(
        default_factory=statement_pb2.IssueStatementResponse
    )
    """Of somebody of another city."""
    serial: Iterator[int] = field(default_factory=lambda: count(100))

    async def prepare(self) -> None:
        """Write people, bindings, settlements and imports of both cities."""
        await self.service.write(*_records(self.service.world))
        await self.service.write(*_refused(self.service.store))
        for institution in (OWN, OTHER):
            for city in (OWN, OTHER):
                await self._settle(institution, city)
        for city, feeder in ((OWN, "feeder"), (OTHER, "feeders")):
            self.imports[city] = await self._import(city, feeder)
        request = statement_pb2.IssueStatementRequest(
            person=self.service.ref(HOLDER[OTHER]),
            side=statement_pb2.STATEMENT_SIDE_MEMBER,
        )
        issue = self.service.statements.IssueStatement
        self.statement = await issue(request, metadata=metadata("root"))

    async def _settle(self, institution: str, city: str) -> None:
        # Where it lies does not matter here: whose it is.
        code = INSTITUTION[institution, city]
        bill = self.service.bill(
            patient=self.service.ref(HOLDER[city]), institution_code=code
        )
        request = settlement_pb2.SettleRequest(
            request_id=self.service.new_id(), bill=bill
        )
        settle = self.service.settlements.Settle
        reply = await settle(request, metadata=metadata("root"))
        settlement_id = reply.settlement.settlement_id
        self.settlements[institution, city] = settlement_id

    async def _import(self, city: str, feeder: str) -> str:
        row = imported(self.service, city)
        messages = [import_header(self.service.new_id()), *import_rows(row)]
        call = self.service.registry.ImportPersons
        reply = await call(iter(messages), metadata=metadata(feeder))
        assert 1 == reply.summary.written
        return reply.summary.import_id


@asynccontextmanager
async def doors(world: World, store: Store, *, sandbox: bool) -> AsyncIterator[Doors]:
    """Run the service under the policy, its callers believed by the name they state."""
    clock = SandboxClock(NOW)
    await store.reset()
    await store.apply(KeepRules(world.cities))
    offer = services_of(
        store,
        world.cities,
        Workdays(),
        clock,
        FilePolicy.of(POLICY),
        sandbox=clock if sandbox else None,
    )
    async with over_ipc(offer) as server:
        opened = Doors(Service(server, store, world, clock))
        await opened.prepare()
        yield opened
        await opened.service.channel.close()


def imported(service: Service, city: str, number: int = 0) -> types_pb2.Person:
    """Return the row of somebody of a city."""
    return service.person(number or (7 if city == OWN else 8), insured_place=AREA[city])


def binding_id(channel: str, city: str, state: str) -> str:
    """Return the id of a binding: of a channel and a city, active or waiting."""
    return f"B-{channel}-{city}-{state}"


def filing_no(city: str) -> str:
    """Return the number of a holder's filing."""
    return f"F{HOLDER[city]}"


def claim_id(city: str) -> str:
    """Return the id of a holder's claim."""
    return f"K{HOLDER[city]}"


def _records(world: World) -> Iterable[object]:
    details: dict[str, Any] = {"name": "赵某某", "first_base_fen": 500_000}
    yield world.person(STRANGER_NO, place=ANQING, **details)
    for city, area in AREA.items():
        yield world.person(HOLDER[city], place=area, **details)
        yield world.person(MEMBER[city], place=area, **details)
        yield Account(HOLDER[city], 1_000_00, 1)
        yield filing(HOLDER[city], area_code=area)
        yield claim(HOLDER[city], area_code=area)
        for channel, name in CHANNEL.items():
            yield from _bindings(channel, name, city)
        for whose in (OWN, OTHER):
            yield world.hospital(2, area, code=INSTITUTION[whose, city])


def _bindings(channel: str, name: str, city: str) -> Iterable[Binding]:
    since = NOW - timedelta(days=10)
    active = replace(
        binding(HOLDER[city], MEMBER[city], since, channel=name),
        decided_by=DecidedBy(AREA[city], "x", "0", "0"),
    )
    yield replace(active, binding_id=binding_id(channel, city, "active"))
    yield replace(
        active,
        binding_id=binding_id(channel, city, "waiting"),
        state=BindingState.AWAITING_CONSENT,
        active_at=None,
        expires_at=NOW + timedelta(days=9),
    )


_ACTING: Final = ("app", "counter", "bank")
"""Kinds of callers that must act for somebody."""

_REFUSAL: Final = b"""{"name": "NotEligible", "message": "x", "field": "", "clauses": [],
"conditions": [], "metadata": {}}"""
"""A refusal as a store remembers it."""


def refused_id(cell: Cell) -> str:
    """Return the id of a refused request of a cell's caller, for whom it acts now.

    Of a caller that must act for somebody it was always for a party.
    """
    whose = PARTY if cell.kind in _ACTING else cell.subject
    place = f"{SUBJECTS.index(whose):03}-{kinds().index(cell.kind):012}"
    return f"01890000-0000-7000-8{place}"


def _refused(store: Store) -> Iterable[RequestRecord]:
    """Yield the refused requests of each caller."""
    people = {NOBODY: "", STRANGER: STRANGER_NO, PARTY: HOLDER[OWN]}
    rows = {}
    for kind in kinds():
        for whose, person_no in people.items():
            request_id = refused_id(Cell("ExplainRefusal", kind, subject=whose))
            request = Request(request_id, kind, "Unbind", person_no)
            # Last for a party: of who must act for somebody that one stands.
            rows[request_id] = request_row(
                request, {}, NOW, store.digest, refusal=_REFUSAL
            )
    return rows.values()


def packed_subject(cell: Cell) -> bytes | None:
    """Return the subject that a cell's call carries; None if it acts for nobody."""
    if cell.subject == "nobody":
        return None
    side = MEMBER if cell.method == "RecordConsent" else HOLDER
    return subject(side[cell.city] if cell.subject == "party" else STRANGER_NO)


async def ended(call: Any, request: Any, sent: Any) -> Any:
    """Return how a call ends, its replies or its refusal, whichever sides stream."""
    started = call(
        iter(request) if isinstance(request, list) else request, metadata=sent
    )
    try:
        if isinstance(started, grpc.aio.UnaryUnaryCall | grpc.aio.StreamUnaryCall):
            return [await started]
        return [reply async for reply in started]
    except grpc.aio.AioRpcError as error:
        return RefusedCall.of(error)


def refused_rows(replies: Any) -> list[str]:
    """Return the reasons for which an import refused rows."""
    summaries = [r.summary for r in replies if isinstance(r, _IMPORTS)]
    return [error.reason for summary in summaries for error in summary.errors]


_IMPORTS: Final = (
    registry_pb2.ImportPersonsResponse,
    registry_pb2.ImportInstitutionsResponse,
)
