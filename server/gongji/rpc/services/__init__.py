"""All services of a server, made of what they need and offered by whatever port."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import Any, Final, NamedTuple

from gongji.access.policy import AccessPolicy, AnybodyPolicy
from gongji.audit.checkpoint import SigningKey
from gongji.binding.workdays import Workdays
from gongji.cities.city import Cities
from gongji.rpc.calls import Calls
from gongji.rpc.faults import FaultOrders
from gongji.rpc.method import Services
from gongji.rpc.recording import AccessRecorder
from gongji.rpc.services.access import AccessService
from gongji.rpc.services.account import AccountService
from gongji.rpc.services.binding import BindingService
from gongji.rpc.services.city import CityService
from gongji.rpc.services.claim import ClaimService
from gongji.rpc.services.consequence import ConsequenceService
from gongji.rpc.services.event import EventService
from gongji.rpc.services.filing import FilingService
from gongji.rpc.services.log import LogService
from gongji.rpc.services.packet import PacketService
from gongji.rpc.services.registry import RegistryService
from gongji.rpc.services.sandbox import LoadSample, SandboxService, SettableClock
from gongji.rpc.services.settlement import SettlementService
from gongji.rpc.services.statement import Lists, StatementService
from gongji.rpc.services.subjects import Subjects
from gongji.rpc.services.wallet import WalletService
from gongji.rpc.vouchers import SandboxIssuer
from gongji.store import Store
from gongji.v1.access_pb2_grpc import add_AccessServiceServicer_to_server
from gongji.v1.account_pb2_grpc import add_AccountServiceServicer_to_server
from gongji.v1.binding_pb2_grpc import add_BindingServiceServicer_to_server
from gongji.v1.city_pb2_grpc import add_CityServiceServicer_to_server
from gongji.v1.claim_pb2_grpc import add_ClaimServiceServicer_to_server
from gongji.v1.consequence_pb2_grpc import add_ConsequenceServiceServicer_to_server
from gongji.v1.event_pb2_grpc import add_EventServiceServicer_to_server
from gongji.v1.filing_pb2_grpc import add_FilingServiceServicer_to_server
from gongji.v1.log_pb2_grpc import add_LogServiceServicer_to_server
from gongji.v1.packet_pb2_grpc import add_PacketServiceServicer_to_server
from gongji.v1.registry_pb2_grpc import add_RegistryServiceServicer_to_server
from gongji.v1.sandbox_pb2_grpc import add_SandboxServiceServicer_to_server
from gongji.v1.settlement_pb2_grpc import add_SettlementServiceServicer_to_server
from gongji.v1.statement_pb2_grpc import add_StatementServiceServicer_to_server
from gongji.v1.wallet_pb2_grpc import add_WalletServiceServicer_to_server

CITY_HEALTH: Final = "gongji.city."
"""Prefix of a city in health checks: gongji.city.341100, gongji.city.chuzhou."""


class _Sandbox(NamedTuple):
    """What a sandbox has beside its services."""

    clock: SettableClock
    faults: FaultOrders
    issuer: SandboxIssuer

    @classmethod
    def over(cls, clock: SettableClock | None) -> _Sandbox | None:
        """Return one over a clock, nothing ordered or issued in it; None without."""
        return cls(clock, FaultOrders(), SandboxIssuer(clock)) if clock else None


def services_of(
    store: Store,
    cities: Cities,
    workdays: Workdays,
    clock: Callable[[], datetime],
    policy: AccessPolicy,
    *,
    recorder: AccessRecorder | None = None,
    sandbox: SettableClock | None = None,
    load_sample: LoadSample | None = None,
    signing_key: SigningKey | None = None,
    authorities: Mapping[str, str] | None = None,
) -> Services:
    """Return what a server offers; `sandbox` adds SandboxService over that clock.

    Whoever needs the accesses that wait to be kept at the end gives the `recorder`.
    """
    recorder = recorder or AccessRecorder(store, clock)
    box = _Sandbox.over(sandbox)
    # Any: generated code names gRPC's own server, of which it calls two methods.
    calls: Any = _calls(store, clock, policy, recorder=recorder, sandbox=box)
    _add_reviewed(calls, store, cities, workdays, clock)
    _add_listed(calls, store, cities, clock, sandbox=box, authorities=authorities)
    _add_others(calls, store, cities, clock)
    _add_log(calls, store, cities, signing_key)
    if box is not None:
        service = SandboxService(
            store,
            box.clock,
            recorder,
            load_sample,
            faults=box.faults,
            issuer=box.issuer,
        )
        add_SandboxServiceServicer_to_server(service, calls)
    services = tuple(calls.services)
    served, refused = _cities_health(cities)

    async def ready() -> bool:
        return store.available

    return Services(calls.methods, services, (*services, *served), refused, ready)


def _cities_health(cities: Cities) -> tuple[Sequence[str], tuple[str, ...]]:
    """Return the names in health of the cities that are served, and of those refused."""
    served = [
        CITY_HEALTH + name
        for city in cities.all
        for name in (city.area_code, city.pinyin)
    ]
    named = [(plugin.area_code, plugin.pinyin) for plugin in cities.refused]
    refused = [CITY_HEALTH + name for name in chain.from_iterable(named) if name]
    # Of two plugins of one city the other may be served.
    return served, tuple(dict.fromkeys([one for one in refused if one not in served]))


def _calls(
    store: Store,
    clock: Callable[[], datetime],
    policy: AccessPolicy,
    *,
    recorder: AccessRecorder,
    sandbox: _Sandbox | None,
) -> Calls:
    """Return the calls, without any method yet, that a policy and subjects are asked of."""
    return Calls(
        policy,
        Subjects(store, clock, policy).of,
        recorder,
        # The same hash whenever it is the same person, and no longer than tells them apart.
        pseudonym=lambda number: store.tag(f"subject {number}")[-12:],
        # Whoever admits anybody is one, whatever its clock.
        sandbox=sandbox is not None or isinstance(policy, AnybodyPolicy),
        faults=sandbox.faults if sandbox else None,
    )


def _add_reviewed(
    calls: Any,
    store: Store,
    cities: Cities,
    workdays: Workdays,
    clock: Callable[[], datetime],
) -> None:
    """Add the services whose reviews are due by working days."""
    bindings = BindingService(store, cities, workdays, clock)
    add_BindingServiceServicer_to_server(bindings, calls)
    claims = ClaimService(store, cities, workdays)
    add_ClaimServiceServicer_to_server(claims, calls)


def _add_listed(
    calls: Any,
    store: Store,
    cities: Cities,
    clock: Callable[[], datetime],
    *,
    sandbox: _Sandbox | None,
    authorities: Mapping[str, str] | None,
) -> None:
    """Add settlements and accounts, and statements, which are made of both."""
    issuer = sandbox.issuer if sandbox else None
    settlements = SettlementService(store, cities, issuer)
    add_SettlementServiceServicer_to_server(settlements, calls)
    accounts = AccountService(store, cities)
    add_AccountServiceServicer_to_server(accounts, calls)
    lists = Lists(settlements, accounts)
    statements = StatementService(store, cities, clock, lists, authorities or {})
    add_StatementServiceServicer_to_server(statements, calls)


def _add_others(
    calls: Any, store: Store, cities: Cities, clock: Callable[[], datetime]
) -> None:
    """Add the services that need nothing but these."""
    add_CityServiceServicer_to_server(CityService(cities, clock), calls)
    wallets = WalletService(store, cities, clock)
    add_WalletServiceServicer_to_server(wallets, calls)
    filings = FilingService(store, cities)
    add_FilingServiceServicer_to_server(filings, calls)
    consequences = ConsequenceService(store, cities)
    add_ConsequenceServiceServicer_to_server(consequences, calls)
    add_RegistryServiceServicer_to_server(RegistryService(store, clock), calls)
    add_AccessServiceServicer_to_server(AccessService(store), calls)
    add_EventServiceServicer_to_server(EventService(store, cities, clock), calls)


def _add_log(
    calls: Any, store: Store, cities: Cities, signing_key: SigningKey | None
) -> None:
    """Add the log, and the packets that are proved from it."""
    log = LogService(store, signing_key)
    add_LogServiceServicer_to_server(log, calls)
    packets = PacketService(store, cities, log.included)
    add_PacketServiceServicer_to_server(packets, calls)
