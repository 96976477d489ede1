"""All services of a server: what they offer, whoever carries the calls; everything they
need is handed to them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from gongji.binding.workdays import Workdays
from gongji.cities.city import Cities
from gongji.rpc.calls import Calls
from gongji.rpc.method import Services
from gongji.rpc.services.account import AccountService
from gongji.rpc.services.binding import BindingService
from gongji.rpc.services.city import CityService
from gongji.rpc.services.registry import RegistryService
from gongji.rpc.services.sandbox import LoadSample, SandboxService, SettableClock
from gongji.rpc.services.settlement import SettlementService
from gongji.store import Store
from gongji.v1 import (
    account_pb2,
    account_pb2_grpc,
    binding_pb2,
    binding_pb2_grpc,
    city_pb2,
    city_pb2_grpc,
    registry_pb2,
    registry_pb2_grpc,
    sandbox_pb2,
    sandbox_pb2_grpc,
    settlement_pb2,
    settlement_pb2_grpc,
)

CITY_HEALTH: Final = "gongji.city."
"""Health is asked per service and per city: gongji.city.341100."""


def services_of(
    store: Store,
    cities: Cities,
    workdays: Workdays,
    clock: Callable[[], datetime],
    *,
    sandbox: SettableClock | None = None,
    load_sample: LoadSample | None = None,
) -> Services:
    """What a server offers; `sandbox` adds SandboxService over that clock."""
    calls: Any = Calls()
    city_pb2_grpc.add_CityServiceServicer_to_server(CityService(cities, clock), calls)
    binding_pb2_grpc.add_BindingServiceServicer_to_server(
        BindingService(store, cities, workdays, clock), calls
    )
    settlement_pb2_grpc.add_SettlementServiceServicer_to_server(
        SettlementService(store, cities), calls
    )
    account_pb2_grpc.add_AccountServiceServicer_to_server(
        AccountService(store, cities), calls
    )
    registry_pb2_grpc.add_RegistryServiceServicer_to_server(
        RegistryService(store, cities, clock), calls
    )
    services = [
        _name(city_pb2, "CityService"),
        _name(binding_pb2, "BindingService"),
        _name(settlement_pb2, "SettlementService"),
        _name(account_pb2, "AccountService"),
        _name(registry_pb2, "RegistryService"),
    ]
    if sandbox is not None:
        sandbox_pb2_grpc.add_SandboxServiceServicer_to_server(
            SandboxService(store, sandbox, load_sample), calls
        )
        services.append(_name(sandbox_pb2, "SandboxService"))
    healthy = (*services, *(CITY_HEALTH + c.area_code for c in cities.all))
    return Services(calls.methods, tuple(services), healthy)


def _name(module: Any, service: str) -> str:
    name: str = module.DESCRIPTOR.services_by_name[service].full_name
    return name
