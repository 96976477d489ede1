"""A watcher that goes on from its last cursor whatever is killed, and what it must have heard."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any, Final

import grpc
from gongji.access.callers import LOCAL
from gongji.cities.city import Cities
from gongji.event.cursor import Cursor
from gongji.event.feed import EventFeed
from gongji.event.scope import WatchedScope
from gongji.model.event import EventKind, SettlementChange
from gongji.rules.codes import SHANGHAI
from gongji.serve.settings import DATABASE, KEY_FILE
from gongji.store import Store, open_store
from gongji.v1 import event_pb2 as pb
from gongji.v1 import event_pb2_grpc

from tests.chaos.book import Book
from tests.chaos.served import Served

_OPTIONS: Final = (
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 200),
)

Heard = tuple[int, str]
"""A kind and a settlement."""


class ChaosWatcher:
    """Watches one server after another; keeps most cursors, and now and then goes away."""

    def __init__(self, servers: Sequence[Served], seed: int) -> None:
        self._servers = servers
        self._chance = Random(seed)  # noqa: S311 - a test's chances
        self._cursor = ""
        self.heard: dict[Heard, None] = {}
        """What was heard, in the order in which it was heard first."""

    async def begin(self, data: Path, database: str) -> None:
        """Take the cursor of data that nobody serves yet."""
        async with _feed(data, database) as (store, feed):
            async for told in feed.watch(WatchedScope(), None, until_now=True):
                seal = store.tag(["Watch", LOCAL, told.cursor])[:32]
                self._cursor = f"{told.cursor}.{seal}"

    async def watch(self) -> None:
        """Watch, for ever; whatever ends a stream, another one is begun."""
        while True:
            served = self._chance.choice(self._servers)
            async with served.channel("watcher", _OPTIONS) as channel:
                with suppress(grpc.aio.AioRpcError, asyncio.TimeoutError):
                    async with asyncio.timeout(self._chance.uniform(0.5, 4)):
                        await self._hear(channel, served)
            await asyncio.sleep(0.05)

    async def _hear(self, channel: grpc.aio.Channel, served: Served) -> None:
        stub: Any = event_pb2_grpc.EventServiceStub(channel)
        request = pb.WatchRequest(cursor=self._cursor)
        call = stub.Watch(request, metadata=served.token)
        async for message in call:
            if message.event.HasField("settlement"):
                told = message.event.settlement.settlement_id
                self.heard.setdefault((message.event.kind, told))
            # Killed before it had kept it, as a caller may be.
            if self._chance.random() < 0.8:
                self._cursor = message.cursor

    async def finish(self, data: Path, database: str) -> None:
        """Hear the rest from the data alone."""
        cursor = Cursor.unpacked(self._cursor.partition(".")[0])
        async with _feed(data, database) as (_, feed):
            async for told in feed.watch(WatchedScope(), cursor, until_now=True):
                if told.event and isinstance(told.event.what, SettlementChange):
                    what = told.event.what.settlement_id
                    self.heard.setdefault((told.event.kind, what))


@asynccontextmanager
async def _feed(data: Path, database: str) -> AsyncIterator[tuple[Store, EventFeed]]:
    """Open the data of a server that does not run, and the events there are."""
    store = open_store(database or data / DATABASE, _now, data / KEY_FILE)
    try:
        yield store, EventFeed(store, Cities(()), _now)
    finally:
        await store.close()


def _now() -> datetime:
    return datetime.now(SHANGHAI)


@asynccontextmanager
async def watching(servers: Sequence[Served], seed: int) -> AsyncIterator[ChaosWatcher]:
    """Have somebody watch from before the first moment on."""
    watcher = ChaosWatcher(servers, seed)
    await watcher.begin(servers[0].data, servers[0].database)
    task = asyncio.create_task(watcher.watch())
    try:
        yield watcher
    finally:
        task.cancel()
        await asyncio.wait([task])


def unheard(book: Book, watcher: ChaosWatcher) -> Iterator[str]:
    """Yield what was acknowledged and not told, or told out of a patient's order."""
    places = {heard: place for place, heard in enumerate(watcher.heard)}
    patients: dict[str, list[tuple[datetime, int]]] = defaultdict(list)
    for request_id, settlement in book.settled.items():
        told = settlement.settlement_id
        settled = places.get((EventKind.SETTLED, told), -1)
        if settled < 0:
            yield f"{told}: settled, and not told"
        at = settlement.settled_at.ToDatetime()
        patients[settlement.bill.patient.person_no].append((at, settled))
        taken_back = book.reversals.get(request_id) in book.refunds
        if taken_back and places.get((EventKind.REVERSED, told), -1) < settled:
            yield f"{told}: reversed, and not told after it"
    yield from _disordered(patients)


def _disordered(patients: Mapping[str, list[tuple[datetime, int]]]) -> Iterator[str]:
    for patient, told in patients.items():
        if [place for _, place in sorted(told)] != sorted(place for _, place in told):
            yield f"{patient}: told in another order"
