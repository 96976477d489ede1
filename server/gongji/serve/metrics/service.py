"""What the service itself shows: its store, its log, its plugins, its files."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from gongji import __version__
from gongji.cities.city import Cities
from gongji.model.refusals import Refusal
from gongji.rules.hookspecs import CityRules
from gongji.serve import certificates
from gongji.serve.metrics import families
from gongji.serve.metrics.cells import OTHER, LabelValues, metrics
from gongji.serve.metrics.log_head import watch_log
from gongji.serve.metrics.outcomes import WATCHED_REASONS, watch_outcomes
from gongji.serve.settings import Settings
from gongji.store import Store
from gongji.store.databases import database_at


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
    watch_outcomes()
    # Before the first of them: what is not there cannot be seen to rise.
    for area in (*(city.area_code for city in cities.all), OTHER):
        for reason in WATCHED_REASONS:
            metrics.counter(families.REFUSALS, reason, area)
    store.condition.observe(CountedStore())
    _read(families.AVAILABLE, lambda: store.available)
    _read(families.WAITING, lambda: store.waiting)
    _read(families.LEAVES, lambda: store.log.written)
    watch_log()
    _watch_plugins(cities)
    _watch_dates(settings, store)
    build = (__version__, platform.python_version(), _engine(settings))
    metrics.read(families.BUILD, lambda: {build: 1.0})


def _allow_labels(settings: Settings, cities: Cities) -> None:
    """Close the labels of the service; those of the port are its own."""
    metrics.allow("hook", [name for name in vars(CityRules) if name[0] != "_"])
    areas = [city.area_code for city in cities.all]
    areas += [plugin.area_code for plugin in cities.refused if plugin.area_code]
    metrics.allow("city", areas)
    metrics.allow("version", (__version__,))
    metrics.allow("python", (platform.python_version(),))
    metrics.allow("database", (_engine(settings),))
    served = [city.label for city in cities.all]
    metrics.allow("plugin", (*served, *(one.plugin for one in cities.refused)))


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


def _watch_dates(settings: Settings, store: Store) -> None:
    """Have the age of the keys, and the end of the certificate, read."""
    vault, certificate = store.schema.vault, settings.tls_cert
    metrics.read(
        families.KEY_AT, lambda: {(): vault.made_at} if vault.made_at > 0 else {}
    )
    if certificate:
        metrics.read(
            families.CERTIFICATE_UNTIL, lambda: _instant(certificate, _expires_at)
        )


def _instant(path: Path, read: Callable[[Path], float]) -> Mapping[LabelValues, float]:
    """Return an instant that a file says; nothing if it cannot be read."""
    with suppress(OSError, Refusal):
        return {(): read(path)}
    return {}


def _expires_at(path: Path) -> float:
    return certificates.expiry_of(path.read_bytes())
