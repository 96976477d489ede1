"""Files of the log, checked without the service: an export, a proof, a comparison."""

from __future__ import annotations

from base64 import b64decode
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, BinaryIO, Final, TypeVar

import msgspec
from msgspec import Struct

from gongji.audit.checkpoint import CheckpointBody, SignedNote
from gongji.audit.hashing import HASH_BYTES, Hasher, base64
from gongji.audit.leaf import LeafBody
from gongji.audit.order import LogFaultError
from gongji.audit.tree import (
    Growing,
    ProofError,
    check_consistency,
    leaf_hash,
    root_of_path,
)
from gongji.client.log import hasher_of, signed
from gongji.client.log_files import (
    CONSISTENCY,
    EXPORT,
    INCLUSION,
    ConsistencyFile,
    ExportedLeaf,
    ExportedLine,
    ExportHead,
    InclusionFile,
)
from gongji.rules.codes import SHANGHAI

T = TypeVar("T")

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_SLICE: Final = 256

_MOST_BYTES: Final = 64 << 20
"""Of a file that is no export; of an export's line."""


class CheckedLog(Struct, frozen=True):
    """What an export was found to prove.

    until   instant of the last leaf that is told, None if none is
    rows    how many rows agree with their leaf, by table
    untold  how many rows have their hash alone: written over since, or not told
    """

    origin: str
    size: int
    root: bytes
    until: datetime | None
    rows: Mapping[str, int]
    untold: int


class CheckedInclusion(Struct, frozen=True):
    """What a proof of one leaf was found to prove, and what the leaf says."""

    origin: str
    size: int
    root: bytes
    index: int
    said: LeafBody | None
    rows: Mapping[str, int]

    @property
    def at(self) -> datetime | None:
        """The instant of the leaf, None if its hash alone is told."""
        return _instant(self.said.at) if self.said else None


class CheckedConsistency(Struct, frozen=True):
    """That the tree of `size` leaves begins with that of `before`."""

    origin: str
    size: int
    root: bytes
    before: int


class CheckedNote(Struct, frozen=True):
    """A checkpoint that is signed."""

    origin: str
    size: int
    root: bytes


Checked = CheckedLog | CheckedInclusion | CheckedConsistency | CheckedNote


class _Form(Struct, frozen=True):
    """What every file says of itself."""

    form: str = ""


class _RowText(Struct, frozen=True, forbid_unknown_fields=True):
    """What the text of a row may say: nothing personal but as a commitment."""

    table: str
    row: Mapping[str, Any] = {}
    hidden: Mapping[str, str] = {}


_line: Final = msgspec.json.Decoder(ExportedLine).decode

_body: Final = msgspec.json.Decoder(LeafBody).decode

_row: Final = msgspec.json.Decoder(_RowText).decode


def check_file(
    file: BinaryIO, key: str = "", kept: SignedNote | None = None
) -> Checked:
    """Check whatever file of the log it is, also against a checkpoint kept elsewhere.

    CheckpointFaultError, LogFaultError, ProofError: the first thing that does not hold.
    """
    first = file.readline(_MOST_BYTES)
    if _form_of(first) == EXPORT:
        return check_export(_lines(first, file), key, kept)
    content = first + file.read(_MOST_BYTES)
    form = _form_of(content)
    if form == INCLUSION:
        return check_inclusion(_decoded(content, _decoder(InclusionFile)), key, kept)
    if form == CONSISTENCY:
        return check_compared(_decoded(content, _decoder(ConsistencyFile)), key, kept)
    return _check_note(content, key, kept)


def _decoder(kind: type[T]) -> Callable[[bytes], T]:
    return msgspec.json.Decoder(kind).decode


def _lines(first: bytes, file: BinaryIO) -> Iterator[bytes]:
    yield first
    while line := file.readline(_MOST_BYTES):
        yield line


def _form_of(content: bytes) -> str:
    try:
        return msgspec.json.decode(content, type=_Form).form
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return ""


def _check_note(content: bytes, key: str, kept: SignedNote | None) -> CheckedNote:
    """Check a checkpoint, which names no key. Errors as of `check_file`."""
    try:
        text = content.decode()
        SignedNote.parse(text)
    except ValueError:
        raise LogFaultError(
            f"不是导出的账本、证明或检查点：应写明 {EXPORT}、{INCLUSION} 或 {CONSISTENCY}"
        ) from None
    if not key:
        raise LogFaultError("检查点里没有公钥：请以 --log-key 写明")
    body = _compared(text, key, kept)
    return CheckedNote(body.origin, body.size, body.root)


