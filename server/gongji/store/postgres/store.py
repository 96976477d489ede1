"""The database of several servers: PostgreSQL."""

from __future__ import annotations

from functools import partial

from gongji.store.base import Clock, Store
from gongji.store.keys.table import StoredKeys, read
from gongji.store.migrations import DatabaseMissingError, make_or_check
from gongji.store.postgres.catalog import PostgresCatalog
from gongji.store.postgres.connection import connect, translated
from gongji.store.postgres.engine import PostgresEngine
from gongji.store.schema import Schema
from gongji.store.seal import Vault


class PostgresStore(Store):
    """A store in a database that several servers share; made by `store.open_store`."""

    def __init__(
        self,
        url: str,
        vault: Vault,
        clock: Clock,
        *,
        lost: DatabaseMissingError | None = None,
    ) -> None:
        schema = Schema(vault)
        writing = PostgresEngine(url, schema)
        try:
            with translated():
                catalog = PostgresCatalog(writing.connection, schema)
                make_or_check(catalog, schema, vault.fingerprint, lost)
        except BaseException:
            writing.close()
            raise
        vault.find_keys = partial(_keys_at, url)
        reading = PostgresEngine(url, schema, read_only=True)
        listing = PostgresEngine(url, schema, read_only=True)
        super().__init__((writing, reading, listing), schema, vault, clock)


def _keys_at(url: str) -> StoredKeys:
    """Return the data keys in a database. EngineDown."""
    with connect(url) as connection, translated():
        return read(connection)
