"""Run the service: its store, cities and port, up with its sample population."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile

import structlog

from gongji.access.policy import AccessPolicy, LocalPolicy
from gongji.audit.checkpoint import SigningKey
from gongji.binding.workdays import Workdays
from gongji.cities.city import Cities
from gongji.cities.kept import KeepRules
from gongji.client import imports
from gongji.client.connection import connect
from gongji.client.credentials import Credentials
from gongji.model.people import Institution, Person
from gongji.rpc.method import Services
from gongji.rpc.recording import AccessRecorder
from gongji.rpc.services import services_of
from gongji.rpc.services.holds import Holds
from gongji.rpc.services.upkeep import Upkeep
from gongji.serve import logs
from gongji.serve.admission import Admission, addresses, admission_of, check_doors
from gongji.serve.agreement import ServerTerms, adopting
from gongji.serve.authentication import LocalTokenAuthenticator
from gongji.serve.beside import working_beside
from gongji.serve.checkpointing import checkpointed
from gongji.serve.clock import (
    Clock,
    HeldClock,
    SandboxClock,
    check_start,
    system_clock,
)
from gongji.serve.configured import configuration_recorded
from gongji.serve.crashes import crashes_kept
from gongji.serve.database_events import LoggedStore
from gongji.serve.descriptors import DescriptorCount
from gongji.serve.gateway import Gateway
from gongji.serve.in_place import stay_in_place
from gongji.serve.key_expiry import watch_keys
from gongji.serve.listening import check_free
from gongji.serve.losses import note_losses, tallied
from gongji.serve.memory import watch_memory
from gongji.serve.metrics.page import metrics_served
from gongji.serve.metrics.service import watch_service
from gongji.serve.port import OpenPort, Port, PortOptions
from gongji.serve.probing import probe
from gongji.serve.settings import Settings, rules_of
from gongji.serve.supervisor import freeze_gc, interrupted
from gongji.serve.terms import Alike, terms_of
from gongji.serve.tls import ServerTls
from gongji.serve.tracing import traced
from gongji.store import Store, last_leaf
from gongji.store.databases import database_at
from gongji.store.numbering import numbers_are_identities
from gongji.store.private_files import make_folder


@dataclass(frozen=True)
class Up:
    """The service answers at this address; its metrics, if they are asked for, at another."""

    address: str
    metrics: str = ""


@dataclass(frozen=True)
class Stopping:
    """The service was asked to stop and finishes its calls in flight."""


async def serve(
    settings: Settings, cities: Cities, workdays: Workdays
) -> AsyncGenerator[Up | Stopping]:
    """Serve with one process until interrupted; yield Up, then Stopping.

    ValueError or OSError if the settings cannot be met.
    """
    # Before the port is open: whoever can call can also interrupt it in order.
    ending = asyncio.ensure_future(interrupted())
    check_doors(settings)
    # Nothing is made for a server that cannot listen.
    for address in addresses(settings):
        check_free(address)
    async with (
        metrics_served(settings.metrics_address) as metrics,
        running(settings, cities, workdays) as port,
    ):
        yield Up(port.address, metrics)
        await ending
        yield Stopping()


@asynccontextmanager
async def running(
    settings: Settings,
    cities: Cities,
    workdays: Workdays,
    admission: Admission | None = None,
) -> AsyncIterator[Port]:
    """Run a server over its store, its sample loaded; yield its started port.

    Who is admitted follows from the settings unless it is given.

    ValueError or OSError; also later, out of the body, if another server records other
    adoptions (`adopting`).
    """
    logs.configure()
    clock = _clock_of(settings)
    async with AsyncExitStack() as stack:
        make_folder(settings.data)
        admission = admission or admission_of(settings)
        # In this order, and ended in the other: no call may outlive the store.
        store = await stack.enter_async_context(_opened(settings, clock))
        key = await stack.enter_async_context(_agreed(settings, store, cities, clock))
        recorder = await stack.enter_async_context(_recording(settings, store, clock))
        unloaded = settings.sample and await lacks_sample(store, settings)
        offer = _Offer(
            store, cities, workdays, clock, recorder, key, settings.authorities
        )
        port = _port(settings, offer.services(admission.policy), admission)
        await stack.enter_async_context(_started(port))
        await stack.enter_async_context(working_beside(_upkeep(store, clock)))
        freeze_gc()
        if unloaded:
            await offer.load_sample()
        yield port


def _clock_of(settings: Settings) -> HeldClock | SandboxClock:
    """Return the clock of a server, or a sandbox's own, which runs until it is set."""
    return SandboxClock(runs=True) if settings.sandbox else HeldClock()


