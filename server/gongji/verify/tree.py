"""Phase log: the tree recomputed leaf by leaf, and every checkpoint's root and signature."""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Iterable, Iterator
from typing import Any, Final

from msgspec import Struct

from gongji.audit.checkpoint import (
    CheckpointFaultError,
    SignedNote,
    StoredCheckpoint,
)
from gongji.audit.hashing import HASH_BYTES
from gongji.audit.order import LogFaultError, tree_order
from gongji.audit.tree import (
    TILE_HEIGHT,
    TILE_WIDTH,
    Growing,
    Tile,
    edge_of,
    tile_id,
)
from gongji.store.table import AnyTable, Row
from gongji.verify.checkpoints import CheckpointChain, CheckpointReach
from gongji.verify.finding import Discrepancy
from gongji.verify.segments import Output
from gongji.verify.snapshot import UnreadableError
from gongji.verify.types import wrong_type
from gongji.verify.work import Bench, VerifyTask, task

_TILES: Final = 64
"""Tiles that are read together, of 8 KiB each."""


_OTHERWISE: Final = "记为写到第 {} 号，而日志写到第 {} 号：尾部被截去，或该行被改动"

_FORGOTTEN: Final = "检查点 {:016d} 不记的写入方又出现，或该检查点被改动"


class _Numbered(Struct, frozen=True):
    """What of a leaf says where it stands, and its hash."""

    leaf_id: str
    writer: str
    number: int
    at: int
    digest: bytes


@task("order")
def check_tree(bench: Bench, job: VerifyTask, output: Output) -> None:
    """Check places, roots, signatures, tiles, and how far each writer has written."""
    del job
    log = _Log(bench, output)
    whole = False
    try:
        for placed in tree_order(log.leaves(), log.checkpoints()):
            log.place(placed.index, placed.leaf)
        log.end()
        whole = True
    except LogFaultError as fault:
        log.found(str(fault))
    log.check_writers(whole=whole)


