"""The store, whichever engine lies below: its threads, its words for records, rows of
requests, adoptions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any, Protocol, TypeAlias, TypeVar, cast

from gongji.model.commands import (
    Adopted,
    Answer,
    Command,
    Listing,
    Query,
    RequestRecord,
    Write,
)
from gongji.model.facts import Need
from gongji.model.people import Certificate, Person
from gongji.model.settlement import SettledDay
from gongji.rules.codes import pooling_area
from gongji.store.committer import Committer
from gongji.store.engine import Engine, EngineDown, Job, unavailable
from gongji.store.queues import BatchQueue, Exclusive, ThreadQueue
from gongji.store.reader import Find, Reader, paged
from gongji.store.schema import Schema
from gongji.store.seal import Vault

R = TypeVar("R")

T = TypeVar("T")

Clock: TypeAlias = Callable[[], datetime]


class StoreEngine(Engine, Protocol):
    """An engine of a store's: it also lists, and forgets everything on demand."""

    @property
    def connection(self) -> Any:
        """The driver's own."""

    def page(self, listing: Listing[T]) -> list[T]:
        """One page of a listing."""

    def reset(self) -> None:
        """Empties every table. EngineDown."""

    def close(self) -> None:
        """Ends the connection; an open transaction is forgotten."""


class EngineStore:
    """`store.Store` over three connections of one database: one that writes, one that
    decides, one that lists.

    What queues up before a connection is one batch: of a database over a network in a
    thread of its own, of an embedded one in the event loop itself.
    """

    def __init__(
        self,
        engines: tuple[StoreEngine, StoreEngine, StoreEngine],
        schema: Schema,
        vault: Vault,
        clock: Clock,
        *,
        queue: int,
        lane: type[BatchQueue] = ThreadQueue,
    ) -> None:
        self._writing, self._reading, self._listing = engines
        self._vault = vault
        self._schema = schema
        self._writer = lane(
            Committer(self._writing, schema, clock, vault.digest).run, queue=queue
        )
        self._asking = lane(Reader(self._reading, schema, clock).run)
        self._paging = lane(Reader(self._listing, schema, clock).run)
        for one in self._lanes:
            one.start()

    @property
    def _lanes(self) -> tuple[BatchQueue, ...]:
        return self._writer, self._asking, self._paging

    async def commit(self, command: Command[R]) -> Answer[R]:
        """Executes a command once, durably, or answers it as it was answered the first time."""
        answer: Answer[R] = await self._writer.submit(Job(command, command.request))
        return answer

    async def apply(self, query: Query[R]) -> R:
        """Executes a query and writes what it decides, without a request id."""
        answer: Answer[R] = await self._writer.submit(Job(query))
        return answer.value

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
        persons: list[Person] = await self.ask(
            Find(Need(Person, "cert", self.lookup(certificate)))
        )
        return min((person.person_no for person in persons), default=None)

    def place(self, record: object, order: str = "") -> tuple[str | int, str]:
        """Where a record stands in a listing's order: its value there and its key."""
        table = self._schema.table(type(record))
        return cast("str | int", table.column(order).of(record)), self._schema.key_of(
            record
        )

    async def recall(self, request_id: str) -> RequestRecord | None:
        """The row of a request id."""
        return await self.get(RequestRecord, request_id)

    async def remember(self, remembered: RequestRecord) -> None:
        """Keeps the row of a request that was executed in several parts."""
        await self.apply(Write((remembered,)))

    def lookup(self, certificate: Certificate) -> str:
        """The keyed hash under which persons of that certificate are found: the value
        of `Need(Person, "cert", …)`."""
        return self._vault.lookup(certificate)

    def digest(self, value: object) -> str:
        """Keyed hash (hex) of a value's content."""
        return self._vault.digest(value)

    async def adopted(self) -> list[Adopted]:
        """Every candidate revision an operator has adopted, by area code and name."""
        return await self.page(Listing(kind=Adopted, limit=10_000))

    async def adopt(self, *adopted: Adopted) -> None:
        """Records adoptions, all or none, each in place of an earlier one of the same candidate."""
        await self.apply(Write(adopted))

    async def settled_since(self, area_code: str, day: date) -> bool:
        """Whether a bill of that pooling area with a service day from `day` on was ever
        settled, reversed or not."""
        area = {"pooling_area": pooling_area(area_code)}
        later = Listing(
            kind=SettledDay, equals=area, at_least={"day": day}, order="day", limit=1
        )
        return bool(await self.page(later))

    async def reset(self) -> None:
        """Forgets everything, request ids included; after what was submitted before,
        before what is submitted later."""
        with available():
            await self._writer.submit(Exclusive(self._writing.reset))

    async def close(self) -> None:
        """Finishes what waits and closes the connections."""
        for one in self._lanes:
            await one.close()
        for engine in (
            self._reading,
            self._listing,
            self._writing,
        ):  # SQLite tidies up when the writing one goes last
            engine.close()


@contextmanager
def available() -> Iterator[None]:
    """The engine's inability in the callers' words."""
    try:
        yield
    except EngineDown as down:
        raise unavailable(down) from down
