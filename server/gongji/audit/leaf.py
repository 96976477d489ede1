"""A leaf of the log: what was decided, by whom, on which rules and facts, and its rows.

`body` is what the tree commits to: JSON of a `LeafBody`, with nothing personal in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

import msgspec
from msgspec import Struct

from gongji.audit.hashing import HASH_BYTES
from gongji.model.decided import DecidedBy


class Leaf(Struct, frozen=True):
    """A leaf as it is stored.

    leaf_id  ascends as the transactions did that wrote over one another's rows
    number   1, 2, 3 … without a gap within its writer
    hashes   32 bytes a row, in the order of the keys in `private`
    private  JSON of a `LeafPrivate`
    """

    leaf_id: str
    writer: str
    number: int
    at: datetime
    body: bytes
    hashes: bytes
    private: bytes


class LeafBody(Struct, frozen=True, omit_defaults=True):
    """What a leaf says to everybody.

    at          microseconds since 1970-01-01 UTC
    what        the gRPC method, or the service's own job
    subject     commitment of the number of the person for whom the call was
    request     base64 hash of the request's key and content digests
    known       revisions of the registry decided over, by the commitment of the number
                of a person or the code of an institution
    records     base64 hash of the hashes of the rows it wrote, one after the other
    about       what else is to be known of a job of the service itself
    private     base64 hash of what the leaf keeps to itself; its salt hides that
    version     form of this record
    """

    writer: str
    number: int
    at: int
    what: str
    records: str
    private: str = ""
    caller: str = ""
    kind: str = ""
    subject: str = ""
    request: str = ""
    decided_by: tuple[DecidedBy, ...] = ()
    known: Mapping[str, int] = {}
    about: Mapping[str, str] = {}
    version: int = 0


class LeafPrivate(Struct, frozen=True, omit_defaults=True):
    """What is needed to recompute a leaf: never exported whole.

    keys   table and key of each row, in the order of the hashes; of a removed row the
           key stands behind an empty third part
    """

    salt: bytes
    keys: tuple[tuple[str, ...], ...]
    subject: str = ""


_body = msgspec.json.Decoder(LeafBody)

_private = msgspec.json.Decoder(LeafPrivate)


def body_of(leaf: Leaf) -> LeafBody:
    """Return what a leaf says. msgspec.DecodeError, msgspec.ValidationError."""
    return _body.decode(leaf.body)


def private_of(leaf: Leaf) -> LeafPrivate:
    """Return what a leaf keeps to itself. Errors as of `body_of`."""
    return _private.decode(leaf.private)


def hashes_of(leaf: Leaf) -> Iterator[bytes]:
    """Yield the hash of each row."""
    for start in range(0, len(leaf.hashes), HASH_BYTES):
        yield leaf.hashes[start : start + HASH_BYTES]


class LogWriter(Struct, frozen=True):
    """A process that writes, from its start to its end: its last leaf and last instant.

    No commit of any writer comes before the latest of these instants.
    """

    writer: str
    number: int
    at: datetime
