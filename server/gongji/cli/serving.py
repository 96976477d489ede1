"""Serve until interrupted, and say what happens meanwhile."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable
from contextlib import aclosing, suppress
from dataclasses import replace
from typing import Final, TypeAlias

import click
import grpc

from gongji.cities import cache
from gongji.cities.city import Cities
from gongji.cli.announcing import (
    announce,
    startup_warnings,
    tell_stopped,
    tell_stopping,
)
from gongji.cli.terminal import Terminal
from gongji.kit.check.serving import unfit
from gongji.model.refusals import Refusal
from gongji.serve import descriptors, logs, service, supervisor
from gongji.serve.admission import check_doors, check_folder
from gongji.serve.beside import working_beside
from gongji.serve.clock import system_clock
from gongji.serve.notify import answer_reloads, keep_watchdog
from gongji.serve.service import Up, lossy_settings
from gongji.serve.settings import Settings
from gongji.serve.watched import RELOADED_S
from gongji.serve.workers import serve_many
from gongji.store import last_leaf

_TOLD: Final = (click.ClickException, grpc.RpcError, OSError, Refusal, ValueError)
"""What ends the service and is told in a sentence; whatever else does is a defect."""


Announcing: TypeAlias = Callable[[Terminal, Settings, Cities, Iterable[str], Up], None]
"""Says that the service is up: the settings, cities, warnings and addresses it has."""


def run_server(
    settings: Settings,
    terminal: Terminal,
    tell: Announcing = announce,
    *,
    new: bool = False,
    accepting: bool = False,
) -> None:
    """Serve until interrupted; `tell` says that the service is up.

    ValueError or OSError if the settings cannot be met.
    """
    descriptors.raise_limit()
    # Its own lines on standard error are no JSON, and there may be many.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    # Ctrl-C before the service handles signals itself ends without a traceback.
    with suppress(KeyboardInterrupt), logs.only_lines(*_TOLD):
        if settings.workers > 1:
            # The parent answers no call and needs no fast loop.
            asyncio.run(_serve(settings, terminal, tell, new=new, accepting=accepting))
            return
        with asyncio.Runner(loop_factory=supervisor.new_event_loop) as runner:
            runner.run(_serve(settings, terminal, tell, new=new, accepting=accepting))


async def _serve(
    settings: Settings,
    terminal: Terminal,
    tell: Announcing,
    *,
    new: bool,
    accepting: bool,
) -> None:
    """Serve until interrupted and print what happens.

    ValueError or OSError if the settings cannot be met.
    """
    # Before anything is read there or made.
    check_folder(settings)
    settings, cities = _fit(settings)
    workdays = settings.workdays()
    if accepting:
        last_leaf.forget(settings.data)
    if new:
        await service.make_database(settings)
    if settings.workers > 1:
        serving = serve_many(settings.for_workers(cities))
    else:
        serving = service.serve(settings, cities, workdays)
    answer_reloads(RELOADED_S)
    async with aclosing(serving) as events, working_beside(keep_watchdog()):
        async for event in events:
            if isinstance(event, Up):
                await asyncio.to_thread(cache.keep, settings.kept_plugins)
                lossy = await asyncio.to_thread(lossy_settings, settings.database)
                today = system_clock().date()
                warnings = startup_warnings(settings, workdays, today, lossy)
                tell(terminal, settings, cities, warnings, event)
            else:
                tell_stopping(terminal)
    tell_stopped(terminal)


def _fit(settings: Settings) -> tuple[Settings, Cities]:
    """Return the cities that may serve, and the settings that refuse all others.

    ValueError or OSError if options or addresses cannot be met, whatever the cities.
    """
    # Before plugins are asked, which takes seconds.
    check_doors(settings)
    settings = settings.with_recorded_suite()
    loaded = settings.cities()
    settings = replace(settings, unfit=tuple(unfit(loaded, settings.kept_plugins)))
    return settings, loaded.without(settings.unfit)