def check_inclusion(
    proof: InclusionFile, key: str = "", kept: SignedNote | None = None
) -> CheckedInclusion:
    """Check the proof of one leaf. Errors as of `check_file`."""
    body = _compared(proof.checkpoint, key or proof.public_key, kept)
    hasher, index = hasher_of(proof.hash), proof.index
    leaf = _CheckedLeaf(hasher)
    told = ExportedLeaf(proof.body, proof.records, proof.leaf_hash)
    digest = leaf.begin(told, index, "证明")
    path = _path_in(proof.path)
    if root_of_path(hasher, digest, index, body.size, path) != body.root:
        raise ProofError(
            f"包含证明不成立：第 {index} 叶不在 {body.size} 叶的树中，或已被改动"
        )
    for one in proof.rows:
        leaf.add_row(one.position, one.text, "证明")
    return CheckedInclusion(
        body.origin, body.size, body.root, index, leaf.said, leaf.rows
    )


def check_compared(
    file: ConsistencyFile, key: str = "", kept: SignedNote | None = None
) -> CheckedConsistency:
    """Check that a log went on from a checkpoint. Errors as of `check_file`."""
    key = key or file.public_key
    old, body = signed(file.before, key), signed(file.checkpoint, key)
    if kept is not None:
        before = signed(str(kept), key)
        if before not in {old, body}:
            raise LogFaultError(
                f"所证明的是 {old.size} 叶到 {body.size} 叶，与另存的检查点"
                f"（{before.size} 叶）无关，或与之矛盾"
            )
    hasher, path = hasher_of(file.hash), _path_in(file.path)
    check_consistency(hasher, (old.size, old.root), (body.size, body.root), path)
    return CheckedConsistency(body.origin, body.size, body.root, old.size)


def _compared(note: str, key: str, kept: SignedNote | None) -> CheckpointBody:
    """Return what a checkpoint says that does not contradict one kept elsewhere."""
    body = signed(note, key)
    if kept is not None:
        other = signed(str(kept), key)
        if other.size == body.size and other.root != body.root:
            raise LogFaultError(f"日志分叉：{body.size} 叶的树有两个根")
    return body


def check_export(
    lines: Iterable[bytes], key: str = "", kept: SignedNote | None = None
) -> CheckedLog:
    """Check an export by itself, and against a checkpoint kept elsewhere.

    CheckpointFaultError, LogFaultError: the first thing that does not hold.
    """
    rest = iter(lines)
    head = _decoded(next(rest, b""), _decoder(ExportHead), "第 1 行")
    if head.form != EXPORT:
        raise LogFaultError(f"不是导出的账本：第一行应为 {EXPORT}，得到 {head.form!r}")
    key = key or head.public_key
    body = signed(head.checkpoint, key)
    compared = None if kept is None else signed(str(kept), key)
    check = _ExportCheck(hasher_of(head.hash), compared)
    for number, line in enumerate(rest, start=2):
        where = f"第 {number} 行"
        check.add(_decoded(line, _line, where), where)
    return check.ended(body)


class _CheckedLeaf:
    """Leaves one by one, each with the rows that it tells."""

    def __init__(self, hasher: Hasher) -> None:
        self._hasher = hasher
        self._hashes = b""
        self._next = 0
        self._index = -1
        self.said: LeafBody | None = None
        """What the leaf says, None if its hash alone is told."""
        self.rows: Counter[str] = Counter()
        """Rows that agree, by table."""
        self.named = 0
        """Rows that leaves have named so far, told or not."""

    def begin(self, leaf: ExportedLeaf, index: int, where: str) -> bytes:
        """Begin the next leaf; return its hash in the tree. LogFaultError."""
        self._index, self._next = index, 0
        if not leaf.body:
            self._hashes, self.said = b"", None
            return _hash_in(leaf.hash, where)
        content = leaf.body.encode()
        said: LeafBody = _decoded(content, _body, where)
        self._hashes = _bytes_of(leaf.records, where)
        if base64(self._hasher(self._hashes)) != said.records:
            raise LogFaultError(f"{where}：记录的散列与叶中所写不符")
        self.said = said
        self.named += len(self._hashes) // HASH_BYTES
        return leaf_hash(self._hasher, content)

    def add_row(self, position: int, text: str, where: str) -> None:
        """Add a row of the leaf that was begun last. LogFaultError."""
        start = position * HASH_BYTES
        digest = self._hashes[start : start + HASH_BYTES]
        if position < self._next or len(digest) != HASH_BYTES:
            raise LogFaultError(f"{where}：第 {self._index} 叶没有这一记录")
        self._next = position + 1
        content = text.encode()
        said: _RowText = _decoded(content, _row, where)
        for column, commitment in said.hidden.items():
            _hash_in(commitment, f"{where}：{said.table} 的 {column} 应为承诺")
        if self._hasher(content) != digest:
            raise LogFaultError(
                f"{where}：{said.table} 的一条记录与第 {self._index} 叶所记的散列不符，"
                "记录被改动"
            )
        self.rows[said.table] += 1


