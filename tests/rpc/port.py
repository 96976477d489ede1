"""All services on a port of this process, for tests of what goes over the wire."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from gongji.access.policy import AccessPolicy, AnybodyPolicy
from gongji.binding.workdays import Workdays
from gongji.cities.city import Cities
from gongji.rpc.services import services_of
from gongji.rpc.services.sandbox import LoadSample, SettableClock
from gongji.serve.authentication import AnybodyAuthenticator
from gongji.serve.port import OpenPort
from gongji.store import Store


def make_server(
    store: Store,
    cities: Cities,
    workdays: Workdays,
    clock: Callable[[], datetime],
    *,
    address: str,
    sandbox: SettableClock | None = None,
    load_sample: LoadSample | None = None,
    policy: AccessPolicy | None = None,
) -> OpenPort:
    """Return a port, made inside the loop that will run it. OSError: see `OpenPort`."""
    offer = services_of(
        store,
        cities,
        workdays,
        clock,
        policy or AnybodyPolicy(),
        sandbox=sandbox,
        load_sample=load_sample,
    )
    return OpenPort(offer, address, AnybodyAuthenticator())