async def _refuse_rolled_back(store: Store, data: Path, stack: ExitStack) -> None:
    """Refuse a store that lacks what was seen here; note from now on what it writes.

    LeafMissingError, a ValueError.
    """
    before = await last_leaf.check(store, data)
    try:
        stack.enter_context(last_leaf.noting(store, data, before))
    except OSError as fault:
        structlog.get_logger().warning("last_leaf_unnoted", told=fault.strerror)


async def make_database(settings: Settings) -> None:
    """Make a new database beside a key that had another. ValueError if there is one.

    Also if the clock cannot be right.
    """
    check_start(system_clock(), None, settings.accept_clock)
    database = database_at(settings.database_address)
    with database.hold_alone():
        if not database.is_new():
            raise ValueError("--new 只用来另建一个空库，而这里已有数据库：请去掉 --new")
        store = database.open(
            system_clock, settings.key, new=True, suite=settings.suite
        )
        await store.close()
        last_leaf.forget(settings.data)


@asynccontextmanager
async def _agreed(
    settings: Settings, store: Store, cities: Cities, clock: Clock
) -> AsyncIterator[SigningKey]:
    """Agree with the other servers of a store on the rules; keep them, sign the log.

    Yield the key that signs. What the store does is counted from now on. ValueError.
    """
    watch_service(settings, cities, store)
    store.log_origin = settings.origin
    await store.checkpoints.check_origin()
    terms = ServerTerms(
        rules_of(cities), terms_of(settings, Alike.MUST), terms_of(settings, Alike.TOLD)
    )
    async with adopting(store, settings.database, settings.adopt, clock(), terms=terms):
        # Before anything is decided by them.
        await store.apply(KeepRules(cities))
        _tell_refused(cities)
        async with (
            configuration_recorded(settings, store, cities, clock),
            checkpointed(settings, store, clock) as key,
        ):
            yield key


@asynccontextmanager
async def _started(port: Port) -> AsyncIterator[None]:
    """Keep a port open for the block. OSError, also later, if it cannot be had."""
    await port.start()
    try:
        async with working_beside(port.keep()):
            yield
    finally:
        await port.stop()


async def _upkeep(store: Store, clock: HeldClock | SandboxClock) -> None:
    """Merge and tidy what imports have left, watch all that may run out, for ever."""
    async with asyncio.TaskGroup() as group:
        group.create_task(Upkeep(store).watch())
        group.create_task(Holds(store, clock).watch())
        group.create_task(probe(store))
        group.create_task(watch_memory())
        group.create_task(watch_keys(store, clock))
        group.create_task(DescriptorCount().watch())
        if isinstance(clock, HeldClock):
            group.create_task(clock.watch())


def _tell_refused(cities: Cities) -> None:
    """Log each plugin that does not serve."""
    for one in cities.refused:
        structlog.get_logger().warning(
            "plugin_refused",
            plugin=one.plugin,
            city=one.area_code or one.pinyin,
            problem=one.told,
        )


@asynccontextmanager
async def _opened(
    settings: Settings, clock: HeldClock | SandboxClock
) -> AsyncIterator[Store]:
    """Open the settings' store and, if it is a file, keep other servers out of it.

    ValueError also if the clock cannot be right.
    """
    if isinstance(clock, HeldClock):
        # Nothing is made by a clock that is wrong.
        check_start(clock(), None, settings.accept_clock)
    database = database_at(settings.database_address)
    with database.hold_alone():
        store = database.open(clock, settings.key, suite=settings.suite)
        store.condition.observe(LoggedStore())
        try:
            if store.hasher is not settings.hasher:
                raise ValueError("启动之初读不到数据库所用的算法：请再启动一次")
            if isinstance(clock, HeldClock):
                await _go_on(store, clock, settings)
            if await numbers_are_identities(store):
                # They are the keys of every table and lie in clear: see SECURITY.md.
                structlog.get_logger().warning("person_numbers_are_identity_numbers")
            with ExitStack() as noting:
                if not settings.sandbox:
                    await _refuse_rolled_back(store, settings.data, noting)
                async with working_beside(stay_in_place(settings.database_address)):
                    yield store
        finally:
            await store.close()


