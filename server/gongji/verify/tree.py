"""Phase log: the tree recomputed leaf by leaf, and every checkpoint's root and signature."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from gongji.audit.checkpoint import (
    CheckpointFaultError,
    SignedNote,
    StoredCheckpoint,
)
from gongji.audit.order import LogFaultError, tree_order
from gongji.audit.tree import Growing
from gongji.verify.finding import Discrepancy
from gongji.verify.segments import Output
from gongji.verify.types import wrong_type
from gongji.verify.work import Bench, VerifyTask, task


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
    try:
        for placed in tree_order(log.leaves(), log.checkpoints()):
            log.place(placed.index, placed.leaf)
        log.end()
    except LogFaultError as fault:
        log.found(str(fault))
    log.check_writers()


class _Log:
    """The log as it is gone through once."""

    def __init__(self, bench: Bench, output: Output) -> None:
        self._bench = bench
        self._output = output
        self._last: dict[str, tuple[int, int]] = {}
        self._pending: set[str] = set()
        self._due: deque[StoredCheckpoint] = deque()
        self._tree = Growing(bench.hasher, 0, _no_tile)
        self._tiles = {
            str(row[0]): row[1] for row in bench.snapshot.all_rows(bench.tables["tile"])
        }
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
            if column := wrong_type(table, row):
                raise LogFaultError(f"检查点 {row[0]} 的 {column} 类型不符")
            checkpoint: StoredCheckpoint = table.record(row)
            if checkpoint.checkpoint_id != f"{number:016d}":
                raise LogFaultError(f"第 {number} 个检查点不在：被删除或编号被改动")
            origin = self._check_note(checkpoint, origin)
            self._due.append(checkpoint)
            yield checkpoint

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
        return body.origin

    def place(self, index: int, leaf: _Numbered) -> None:
        """Put a leaf into its place, -1 if it has none yet."""
        # hot path: once for each leaf.
        if index < 0:
            self._pending.add(leaf.writer)
            return
        self._tree.extend((leaf.digest,))
        size = index + 1
        while self._due and self._due[0].size == size:
            self._check_root(self._due.popleft())
        while self._kept and self._kept[0][0] == size:
            self._check_kept(*self._kept.popleft())

    def _check_root(self, checkpoint: StoredCheckpoint) -> None:
        if self._tree.root() != checkpoint.root:
            told = f"{checkpoint.size} 叶的根与日志重算的不符：其前有叶被改动"
            self.found(told, checkpoint=checkpoint.checkpoint_id)
        self._output.head.proved = f"{checkpoint.at:%Y-%m-%d %H:%M:%S}"

    def _check_kept(self, size: int, root: bytes, name: str) -> None:
        if self._tree.root() != root:
            told = f"{size} 叶的根与另处保存的检查点 {name} 不符：日志分叉，历史被改写"
            self.found(told)

    def _compare_tiles(self) -> None:
        """Compare the tiles that came to be since with those that are stored."""
        for tile in self._tree.changed():
            if self._tiles.pop(tile.tile_id, None) != tile.hashes:
                self.found("散列片与日志重算的不符", table="tile", key=tile.tile_id)

    def end(self) -> None:
        """Check what can be seen only at the end."""
        size = self._tree.size
        for kept_size, _, name in self._kept:
            if kept_size:
                told = f"另处保存的检查点 {name} 多于日志的树，其只有 {size} 叶"
                self.found(f"{told}：尾部被截去")
        self._compare_tiles()
        for key in sorted(self._tiles):
            self.found("散列片不属于日志的树", table="tile", key=key)

    def check_writers(self) -> None:
        """Check that each writer's row says how far it has written."""
        missing = dict(self._last)
        table = self._bench.tables["log_writer"]
        for writer, number, at in self._bench.snapshot.all_rows(table):
            missing.pop(writer, None)
            last, last_at = self._last.get(writer, (0, 0))
            if (last, last_at) == (number, at):
                continue
            told = f"记为写到第 {number} 号，而日志写到第 {last} 号"
            where = {"table": table.name, "key": str(writer)}
            self.found(f"{told}：尾部被截去，或该行被改动", **where)
        # Who has long been silent is forgotten once a checkpoint has all of his leaves.
        for writer in sorted(self._pending & missing.keys()):
            self.found("没有该行，而其叶尚无检查点", table=table.name, key=writer)


def _kept(note: str) -> tuple[int, bytes, str]:
    """Return size, root and name of a checkpoint kept elsewhere."""
    body = SignedNote.parse(note).body()
    return body.size, body.root, f"{body.origin}（{body.size} 叶）"


def _by_key(bench: Bench, table: Any) -> Iterator[Any]:
    for span in bench.snapshot.spans_by_key(table):
        yield from bench.snapshot.read(table, span)


def _no_tile(level: int, index: int) -> bytes:
    del level, index
    return b""
