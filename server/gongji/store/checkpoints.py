"""Checkpoints of a store's log, its tree in tiles, and proofs from them.

Whoever recomputes the log reads `stored_leaves` and `stored_checkpoints` and has
`audit.order.tree_order` put the leaves in their places.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import (
    Awaitable,
    Callable,
    Container,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, Protocol, TypeVar

import msgspec

from gongji.audit.checkpoint import (
    CheckpointBody,
    NoteSigner,
    SignedNote,
    SigningKey,
    StoredCheckpoint,
)
from gongji.audit.hashing import Hasher
from gongji.audit.leaf import Leaf, LogWriter
from gongji.audit.order import Backwards, IdRanges, LogFaultError, pending
from gongji.audit.tree import (
    Growing,
    ProofError,
    ReadTile,
    Tile,
    edge_of,
    leaf_hash,
    tile_id,
)
from gongji.model.commands import Listing, Placed
from gongji.store.engine import ConstraintViolated, Engine, WriteConflict
from gongji.store.schema import Schema
from gongji.store.sql import Dialect

T = TypeVar("T")

SLICE: Final = 256
"""Leaves that are read and hashed without a pause: about a millisecond."""

TRIES: Final = 4
"""How often a checkpoint is begun anew that another server has made meanwhile."""

GONE: Final = timedelta(days=1)
"""After how long without a leaf a writer whose leaves are all included is forgotten.