class _Log:
    """The log as it is gone through once."""

    def __init__(self, bench: Bench, output: Output) -> None:
        self._bench = bench
        self._output = output
        self._last: dict[str, tuple[int, int]] = {}
        self._pending: set[str] = set()
        self._due: deque[StoredCheckpoint] = deque()
        self._chain = CheckpointChain()
        self._reach = CheckpointReach(exact=_exact(bench))
        self._included: Container[str] = ()
        self._read = 0
        self._row: list[_Numbered] = []
        self._tree = Growing(bench.hasher, 0, _no_tile)
        self._tiles = _StoredTiles(bench)
        self._kept = deque(sorted(map(_kept, bench.place.checkpoints)))

    def found(self, message: str, **where: str) -> None:
        """Note what does not hold."""
        self._output.found(Discrepancy(phase="log", message=message, **where))

    def leaves(self) -> Iterator[_Numbered]:
        """Yield the leaves by leaf_id."""
        before = ""
        for item in self._bench.segments("leaves").read("order"):
            leaf = _Numbered(*item)
            digits = len(leaf.leaf_id) == 16 and leaf.leaf_id.isdigit()
            if not digits or leaf.leaf_id <= before:
                self.found("编号不合次序", leaf_id=leaf.leaf_id)
            before = max(before, leaf.leaf_id)
            self._last[leaf.writer] = leaf.number, leaf.at
            yield leaf

    def checkpoints(self) -> Iterator[StoredCheckpoint]:
        """Yield the checkpoints in their order, each checked by itself."""
        table = self._bench.tables["checkpoint"]
        origin = ""
        for number, row in enumerate(_by_key(self._bench, table), 1):
            checkpoint = self._checkpoint(table, row)
            if checkpoint is None:
                return
            key = checkpoint.checkpoint_id
            if key != f"{number:016d}":
                told = f"第 {number} 个检查点不在其位：有的被删除，或编号被改动"
                self.found(told, checkpoint=key)
            for fault in self._chain.follow(checkpoint):
                self.found(fault, checkpoint=key)
            origin = self._check_note(checkpoint, origin)
            self._due.append(checkpoint)
            self._included = checkpoint.included
            self._read = number
            yield checkpoint

    def _checkpoint(self, table: AnyTable, row: Row) -> StoredCheckpoint | None:
        """Return the checkpoint of a row, None if it is none."""
        if column := wrong_type(table, row):
            told = f"{column} 的类型不符，此后的检查点不能核对"
            self.found(told, checkpoint=str(row[0]))
            return None
        try:
            checkpoint: StoredCheckpoint = table.record(row)
        except (ValueError, OverflowError):
            self.found("不能读取，此后的检查点不能核对", checkpoint=str(row[0]))
            return None
        return checkpoint

    def _check_note(self, checkpoint: StoredCheckpoint, origin: str) -> str:
        """Return the name of the log, the note being signed and what its columns say."""
        key = checkpoint.checkpoint_id
        try:
            note = SignedNote.parse(checkpoint.note)
            body = note.body()
        except CheckpointFaultError as fault:
            self.found(str(fault), checkpoint=key)
            return origin
        if (body.size, body.root) != (checkpoint.size, checkpoint.root):
            self.found("叶数或根与所签的不符", checkpoint=key)
        if origin not in {"", body.origin}:
            self.found(f"属于另一份日志：{body.origin}", checkpoint=key)
        verifier = self._bench.verifier(body.origin)
        if verifier is not None and not note.signed_by(verifier):
            self.found("没有有效签名", checkpoint=key)
        # Those of witnesses are kept by witnesses.
        if len(note.signatures) > 1:
            self.found("多出的签名不是本服务所写", checkpoint=key)
        return body.origin

    def place(self, index: int, leaf: _Numbered) -> None:
        """Put a leaf into its place, -1 if it has none yet."""
        # hot path: once for each leaf.
        if leaf.leaf_id < self._reach.before:
            # Its transaction was at work as that checkpoint was made.
            self._output.put_last("late", (leaf.leaf_id, self._reach.before))
        if index < 0:
            self._pending.add(leaf.writer)
            return
        self._reach.place(leaf)
        self._row.append(leaf)
        self._tree.extend((leaf.digest,))
        if len(self._row) == TILE_WIDTH:
            self._compare_row(index)
            self._compare_tiles(self._tree.take_full())
        size = index + 1
        while self._due and self._due[0].size == size:
            self._check_root(self._due.popleft())
        while self._kept and self._kept[0][0] == size:
            self._check_kept(*self._kept.popleft())

    def _check_root(self, checkpoint: StoredCheckpoint) -> None:
        if self._tree.root() != checkpoint.root:
            told = f"{checkpoint.size} 叶的根与日志重算的不符：其前有叶被改动"
            self.found(told, checkpoint=checkpoint.checkpoint_id)
        for fault in self._reach.reach(checkpoint):
            self.found(fault, checkpoint=checkpoint.checkpoint_id)
        self._output.head.proved = f"{checkpoint.at:%Y-%m-%d %H:%M:%S}"

    def _check_kept(self, size: int, root: bytes, name: str) -> None:
        if self._tree.root() != root:
            told = f"{size} 叶的根与另处保存的检查点 {name} 不符：日志分叉，历史被改写"
            self.found(told)

    def _compare_row(self, last: int) -> None:
        """Name the leaves whose hashes are not those that are kept of the tree."""
        kept = self._tiles.of(tile_id(0, last >> TILE_HEIGHT))
        for place, leaf in enumerate(self._row):
            digest = kept[place * HASH_BYTES : (place + 1) * HASH_BYTES]
            if digest and digest != leaf.digest:
                self.found("不是这一位置写入时的叶", leaf_id=leaf.leaf_id)
        self._row.clear()

    def _compare_tiles(self, tiles: Iterable[Tile]) -> None:
        """Compare tiles that came to be with those that are stored."""
        for tile in tiles:
            if self._tiles.of(tile.tile_id) != tile.hashes:
                self.found("散列片与日志重算的不符", table="tile", key=tile.tile_id)

    def end(self) -> None:
        """Check what can be seen only at the end."""
        size = self._tree.size
        self._compare_row(max(0, size - 1))
        for checkpoint in self._due:
            told = f"日志的树没有过 {checkpoint.size} 叶的时候"
            self.found(told, checkpoint=checkpoint.checkpoint_id)
        for kept_size, _, name in self._kept:
            if kept_size:
                told = f"另处保存的检查点 {name} 多于日志的树，其只有 {size} 叶"
                self.found(f"{told}：尾部被截去")
        self._compare_tiles(self._tree.changed())
        more = self._tiles.of(tile_id(0, size >> TILE_HEIGHT))
        if len(more) > size % TILE_WIDTH * HASH_BYTES:
            told = f"第 {self._read + 1} 个检查点不在：散列片多于最近的检查点的树"
            self.found(told, table="checkpoint")
        for key in self._tiles.foreign(size):
            self.found("散列片不属于日志的树", table="tile", key=key)

    def check_writers(self, *, whole: bool) -> None:
        """Check that each writer's row says how far it has written.

        `whole` says that all leaves are in their places.
        """
        # Who has long been silent is forgotten as a checkpoint has all of his leaves.
        known = {who for who in self._last if who in self._included} | self._pending
        missing = set(known)
        table = self._bench.tables["log_writer"]
        for writer, number, at in self._bench.snapshot.all_rows(table):
            missing.discard(writer)
            last = self._last.get(writer, (0, 0))
            where = {"table": table.name, "key": str(writer)}
            if last != (number, at):
                self.found(_OTHERWISE.format(number, last[0]), **where)
            elif whole and writer not in known:
                self.found(_FORGOTTEN.format(self._read), **where)
        for writer in sorted(missing):
            self.found("没有该行，而该写入方尚未被忘记", table=table.name, key=writer)


