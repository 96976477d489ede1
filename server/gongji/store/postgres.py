"""The database of several servers: PostgreSQL."""

from __future__ import annotations

from gongji.store.migrations import make_or_check
from gongji.store.pgengine import PostgresEngine, translated
from gongji.store.pghome import PostgresHome
from gongji.store.remembering import Clock, RememberingStore
from gongji.store.schema import Schema
from gongji.store.seal import Vault
from gongji.store.writer import QUEUE


class PostgresStore(RememberingStore):
    """Everything remembered, in a database several servers share; see `store.Store`. Made by `store.open_store`."""

    def __init__(self, url: str, vault: Vault, clock: Clock, *, queue: int = QUEUE) -> None:
        schema = Schema(vault)
        writing = PostgresEngine(url, schema)
        try:
            with translated():
                make_or_check(PostgresHome(writing.connection, schema), schema, vault.fingerprint)
        except BaseException:
            writing.close()
            raise
        reading, listing = (PostgresEngine(url, schema, read_only=True) for _ in range(2))
        super().__init__((writing, reading, listing), schema, vault, clock, queue=queue)
