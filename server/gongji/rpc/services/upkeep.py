"""What goes on behind imports: applied rows are merged, abandoned ones removed.

Any process may do either; both may be done twice without harm.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, Final

import structlog
from msgspec.structs import replace

from gongji.model.commands import Listing, RequestRecord
from gongji.model.refusals import Refusal
from gongji.model.staging import StagedSet, Unmerged
from gongji.registry.imports import EndMerge, Merge
from gongji.registry.kinds import INSTITUTIONS, PERSONS, Registry
from gongji.rpc.services.runs import RELEASE
from gongji.store import Store
from gongji.store.claims import FREE, RUN, Part, RunLostError, run_of
from gongji.store.leftovers import Abandoned, Remove

CHUNK: Final = 250
"""Rows merged or removed in one transaction."""

WATCH_S: Final = 10.0
"""How often a process looks for what another has left, in seconds."""

STALE_S: Final = 600.0
"""After how long without a change a run is taken for dead, in seconds."""

_REGISTRIES: Final = (PERSONS, INSTITUTIONS)


class Upkeep:
    """Merges and tidies, in tasks of its own; those end with the event loop."""

    def __init__(self, store: Store, *, stale_s: float = STALE_S) -> None:
        self._store = store
        self._stale_s = stale_s
        self._tasks: dict[str, asyncio.Task[None]] = {}
        # Rows of requests as they were first seen so, and when.
        self._seen: dict[str, tuple[RequestRecord, float]] = {}

    def merge(self, registry: Registry) -> None:
        """Begin to merge what is applied, unless that goes on already."""
        self._begin(registry.name, self.merged(registry))

    def tidy(self) -> None:
        """Begin to remove what abandoned runs have staged, unless that goes on already."""
        self._begin("tidy", self.tidied())

    async def watch(self, every_s: float = WATCH_S) -> None:
        """Merge and tidy, for ever, what no process seems to be at."""
        seen: dict[str, object] = {}
        while True:
            # A database out of reach now is looked at the next time.
            with suppress(Refusal):
                for registry in _REGISTRIES:
                    progress = await self._progress(registry)
                    if progress is not None and seen.get(registry.name) == progress:
                        self.merge(registry)
                    seen[registry.name] = progress
                self.tidy()
            await asyncio.sleep(every_s)

    async def merged(self, registry: Registry) -> None:
        """Merge what is applied in a registry, chunk by chunk."""
        unmerged = await self._store.get(Unmerged, registry.name)
        if unmerged is None or not unmerged.set_id:
            return
        while rows := await self._staged(registry, unmerged.set_id):
            owners = tuple([registry.owner(staged.row) for staged in rows])
            await self._store.apply(Merge(registry, unmerged, owners))
        await self._store.apply(EndMerge(unmerged))

    async def tidied(self) -> None:
        """Remove what runs have staged that neither go on nor were applied."""
        sets: Listing[StagedSet] = Listing(kind=StagedSet, limit=1000)
        for staged_set in await self._store.page(sets):
            if await self._store.ask(Abandoned(staged_set)):
                await self._remove(staged_set)
            else:
                await self._release_if_stale(staged_set)

    async def _release_if_stale(self, staged_set: StagedSet) -> None:
        """Free the request of a run that has long changed nothing: its process was killed."""
        row = await self._store.get(RequestRecord, staged_set.request_key)
        set_id = staged_set.set_id
        if row is None or run_of(row) != set_id:
            return
        now = asyncio.get_running_loop().time()
        seen, since = self._seen.setdefault(set_id, (row, now))
        if seen != row:
            self._seen[set_id] = (row, now)
        elif now - since >= self._stale_s:
            free = replace(row, digests={**row.digests, RUN: FREE})
            with suppress(RunLostError):
                await self._store.apply(Part(set_id, free, RELEASE))

    async def _remove(self, staged_set: StagedSet) -> None:
        (registry,) = [r for r in _REGISTRIES if r.name == staged_set.registry]
        while rows := await self._staged(registry, staged_set.set_id):
            await self._store.apply(Remove(tuple(rows)))
        await self._store.apply(Remove((staged_set,)))

    async def _staged(
        self, registry: Registry, set_id: str, limit: int = CHUNK
    ) -> list[Any]:
        """Return the first rows of a set."""
        # "0" follows "/", which ends the set's id in a row's key.
        within = {"staged_id": f"{set_id}/"}, {"staged_id": f"{set_id}0"}
        listing: Listing[Any] = Listing(
            kind=registry.layer.staged, at_least=within[0], below=within[1], limit=limit
        )
        return await self._store.page(listing)

    async def _progress(self, registry: Registry) -> object:
        """Return how far the merging in a registry is; None if there is nothing to merge."""
        unmerged = await self._store.get(Unmerged, registry.name)
        if unmerged is None or not unmerged.set_id:
            return None
        first = await self._staged(registry, unmerged.set_id, limit=1)
        return unmerged, [staged.key for staged in first]

    def _begin(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        running = self._tasks.get(name)
        if running is not None and not running.done():
            work.close()
            return
        self._tasks[name] = asyncio.create_task(_to_the_end(name, work))


async def _to_the_end(name: str, work: Coroutine[Any, Any, None]) -> None:
    """Do some work; what ends it is logged, and whoever watches begins it again."""
    try:
        await work
    except Exception as error:  # noqa: BLE001 - nobody awaits the task
        structlog.get_logger().warning("upkeep", work=name, error=type(error).__name__)
