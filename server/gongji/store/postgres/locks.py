"""What is locked, in which order, and what is guarded by advisory locks (latches)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Any, Final, NamedTuple

from gongji.model.account import Account, BroughtForward, Credit, Premium
from gongji.model.binding import Binding
from gongji.model.claim import Claim, Invoice
from gongji.model.commands import RequestRecord
from gongji.model.filing import Filing
from gongji.model.guessing import Guesses
from gongji.model.people import Person
from gongji.model.settlement import Accumulator, MeterReading, Settlement
from gongji.model.staging import Turn, Unmerged
from gongji.model.wallet import WalletAccount, WalletTransfer
from gongji.store.engine import Lookup
from gongji.store.keys.table import EPOCH
from gongji.store.postgres.arrays import Texts
from gongji.store.schema import Schema

LOCKED: Final[Mapping[type, int]] = {
    # Absent ones cost nothing; two runs of one import meet at its row (`claims`).
    RequestRecord: 0,
    # One import after the other: each takes its number here.
    Turn: 0,
    Settlement: 1,
    # An invoice says which claim follows, and that which settlement.
    Invoice: 0,
    Claim: 0,
    # Two wrong statements at once count as two.
    Guesses: 0,
    Premium: 1,
    # Whoever settles under it and whoever ends it come one after the other.
    Filing: 1,
    Credit: 2,
    BroughtForward: 2,
    Accumulator: 2,
    MeterReading: 2,
    Account: 2,
}
"""Kinds whose rows are locked when they are read by key, with their stage: a settlement
or a premium says which purses follow."""

AFTER_LOCKS: Final = 3
"""Stage of lists of those kinds: read when nobody can add to them any more."""

LATEST: Final = f"SELECT coalesce(max(at), 0), {EPOCH} FROM log_writer"  # noqa: S608 - our own
"""The latest instant on record, and the epoch of the keys."""

DURABLE: Final = "SELECT pg_logical_emit_message(true, 'gongji', '')"
"""Makes a transaction that changes nothing wait, when it commits, for the disk and the
synchronous standby, and with it all that others committed before."""

# Where a database is only read, a message can be written and a row cannot be locked.
TOUCH: Final = f"{DURABLE}; SELECT 1 FROM log_writer WHERE false FOR UPDATE"  # noqa: S608 - our own
"""A transaction that must reach the disk of a database that may be written."""

GUARDED: Final = (Person, Binding, Unmerged, WalletAccount, WalletTransfer)
"""Kinds read without locks: whoever writes one reads again, at the end, what it was
decided over, and a difference has it decided anew.

People and bindings are read by every settlement and seldom written. A wallet says which
transfers follow, and a transfer which wallets: no order of locks would serve both.
"""

_LATCHES: Final = 512
"""Advisory locks the guarded values share: few enough for the server's lock table."""

LATCH_CLASS: Final = 0x676F6E67
"""Keeps our advisory locks apart from others' in the same database: "gong" in ASCII."""

LATCH: Final = (
    "SELECT count(pg_advisory_xact_lock(%s, latch)) FROM unnest(%s::int[]) AS latch"
)


class GuardedRead(NamedTuple):
    """What a decision rests on: a lookup, its values as stored, and the rows found there."""

    lookup: Lookup
    stored: Texts
    rows: list[tuple[Any, ...]]


def latch_of(kind: type, index: str, value: str) -> int:
    """Return the latch of a value, the same in every process."""
    name = f"{kind.__name__}/{index}/{value}"
    digest = blake2b(name.encode(), digest_size=4).digest()
    return int.from_bytes(digest) % _LATCHES


def latches_of(
    read: Iterable[tuple[type, str, Iterable[Any]]],
    written: Iterable[Any],
    schema: Schema,
) -> list[int]:
    """Return the latches of all guarded values read (kind, index, values) or written.

    They are sorted: two transactions that take latches in one order cannot wait for
    each other.
    """
    latches: set[int] = set()
    for kind, index, values in read:
        latches.update(latch_of(kind, index, str(value)) for value in values)
    for record in written:
        kind = type(record)
        latches.add(latch_of(kind, "", schema.key_of(record)))
        for index, value in schema.indexes_of(record).items():
            latches.add(latch_of(kind, index, value))
    return sorted(latches)