class _ExportCheck:
    """The tree over the leaves of a file, line by line."""

    def __init__(self, hasher: Hasher, kept: CheckpointBody | None) -> None:
        self._kept = kept
        self._leaf = _CheckedLeaf(hasher)
        self._tree = Growing(hasher, 0, lambda *_: b"")
        self._numbers: dict[str, int] = {}
        self._until = 0
        self._compare()

    def add(self, line: ExportedLine, where: str) -> None:
        """Add a leaf, or a row of the leaf before. LogFaultError."""
        if not isinstance(line, ExportedLeaf):
            self._leaf.add_row(line.position, line.text, where)
            return
        self._tree.extend([self._leaf.begin(line, self._tree.size, where)])
        self._check_number(self._leaf.said, where)
        if self._tree.size % _SLICE == 0:
            self._tree.forget_full()
        self._compare()

    def ended(self, body: CheckpointBody) -> CheckedLog:
        """Return what was found, if it is what a checkpoint says. LogFaultError."""
        size, root = self._tree.size, self._tree.root()
        if size != body.size:
            raise LogFaultError(f"检查点说有 {body.size} 叶，文件中有 {size} 叶")
        if root != body.root:
            raise LogFaultError(f"{size} 叶的根与检查点不符：其中有叶被改动或调换")
        if self._kept is not None and self._kept.size > size:
            raise LogFaultError(
                f"另存的检查点有 {self._kept.size} 叶，文件中只有 {size} 叶：尾部被截去"
            )
        until = _instant(self._until) if self._until else None
        rows = self._leaf.rows
        untold = self._leaf.named - rows.total()
        return CheckedLog(body.origin, size, root, until, rows, untold)

    def _check_number(self, said: LeafBody | None, where: str) -> None:
        if said is None:
            return
        # Of some writer's leaves others may be told by their hashes alone.
        if said.number <= self._numbers.get(said.writer, 0):
            raise LogFaultError(
                f"{where}：写入方 {said.writer} 的第 {said.number} 号叶不在其位"
            )
        self._numbers[said.writer] = said.number
        self._until = max(self._until, said.at)

    def _compare(self) -> None:
        """Compare with the checkpoint kept elsewhere when its size is reached."""
        kept = self._kept
        if kept and self._tree.size == kept.size and self._tree.root() != kept.root:
            raise LogFaultError(
                f"前 {kept.size} 叶的根与另存的检查点不符：日志分叉，或其中有叶被改动"
            )


def _instant(micros: int) -> datetime:
    try:
        return (_EPOCH + timedelta(microseconds=micros)).astimezone(SHANGHAI)
    except OverflowError:
        raise LogFaultError(f"叶中的时刻 {micros} 不在日历上") from None


def _decoded(content: bytes, decode: Callable[[bytes], T], where: str = "") -> T:
    try:
        return decode(content)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        place = where or "文件"
        raise LogFaultError(
            f"{place}读不懂：不是导出的账本或证明，或已被改动"
        ) from None


def _path_in(path: Iterable[str]) -> list[bytes]:
    return [_hash_in(one, "证明的路径") for one in path]


def _hash_in(text: str, where: str) -> bytes:
    digest = _bytes_of(text, where)
    if len(digest) != HASH_BYTES:
        raise LogFaultError(f"{where}：散列应为 {HASH_BYTES} 字节")
    return digest


def _bytes_of(text: str, where: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except ValueError:
        raise LogFaultError(f"{where}：不是 base64") from None