A writer goes on as another long before: see `leaves.SILENT`.
"""

LAST_ID: Final = "~"
"""Behind every leaf_id."""

ORIGIN: Final = "gongji/"
"""Begins the origin of a log that the operator gave none."""


class CheckpointEngine(Engine, Protocol):
    """What of an engine checkpoints need."""

    dialect: Dialect

    def page(self, listing: Listing[T]) -> list[Placed[T]]:
        """Return one page of a listing."""

    def rows(self, statement: str, values: Sequence[Any]) -> list[Any]:
        """Return the rows of a query. EngineDown."""


Alone = Callable[[Callable[[Any], Any]], Awaitable[Any]]
"""Returns what a function does with a connection between two batches."""


class CheckpointLog:
    """Makes checkpoints of a log; keeps nothing in memory between two of them.

    Everything raises StoreUnavailable.
    """

    def __init__(
        self,
        read: Alone,
        write: Alone,
        hasher: Hasher,
        clock: Callable[[], datetime],
        origin: str = "",
    ) -> None:
        """Make checkpoints; `origin` is the name of a log that has none yet."""
        self._origin = origin
        self._read = read
        self._write = write
        self._clock = clock
        self.hasher = hasher

    async def last(self) -> StoredCheckpoint | None:
        """Return the last checkpoint, None before the first. LogFaultError."""
        try:
            found: StoredCheckpoint | None = await self._read(_last)
            if found is not None:
                SignedNote.parse(found.note).body()
        # Of a row that was changed.
        except (msgspec.MsgspecError, ValueError, OverflowError) as fault:
            raise LogFaultError("最近的检查点读不懂：它的记录已被改动") from fault
        return found

    async def check_origin(self) -> None:
        """LogFaultError if the log has another name than it is to have."""
        try:
            last = await self.last()
        except LogFaultError:
            # Whoever signs tells what was changed.
            return
        _origin_of(last, self._origin)

    async def checkpoints(
        self, after: str = "", limit: int = 1000
    ) -> list[StoredCheckpoint]:
        """Return checkpoints in their order, those behind one."""
        page: list[StoredCheckpoint] = await self._read(
            partial(_page, after=after, limit=limit)
        )
        return page

    async def sign(self, key: SigningKey, origin: str = "") -> StoredCheckpoint | None:
        """Make a checkpoint over all leaves there are; return the last, None of no leaf.

        Nothing is made if nothing came since the last. `origin` names the log at its
        first checkpoint. LogFaultError if the log contradicts itself, or has another
        name.
        """
        origin = origin or self._origin
        for _ in range(TRIES):
            last = await self.last()
            try:
                if (made := await self._made(last, key, origin)) is None:
                    return last
            except LogFaultError:
                # What was read may lie on either side of another's checkpoint.
                if await self.last() == last:
                    raise
                continue
            if await self._write(made.written_by):
                return made.checkpoint
        return await self.last()

    async def _made(
        self, last: StoredCheckpoint | None, key: SigningKey, origin: str
    ) -> _Made | None:
        """Return the next checkpoint, None if there is no leaf since the last."""
        signer = key.named(_origin_of(last, origin))
        writers: list[LogWriter] = await self._read(_writers)
        written = {writer.writer: writer.number for writer in writers}
        due = pending(last.included if last else {}, written)
        if not due:
            return None
        found = await FoundLeaves(self.hasher, due).read(self._read)
        growing = await self._base(last)
        await _extend(growing, found.hashes)
        known = self._known(writers, due)
        checkpoint = StoredCheckpoint(
            _following(last),
            growing.size,
            root=growing.root(),
            at=_latest(writers),
            note=_signed(growing, signer),
            included=known,
            through=found.through_all(last),
            ids=found.ranges,
        )
        return _Made(checkpoint, growing.changed(), sorted(written.keys() - known))

    def _known(
        self, writers: Sequence[LogWriter], due: Container[str]
    ) -> dict[str, int]:
        """Return the number of each writer but those that have been silent so long that
        they are gone. One whose leaves come in only now is named once more."""
        limit = _latest(writers) - GONE
        # Where time runs back too, silence says nothing.
        rewinds = getattr(self._clock, "rewinds", False)
        return {
            one.writer: one.number
            for one in writers
            if rewinds or one.at >= limit or one.writer in due
        }

    async def _base(self, last: StoredCheckpoint | None) -> Growing:
        """Return the tree of the last checkpoint, to be grown. LogFaultError."""
        if last is None:
            return Growing(self.hasher, 0, _no_tile)
        places = [(level, index) for level, index, _ in edge_of(last.size)]
        read: ReadTile = await self._read(partial(read_tiles, places=places))
        try:
            growing = Growing(self.hasher, last.size, read)
            root = growing.root()
        except ProofError as fault:
            raise LogFaultError(f"日志的树不完整：{fault}") from fault
        body = SignedNote.parse(last.note).body()
        if (body.size, body.root) != (last.size, root):
            raise LogFaultError(f"日志的树与 {last.size} 叶时的检查点不符")
        return growing


class FoundLeaves:
    """The leaves that are due, read from the highest leaf_id down."""

    def __init__(self, hasher: Hasher, due: Mapping[str, tuple[int, int]]) -> None:
        self._hasher = hasher
        self.wanted = Backwards(due)
        self._backwards: list[tuple[str, bytes]] = []
        self._before = LAST_ID

    def through_all(self, last: StoredCheckpoint | None) -> str:
        """Return the highest leaf_id of these and of those of before."""
        highest = self._backwards[0][0]
        return max(highest, last.through) if last else highest

    @property
    def ids(self) -> list[str]:
        """The ids, ascending."""
        return [leaf_id for leaf_id, _ in reversed(self._backwards)]

    @property
    def ranges(self) -> str:
        """The same as text."""
        return IdRanges(self.ids).text

    @property
    def hashes(self) -> list[bytes]:
        """The hashes by leaf_id."""
        return [digest for _, digest in reversed(self._backwards)]

    async def read(self, read: Alone, through: str = LAST_ID) -> FoundLeaves:
        """Find all of them, none above an id. LogFaultError if one is missing."""
        self._before = f"{through}~"
        while self.wanted.left:
            if not await read(self._read_slice):
                self.wanted.check_complete()
        return self

    def _read_slice(self, engine: CheckpointEngine) -> bool:
        """Read the next leaves; return whether there were any. LogFaultError."""
        # hot path: once for each leaf.
        mark = engine.dialect.mark
        rows = engine.rows(
            f"SELECT leaf_id, writer, number, body FROM leaf WHERE leaf_id < {mark} "  # noqa: S608 - a mark
            f"ORDER BY leaf_id DESC LIMIT {SLICE}",
            [self._before],
        )
        for leaf_id, writer, number, body in rows:
            if self.wanted.wants(writer, number):
                # SQLite keeps whatever somebody has put there.
                if not isinstance(body, bytes):
                    raise LogFaultError(f"叶 {leaf_id} 的正文已被改动：不是字节串")
                self._backwards.append((leaf_id, leaf_hash(self._hasher, body)))
        if rows:
            self._before = rows[-1][0]
        return bool(rows)


class _Made:
    """A checkpoint that is to be stored, with the tree it is of."""

    def __init__(
        self, checkpoint: StoredCheckpoint, tiles: Sequence[Tile], gone: Sequence[str]
    ) -> None:
        self.checkpoint = checkpoint
        self._tiles = tiles
        self._gone = gone

    def written_by(self, engine: Engine) -> bool:
        """Store it; return False if another server has made the one of this number."""
        engine.begin()
        try:
            # First: whoever makes the same one waits here, and fails.
            engine.insert(StoredCheckpoint, [self.checkpoint])
            engine.upsert(Tile, self._tiles)
            if self._gone:
                engine.delete(LogWriter, self._gone)
            engine.commit()
        except (ConstraintViolated, WriteConflict):
            engine.rollback()
            return False
        except BaseException:
            engine.rollback()
            raise
        return True


async def _extend(growing: Growing, hashes: Sequence[bytes]) -> None:
    """Append leaves, the event loop serving in between."""
    for start in range(0, len(hashes), SLICE):
        growing.extend(hashes[start : start + SLICE])
        await asyncio.sleep(0)


def read_tiles(engine: Engine, places: Sequence[tuple[int, int]]) -> ReadTile:
    """Return what reads these tiles, by level and index; any other is empty."""
    ids = [tile_id(*place) for place in places]
    if not ids:
        return _no_tile
    (tiles,) = engine.fetch([(Tile, "", ids)])
    known = {tile.tile_id: tile.hashes for tile in tiles}
    return lambda level, index: known.get(tile_id(level, index), b"")


def stored_checkpoints(engine: CheckpointEngine) -> Iterator[StoredCheckpoint]:
    """Yield all checkpoints in their order."""
    after = ""
    while page := _page(engine, after, 1000):
        yield from page
        after = page[-1].checkpoint_id


def stored_leaves(
    engine: CheckpointEngine, schema: Schema, after: str = ""
) -> Iterator[Leaf]:
    """Yield all leaves by leaf_id, those behind one."""
    table = schema.table(Leaf)
    names = ", ".join([column.name for column in table.columns])
    mark = engine.dialect.mark
    statement = (
        f"SELECT {names} FROM leaf WHERE leaf_id > {mark} "  # noqa: S608 - the schema's names
        f"ORDER BY leaf_id LIMIT {SLICE}"
    )
    while rows := engine.rows(statement, [after]):
        for row in rows:
            yield table.record(row)
        after = rows[-1][0]


def _no_tile(level: int, index: int) -> bytes:
    del level, index
    return b""


def _last(engine: CheckpointEngine) -> StoredCheckpoint | None:
    listing: Listing[StoredCheckpoint] = Listing(
        kind=StoredCheckpoint, descending=True, limit=1
    )
    for checkpoint, _ in engine.page(listing):
        return checkpoint
    return None


def _page(engine: CheckpointEngine, after: str, limit: int) -> list[StoredCheckpoint]:
    listing = Listing(
        kind=StoredCheckpoint, after=(after, after) if after else None, limit=limit
    )
    return [checkpoint for checkpoint, _ in engine.page(listing)]


def _writers(engine: CheckpointEngine) -> list[LogWriter]:
    found: list[LogWriter] = []
    after = None
    while True:
        listing = Listing(kind=LogWriter, after=after, limit=1000)
        page = engine.page(listing)
        found += [writer for writer, _ in page]
        if len(page) < 1000:
            return found
        after = page[-1][1]


def _latest(writers: Iterable[LogWriter]) -> datetime:
    return max([writer.at for writer in writers])


def _following(last: StoredCheckpoint | None) -> str:
    return f"{int(last.checkpoint_id) + 1 if last else 1:016d}"


def _origin_of(last: StoredCheckpoint | None, origin: str) -> str:
    """Return the name of the log. LogFaultError if it has another."""
    if last is None:
        return origin or f"{ORIGIN}{secrets.token_hex(8)}"
    known = SignedNote.parse(last.note).body().origin
    if origin and origin != known:
        raise LogFaultError(
            f"账本的名称在第一个检查点时取定为 {known}，不能改为 {origin}："
            f"请写 --origin {known}，或不写"
        )
    return known


def _signed(tree: Growing, signer: NoteSigner) -> str:
    body = CheckpointBody(signer.name, tree.size, tree.root())
    return str(SignedNote(body.text(), ()).with_signature(signer))
