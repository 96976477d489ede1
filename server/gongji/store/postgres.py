"""The database of several servers: PostgreSQL, one connection that writes, one that decides, one that lists."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from gongji.facts import Answer, Listing, Need, Query
from gongji.model import Certificate, Person
from gongji.store.committer import Job
from gongji.store.migrations import make_or_check
from gongji.store.pgengine import PostgresEngine
from gongji.store.pghome import PostgresHome
from gongji.store.reading import Find, Reader, lane, paged
from gongji.store.remembering import RememberingStore
from gongji.store.schema import Schema
from gongji.store.seal import Vault
from gongji.store.writer import QUEUE

R = TypeVar("R")
T = TypeVar("T")


class PostgresStore(RememberingStore):
    """Everything remembered, in a database several servers share; see `store.Store`. Made by `store.open_store`.

    Nothing here waits in the event loop: each connection has a thread, and what queues up before it is one batch.
    """

    def __init__(self, url: str, vault: Vault, clock: Callable[[], datetime], *, queue: int = QUEUE) -> None:
        schema = Schema(vault)
        self._writing = PostgresEngine(url, schema)
        try:
            make_or_check(PostgresHome(self._writing.connection, schema), schema, vault.fingerprint)
        except BaseException:
            self._writing.close()
            raise
        self._reading = PostgresEngine(url, schema, read_only=True)
        self._listing = PostgresEngine(url, schema, read_only=True)
        super().__init__(self._writing, schema, vault, clock, queue)
        self._asking = lane(Reader(self._reading, schema, clock).run)
        self._paging = lane(Reader(self._listing, schema, clock).run)

    async def ask(self, query: Query[R]) -> R:
        """What a query would answer now, over one snapshot; nothing is written."""
        answer: Answer[R] = await self._asking.submit(Job(query))
        return answer.value

    async def get(self, kind: type[T], key: str) -> T | None:
        """The record of that key."""
        found: list[T] = await self.ask(Find(Need(kind, "", key)))
        return found[0] if found else None

    async def page(self, listing: Listing[T]) -> list[T]:
        """One page of a listing. ValueError where no index serves it."""
        return await paged(self._paging, self._listing.page, listing)

    async def person_no_of(self, certificate: Certificate) -> str | None:
        """The number of the person with that certificate; the lowest where several have it."""
        persons: list[Person] = await self.ask(Find(Need(Person, "cert", self.lookup(certificate))))
        return min((person.person_no for person in persons), default=None)

    async def close(self) -> None:
        """Finishes what waits and closes the connections."""
        for thread in (self._writer, self._asking, self._paging):
            await thread.close()
        for engine in (self._writing, self._reading, self._listing):
            engine.close()