async def _go_on(store: Store, clock: HeldClock, settings: Settings) -> None:
    """Have a clock go on from the last instant on record. ValueError."""
    latest, elsewhere = await store.latest(), await store.server_time()
    check_start(clock(), latest, settings.accept_clock, elsewhere=elsewhere)
    if latest is not None:
        clock.not_before(latest)


@asynccontextmanager
async def _recording(
    settings: Settings, store: Store, clock: Clock
) -> AsyncIterator[AccessRecorder]:
    """Keep for the block the accesses of calls; first say what killed processes lost."""
    with (
        crashes_kept(settings.data),
        traced(settings.trace_ratio),
        tallied(settings.data) as tally,
    ):
        await note_losses(store, settings.data, clock)
        recorder = AccessRecorder(
            store, clock, tally, before_answer=settings.access_before_answer
        )
        try:
            yield recorder
        finally:
            await recorder.close()


@dataclass(frozen=True)
class _Offer:
    """What the services of a server are made of, whoever may call them."""

    store: Store
    cities: Cities
    workdays: Workdays
    clock: Clock
    recorder: AccessRecorder
    key: SigningKey
    authorities: Mapping[str, str]

    def services(self, policy: AccessPolicy) -> Services:
        """Return the services for the callers of a policy."""
        return services_of(
            self.store,
            self.cities,
            self.workdays,
            self.clock,
            policy,
            recorder=self.recorder,
            sandbox=self.clock if isinstance(self.clock, SandboxClock) else None,
            load_sample=self.load_sample,
            signing_key=self.key,
            authorities=self.authorities,
        )

    async def load_sample(self) -> None:
        """Send the sample population to this very server, over the wire like any import."""
        # Over a port of its own, by a token that nobody else has: whom the server
        # itself admits is the policy's business, and that need not be us.
        token = secrets.token_urlsafe()
        authenticator = LocalTokenAuthenticator(token)
        services = self.services(LocalPolicy())
        options = PortOptions(counted=False)
        port = OpenPort(services, "127.0.0.1:0", authenticator, options)
        await port.start()
        try:
            await asyncio.to_thread(_send_sample, port.address, token)
        finally:
            await port.stop(0)


def _send_sample(address: str, token: str) -> None:
    with NamedTemporaryFile("w", encoding="ascii") as file:
        file.write(token)
        file.flush()
        credentials = Credentials(token_file=Path(file.name))
        with connect(address, credentials=credentials) as channel:
            imports.send_sample(channel)


def _port(settings: Settings, services: Services, admission: Admission) -> Port:
    """Return the port of services, not yet started. OSError."""
    kind: type[Gateway | OpenPort] = Gateway if settings.gateway else OpenPort
    return kind(
        services,
        settings.address,
        admission.authenticator,
        port_options(settings, admission.tls),
    )


def port_options(settings: Settings, tls: ServerTls | None) -> PortOptions:
    """Return how the settings have the port kept."""
    asked_for = settings.reflection
    return PortOptions(
        tls=tls,
        token_address=settings.token_address,
        shared=settings.workers > 1,
        reflection=settings.sandbox if asked_for is None else asked_for,
    )


async def lacks_sample(store: Store, settings: Settings) -> bool:
    """Return whether the sample is still to be loaded. ValueError beside other data."""
    sample = dict(imports.sample())
    persons = {row.cells["person_no"] for row in sample["persons"]}
    institutions = {row.cells["code"] for row in sample["institutions"]}
    # Whoever tries a sandbox imports people of its own, which are invented too.
    mixed = not settings.sandbox and (
        await store.has_others(Person, persons)
        or await store.has_others(Institution, institutions)
    )
    if mixed:
        raise ValueError(
            "登记库中已有样例之外的人员或机构，样例人群不得混入：请去掉 --sample"
        )
    return None in [await store.get(Person, number) for number in persons]


def lossy_settings(database: str) -> tuple[str, ...]:
    """Return the database's settings under which an answer may be lost, in words.

    Empty if the database cannot be reached now.
    """
    with suppress(OSError):
        if condition := database_at(database).condition():
            return condition.lossy
    return ()
