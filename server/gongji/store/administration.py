"""The tables of one database as an administrator changes them: brought forward, upgraded."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from functools import partial

from gongji.rules.codes import SHANGHAI
from gongji.store.base import Store
from gongji.store.genesis import begin_log, note
from gongji.store.keys import counting
from gongji.store.keys.table import StoredKeys
from gongji.store.leaves import LeafLog, LeafOrigin, LogEngine
from gongji.store.migrations import (
    Catalog,
    Migration,
    SchemaError,
    bring_forward,
    contract_from,
    load_keys,
)
from gongji.store.rekey import Rekeying
from gongji.store.schema import VERSION, Schema
from gongji.store.seal import Vault
from gongji.store.steps import LOG_SINCE
from gongji.store.table import instant
from gongji.store.upgrade import Upgrade


class Administration:
    """A database that is open to be changed; SchemaError as of what it does."""

    def __init__(self, catalog: Catalog, engine: LogEngine, vault: Vault) -> None:
        self.catalog = catalog
        self._engine = engine
        self._vault = vault
        # Its suite and its master are those that are recorded.
        load_keys(catalog, vault)
        self.schema = Schema(vault)
        self.upgrade = Upgrade(catalog, vault, tell=self._migrated)
        self.rekeying = Rekeying(catalog, engine, self.schema)

    @property
    def version(self) -> int | None:
        """The version of its schema, None if it is empty."""
        return self.catalog.version()

    @property
    def latest(self) -> datetime | None:
        """The last instant on record, None if there is none, or no log yet."""
        if (self.version or 0) < LOG_SINCE:
            return None
        ((at,),) = self.catalog.rows("SELECT max(at) FROM log_writer")
        return None if at is None else instant(at)

    @property
    def upgrading(self) -> bool:
        """Whether an upgrade is under way."""
        return contract_from(self.catalog) is not None

    def bring_forward(self, now: datetime) -> Migration:
        """Make the steps that need no program beside, at once."""
        fingerprint, tell = self._vault.fingerprint, partial(self._told, now)
        return bring_forward(self.catalog, self.schema, fingerprint, tell=tell)

    def _migrated(self, before: int) -> None:
        self._told(datetime.now(SHANGHAI), before)

    def _told(self, now: datetime, before: int) -> None:
        """Leave the leaf of a migration; the log begins with it if there was none."""
        origin = LeafOrigin("Migrate", about={"from": str(before), "to": str(VERSION)})
        hasher = self._vault.hasher
        if before < LOG_SINCE:
            log = LeafLog(self.schema, hasher)
            begin_log(self._engine, self.schema, log, now, origin)
        else:
            note(self._engine, self.schema, hasher, now, origin)

    def stored_keys(self) -> tuple[StoredKeys, Mapping[int, int]]:
        """Return the keys in the database, and what each number has sealed. SchemaError."""
        version = self.catalog.version()
        if version is None or version < VERSION:
            msg = "请先运行 gongji migrate"
            raise SchemaError(msg)
        return self.catalog.keys(), counting.seals_of(self.catalog.rows(counting.READ))

    def free_years(self, table: str, before: int) -> None:
        """Give the space of a table's years before one back that hold nothing any more."""
        self.catalog.free_years(table, before)

    def backfill(self, store: Store) -> int:
        """Fill in what rows of before lack, and close the store; return how many."""

        async def run() -> int:
            try:
                return await self.upgrade.backfill(store, self.schema)
            finally:
                await store.close()

        return asyncio.run(run())