class _StoredTiles:
    """The tiles that are stored, asked for in the order of the tree; few are held."""

    def __init__(self, bench: Bench) -> None:
        self._snapshot = bench.snapshot
        self._table = bench.tables["tile"]
        self._levels: dict[str, Iterator[Row]] = {}
        self._ahead: dict[str, Row | None] = {}

    def of(self, key: str) -> bytes:
        """Return the hashes of a tile, none if it is not there.

        Those of a level are asked for in their order.
        """
        level, _, _ = key.partition("/")
        rows = self._levels.get(level)
        if rows is None:
            rows = self._levels[level] = self._stored(level)
            self._ahead[level] = next(rows, None)
        row = self._ahead[level]
        while row is not None and row[0] < key:
            row = next(rows, None)
        self._ahead[level] = row
        hashes = row[1] if row is not None and row[0] == key else b""
        return hashes if isinstance(hashes, bytes) else b""

    def _stored(self, level: str) -> Iterator[Row]:
        """Yield the tiles of a level by their keys."""
        # "0" is what follows "/".
        after, below = f"{level}/", f"{level}0"
        while page := list(self._snapshot.page(self._table, after, below, _TILES)):
            yield from page
            after = page[-1][0]

    def foreign(self, size: int) -> Iterator[str]:
        """Yield the key of every tile that is stored and not of a tree of so many leaves."""
        counts = {
            str(level): index + bool(width) for level, index, width in edge_of(size)
        }
        for key in self._snapshot.keys(self._table):
            level, _, number = str(key).partition("/")
            index = int(number) if number.isdecimal() else -1
            belongs = 0 <= index < counts.get(level, 0)
            if not (belongs and key == tile_id(int(level), index)):
                yield str(key)


def _kept(note: str) -> tuple[int, bytes, str]:
    """Return size, root and name of a checkpoint kept elsewhere."""
    body = SignedNote.parse(note).body()
    return body.size, body.root, f"{body.origin}（{body.size} 叶）"


def _exact(bench: Bench) -> bool:
    """Return whether every start says that its clock is the machine's."""
    table = bench.tables["started"]
    try:
        started = list(map(table.record, bench.snapshot.all_rows(table)))
    # Named where the rows are checked.
    except (ValueError, TypeError, UnreadableError):
        return False
    said = {one.settings.get("sandbox") for one in started}
    return said == {"False"}


def _by_key(bench: Bench, table: Any) -> Iterator[Any]:
    for span in bench.snapshot.spans_by_key(table):
        yield from bench.snapshot.read(table, span)


def _no_tile(level: int, index: int) -> bytes:
    del level, index
    return b""
