"""What must be remembered: one store behind one protocol, whichever database lies below."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from gongji.store.base import Store
from gongji.store.databases import MEMORY, is_postgres, migrate, open_postgres, path_of
from gongji.store.migrations import SchemaError, is_new, make_file
from gongji.store.seal import KeyFileError, Vault
from gongji.store.sqlite.store import EphemeralStore, SqliteStore

__all__ = ["MEMORY", "KeyFileError", "SchemaError", "Store", "migrate", "open_store"]


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
        return EphemeralStore(clock)
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
