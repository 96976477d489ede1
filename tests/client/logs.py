"""A log that others keep and check: honest, or bent in one way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from gongji.audit.checkpoint import CheckpointBody, SignedNote, SigningKey
from gongji.audit.hashing import NAMES, base64, default_hasher
from gongji.audit.leaf import LeafBody
from gongji.audit.tree import Growing, Tree, leaf_hash, tile_id
from gongji.client.log_files import (
    ConsistencyFile,
    ExportedLeaf,
    ExportedRow,
    InclusionFile,
    consistency_of,
    encoded,
    head_of,
    inclusion_of,
)
from gongji.v1 import log_pb2 as pb

from tests.scaffold.log_keys import log_key, other_log_key

HASH = default_hasher()

KEY = log_key()

OTHER_KEY = other_log_key()

ORIGIN = "gongji.example/log"


def body_of(number: int, *, records: bytes = b"", writer: str = "w") -> bytes:
    """What a leaf of that number says."""
    digest = base64(HASH(records))
    at = 1_764_460_800_000_000 + number
    return msgspec.json.encode(LeafBody(writer, number, at, "Settle", digest))


class KeptLog:
    """Bodies, their tree, and checkpoints of it."""

    def __init__(
        self,
        bodies: Sequence[bytes],
        origin: str = ORIGIN,
        key: SigningKey = KEY,
    ) -> None:
        self.bodies = list(bodies)
        self.origin = origin
        self._key = key
        growing = Growing(HASH, 0, lambda *_: b"")
        growing.extend([leaf_hash(HASH, body) for body in self.bodies])
        self._tiles = {tile.tile_id: tile.hashes for tile in growing.changed()}

    @classmethod
    def of(cls, size: int, **options: Any) -> KeptLog:
        """A log of so many leaves."""
        return cls([body_of(number) for number in range(1, size + 1)], **options)

    @property
    def public_key(self) -> str:
        return self._key.named(self.origin).public

    def tree(self, size: int = -1) -> Tree:
        count = len(self.bodies) if size < 0 else size
        return Tree(HASH, count, lambda *at: self._tiles.get(tile_id(*at), b""))

    def checkpoint(self, size: int = -1) -> pb.LogCheckpoint:
        """The checkpoint of the first so many leaves, of all by default."""
        tree = self.tree(size)
        body = CheckpointBody(self.origin, tree.size, tree.root())
        note = SignedNote(body.text(), ()).with_signature(self._key.named(self.origin))
        return pb.LogCheckpoint(
            note=str(note), public_key=self.public_key, hash=NAMES[HASH]
        )

    def consistency(self, size: int) -> tuple[Sequence[bytes], pb.LogCheckpoint]:
        """The proof from a size to all."""
        tree = self.tree()
        path = tree.consistency(size) if 0 < size < tree.size else []
        return path, self.checkpoint()

    def inclusion(
        self, index: int, hashes: Sequence[bytes] = (), texts: Mapping[int, bytes] = {}
    ) -> InclusionFile:
        """The proof of a leaf, its rows by their hashes, some of them told."""
        rows = [pb.LoggedRecord(position=at, text=text) for at, text in texts.items()]
        leaf = pb.LogLeaf(
            index=index,
            body=self.bodies[index],
            record_hashes=b"".join(hashes),
            records=rows,
        )
        return inclusion_of(
            pb.GetInclusionProofResponse(
                leaf=leaf,
                path=self.tree().inclusion(index),
                checkpoint=self.checkpoint(),
            )
        )

    def compared(self, size: int) -> ConsistencyFile:
        """The proof that it went on from its first so many leaves."""
        path, checkpoint = self.consistency(size)
        reply = pb.GetConsistencyProofResponse(path=path, checkpoint=checkpoint)
        return consistency_of(self.checkpoint(size).note, reply)

    def lines(self) -> list[bytes]:
        """The log as it is exported."""
        leaves = [ExportedLeaf(body=body.decode()) for body in self.bodies]
        return [encoded(head_of(self.checkpoint())), *map(encoded, leaves)]


def row_text(number: int) -> bytes:
    """A row as the log tells it."""
    hidden = {"person_no": base64(HASH(str(number).encode()))}
    text = {"table": "account", "row": {"balance_fen": number}, "hidden": hidden}
    return msgspec.json.encode(text)


def row_line(position: int, text: bytes) -> bytes:
    """A row as it is exported."""
    return encoded(ExportedRow(position, text.decode()))
