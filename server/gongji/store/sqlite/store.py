"""The store over one SQLite file."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
import threading
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import Final

from gongji.store.base import Clock, Store
from gongji.store.keys.suite import Suite
from gongji.store.keys.table import StoredKeys, read
from gongji.store.loop_queues import FlushQueue, LoopQueue
from gongji.store.migrations import (
    DatabaseMissingError,
    make_file,
    make_or_check,
)
from gongji.store.queues import BatchQueue
from gongji.store.reader import Reader
from gongji.store.schema import Schema
from gongji.store.seal import Vault
from gongji.store.sqlite.catalog import SqliteCatalog
from gongji.store.sqlite.engine import TRANSLATED, SqliteEngine

CHECKPOINT_INTERVAL_S: Final = 0.1
"""How often the log is copied back, in seconds.

Little at a time, for a commit waits behind what is flushed.
"""


class Checkpointer:
    """Copies the log back into the database beside the writer.

    A commit after very much log would do so itself; it finds little left to copy.
    """

    def __init__(self, engine: SqliteEngine) -> None:
        self._engine = engine
        self._closing = threading.Event()
        self._thread = threading.Thread(
            target=self._work, name="gongji-checkpointer", daemon=True
        )

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def close(self) -> None:
        """End the thread and close the connection."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join()
        self._engine.close()

    def _work(self) -> None:
        connection = self._engine.connection
        while not self._closing.wait(CHECKPOINT_INTERVAL_S):
            # Of a full disk, say, the writer's own commits tell.
            with suppress(sqlite3.Error):
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()


class SqliteStore(Store):
    """A store in one file; made by `store.open_store`."""

    def __init__(
        self,
        path: Path,
        vault: Vault,
        clock: Clock,
        *,
        durable: bool = True,
        lost: DatabaseMissingError | None = None,
    ) -> None:
        schema = Schema(vault)
        engines = [SqliteEngine(path, schema, durable=durable)]
        try:
            catalog = SqliteCatalog(engines[0].connection)
            make_or_check(catalog, schema, lost)
            engines += [SqliteEngine(path, schema, read_only=True) for _ in range(2)]
            engines.append(SqliteEngine(path, schema, durable=durable))
        except BaseException:
            for engine in engines:
                engine.close()
            raise
        vault.find_keys = partial(_keys_in, path)
        writing, reading, listing, copying = engines
        self._checkpointer = Checkpointer(copying)
        self._checkpointer.start()
        for engine in (writing, reading, listing):
            # They are used on the event loop, whose queues try again.
            engine.wait_for_nobody()
        self._durable = durable
        super().__init__((writing, reading, listing), schema, vault, clock)

    def _writes_of(self) -> BatchQueue:
        """Return the queue of what is committed; it never waits for the disk on the loop."""
        committer = self._committer(self._writing, self.log)
        if not self._durable:
            return LoopQueue(committer.run, condition=self.condition)
        return FlushQueue(committer.prepare, condition=self.condition)

    def _reads_of(self, reader: Reader) -> BatchQueue:
        """Return the queue of what is only read."""
        return LoopQueue(reader.run, condition=self.condition)

    async def close(self) -> None:
        """Finish what waits and close the file."""
        # Joins a thread: not on the event loop.
        await asyncio.to_thread(self._checkpointer.close)
        await super().close()


def _keys_in(path: Path) -> StoredKeys:
    """Return the data keys in a file. EngineDown."""
    uri = f"{path.absolute().as_uri()}?mode=ro"
    with TRANSLATED, closing(sqlite3.connect(uri, uri=True)) as connection:
        return read(connection)


class EphemeralStore(SqliteStore):
    """A store in a temporary folder that goes with it; it never waits for the disk."""

    def __init__(self, clock: Clock, suite: Suite | None = None) -> None:
        self._folder = tempfile.TemporaryDirectory(
            prefix="gongji-", ignore_cleanup_errors=True
        )
        path = Path(self._folder.name) / "gongji.db"
        make_file(path)
        super().__init__(path, Vault.ephemeral(suite), clock, durable=False)

    async def close(self) -> None:
        """Finish what waits and remove the folder."""
        await super().close()
        self._folder.cleanup()
