"""The log of a running service: its checkpoints, and lines of a file that holds it all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import grpc

from gongji.audit.checkpoint import CheckpointBody, SignedNote, opened, verifier_of
from gongji.audit.hashing import NAMES, Hasher
from gongji.audit.order import LogFaultError
from gongji.client.log_files import encoded, head_of, lines_of
from gongji.v1 import log_pb2 as pb
from gongji.v1 import log_pb2_grpc

_HASHERS: Final = {name: hasher for hasher, name in NAMES.items()}


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


def exported(channel: grpc.Channel, *, records: bool = False) -> Iterator[bytes]:
    """Yield the lines of a file that holds the whole log. RpcError; LogFaultError.

    With `records` also the rows, what is personal in them as commitments.
    """
    checkpoint = newest(channel, sign_now=True)
    if checkpoint is None:
        raise LogFaultError("账本里还没有一叶")
    yield encoded(head_of(checkpoint))
    size = SignedNote.parse(checkpoint.note).body().size
    request = pb.ListLeavesRequest(limit=size, with_records=records)
    for reply in log_pb2_grpc.LogServiceStub(channel).ListLeaves(request):
        for leaf in reply.leaves:
            for line in lines_of(leaf):
                yield encoded(line)


def note_of(text: str) -> SignedNote:
    """Return the checkpoint in a file, its signature not checked. CheckpointFaultError."""
    note = SignedNote.parse(text)
    note.body()
    return note


def signed(note: str, key: str) -> CheckpointBody:
    """Return what a checkpoint says, signed by a key. CheckpointFaultError."""
    verifier = verifier_of(key)
    return opened(note, verifier.name, verifier)
