"""All services on a port of this process, for tests of what goes over the wire."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from datetime import datetime

from gongji.access.callers import Caller, anybody
from gongji.access.policy import AccessPolicy, AnybodyPolicy
from gongji.audit.checkpoint import SigningKey
from gongji.binding.workdays import Workdays
from gongji.cities.city import Cities
from gongji.rpc.services import services_of
from gongji.rpc.services.sandbox import LoadSample, SettableClock
from gongji.serve.authentication import AnybodyAuthenticator
from gongji.serve.port import OpenPort
from gongji.store import Store
from msgspec.structs import replace


class Heirs(AnybodyPolicy):
    """A policy of testers whose former names are given; others had none."""

    def __init__(self, former: Mapping[str, Container[str]]) -> None:
        self._former = former

    def caller(self, name: str) -> Caller:
        """Return a tester of that name."""
        return replace(anybody(name), former=self._former.get(name, frozenset()))


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
    signing_key: SigningKey | None = None,
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
        signing_key=signing_key,
    )
    return OpenPort(offer, address, AnybodyAuthenticator())
