"""The store over one SQLite file."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import Final

from gongji.store.base import Clock, Store
from gongji.store.migrations import make_file, make_or_check
from gongji.store.queues import QUEUE, LoopQueue
from gongji.store.schema import Schema
from gongji.store.seal import Vault
from gongji.store.sqlite.catalog import SqliteCatalog
from gongji.store.sqlite.engine import SqliteEngine

TIDY_S: Final = 0.1
"""How often the log is copied back into the database: little at a time, for a commit
waits behind what is flushed."""


class Tidier:
    """Copies the log back into the database beside the writer, so that no commit has to
    wait for it.

    What a commit finds left to copy, after so much log that it does it itself, is little.
    """

    def __init__(self, engine: SqliteEngine) -> None:
        self._engine = engine
        self._ended = threading.Event()
        self._thread = threading.Thread(
            target=self._work, name="gongji-tidier", daemon=True
        )

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def close(self) -> None:
        """Ends, and closes the connection."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()
        self._engine.close()

    def _work(self) -> None:
        while not self._ended.wait(TIDY_S):
            with suppress(
                sqlite3.Error
            ):  # a full disk, say: the writer's own commits tell of it
                self._engine.connection.execute(
                    "PRAGMA wal_checkpoint(PASSIVE)"
                ).fetchone()


class SqliteStore(Store):
    """Everything remembered, in one file; made by `store.open_store`."""

    def __init__(
        self,
        path: Path,
        vault: Vault,
        clock: Clock,
        *,
        durable: bool = True,
        queue: int = QUEUE,
    ) -> None:
        schema = Schema(vault)
        engines = [SqliteEngine(path, schema, durable=durable)]
        try:
            make_or_check(
                SqliteCatalog(engines[0].connection), schema, vault.fingerprint
            )
            engines += [SqliteEngine(path, schema, read_only=True) for _ in range(2)]
            engines.append(SqliteEngine(path, schema, durable=durable))
        except BaseException:
            for engine in engines:
                engine.close()
            raise
        writing, reading, listing, tidying = engines
        self._tidier = Tidier(tidying)
        self._tidier.start()
        super().__init__(
            (writing, reading, listing),
            schema,
            vault,
            clock,
            queue=queue,
            lane=LoopQueue,
        )

    async def close(self) -> None:
        """Finishes what waits and closes the file."""
        await asyncio.to_thread(self._tidier.close)
        await super().close()


class EphemeralStore(SqliteStore):
    """A store in a temporary folder that goes with it; it never waits for the disk."""

    def __init__(self, clock: Clock) -> None:
        self._folder = tempfile.TemporaryDirectory(
            prefix="gongji-", ignore_cleanup_errors=True
        )
        path = Path(self._folder.name) / "gongji.db"
        make_file(path)
        super().__init__(path, Vault.ephemeral(), clock, durable=False)

    async def close(self) -> None:
        """Finish what waits and remove the folder."""
        await super().close()
        self._folder.cleanup()
