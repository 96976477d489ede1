"""What every store does alike, whichever engine lies below: its words for records, rows of requests, adoptions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol, TypeVar, cast

from gongji.codes import pooling_area
from gongji.facts import Adopted, Answer, Command, Decision, Facts, Listing, Need, Query, Remembered
from gongji.model import Certificate, Settlement
from gongji.store.committer import Committer, Engine, EngineDown, Job, unavailable
from gongji.store.schema import Schema
from gongji.store.seal import Vault
from gongji.store.writer import QUEUE, Alone, Writer

R = TypeVar("R")
T = TypeVar("T")


class WritingEngine(Engine, Protocol):
    """An engine that also forgets everything on demand."""

    def reset(self) -> None:
        """Empties every table. EngineDown."""

    def close(self) -> None:
        """Ends the connection; an open transaction is forgotten."""


class RememberingStore(ABC):
    """The half of `store.Store` that is the same over every engine: writing through one thread, and what follows."""

    def __init__(
        self, writing: WritingEngine, schema: Schema, vault: Vault, clock: Callable[[], datetime], queue: int = QUEUE
    ) -> None:
        self._vault = vault
        self._clock = clock
        self._schema = schema
        committer = Committer(writing, schema, clock, vault.digest)
        self._writer = Writer(committer.run, queue=queue)
        self._resetting = writing.reset
        self._writer.start()

    async def commit(self, command: Command[R]) -> Answer[R]:
        """Executes a command once, durably, or answers it as it was answered the first time."""
        answer: Answer[R] = await self._writer.submit(Job(command, command.request))
        return answer

    async def apply(self, query: Query[R]) -> R:
        """Executes a query and writes what it decides, without a request id."""
        answer: Answer[R] = await self._writer.submit(Job(query))
        return answer.value

    @abstractmethod
    async def get(self, kind: type[T], key: str) -> T | None:
        """The record of that key."""

    @abstractmethod
    async def page(self, listing: Listing[T]) -> list[T]:
        """One page of a listing. ValueError where no index serves it."""

    def place(self, record: object, order: str = "") -> tuple[str | int, str]:
        """Where a record stands in a listing's order: its value there and its key."""
        table = self._schema.table(type(record))
        return cast("str | int", table.column(order).of(record)), self._schema.key_of(record)

    async def recall(self, request_id: str) -> Remembered | None:
        """The row of a request id."""
        return await self.get(Remembered, request_id)

    async def remember(self, remembered: Remembered) -> None:
        """Keeps the row of a request that was executed in several parts."""
        await self.apply(_Write(remembered))

    def lookup(self, certificate: Certificate) -> str:
        """The keyed hash under which persons of that certificate are found: the value of `Need(Person, "cert", …)`."""
        return self._vault.lookup(certificate)

    def digest(self, value: object) -> str:
        """Keyed hash (hex) of a value's content."""
        return self._vault.digest(value)

    async def adopted(self) -> list[Adopted]:
        """Every candidate revision an operator has adopted, by area code and name."""
        return await self.page(Listing(kind=Adopted, limit=10_000))

    async def adopt(self, adopted: Adopted) -> None:
        """Records an adoption, in place of an earlier one of the same candidate."""
        await self.apply(_Write(adopted))

    async def settled_since(self, area_code: str, day: date) -> bool:
        """Whether a bill of that pooling area with a service day from `day` on was ever settled, reversed or not."""
        area = {"pooling_area": pooling_area(area_code)}
        later = Listing(kind=Settlement, equals=area, at_least={"service_day": day}, order="service_day", limit=1)
        return bool(await self.page(later))

    async def reset(self) -> None:
        """Forgets everything, request ids included; after what was submitted before, before what is submitted later."""
        with available():
            await self._writer.submit(Alone(self._resetting))


@contextmanager
def available() -> Iterator[None]:
    """The engine's inability in the callers' words."""
    try:
        yield
    except EngineDown as down:
        raise unavailable(down) from down


@dataclass(frozen=True, slots=True)
class _Write:
    """A query that writes one record as it is."""

    record: object

    def needs(self, facts: Facts) -> Iterable[Need]:
        """Nothing."""
        del facts
        return ()

    def decide(self, facts: Facts) -> Decision[None]:
        """The record."""
        del facts
        return Decision(None, (self.record,))
