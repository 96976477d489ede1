"""What must be remembered: one store behind one protocol, whichever database lies below."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Protocol, TypeVar

from gongji.model.commands import (
    Adopted,
    Answer,
    Command,
    Listing,
    Query,
    RequestRecord,
)
from gongji.model.people import Certificate
from gongji.store.databases import MEMORY, is_postgres, migrate, open_postgres, path_of
from gongji.store.migrations import SchemaError, is_new, make_file
from gongji.store.seal import KeyFileError, Vault
from gongji.store.sqlite.store import SqliteStore

__all__ = ["MEMORY", "KeyFileError", "SchemaError", "Store", "migrate", "open_store"]

R = TypeVar("R")

T = TypeVar("T")


class Store(Protocol):
    """The server's memory. Whatever cannot be reached now is StoreUnavailable, and
    nothing of it was written."""

    async def commit(self, command: Command[R]) -> Answer[R]:
        """Executes a command once, durably, or answers it as it was answered the first time.

        Refusals of the command; RequestIdReused, OriginalReversed, Overloaded.
        """

    async def apply(self, query: Query[R]) -> R:
        """Executes a query and writes what it decides, without a request id (imports)."""

    async def ask(self, query: Query[R]) -> R:
        """What a query, or a command, would answer now; nothing is written (quotes,
        validate_only)."""

    async def get(self, kind: type[T], key: str) -> T | None:
        """The record of that key."""

    async def page(self, listing: Listing[T]) -> list[T]:
        """One page of a listing. ValueError where no index serves it."""

    def place(self, record: object, order: str = "") -> tuple[str | int, str]:
        """Where a record stands in a listing's order; `Listing.after` continues behind it."""

    async def recall(self, request_id: str) -> RequestRecord | None:
        """The row of a request id."""

    async def remember(self, remembered: RequestRecord) -> None:
        """Keeps the row of a request that was executed in several parts (imports)."""

    async def person_no_of(self, certificate: Certificate) -> str | None:
        """The number of the person with that certificate, found by keyed hash."""

    def lookup(self, certificate: Certificate) -> str:
        """The keyed hash under which persons of that certificate are found: the value
        of `Need(Person, "cert", …)`."""

    def digest(self, value: object) -> str:
        """Keyed hash (hex) of a value's content, as kept per field of a request."""

    async def adopted(self) -> list[Adopted]:
        """Every candidate revision an operator has adopted, by area code and name."""

    async def adopt(self, *adopted: Adopted) -> None:
        """Records adoptions, all or none, each in place of an earlier one of the same candidate."""

    async def settled_since(self, area_code: str, day: date) -> bool:
        """Whether a bill of that pooling area with a service day from `day` on was ever
        settled, reversed or not."""

    async def reset(self) -> None:
        """Forgets everything, request ids included (sandbox)."""

    async def close(self) -> None:
        """Finishes what waits and closes."""


def open_store(
    url: str | Path, clock: Callable[[], datetime], key_file: Path | None = None
) -> Store:
    """Opens, and makes where there is none, the store at a path, a `sqlite:///path`, a
    `postgresql://…` or ":memory:".

    The key file is made beside a new database (by default its name with .key);
    ":memory:" needs none, PostgreSQL needs it named. KeyFileError, SchemaError,
    ValueError or ConnectionError say in Chinese what is wrong.
    """
    if str(url) == MEMORY:
        return _Fleeting(clock)
    if is_postgres(str(url)):
        return open_postgres(str(url), clock, key_file)
    path = path_of(str(url))
    new = is_new(path)
    vault = Vault.open(key_file or path.with_suffix(".key"), create=new)
    make_file(path)
    try:
        return SqliteStore(path, vault, clock)
    except sqlite3.DatabaseError as error:
        msg = f"{path} 无法作为 gongji 的数据库打开: {error}"
        raise SchemaError(msg) from error


class _Fleeting(SqliteStore):
    """A store in a folder of its own that goes with it; never waits for the disk."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._folder = tempfile.TemporaryDirectory(
            prefix="gongji-", ignore_cleanup_errors=True
        )
        path = Path(self._folder.name) / "gongji.db"
        make_file(path)
        super().__init__(path, Vault.ephemeral(), clock, durable=False)

    async def close(self) -> None:
        """Finishes what waits and removes the folder."""
        await super().close()
        self._folder.cleanup()
