"""The database of several servers: PostgreSQL."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Final

from gongji.store.base import Clock, Store
from gongji.store.held import HeldRecords
from gongji.store.keys.table import StoredKeys, read
from gongji.store.migrations import DatabaseMissingError, make_or_check
from gongji.store.postgres.catalog import PostgresCatalog
from gongji.store.postgres.connection import connect, translated
from gongji.store.postgres.engine import PostgresEngine
from gongji.store.queues import ApartQueue, BatchQueue, ThreadQueue
from gongji.store.schema import Schema
from gongji.store.seal import Vault
from gongji.store.table import instant

LOCK_WAIT_S: Final = 0.25
"""How long a batch waits for somebody else's lock, in seconds: longer than another
server's batch holds one on a disk that is well."""

APART_LIMIT: Final = 256
"""Most commands that wait for locks at once; another is refused."""

_CLOCK: Final = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"


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
                make_or_check(catalog, schema, lost)
        except BaseException:
            writing.close()
            raise
        vault.find_keys = partial(_keys_at, url)
        reading = PostgresEngine(url, schema, read_only=True)
        listing = PostgresEngine(url, schema, read_only=True)
        # What waits for somebody else's lock waits here: connected when it is needed.
        self._apart = PostgresEngine(url, schema)
        for engine in (writing, reading, listing, self._apart):
            engine.wait_at_most(LOCK_WAIT_S)
        super().__init__((writing, reading, listing), schema, vault, clock)

    async def server_time(self) -> datetime | None:
        """Return what the clock of PostgreSQL's machine says."""
        ((at,),) = await self.read(lambda engine: engine.rows(_CLOCK, ()))
        return instant(at)

    def _writes_of(self) -> BatchQueue:
        """Return the queue of what is committed; who meets a lock waits in one beside it."""
        held = HeldRecords(self.condition)
        committer = self._committer(self._writing, self.log, held)
        beside = self._committer(self._apart, self.log.beside(), held.only_noted())
        apart = ApartQueue(beside.run, limit=APART_LIMIT, condition=self.condition)
        return ThreadQueue(committer.run, condition=self.condition, apart=apart)

    async def close(self) -> None:
        """Finish what waits and close the connections."""
        await super().close()
        self._apart.close()


def _keys_at(url: str) -> StoredKeys:
    """Return the data keys in a database. EngineDown."""
    with connect(url) as connection, translated():
        return read(connection)
