"""Files in which the log is handed on: exported whole, one leaf proved, two trees compared.

An export has a head, then a line for each leaf, and behind it one for each row it tells.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import msgspec
from msgspec import Struct

from gongji.audit.hashing import base64
from gongji.v1 import log_pb2 as pb

EXPORT: Final = "gongji.log/1"
"""The form of an export, named in its first line."""

INCLUSION: Final = "gongji.inclusion/1"

CONSISTENCY: Final = "gongji.consistency/1"


class ExportHead(Struct, frozen=True):
    """The first line of an export."""

    form: str
    checkpoint: str
    public_key: str
    hash: str


class ExportedLeaf(Struct, frozen=True, omit_defaults=True, tag_field="line"):
    """A body as text and the hashes of its rows, or a hash alone."""

    body: str = ""
    records: str = ""
    hash: str = ""


class ExportedRow(Struct, frozen=True, tag_field="line"):
    """The text of a row of the leaf before, and the position of its hash there."""

    position: int
    text: str


ExportedLine: TypeAlias = ExportedLeaf | ExportedRow


class ProvedRow(Struct, frozen=True):
    """The text of a row, and the position of its hash in its leaf."""

    position: int
    text: str


class InclusionFile(Struct, frozen=True):
    """One leaf and its path to the root of a checkpoint."""

    form: str
    checkpoint: str
    public_key: str
    hash: str
    index: int
    body: str
    records: str
    leaf_hash: str
    path: tuple[str, ...]
    rows: tuple[ProvedRow, ...] = ()


class ConsistencyFile(Struct, frozen=True):
    """An older checkpoint, a newer one, and that the newer begins with the older."""

    form: str
    before: str
    checkpoint: str
    public_key: str
    hash: str
    path: tuple[str, ...]


def head_of(checkpoint: pb.LogCheckpoint) -> ExportHead:
    """Return the first line of an export."""
    return ExportHead(EXPORT, checkpoint.note, checkpoint.public_key, checkpoint.hash)


def lines_of(leaf: pb.LogLeaf) -> list[ExportedLine]:
    """Return the lines of a leaf, or of a part of one."""
    lines: list[ExportedLine] = []
    if leaf.body:
        records = base64(leaf.record_hashes)
        lines.append(ExportedLeaf(body=leaf.body.decode(), records=records))
    elif leaf.leaf_hash:
        lines.append(ExportedLeaf(hash=base64(leaf.leaf_hash)))
    rows = [ExportedRow(one.position, one.text.decode()) for one in leaf.records]
    return [*lines, *rows]


def inclusion_of(proof: pb.GetInclusionProofResponse) -> InclusionFile:
    """Return a proof of one leaf as a file has it."""
    leaf, checkpoint = proof.leaf, proof.checkpoint
    return InclusionFile(
        form=INCLUSION,
        checkpoint=checkpoint.note,
        public_key=checkpoint.public_key,
        hash=checkpoint.hash,
        index=leaf.index,
        body=leaf.body.decode(),
        records=base64(leaf.record_hashes),
        leaf_hash=base64(leaf.leaf_hash),
        path=tuple(map(base64, proof.path)),
        rows=tuple(
            [ProvedRow(one.position, one.text.decode()) for one in leaf.records]
        ),
    )


def consistency_of(
    before: str, reply: pb.GetConsistencyProofResponse
) -> ConsistencyFile:
    """Return the proof that a log goes on from a checkpoint as a file has it."""
    checkpoint = reply.checkpoint
    return ConsistencyFile(
        form=CONSISTENCY,
        before=before,
        checkpoint=checkpoint.note,
        public_key=checkpoint.public_key,
        hash=checkpoint.hash,
        path=tuple(map(base64, reply.path)),
    )


def encoded(line: ExportHead | ExportedLine) -> bytes:
    """Return a line of an export."""
    return msgspec.json.encode(line) + b"\n"


def document(file: InclusionFile | ConsistencyFile) -> bytes:
    """Return the content of a file that holds one proof."""
    return msgspec.json.format(msgspec.json.encode(file), indent=2) + b"\n"
