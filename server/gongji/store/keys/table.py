"""The wrapped data keys in a database, beside the fingerprint of the master that wraps them.

`vault` is one row: the fingerprint, and an epoch that counts the changes of the keys.
Whoever writes, or looks for a certificate, reads the epoch in the same transaction and
first learns the keys if it has moved on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple, Protocol

from gongji.store.sql import Dialect


class KeyDatabase(Protocol):
    """A database whose statements run in one transaction."""

    dialect: Dialect

    def execute(self, statement: str, values: Sequence[Any] = ()) -> None:
        """Run a statement."""

    def rows(
        self, statement: str, values: Sequence[Any] = ()
    ) -> Iterable[tuple[Any, ...]]:
        """Return the rows of a query."""


class WrappedKey(NamedTuple):
    """A row: purpose and number, the suite, whether it is current, the key wrapped.

    Instants are microseconds; `valid_until` is None if the operator has stated none.
    """

    purpose: str
    number: int
    suite: str
    current: int
    wrapped: bytes
    made_at: int
    valid_until: int | None = None

    @property
    def name(self) -> str:
        """Return what it is called."""
        return f"{self.purpose}/{self.number}"

    @property
    def bound(self) -> str:
        """Return what it is wrapped under: its name, and all else that is said of it."""
        until = "" if self.valid_until is None else self.valid_until
        return f"{self.name} {self.suite} {self.current} {self.made_at} {until}"


class StoredKeys(NamedTuple):
    """All keys of a database, and the master's fingerprint. Of version 2 there are none."""

    fingerprint: str
    epoch: int
    keys: tuple[WrappedKey, ...]

    @property
    def made_at(self) -> float:
        """Return when the oldest of the current keys was made, in seconds; 0 of none."""
        return min([k.made_at for k in self.keys if k.current], default=0) / 1e6


EPOCH: Final = "(SELECT epoch FROM vault)"
"""The epoch, for a statement that asks for other things too."""

READ: Final = (
    "SELECT fingerprint, epoch, purpose, number, suite, is_current, wrapped, made_at, "
    "valid_until "
    "FROM vault LEFT JOIN vault_key ON 1 = 1 ORDER BY purpose, number"
)

SUITE: Final = "SELECT DISTINCT suite FROM vault_key"

_CREATE: Final = """
CREATE TABLE vault_key (purpose {TEXT} NOT NULL, number {INTEGER} NOT NULL,
  suite {TEXT} NOT NULL, is_current {INTEGER} NOT NULL, wrapped {BLOB} NOT NULL,
  made_at {INTEGER} NOT NULL, valid_until {INTEGER},
  PRIMARY KEY (purpose, number))
"""


def create(dialect: Dialect) -> str:
    """Return the statement that makes the table of keys."""
    words = {str(name): word for name, word in dialect.types.items()}
    return " ".join(_CREATE.format_map(words).split())


def read(connection: Any) -> StoredKeys:
    """Return the keys over a driver's connection."""
    return stored_keys(connection.execute(READ).fetchall())


def stored_keys(rows: Sequence[Sequence[Any]]) -> StoredKeys:
    """Return the keys in the rows of `READ`."""
    fingerprint, epoch = str(rows[0][0]), int(rows[0][1])
    keys = [WrappedKey(*row[2:]) for row in rows if row[2] is not None]
    return StoredKeys(
        fingerprint,
        epoch,
        # Of a number that somebody has put there no bytes are made.
        tuple([key._replace(wrapped=bytes(memoryview(key.wrapped))) for key in keys]),
    )


def suite_of(rows: Iterable[Sequence[Any]]) -> str:
    """Return the name of the suite in the rows of `SUITE`, "" if there is none."""
    return next((str(name) for (name,) in rows), "")


def write(database: KeyDatabase, keys: Iterable[WrappedKey]) -> None:
    """Write keys, each in place of the one of its purpose and number."""
    mark = database.dialect.mark
    marks = ", ".join([mark] * len(WrappedKey._fields))
    for key in keys:
        database.execute(
            f"DELETE FROM vault_key WHERE purpose = {mark} AND number = {mark}",  # noqa: S608 - marks
            [key.purpose, key.number],
        )
        database.execute(f"INSERT INTO vault_key VALUES ({marks})", list(key))  # noqa: S608 - marks
