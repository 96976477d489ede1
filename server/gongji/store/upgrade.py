"""The way of a database over online steps, each phase stopped and taken up at any point.

The version on record is the lowest a program must know that may serve. A database that
is expanded, and no more, keeps its version and says so beside it: the older program
serves it as before, the newer one too. Where backfilling begins the version rises: the
older program starts no more, and ends where it still runs.
"""

# ruff: noqa: S608 - names of the schema's

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from time import monotonic
from typing import Final

from msgspec import Struct

from gongji.model.commands import Decision
from gongji.model.facts import Facts, Need, by_key
from gongji.store.base import Store
from gongji.store.migrations import (
    Catalog,
    SchemaError,
    check_known,
    contract_from,
    set_contract_from,
)
from gongji.store.online import OnlineStep
from gongji.store.schema import VERSION, Schema
from gongji.store.seal import Vault
from gongji.store.steps import STEPS, Step

_PAGE: Final = 200
"""Rows that are backfilled in one transaction."""


class Backfill(Struct, frozen=True):
    """Writes records again as they are: the columns they lack are filled in."""

    kind: type
    keys: tuple[str, ...]

    def needs(self, facts: Facts) -> Iterator[Need]:
        """Return the records."""
        del facts
        for key in self.keys:
            yield by_key(self.kind, key)

    def decide(self, facts: Facts) -> Decision[int]:
        """Return how many there still are, to write them."""
        found = [facts.get(self.kind, key) for key in self.keys]
        records = tuple([record for record in found if record is not None])
        return Decision(len(records), records)


class Upgrade:
    """An upgrade of one database to this version; SchemaError says what must come first."""

    def __init__(
        self,
        catalog: Catalog,
        vault: Vault,
        steps: Mapping[int, Step] = STEPS,
        tell: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Upgrade; `tell` is told the version of before when the one on record rises."""
        self._catalog = catalog
        self._vault = vault
        self._steps = steps
        self._tell = tell

    def expand(self) -> None:
        """Add what this version needs; servers of the one before go on."""
        catalog = self._catalog
        with catalog.transaction():
            version = self._version()
            if version == VERSION or contract_from(catalog) is not None:
                return
            step = self._steps[version]
            if version < VERSION - 1 or not isinstance(step, OnlineStep):
                msg = (
                    f"第 {version} 版到第 {VERSION} 版不能在服务运行中升级："
                    "请停下全部服务，备份，再运行 gongji migrate"
                )
                raise SchemaError(msg)
        for statement in step.expand(catalog.dialect):
            catalog.execute_patiently(statement)
        with catalog.transaction():
            if self._version() == version and contract_from(catalog) is None:
                set_contract_from(catalog, version)

    def begin_backfill(self, served_by: Iterable[int] = ()) -> None:
        """Have no program of before this version start any more.

        `served_by` are the versions known to the programs that serve it now.
        """
        catalog = self._catalog
        with catalog.transaction():
            before = self._version()
            if before == VERSION:
                return
            if contract_from(catalog) is None:
                msg = "还没有扩展：请先运行 gongji migrate --phase expand"
                raise SchemaError(msg)
            older = [known for known in served_by if known < VERSION]
            if older:
                msg = (
                    f"还有旧版的服务（结构第 {min(older)} 版）在运行："
                    "请先逐一换成本版，再补写"
                )
                raise SchemaError(msg)
            catalog.record(VERSION, self._vault.fingerprint)
            self._tell(before)

    async def backfill(self, store: Store, schema: Schema) -> int:
        """Fill in what rows of before lack; return how many were written."""
        written = 0
        kinds = {table.name: kind for kind, table in schema.tables.items()}
        for table, column in self._backfilled():
            kind = kinds[table]
            key = schema.table(kind).key.name
            for keys in self._keys_without(table, column, key):
                began = monotonic()
                written += await store.apply(Backfill(kind, keys))
                # As long as it took: callers come first.
                await asyncio.sleep(monotonic() - began)
        return written

    def contract(self) -> None:
        """Remove what only programs of before this version needed."""
        catalog = self._catalog
        with catalog.transaction():
            since = contract_from(catalog)
            if since is None and self._version() == VERSION:
                return
            self._refuse_unfilled()
        for step in self._online():
            for statement in step.contract(catalog.dialect):
                catalog.execute_patiently(statement)
        with catalog.transaction():
            set_contract_from(catalog, None)

    def _refuse_unfilled(self) -> None:
        """SchemaError unless every row has what backfilling gives it."""
        if self._version() < VERSION:
            msg = "还没有补写：请先运行 gongji migrate --phase backfill"
            raise SchemaError(msg)
        for table, column in self._backfilled():
            statement = f"SELECT 1 FROM {table} WHERE {column} IS NULL LIMIT 1"
            if list(self._catalog.rows(statement)):
                msg = f"{table} 还有没有补写的行：请再运行 gongji migrate --phase backfill"
                raise SchemaError(msg)

    def _version(self) -> int:
        version = self._catalog.version()
        if version is None:
            msg = "这里还没有数据库：首次启动 gongji serve 时会建立，无需迁移"
            raise SchemaError(msg)
        check_known(self._catalog, version, self._vault)
        return version

    def _online(self) -> Iterator[OnlineStep]:
        """Yield the steps that are not contracted yet, in order."""
        since = contract_from(self._catalog)
        for version in range(VERSION if since is None else since, VERSION):
            step = self._steps[version]
            if isinstance(step, OnlineStep):
                yield step

    def _backfilled(self) -> Iterator[tuple[str, str]]:
        """Yield table and column of what those steps fill in."""
        for step in self._online():
            yield from step.backfill

    def _keys_without(
        self, table: str, column: str, key: str
    ) -> Iterator[tuple[str, ...]]:
        """Yield the keys of rows without a value in a column, a page at a time."""
        after = ""
        statement = (
            f"SELECT {key} FROM {table} "
            f"WHERE {column} IS NULL AND {key} > {self._catalog.dialect.mark} "
            f"ORDER BY {key} LIMIT {_PAGE}"
        )
        while keys := tuple([k for (k,) in self._catalog.rows(statement, (after,))]):
            yield keys
            after = keys[-1]
