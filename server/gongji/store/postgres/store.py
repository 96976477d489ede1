"""The database of several servers: PostgreSQL."""

from __future__ import annotations

from gongji.store.base import Clock, Store
from gongji.store.migrations import make_or_check
from gongji.store.postgres.catalog import PostgresCatalog
from gongji.store.postgres.engine import PostgresEngine, translated
from gongji.store.queues import QUEUE
from gongji.store.schema import Schema
from gongji.store.seal import Vault


class PostgresStore(Store):
    """Everything remembered, in a database several servers share.

    Made by `store.open_store`."""

    def __init__(
        self, url: str, vault: Vault, clock: Clock, *, queue: int = QUEUE
    ) -> None:
        schema = Schema(vault)
        writing = PostgresEngine(url, schema)
        try:
            with translated():
                make_or_check(
                    PostgresCatalog(writing.connection, schema),
                    schema,
                    vault.fingerprint,
                )
        except BaseException:
            writing.close()
            raise
        reading, listing = (
            PostgresEngine(url, schema, read_only=True) for _ in range(2)
        )
        super().__init__((writing, reading, listing), schema, vault, clock, queue=queue)
