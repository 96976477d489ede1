"""What the service itself counts: decisions, refusals, the store, the log, the plugins."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, Final

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message

from gongji import __version__
from gongji.access.rights import RIGHTS
from gongji.cities.city import Cities
from gongji.model.refusals import Refusal
from gongji.rpc.status import DEADLINE_REASON, FAULT_REASON
from gongji.rpc.watching import call_watch
from gongji.rules.hookspecs import CityRules
from gongji.serve import certificates
from gongji.serve.metrics import families
from gongji.serve.metrics.cells import OTHER, LabelValues, metrics
from gongji.serve.metrics.log_head import watch_log
from gongji.serve.settings import KEY_FILE, Settings
from gongji.store import Store
from gongji.store.databases import database_at

_ROWS: Final = ("written", "unchanged", "refused")
"""What becomes of the rows of an import; fields of its summary."""


class CountedCalls:
    """Counts what calls come to; see `rpc.watching.CallWatcher`."""

    def refused(self, reason: str, city: str) -> None:
        """Count a refusal."""
        metrics.counter(families.REFUSALS, reason, city).value += 1

    def unmet(self, city: str, hooks: Iterable[str]) -> None:
        """Count each condition that is not met."""
        for hook in hooks:
            metrics.counter(families.UNMET, city, hook).value += 1

    def answered(self, method: str, city: str, reply: Message) -> None:
        """Count what was decided now, and what was only said again."""
        # hot path: once a reply.
        receipt = _receipt_of(reply)
        if receipt is None:
            return
        if receipt.replayed:
            metrics.counter(families.REPLAYS, method).value += 1
            return
        metrics.counter(families.DECISIONS, method, city).value += 1
        summary = getattr(reply, "summary", None)
        if summary is not None:
            for outcome in _ROWS:
                rows = getattr(summary, outcome)
                metrics.counter(families.IMPORT_ROWS, method, outcome).value += rows


def _receipt_of(reply: Message) -> Any:
    """Return the receipt of a reply; None if it has none: nothing was decided."""
    if not _has_receipt(reply.DESCRIPTOR) or not reply.HasField("receipt"):
        return None
    return reply.receipt  # type: ignore[attr-defined] # it has that field


@cache
def _has_receipt(descriptor: Descriptor) -> bool:
    return "receipt" in descriptor.fields_by_name


class CountedStore:
    """Counts what happens to a store; see `store.condition.StoreObserver`."""

    def __init__(self) -> None:
        self._batch = metrics.histogram(families.BATCH)
        self._commit = metrics.histogram(families.COMMIT)
        self._waited = metrics.histogram(families.WAITED)
        self._lost = metrics.counter(families.LOST)

    def committed(self, jobs: int, seconds: float) -> None:
        """Count a commit."""
        self._batch.observe(jobs)
        self._commit.observe(seconds)

    def waited(self, seconds: float, why: str) -> None:
        """Count a wait; why is said in the log."""
        self._waited.observe(seconds)

    def lost(self, reason: str) -> None:
        """Count that it cannot be reached; why is said in the log."""
        self._lost.value += 1

    def back(self) -> None:
        """Nothing to count: whether it can be reached is read."""


def watch_service(settings: Settings, cities: Cities, store: Store) -> None:
    """Count what a service does from now on."""
    _allow_labels(settings, cities)
    call_watch.watcher = CountedCalls()
    # Seen before the first of them: what is not there cannot be seen to rise.
    metrics.counter(families.REFUSALS, FAULT_REASON, OTHER)
    store.condition.observe(CountedStore())
    _read(families.AVAILABLE, lambda: store.available)
    _read(families.WAITING, lambda: store.waiting)
    _read(families.LEAVES, lambda: store.log.written)
    watch_log()
    _watch_plugins(cities)
    _watch_files(settings)
    build = (__version__, platform.python_version(), _engine(settings))
    metrics.read(families.BUILD, lambda: {build: 1.0})


def _allow_labels(settings: Settings, cities: Cities) -> None:
    """Close the labels of the service; those of the port are its own."""
    metrics.allow("reason", {kind.reason() for kind in _kinds(Refusal)} | _BARE)
    areas = [city.area_code for city in cities.all]
    areas += [plugin.area_code for plugin in cities.refused if plugin.area_code]
    metrics.allow("city", areas)
    metrics.allow("hook", _HOOKS)
    metrics.allow("outcome", _ROWS)
    metrics.allow("method", RIGHTS)
    metrics.allow("version", (__version__,))
    metrics.allow("python", (platform.python_version(),))
    metrics.allow("database", (_engine(settings),))
    served = [city.label for city in cities.all]
    metrics.allow("plugin", (*served, *(one.plugin for one in cities.refused)))


_BARE: Final = {DEADLINE_REASON, FAULT_REASON}

_HOOKS: Final = frozenset(name for name in vars(CityRules) if not name.startswith("_"))


def _kinds(kind: type[Refusal]) -> Iterator[type[Refusal]]:
    for below in kind.__subclasses__():
        yield below
        yield from _kinds(below)


def _engine(settings: Settings) -> str:
    shared = database_at(settings.database_address).shared
    return "postgresql" if shared else "sqlite"


def _read(family: families.MetricFamily, figure: Callable[[], float]) -> None:
    metrics.read(family, lambda: {(): float(figure())})


def _watch_plugins(cities: Cities) -> None:
    states: dict[LabelValues, float] = {
        (city.label, city.area_code): 1.0 for city in cities.all
    }
    refused: dict[LabelValues, float] = dict.fromkeys(
        ((city.label,) for city in cities.all), 0.0
    )
    for plugin in cities.refused:
        states[plugin.plugin, plugin.area_code or OTHER] = 0.0
        refused[plugin.plugin,] = float(len(plugin.problem.splitlines()))
    metrics.read(families.PLUGIN_SERVED, lambda: states)
    metrics.read(families.ANSWERS_REFUSED, lambda: refused)


def _watch_files(settings: Settings) -> None:
    """Have the age of the key, and the end of the certificate, read."""
    key, certificate = settings.data / KEY_FILE, settings.tls_cert
    metrics.read(families.KEY_AT, lambda: _instant(key, _written_at))
    if certificate:
        metrics.read(
            families.CERTIFICATE_UNTIL, lambda: _instant(certificate, _expires_at)
        )


def _instant(path: Path, read: Callable[[Path], float]) -> Mapping[LabelValues, float]:
    """Return an instant that a file says; nothing if it cannot be read."""
    with suppress(OSError, Refusal):
        return {(): read(path)}
    return {}


def _written_at(path: Path) -> float:
    return path.stat().st_mtime


def _expires_at(path: Path) -> float:
    return certificates.of_pem(path.read_bytes()).not_after
