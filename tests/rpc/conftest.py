"""A whole service on a free loopback port, over a store in memory and a clock that stands still."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import grpc
import pytest
from gongji.binding.workdays import Workdays
from gongji.cities.city import Cities
from gongji.model.commands import Decision
from gongji.model.facts import Facts
from gongji.rpc.method import Services
from gongji.rpc.services import services_of
from gongji.rules.codes import SHANGHAI
from gongji.serve import ipc
from gongji.serve.clock import SandboxClock
from gongji.serve.port import OpenPort
from gongji.store import Store, open_store
from gongji.v1 import (
    account_pb2,
    account_pb2_grpc,
    binding_pb2_grpc,
    city_pb2_grpc,
    registry_pb2,
    registry_pb2_grpc,
    sandbox_pb2_grpc,
    settlement_pb2,
    settlement_pb2_grpc,
    types_pb2,
)
from google.rpc import error_details_pb2 as details
from google.rpc import status_pb2

from tests.postgres import QUICK, running

HOSPITAL = "H34110000002"
NOW = datetime(2025, 9, 30, 10, 0, tzinfo=SHANGHAI)


@dataclass(frozen=True)
class Write:
    """Writes records as they are."""

    records: tuple[Any, ...]

    def needs(self, _: Facts) -> tuple[()]:
        return ()

    def decide(self, _: Facts) -> Decision[None]:
        return Decision(None, self.records)


@dataclass
class Told:
    """How a refused call ended, its details unpacked."""

    code: grpc.StatusCode
    message: str
    info: details.ErrorInfo = field(default_factory=details.ErrorInfo)
    localized: details.LocalizedMessage = field(
        default_factory=details.LocalizedMessage
    )
    bad_request: details.BadRequest = field(default_factory=details.BadRequest)
    failure: details.PreconditionFailure = field(
        default_factory=details.PreconditionFailure
    )

    @classmethod
    def of(cls, error: grpc.aio.AioRpcError) -> Told:
        told = cls(error.code(), error.details() or "")
        for key, value in error.trailing_metadata() or ():
            if key == "grpc-status-details-bin":
                for packed in status_pb2.Status.FromString(value).details:  # type: ignore[arg-type] # a -bin key is bytes
                    for part in (
                        told.info,
                        told.localized,
                        told.bad_request,
                        told.failure,
                    ):
                        packed.Unpack(part)
        return told


class Service:
    """A running service, its stubs, its store and its clock."""

    def __init__(
        self, server: OpenPort, store: Store, world: Any, clock: SandboxClock
    ) -> None:
        self.server, self.store, self.world, self.clock = server, store, world, clock
        self.cities: Cities = world.cities
        self.channel = grpc.aio.insecure_channel(server.address)
        self.city: Any = city_pb2_grpc.CityServiceStub(self.channel)
        self.bindings: Any = binding_pb2_grpc.BindingServiceStub(self.channel)
        self.settlements: Any = settlement_pb2_grpc.SettlementServiceStub(self.channel)
        self.accounts: Any = account_pb2_grpc.AccountServiceStub(self.channel)
        self.registry: Any = registry_pb2_grpc.RegistryServiceStub(self.channel)
        self.sandbox: Any = sandbox_pb2_grpc.SandboxServiceStub(self.channel)

    async def write(self, *records: Any) -> None:
        """Puts records into the store."""
        await self.store.apply(Write(records))

    async def refused(
        self, call: Callable[..., Any], request: Any, **more: Any
    ) -> Told:
        """How a call that must be refused ends."""
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(request, **more)
        return Told.of(caught.value)

    async def code_of(
        self, method: str, payload: bytes, *, stream: bool = False
    ) -> grpc.StatusCode:
        """How a call with these bytes ends."""
        channel: Any = self.channel
        try:
            if stream:
                await channel.stream_unary(method)(iter([payload]), timeout=5)
            else:
                await channel.unary_unary(method)(payload, timeout=5)
        except grpc.aio.AioRpcError as error:
            return error.code()
        return grpc.StatusCode.OK

    @staticmethod
    def new_id() -> str:
        """A request id of its own."""
        return str(uuid.uuid4())

    def identity_number(self, serial: int) -> str:
        """An identity number of an area that does not exist, with a right check digit."""
        return str(self.world.identity_number(serial))

    @staticmethod
    def ref(person_no: str) -> types_pb2.PersonRef:
        """A person by number."""
        return types_pb2.PersonRef(person_no=person_no)

    @staticmethod
    def bill(fen: int = 100_000, **changes: Any) -> settlement_pb2.Bill:
        """An outpatient bill of today, wholly in scope, the city's order of purses."""
        fields: dict[str, Any] = {
            "patient": types_pb2.PersonRef(person_no="P1"),
            "institution_code": HOSPITAL,
            "service_day": "2025-09-30",
            "visit_kind": settlement_pb2.VISIT_KIND_OUTPATIENT,
            "total_fen": fen,
            "in_scope_fen": fen,
            "account_use": settlement_pb2.ACCOUNT_USE_CITY_ORDER,
            **changes,
        }
        return settlement_pb2.Bill(**fields)

    @staticmethod
    def person(number: int = 1, **changes: Any) -> types_pb2.Person:
        """An invented person's row, with a passport."""
        enrolled = types_pb2.Enrolment(
            scheme=types_pb2.SCHEME_EMPLOYEE,
            psn_type="11",
            status=types_pb2.ENROLMENT_STATUS_NORMAL,
        )
        setattr(enrolled, "from", "2020-01-01")
        fields: dict[str, Any] = {
            "person_no": f"R{number}",
            "certificate": types_pb2.Certificate(type="08", number=f"X{number:08d}"),
            "name": "赵某某",
            "phone": "13800001234",
            "insured_place": "341199",
            "enrolments": [enrolled],
            **changes,
        }
        return types_pb2.Person(**fields)

    async def import_persons(
        self, rows: Iterable[types_pb2.Person], request_id: str
    ) -> registry_pb2.ImportPersonsResponse:
        """Imports rows under a request id."""
        header = registry_pb2.ImportHeader(request_id=request_id)
        messages = [registry_pb2.ImportPersonsRequest(header=header)]
        messages += [registry_pb2.ImportPersonsRequest(person=row) for row in rows]
        reply: registry_pb2.ImportPersonsResponse = await self.registry.ImportPersons(
            iter(messages)
        )
        return reply

    async def give(self, person_no: str, fen: int) -> None:
        """Brings a balance forward."""
        await self.accounts.Credit(
            account_pb2.CreditRequest(
                request_id=self.new_id(),
                person=self.ref(person_no),
                brought_forward_fen=fen,
            )
        )


