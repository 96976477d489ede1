"""What a PostgreSQL says of itself: version, schema, and settings that lose data."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import psycopg

from gongji.store.engine import EngineDown
from gongji.store.keys.source import Keys
from gongji.store.migrations import make_or_check
from gongji.store.postgres.catalog import PostgresCatalog
from gongji.store.postgres.connection import translated
from gongji.store.postgres.engine import PostgresEngine
from gongji.store.schema import Schema
from gongji.store.seal import Vault

_LOSSY: Final = {
    "fsync": "断电会毁坏数据库",
    "full_page_writes": "断电会毁坏数据库",
    "synchronous_commit": "gongji 自己的会话改为 on，别的程序写的断电会丢失",
}
"""Settings of a session that must not be off, and what happens otherwise."""

_CHECKSUMS: Final = "data_checksums"


@dataclass(frozen=True, slots=True)
class DatabaseCondition:
    """A server's version, its schema's (None if it is empty), lossy settings in words.

    `checksums` says whether it notices a page of its files that was changed.
    """

    server: str
    schema: int | None
    lossy: tuple[str, ...]
    checksums: bool


def look(url: str) -> DatabaseCondition:
    """Return what a database says of itself; nothing is written.

    OSError if it is out of reach or refuses; SchemaError.
    """
    with _session(url, Vault.ephemeral()) as (engine, catalog):
        rows = engine.connection.execute(
            # Ours is on whatever is configured: what other sessions get is told.
            "SELECT name, reset_val FROM pg_settings WHERE name = ANY(%s)",
            [["server_version", _CHECKSUMS, *_LOSSY]],
        )
        settings: dict[str, str] = dict(rows.fetchall())
        lossy = tuple(
            f"{name} = off: {harm}"
            for name, harm in _LOSSY.items()
            if settings[name] == "off"
        )
        server, checksums = settings["server_version"], settings[_CHECKSUMS] == "on"
        return DatabaseCondition(server, catalog.version(), lossy, checksums)


def check(url: str, key_file: Keys) -> None:
    """Check that this program may use the database with this key; nothing is written.

    OSError if it is out of reach or refuses; KeyFileError, SchemaError.
    """
    vault = Vault.open(key_file, create=False)
    with (
        _session(url, vault) as (engine, catalog),
        engine.connection.transaction(force_rollback=True),
    ):
        make_or_check(catalog, Schema(vault))


def holds(url: str, writer: str, number: int, at: int) -> bool:
    """Return whether a database has a leaf of the log. Errors as of `look`."""
    with _session(url, Vault.ephemeral()) as (engine, _):
        found = engine.rows(
            "SELECT 1 FROM leaf WHERE at = %s AND writer = %s AND number = %s",
            [at, writer, number],
        )
        return bool(found)


@contextmanager
def _session(
    url: str, vault: Vault
) -> Iterator[tuple[PostgresEngine, PostgresCatalog]]:
    """Open a connection and a catalog, errors as of `look`."""
    schema = Schema(vault)
    engine = PostgresEngine(url, schema)
    try:
        with translated():
            yield engine, PostgresCatalog(engine.connection, schema)
    except EngineDown as down:
        msg = f"无法连接 PostgreSQL：{down}"
        raise ConnectionError(msg) from down
    except psycopg.Error as refused:
        msg = f"PostgreSQL 不允许：{refused}"
        raise PermissionError(msg) from refused
    finally:
        engine.close()
