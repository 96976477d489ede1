"""The log as others keep it: exported, and checked without the service."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar

import grpc
import msgspec
from msgspec import Struct

from gongji.audit.checkpoint import (
    CheckpointBody,
    NoteVerifier,
    SignedNote,
    opened,
    verifier_of,
)
from gongji.audit.hashing import HASH_BYTES, NAMES, Hasher, base64
from gongji.audit.leaf import LeafBody
from gongji.audit.order import LogFaultError
from gongji.audit.tree import Growing, leaf_hash
from gongji.rules.codes import SHANGHAI
from gongji.v1 import log_pb2 as pb
from gongji.v1 import log_pb2_grpc

T = TypeVar("T")

FORM: Final = "gongji.log/1"
"""The form of an exported file, named in its first line."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_SLICE: Final = 256

_HASHERS: Final = {name: hasher for hasher, name in NAMES.items()}


class ExportHead(Struct, frozen=True):
    """The first line of an exported file."""

    form: str
    checkpoint: str
    public_key: str
    hash: str


class ExportedLeaf(Struct, frozen=True, omit_defaults=True):
    """Each other line: a body as text and the hashes of its rows, or a hash alone."""

    body: str = ""
    records: str = ""
    hash: str = ""


class CheckedLog(Struct, frozen=True):
    """What an exported file was found to prove.

    `until` is the instant of the last leaf that is told, None if none is.
    """

    origin: str
    size: int
    root: bytes
    until: datetime | None


_encode = msgspec.json.encode

_leaf = msgspec.json.Decoder(ExportedLeaf).decode

_body = msgspec.json.Decoder(LeafBody).decode


def newest(channel: grpc.Channel, *, sign_now: bool = False) -> pb.LogCheckpoint | None:
    """Return the newest checkpoint, None before the first leaf. RpcError."""
    request = pb.GetCheckpointRequest(sign_now=sign_now)
    reply = log_pb2_grpc.LogServiceStub(channel).GetCheckpoint(request)
    return reply.checkpoint if reply.HasField("checkpoint") else None


def hasher_of(name: str) -> Hasher:
    """Return a hash function by its name. LogFaultError."""
    hasher = _HASHERS.get(name)
    if hasher is None:
        raise LogFaultError(f"不认识散列函数 {name}，有的是 {'、'.join(_HASHERS)}")
    return hasher


def checked(checkpoint: pb.LogCheckpoint, key: str = "") -> CheckpointBody:
    """Return what a checkpoint says, signed by a key. CheckpointFaultError.

    Without a key by the one that came with it: then it shows no more than that.
    """
    return signed(checkpoint.note, key or checkpoint.public_key)


def exported(channel: grpc.Channel) -> Iterator[bytes]:
    """Yield the lines of a file that holds the whole log. RpcError; LogFaultError."""
    checkpoint = newest(channel, sign_now=True)
    if checkpoint is None:
        raise LogFaultError("账本里还没有一叶")
    head = ExportHead(FORM, checkpoint.note, checkpoint.public_key, checkpoint.hash)
    yield _encode(head) + b"\n"
    size = SignedNote.parse(checkpoint.note).body().size
    request = pb.ListLeavesRequest(limit=size)
    for reply in log_pb2_grpc.LogServiceStub(channel).ListLeaves(request):
        for leaf in reply.leaves:
            yield _encode(_exported(leaf)) + b"\n"


def check_export(
    lines: Iterable[bytes], key: str = "", kept: SignedNote | None = None
) -> CheckedLog:
    """Check an exported file by itself, and against a checkpoint kept elsewhere.

    CheckpointFaultError, LogFaultError: the first thing that does not hold.
    """
    rest = iter(lines)
    head = _decoded(next(rest, b""), msgspec.json.Decoder(ExportHead).decode, 1)
    if head.form != FORM:
        raise LogFaultError(f"不是导出的账本：第一行应为 {FORM}，得到 {head.form!r}")
    verifier = verifier_of(key or head.public_key)
    body = opened(head.checkpoint, verifier.name, verifier)
    check = _ExportCheck(hasher_of(head.hash), _kept(kept, verifier))
    for number, line in enumerate(rest, start=2):
        check.add(_decoded(line, _leaf, number), number)
    return check.ended(body)


class _ExportCheck:
    """The tree over the leaves of a file, line by line."""

    def __init__(self, hasher: Hasher, kept: CheckpointBody | None) -> None:
        self._hasher = hasher
        self._kept = kept
        self._tree = Growing(hasher, 0, lambda *_: b"")
        self._numbers: dict[str, int] = {}
        self._until = 0
        self._compare()

    def add(self, leaf: ExportedLeaf, line: int) -> None:
        """Add a leaf. LogFaultError."""
        self._tree.extend([self._hash_of(leaf, line)])
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
        told = _EPOCH + timedelta(microseconds=self._until)
        until = told.astimezone(SHANGHAI) if self._until else None
        return CheckedLog(body.origin, size, root, until)

    def _hash_of(self, leaf: ExportedLeaf, line: int) -> bytes:
        if not leaf.body:
            digest = _bytes_of(leaf.hash, line)
            if len(digest) != HASH_BYTES:
                raise LogFaultError(f"第 {line} 行：散列应为 {HASH_BYTES} 字节")
            return digest
        content = leaf.body.encode()
        said: LeafBody = _decoded(content, _body, line)
        records = base64(self._hasher(_bytes_of(leaf.records, line)))
        if records != said.records:
            raise LogFaultError(f"第 {line} 行：记录的散列与叶中所写不符")
        # Of some writer's leaves others may be told by their hashes alone.
        if said.number <= self._numbers.get(said.writer, 0):
            raise LogFaultError(
                f"第 {line} 行：写入方 {said.writer} 的第 {said.number} 号叶不在其位"
            )
        self._numbers[said.writer] = said.number
        self._until = max(self._until, said.at)
        return leaf_hash(self._hasher, content)

    def _compare(self) -> None:
        """Compare with the checkpoint kept elsewhere when its size is reached."""
        kept = self._kept
        if kept and self._tree.size == kept.size and self._tree.root() != kept.root:
            raise LogFaultError(
                f"前 {kept.size} 叶的根与另存的检查点不符：日志分叉，或其中有叶被改动"
            )


def _kept(kept: SignedNote | None, verifier: NoteVerifier) -> CheckpointBody | None:
    if kept is None:
        return None
    return opened(str(kept), verifier.name, verifier)


def _exported(leaf: pb.LogLeaf) -> ExportedLeaf:
    if not leaf.body:
        return ExportedLeaf(hash=base64(leaf.leaf_hash))
    return ExportedLeaf(body=leaf.body.decode(), records=base64(leaf.record_hashes))


def _decoded(line: bytes, decode: Callable[[bytes], T], number: int) -> T:
    try:
        return decode(line)
    except (msgspec.MsgspecError, ValueError):
        raise LogFaultError(
            f"第 {number} 行读不懂：不是导出的账本，或已被改动"
        ) from None


def _bytes_of(text: str, line: int) -> bytes:
    try:
        return b64decode(text, validate=True)
    except ValueError:
        raise LogFaultError(f"第 {line} 行：不是 base64") from None


def note_of(text: str) -> SignedNote:
    """Return the checkpoint in a file, its signature not checked. CheckpointFaultError."""
    note = SignedNote.parse(text)
    note.body()
    return note


def signed(note: str, key: str) -> CheckpointBody:
    """Return what a checkpoint says, signed by a key. CheckpointFaultError."""
    verifier = verifier_of(key)
    return opened(note, verifier.name, verifier)