@pytest.fixture(scope="session")
def shared_database(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[str, Path]]:
    """A database in PostgreSQL and its key file, started when the first test asks for it."""
    with running(*QUICK) as server:
        yield server.fresh(), tmp_path_factory.mktemp("key") / "x.key"


@pytest.fixture
def home(request: pytest.FixtureRequest) -> Callable[[SandboxClock], Store]:
    """Opens a store: in memory, or in PostgreSQL where a module's tests run over both."""
    if getattr(request, "param", "memory") == "memory":
        return lambda clock: open_store(":memory:", clock)
    address, key_file = request.getfixturevalue("shared_database")
    return lambda clock: open_store(address, clock, key_file)


@pytest.fixture
async def service(
    new_world: Callable[..., Any],
    home: Callable[[SandboxClock], Store],
    request: pytest.FixtureRequest,
) -> AsyncIterator[Service]:
    """A sandbox with two cities under the province's rules; one hospital; P1, P2 and P3
    insured as employees.

    An indirect parameter gives one city values of its own, as keywords of `new_world`.
    """
    world = new_world(**getattr(request, "param", {}))
    clock = SandboxClock(NOW)
    store = home(clock)
    await store.reset()
    async with over_ipc(
        services_of(store, world.cities, Workdays(), clock, sandbox=clock)
    ) as server:
        served = Service(server, store, world, clock)
        people = [
            world.person(
                f"P{n}",
                name="赵某某",
                phone="13800001234",
                contribution_base_fen=500_000,
            )
            for n in (1, 2, 3)
        ]
        await served.write(*people, world.hospital(2, code=HOSPITAL))
        yield served
        await served.channel.close()
    await store.close()


@asynccontextmanager
async def over_ipc(offer: Services) -> AsyncIterator[OpenPort]:
    """A port as a gateway has it, though in this process: its calls pass through `ipc`."""
    async with ipc.serve_ipc(offer.methods) as folder:
        remote = await ipc.connect_ipc(
            folder, ipc.shapes_of(offer.methods), on_lost=lambda: None
        )
        server = OpenPort(
            replace(offer, methods=remote.methods), "127.0.0.1:0", ping=remote.ping
        )
        await server.start()
        yield server
        await server.stop(0)


@pytest.fixture
async def house(service: Service) -> Service:
    """The service, P1's purse holding 1,000 yuan."""
    await service.give("P1", 100_000)
    return service
