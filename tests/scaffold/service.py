"""A running service as its tests use it: typed stubs, invented people, bills and rows."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

import grpc
import pytest
from gongji.model.binding import Binding
from gongji.model.commands import Request, RequestRecord, Write
from gongji.rules.codes import SHANGHAI
from gongji.serve.clock import SandboxClock
from gongji.serve.port import OpenPort
from gongji.store import Store
from gongji.v1 import (
    access_pb2_grpc,
    account_pb2,
    account_pb2_grpc,
    binding_pb2_grpc,
    city_pb2_grpc,
    claim_pb2_grpc,
    consequence_pb2_grpc,
    event_pb2_grpc,
    filing_pb2_grpc,
    log_pb2_grpc,
    packet_pb2_grpc,
    registry_pb2,
    registry_pb2_grpc,
    sandbox_pb2_grpc,
    settlement_pb2,
    settlement_pb2_grpc,
    statement_pb2_grpc,
    types_pb2,
    wallet_pb2_grpc,
)
from google.rpc import error_details_pb2 as details
from google.rpc import status_pb2
from msgspec.structs import replace

from tests.scaffold import people
from tests.scaffold.world import World
from tests.sentences import faults_in

T = TypeVar("T")

HOSPITAL = "H34110000002"
"""The one hospital of a running service."""


@dataclasses.dataclass
class RefusedCall:
    """How a refused call ended, its details unpacked."""

    code: grpc.StatusCode
    message: str
    info: details.ErrorInfo = dataclasses.field(default_factory=details.ErrorInfo)
    localized: details.LocalizedMessage = dataclasses.field(
        default_factory=details.LocalizedMessage
    )
    bad_request: details.BadRequest = dataclasses.field(
        default_factory=details.BadRequest
    )
    failure: details.PreconditionFailure = dataclasses.field(
        default_factory=details.PreconditionFailure
    )

    @classmethod
    def of(cls, error: grpc.aio.AioRpcError) -> RefusedCall:
        refusal = cls(error.code(), error.details() or "")
        parts = refusal.info, refusal.localized, refusal.bad_request, refusal.failure
        for key, value in error.trailing_metadata() or ():
            if key != "grpc-status-details-bin":
                continue
            assert isinstance(value, bytes)
            for packed in status_pb2.Status.FromString(value).details:
                for part in parts:
                    packed.Unpack(part)
        # What gRPC itself refuses has no reason.
        if refusal.reason:
            assert [] == [f for told in refusal.sentences for f in faults_in(told)]
        return refusal

    @property
    def sentences(self) -> list[str]:
        """Every sentence that people are told."""
        violations = self.bad_request.field_violations
        return [
            self.message,
            self.localized.message,
            *[violation.description for violation in violations],
            *[violation.description for violation in self.failure.violations],
        ]

    @property
    def reason(self) -> str:
        return self.info.reason

    @property
    def metadata(self) -> dict[str, str]:
        return dict(self.info.metadata)

    @property
    def field(self) -> str:
        return self.metadata.get("field", "")

    @property
    def differing(self) -> str:
        """In what the request differs from the first one under its id."""
        return self.metadata.get("differing", "")

    @property
    def outcome(self) -> str:
        """Code and reason: "NOT_FOUND PERSON_NOT_FOUND"."""
        return f"{self.code.name} {self.reason}"

    @property
    def summary(self) -> str:
        """Code, reason and field: "INVALID_ARGUMENT MALFORMED_FIELD month"."""
        return f"{self.code.name} {self.named}"

    @property
    def named(self) -> str:
        """What is wrong, and where: "MALFORMED_FIELD month"."""
        return f"{self.reason} {self.field}".rstrip()


class Service:
    """A running service, its stubs, its store and its clock."""

    def __init__(
        self, server: OpenPort, store: Store, world: World, clock: SandboxClock
    ) -> None:
        self.server, self.store, self.world, self.clock = server, store, world, clock
        self.cities = world.cities
        self.channel = grpc.aio.insecure_channel(server.address)
        self._add_stubs(self.channel)

    def _add_stubs(self, channel: grpc.aio.Channel) -> None:
        self.access = access_pb2_grpc.AccessServiceStub(channel)
        self.city = city_pb2_grpc.CityServiceStub(channel)
        self.bindings = binding_pb2_grpc.BindingServiceStub(channel)
        self.settlements = settlement_pb2_grpc.SettlementServiceStub(channel)
        self.packets = packet_pb2_grpc.PacketServiceStub(channel)
        self.statements = statement_pb2_grpc.StatementServiceStub(channel)
        self.filings = filing_pb2_grpc.FilingServiceStub(channel)
        self.claims = claim_pb2_grpc.ClaimServiceStub(channel)
        self.accounts = account_pb2_grpc.AccountServiceStub(channel)
        self.wallets = wallet_pb2_grpc.WalletServiceStub(channel)
        self.consequences = consequence_pb2_grpc.ConsequenceServiceStub(channel)
        self.events = event_pb2_grpc.EventServiceStub(channel)
        self.log = log_pb2_grpc.LogServiceStub(channel)
        self.registry = registry_pb2_grpc.RegistryServiceStub(channel)
        self.sandbox = sandbox_pb2_grpc.SandboxServiceStub(channel)

    # --- calls ------------------------------------------------------------------------

    async def settle(
        self, request_id: str = "", **changes: Any
    ) -> settlement_pb2.SettleResponse:
        """Settle P1's bill of 1,000 yuan, unless said otherwise."""
        request = settlement_pb2.SettleRequest(
            request_id=request_id or self.new_id(), bill=self.bill(**changes)
        )
        return await self.settlements.Settle(request)

    async def reverse(
        self, request_id: str = "", **original: Any
    ) -> settlement_pb2.ReverseResponse:
        """Take a settlement back, given by its own id or its request's."""
        request = settlement_pb2.ReverseRequest(
            request_id=request_id or self.new_id(), **original
        )
        return await self.settlements.Reverse(request)

    async def not_settled(
        self, request_id: str = "", caller: str = "", **changes: Any
    ) -> RefusedCall:
        """Return how a bill is refused that `settle` would send."""
        request = settlement_pb2.SettleRequest(
            request_id=request_id or self.new_id(), bill=self.bill(**changes)
        )
        metadata = (("x-gongji-caller", caller),) if caller else ()
        return await self.refused(self.settlements.Settle, request, metadata=metadata)

    async def not_reversed(self, request_id: str = "", **original: Any) -> RefusedCall:
        """Return how a reversal is refused that `reverse` would send."""
        request = settlement_pb2.ReverseRequest(
            request_id=request_id or self.new_id(), **original
        )
        return await self.refused(self.settlements.Reverse, request)

    async def settlement(self, settlement_id: str) -> settlement_pb2.Settlement:
        request = settlement_pb2.GetSettlementRequest(settlement_id=settlement_id)
        return (await self.settlements.GetSettlement(request)).settlement

    async def account(self, person_no: str) -> account_pb2.GetAccountResponse:
        request = account_pb2.GetAccountRequest(person=self.ref(person_no))
        return await self.accounts.GetAccount(request)

    async def give(self, person_no: str, fen: int) -> None:
        """Bring a balance forward."""
        request = account_pb2.CreditRequest(
            request_id=self.new_id(),
            person=self.ref(person_no),
            brought_forward_fen=fen,
        )
        await self.accounts.Credit(request)

    async def import_persons(
        self, rows: Iterable[types_pb2.Person], request_id: str = ""
    ) -> registry_pb2.ImportPersonsResponse:
        """Import rows under a request id."""
        messages = [import_header(request_id or self.new_id()), *import_rows(*rows)]
        return await self.registry.ImportPersons(iter(messages))

    async def refused(
        self,
        call: Callable[..., Awaitable[object]],
        request: object,
        **options: Any,
    ) -> RefusedCall:
        """Return how a call ends that must be refused."""
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(request, **options)
        return RefusedCall.of(caught.value)

    async def code_of(
        self, method: str, payload: bytes, *, stream: bool = False
    ) -> grpc.StatusCode:
        """Return how a call with these bytes ends."""
        channel: Any = self.channel
        try:
            if stream:
                await channel.stream_unary(method)(iter([payload]), timeout=5)
            else:
                await channel.unary_unary(method)(payload, timeout=5)
        except grpc.aio.AioRpcError as error:
            return error.code()
        return grpc.StatusCode.OK

    # --- what is stored ---------------------------------------------------------------

    async def write(self, *records: object) -> None:
        """Put records into the store."""
        await self.store.apply(Write(records))

    async def stored(self, kind: type[T], key: str) -> T:
        """Return a record that must be there."""
        record = await self.store.get(kind, key)
        assert record is not None
        return record

    async def row(
        self, request_id: str, caller: str = "anonymous"
    ) -> RequestRecord | None:
        """Return the row of a caller's request, None if it left none."""
        request = Request(request_id, caller, "")
        return await self.store.recall(request)

    async def bind(self, holder: str, member: str = "P1") -> None:
        """Bind a member to a holder's purse, ten days ago."""
        at = self.clock() - timedelta(days=10)
        await self.write(people.binding(holder, member, at))

    def set_clock(self, moment: str) -> None:
        """Set the clock to an instant of Shanghai time."""
        self.clock.set(datetime.fromisoformat(moment).replace(tzinfo=SHANGHAI))

    # --- what is sent -----------------------------------------------------------------

    @staticmethod
    def new_id() -> str:
        """Return a request id of its own."""
        return str(uuid.uuid4())

    @staticmethod
    def ref(person_no: str) -> types_pb2.PersonRef:
        """Return a person by number."""
        return types_pb2.PersonRef(person_no=person_no)

    @staticmethod
    def bill(fen: int = 100_000, **changes: Any) -> settlement_pb2.Bill:
        """Return an outpatient bill of today, wholly in scope, the city's order of purses."""
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
        """Return an invented person's row, with a passport."""
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


def new_binding(**changes: Any) -> Binding:
    """Return the binding B1 of P1's purse to P2, active unless said otherwise."""
    invented = people.binding("P1", "P2", people.NOW, binding_id="B1")
    return replace(invented, **{"active_at": None, **changes})


def import_header(request_id: str) -> registry_pb2.ImportPersonsRequest:
    """Return the first message of an import of persons."""
    header = registry_pb2.ImportHeader(request_id=request_id)
    return registry_pb2.ImportPersonsRequest(header=header)


def import_rows(*rows: types_pb2.Person) -> list[registry_pb2.ImportPersonsRequest]:
    """Return the messages of an import of persons after its header."""
    return [registry_pb2.ImportPersonsRequest(person=row) for row in rows]


class Replied(Protocol):
    """A reply that comes with a receipt."""

    @property
    def receipt(self) -> types_pb2.Receipt: ...


def replayed(*replies: Replied) -> list[bool]:
    """Return which replies are a first answer again."""
    return [reply.receipt.replayed for reply in replies]


def charge_of(settlement: settlement_pb2.Settlement) -> int:
    """Return what a settlement took out of purses."""
    return -sum(movement.fen for movement in settlement.movements)
