"""What a PostgreSQL database says of itself: its version, its schema and key, and
settings that break our promise."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg

from gongji.store.engine import EngineDown
from gongji.store.migrations import make_or_check
from gongji.store.postgres.catalog import PostgresCatalog
from gongji.store.postgres.engine import PostgresEngine, translated
from gongji.store.schema import Schema
from gongji.store.seal import Vault

_LOSSY: Final = {
    "fsync": "断电会毁坏数据库",
    "full_page_writes": "断电会毁坏数据库",
    "synchronous_commit": "断电会丢失已经答复的业务",
}
"""Settings that must not be off, as a session of ours has them: what happens otherwise."""


@dataclass(frozen=True, slots=True)
class DatabaseCondition:
    """What was found: the server's version, the schema's (None where nothing is there
    yet), lossy settings in words."""

    server: str
    schema: int | None
    lossy: tuple[str, ...]


def look(url: str) -> DatabaseCondition:
    """What a database says of itself; nothing is written. OSError where it is out of
    reach or refuses, SchemaError."""
    with _session(url, Vault.ephemeral()) as (engine, home):
        found = engine.connection.execute(
            "SELECT name, setting FROM pg_settings WHERE name = ANY(%s)",
            [["server_version", *_LOSSY]],
        )
        settings: dict[str, str] = {name: setting for name, setting in found}  # noqa: C416 - rows, typed as pairs
        lossy = tuple(
            f"{name} = off: {told}"
            for name, told in _LOSSY.items()
            if settings[name] == "off"
        )
        return DatabaseCondition(settings["server_version"], home.version(), lossy)


def check(url: str, key_file: Path) -> None:
    """Whether this program may use what is there with this key; nothing is written.

    OSError where it cannot be reached or refuses, KeyFileError, SchemaError.
    """
    vault = Vault.open(key_file, create=False)
    with (
        _session(url, vault) as (engine, home),
        engine.connection.transaction(force_rollback=True),
    ):
        make_or_check(home, Schema(vault), vault.fingerprint)


@contextmanager
def _session(
    url: str, vault: Vault
) -> Iterator[tuple[PostgresEngine, PostgresCatalog]]:
    schema = Schema(vault)
    engine = PostgresEngine(url, schema)
    try:
        with translated():
            yield engine, PostgresCatalog(engine.connection, schema)
    except EngineDown as down:
        msg = f"无法连接 PostgreSQL: {down}"
        raise ConnectionError(msg) from down
    except psycopg.Error as refused:
        msg = f"PostgreSQL 不允许: {refused}"
        raise PermissionError(msg) from refused
    finally:
        engine.close()
