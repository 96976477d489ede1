"""The store: its queues, its words for records, rows of requests, adoptions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable
from datetime import date, datetime
from functools import partial
from typing import Any, Final, TypeAlias, TypeVar, cast

from gongji.audit.checkpoint import KeyKind
from gongji.audit.hashing import Hasher
from gongji.audit.leaf import Leaf
from gongji.model.commands import (
    Adopted,
    Answer,
    Command,
    Listing,
    Placed,
    Query,
    RecordPlace,
    Request,
    RequestRecord,
    Write,
)
from gongji.model.facts import Need, by_key
from gongji.model.people import Certificate, Institution, Person
from gongji.model.refusals import StoreUnavailable
from gongji.model.revisions import (
    REVISIONS,
    InstitutionRevision,
    KnownAt,
    PersonRevision,
)
from gongji.model.settlement import SettledDay
from gongji.model.staging import LAYERS, Unmerged
from gongji.rules.codes import pooling_area
from gongji.store.checkpoints import CheckpointLog
from gongji.store.claims import RowOf
from gongji.store.committer import Committer
from gongji.store.condition import WRITING, StoreCondition
from gongji.store.engine import EngineDown, Job, StoreEngine, unavailable
from gongji.store.genesis import begin_log
from gongji.store.held import HeldRecords
from gongji.store.leaves import LeafLog, LeafOrigin
from gongji.store.proofs import LogProofs
from gongji.store.queues import BatchQueue, Exclusive, ThreadQueue
from gongji.store.reader import Find, Reader
from gongji.store.schema import Schema
from gongji.store.seal import Vault
from gongji.store.table import instant
from gongji.store.timing import new_timing

R = TypeVar("R")

T = TypeVar("T")

P = TypeVar("P", Person, Institution)

K = TypeVar("K", Person, Institution, PersonRevision, InstitutionRevision)

_MERGE_POLL_S: Final = 0.05

_MERGE_POLLS: Final = 12_000
"""How often it is looked whether an import is merged: for ten minutes."""

Clock: TypeAlias = Callable[[], datetime]


class Store:
    """The server's memory, over three connections of one database.

    One connection writes, one decides without writing, one lists. What queues up before
    a connection is one batch. Whatever cannot be reached now is StoreUnavailable, and
    nothing of it was written.
    """

    def __init__(
        self,
        engines: tuple[StoreEngine, StoreEngine, StoreEngine],
        schema: Schema,
        vault: Vault,
        clock: Clock,
    ) -> None:
        self._writing, self._reading, self._listing = engines
        self._vault = vault
        self.schema = schema
        self._clock = clock
        self.log = LeafLog(schema, vault.hasher)
        """The leaves it writes."""
        self.log_origin = ""
        """How the log is to be called, if it has no checkpoint yet."""
        self.condition = StoreCondition()
        """Whether the database can be reached; observers are told of changes."""
        self._writes = self._writes_of()
        held = HeldRecords(self.condition)
        readers = [
            Reader(engine, schema, clock, condition=self.condition, held=held)
            for engine in (self._reading, self._listing)
        ]
        self._reads, self._pages = map(self._reads_of, readers)
        self._queues = (self._writes, self._reads, self._pages)
        for queue in self._queues:
            queue.start()

    def _committer(
        self, engine: StoreEngine, log: LeafLog, held: HeldRecords | None = None
    ) -> Committer:
        return Committer(
            engine,
            self.schema,
            self._clock,
            self._vault.digest,
            log,
            condition=self.condition,
            held=held,
        )

    def _writes_of(self) -> BatchQueue:
        """Return the queue of what is committed."""
        committer = self._committer(self._writing, self.log)
        return ThreadQueue(committer.run, condition=self.condition)

    def _reads_of(self, reader: Reader) -> BatchQueue:
        """Return the queue of what is only read."""
        return ThreadQueue(reader.run, condition=self.condition)

    @property
    def available(self) -> bool:
        """Whether the database can be reached, as far as is known."""
        return self.condition.available

    @property
    def hasher(self) -> Hasher:
        """The hash function of its log."""
        return self._vault.hasher

    @property
    def signature(self) -> KeyKind:
        """The kind of key that signs its log."""
        return self._vault.suite.signature

    @property
    def waiting(self) -> int:
        """How many calls wait for one of its connections."""
        return sum(queue.waiting for queue in self._queues)

    @property
    def checkpoints(self) -> CheckpointLog:
        """The checkpoints of the log."""
        return CheckpointLog(
            self._between_pages,
            self._between_writes,
            self._vault.hasher,
            self._clock,
            self.log_origin,
        )

    @property
    def proofs(self) -> LogProofs:
        """Proofs from the log."""
        return LogProofs(self._between_pages, self._vault.hasher)

    async def commit(self, command: Command[R]) -> Answer[R]:
        """Execute a command once, durably, or answer it as it was the first time.

        Refusals of the command; RequestIdReused, OriginalReversed, Overloaded.
        StoreUnavailable also if the clock cannot be believed.
        """
        if fault := getattr(self._clock, "fault", ""):
            raise StoreUnavailable(fault)
        job = Job(command, command.request, new_timing())
        answer: Answer[R] = await self._writes.submit(job)
        return answer

    async def apply(self, query: Query[R]) -> R:
        """Execute a query and write what it decides, without a request id (imports)."""
        answer: Answer[R] = await self._writes.submit(Job(query, timing=new_timing()))
        return answer.value

    async def ask(self, query: Query[R]) -> R:
        """Return what a query, or a command, would answer now, over one snapshot.

        Nothing is written (quotes, validate_only).
        """
        answer: Answer[R] = await self._reads.submit(Job(query))
        return answer.value

    async def get(self, kind: type[T], key: str) -> T | None:
        """Return the record of that key."""
        records = await self.found(kind, (key,))
        return records[0] if records else None

    async def found(self, kind: type[T], keys: Iterable[str]) -> list[T]:
        """Return the records there are of those keys, in their order; read together."""
        return await self.ask(Find[T](tuple(by_key(kind, key) for key in keys)))

    async def known(
        self, kind: type[P], key: str, at: datetime | None = None
    ) -> P | None:
        """Return a person or an institution as it was known at an instant, None: now."""
        return await self.ask(KnownAt(kind, key, at))

    async def changed(
        self,
        kind: type[K],
        since: datetime,
        below: datetime | None = None,
        *,
        after: RecordPlace | None = None,
        limit: int = 1000,
    ) -> list[Placed[K]]:
        """Return one page of the revisions of a kind that became known in a time.

        `Person` and `Institution` have each present revision, `PersonRevision` and
        `InstitutionRevision` each former one, in the order in which they became known;
        `below` is the first instant after the time. `after` is the place of the last
        one seen. What one import changed is what became known at its instant and bears
        its `import_id`.
        """
        await self._merged(kind)
        return await self._listed(
            Listing(
                kind=kind,
                at_least={"known_from": since},
                below={} if below is None else {"known_from": below},
                order="known_from",
                after=after,
                limit=limit,
            )
        )

    async def has_others(self, kind: type[P], known: Collection[str]) -> bool:
        """Return whether persons or institutions beyond these keys are on record."""
        await self._merged(kind)
        page = await self._listed(Listing(kind=kind, limit=len(known) + 1))
        return any(self.key_of(record) not in known for record, _ in page)

    async def _merged(self, kind: type) -> None:
        """Wait until what an import brought lies in the records. StoreUnavailable."""
        layer = next(
            layer for of, layer in LAYERS.items() if kind in {of, REVISIONS[of]}
        )
        for _ in range(_MERGE_POLLS):
            unmerged = await self.get(Unmerged, layer.registry)
            if unmerged is None or not unmerged.set_id:
                return
            await asyncio.sleep(_MERGE_POLL_S)
        raise StoreUnavailable("前一次导入尚未并入登记库，请稍后重试。")

    async def page(self, listing: Listing[T]) -> list[T]:
        """Return one page of a listing. ValueError as of `placed`."""
        return [record for record, _ in await self.placed(listing)]

    async def placed(self, listing: Listing[T]) -> list[Placed[T]]:
        """Return one page of a listing, each record with its place.

        `Listing.after` goes on behind a place. ValueError if no index serves the listing,
        or if the records may lie in an import that is not merged yet: see `changed`.
        """
        if listing.kind in LAYERS:
            msg = f"{listing.kind.__name__} 只能以 changed 列出"
            raise ValueError(msg)
        return await self._listed(listing)

    async def _listed(self, listing: Listing[T]) -> list[Placed[T]]:
        read = partial(self._listing.page, listing)
        page: list[Placed[T]] = await _alone(self._pages, read)
        return page

    def place(self, record: object, order: str) -> RecordPlace:
        """Return the place that a record which is not stored would have in an order."""
        table = self.schema.table(type(record))
        column = table.column(order)
        value = cast("str | int", column.of(record))
        return value, self.schema.key_of(record)

    def key_of(self, record: object) -> str:
        """Return a record's key."""
        return self.schema.key_of(record)

    async def recall(self, request: Request) -> RequestRecord | None:
        """Return the row of a request; None if it never came."""
        return await self.ask(RowOf(request))

    async def person_no_of(self, certificate: Certificate) -> str | None:
        """Return the number of the person with that certificate, the lowest of several."""
        need = Need(Person, "cert", self.lookup(certificate))
        persons = await self.ask(Find[Person]((need,)))
        numbers = [person.person_no for person in persons]
        return min(numbers, default=None)

    async def latest(self) -> datetime | None:
        """Return the latest instant on record, None if nothing is."""
        read = partial(self._listing.rows, "SELECT max(at) FROM log_writer", ())
        ((at,),) = await _alone(self._pages, read)
        return None if at is None else instant(at)

    async def server_time(self) -> datetime | None:
        """Return what the database's own machine says, None if it is this one."""
        return None

    def lookup(self, certificate: Certificate) -> str:
        """Return the keyed hash of a certificate: the value of `Need(Person, "cert", …)`."""
        return self._vault.lookup(certificate)

    def digest(self, value: object, like: str = "") -> str:
        """Return the keyed hash of a value, as kept per field of a request."""
        return self._vault.digest(value, like)

    def tag(self, value: object) -> str:
        """Return the keyed hash (hex) of a value that is compared and never stored."""
        return self._vault.tag(value)

    def seal(self, owner: str, clear: bytes) -> bytes:
        """Seal bytes that leave the service and come back, for one owner."""
        return self._vault.seal(owner, clear)

    def unseal(self, owner: str, sealed: bytes) -> bytes:
        """Open what was sealed for that owner. SealBrokenError."""
        return self._vault.unseal(owner, sealed)

    async def adopted(self) -> list[Adopted]:
        """Return every adopted candidate revision, by area code and name."""
        return await self.page(Listing(kind=Adopted, limit=10_000))

    async def adopt(self, *adopted: Adopted) -> None:
        """Record adoptions, all or none, each in place of one of the same candidate."""
        await self.apply(Write(adopted, "Adopt"))

    async def read(self, run: Callable[[StoreEngine], R]) -> R:
        """Return what `run` reads over the connection that lists. StoreUnavailable."""
        found: R = await _alone(self._pages, partial(run, self._listing))
        return found

    async def settled_since(self, area_code: str, day: date) -> bool:
        """Return whether a bill of a pooling area with a service day from `day` on was
        ever settled, reversed or not."""
        first = Listing(
            kind=SettledDay,
            equals={"pooling_area": pooling_area(area_code)},
            at_least={"day": day},
            order="day",
            limit=1,
        )
        return bool(await self.page(first))

    async def _between_pages(self, run: Callable[[StoreEngine], T]) -> T:
        """Return what a function reads between two pages. StoreUnavailable."""
        found: T = await _alone(self._pages, partial(run, self._listing))
        return found

    async def _between_writes(self, run: Callable[[StoreEngine], T]) -> T:
        """Return what a function writes between two batches. StoreUnavailable."""
        found: T = await _alone(self._writes, partial(run, self._writing))
        return found

    def tell_leaves(self, tell: Callable[[Leaf], None]) -> None:
        """Have somebody told the last leaf of each transaction, once it is durable."""
        self.log.tell = tell

    async def reset(self, caller: str = "") -> None:
        """Forget everything, request ids included (sandbox): after what was submitted
        before, before what is submitted later."""
        await _alone(self._writes, partial(self._reset, caller))

    def _reset(self, caller: str) -> None:
        self._writing.reset()
        self.log.restart()
        # What outlives it stands from now on in the log of another writer.
        origin = LeafOrigin("Reset", Request("", caller, "Reset"))
        begin_log(self._writing, self.schema, self.log, self._clock(), origin)

    async def touch(self) -> None:
        """Find out whether anything can be written; nothing of it is seen in the log.

        StoreUnavailable.
        """
        await _alone(self._writes, self._touch)

    def _touch(self) -> None:
        with self.condition.noted(WRITING):
            self._writing.touch()

    async def close(self) -> None:
        """Finish what waits and close the connections."""
        for queue in self._queues:
            await queue.close()
        # SQLite tidies up when the writing connection is the last to go.
        for engine in (self._reading, self._listing, self._writing):
            engine.close()


async def _alone(queue: BatchQueue, run: Callable[[], object]) -> Any:
    """Return what `run` does between two batches of a queue. StoreUnavailable."""
    try:
        return await queue.submit(Exclusive(run))
    except EngineDown as down:
        raise unavailable(down) from down
