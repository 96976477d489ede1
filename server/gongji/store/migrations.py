"""From an empty database or an older schema to this one; others are refused."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from gongji.store import sql
from gongji.store.keys import table as keys
from gongji.store.keys.suite import STANDARD, SUITES, Suite
from gongji.store.keys.table import StoredKeys
from gongji.store.online import OnlineStep
from gongji.store.private_files import make_folder
from gongji.store.schema import VERSION, Schema
from gongji.store.seal import Vault
from gongji.store.steps import (
    LOG_SINCE,
    MESSAGES_SINCE,
    STEPS,
    UPGRADES_SINCE,
    Step,
    repeated_messages,
)

_UPGRADE: Final = "CREATE TABLE upgrade (contract_from {INTEGER} NOT NULL)"
"""The table of a database that is being upgraded: one row, else none."""


def _now() -> int:
    """Return the machine's time, in microseconds."""
    return time.time_ns() // 1000


class SchemaError(ValueError):
    """The database is not one this program may use with this key."""


class DatabaseMissingError(ValueError):
    """There is a key and no database: one that was here may have been lost."""

    def __init__(self, what: str, trace: Path) -> None:
        super().__init__(
            f"{what} 中没有数据，而 {trace} 表明从前建过库：请查明磁盘是否已挂载、"
            "--database 与 --data 是否写对，丢失的从备份恢复；确要另建一个空库，"
            "以 --new 启动一次"
        )


@dataclass(frozen=True, slots=True)
class Migration:
    """The versions before and after, and what of the data the new one would refuse.

    `repeated` are messages that were settled more than once: the message, its first
    settlement and another one, each. They stay as they are.
    """

    before: int
    after: int
    repeated: tuple[tuple[str, str, str], ...] = ()


class Catalog(Protocol):
    """A database's tables, and what is known of them."""

    dialect: sql.Dialect

    def transaction(self) -> AbstractContextManager[None]:
        """Open a transaction that keeps other servers' starts out."""

    def briefly(self) -> AbstractContextManager[None]:
        """Open a transaction of its own beside those of others."""

    def alone(self) -> AbstractContextManager[None]:
        """Open one when all have ended that have read which keys there are."""

    def version(self) -> int | None:
        """Return the schema's version, None if the database is empty.

        SchemaError if another program's data is there.
        """

    def fingerprint(self) -> str:
        """Return the fingerprint of the key the data was sealed with."""

    def keys(self) -> StoredKeys:
        """Return the data keys; of a version before there were any, it must not be asked."""

    def execute(self, statement: str, values: Sequence[Any] = ()) -> None:
        """Run a statement of the schema."""

    def rows(
        self, statement: str, values: Sequence[Any] = ()
    ) -> Iterable[tuple[Any, ...]]:
        """Return the rows of a query."""

    def execute_patiently(self, statement: str) -> None:
        """Run a statement beside servers at work, which wait for it for a moment only."""

    def record(self, version: int, fingerprint: str) -> None:
        """Store version and fingerprint."""

    def add_partitions(self, *, moving: bool) -> None:
        """Make the partitions of the coming years, if tables have any.

        `moving` moves rows into them that came before.
        """

    def free_years(self, table: str, before: int) -> None:
        """Give the space of a table's years before one back that hold nothing any more."""


def make_or_check(
    catalog: Catalog,
    schema: Schema,
    lost: DatabaseMissingError | None = None,
) -> None:
    """Make the tables of a new database; check version and key of an old one. SchemaError.

    `lost` is raised instead of making tables.
    """
    with catalog.transaction():
        version = catalog.version()
        if version is None:
            if lost:
                raise lost
            _make(catalog, schema)
            return
        check_known(catalog, version, schema.vault)
        if version < VERSION and not (
            version == VERSION - 1 and contract_from(catalog) == version
        ):
            msg = (
                f"数据库结构为第 {version} 版，本程序需要第 {VERSION} 版："
                "请备份后运行 gongji migrate"
            )
            raise SchemaError(msg)
        schema.vault.load(catalog.keys())
        # Other servers are at work over it: rows are left where they are.
        catalog.add_partitions(moving=False)


def recorded_suite(catalog: Catalog) -> Suite | None:
    """Return the suite of a database, None if it is empty. SchemaError."""
    version = catalog.version()
    if version is None:
        return None
    # Before there were data keys there was one suite.
    name = "" if version < LOG_SINCE else keys.suite_of(catalog.rows(keys.SUITE))
    return SUITES[name or STANDARD.name]


def _make(catalog: Catalog, schema: Schema) -> None:
    for table in schema.tables.values():
        for statement in sql.create(table, catalog.dialect):
            catalog.execute(statement)
    catalog.execute(_UPGRADE.format(INTEGER=catalog.dialect.types["INTEGER"]))
    catalog.execute(keys.create(catalog.dialect))
    keys.write(catalog, schema.vault.wrapped(_now()))
    catalog.add_partitions(moving=True)
    catalog.record(VERSION, schema.vault.fingerprint)


def bring_forward(
    catalog: Catalog,
    schema: Schema,
    fingerprint: str,
    steps: Mapping[int, Step] = STEPS,
    tell: Callable[[int], None] = lambda _: None,
) -> Migration:
    """Bring an older database to this version, all or nothing. SchemaError.

    Of steps that can be made while servers go on, what `Upgrade` does remains to be done:
    backfilling and contraction. `tell` is told the version of before, within the
    transaction, if there was one: the log begins with what was stored, or goes on.
    """
    repeated: list[tuple[str, str, str]] = []
    with catalog.transaction():
        before = catalog.version()
        if before is None:
            msg = "这里还没有数据库：首次启动 gongji serve 时会建立，无需迁移"
            raise SchemaError(msg)
        check_known(catalog, before, schema.vault)
        for version in range(before, VERSION):
            _make_step(catalog, schema, version, steps[version])
        catalog.add_partitions(moving=True)
        catalog.record(VERSION, fingerprint)
        if before < VERSION:
            tell(before)
        if before < MESSAGES_SINCE <= VERSION:
            for message, first, other in catalog.rows(
                repeated_messages(catalog.dialect)
            ):
                repeated.append((message, first, other))
    return Migration(before, VERSION, tuple(repeated))


def _make_step(catalog: Catalog, schema: Schema, version: int, step: Step) -> None:
    """Make a step, or the first phase of it."""
    if isinstance(step, OnlineStep):
        for statement in step.expand(catalog.dialect):
            # Nobody is there to be held up, and it cannot be within a transaction.
            catalog.execute(statement.replace(" CONCURRENTLY", ""))
        if contract_from(catalog) is None:
            set_contract_from(catalog, version)
        return
    for change in step(schema, catalog.dialect):
        if isinstance(change, str):
            catalog.execute(change)
        else:
            change(catalog)


def contract_from(catalog: Catalog) -> int | None:
    """Return the version from which steps are to be contracted, None if there is none.

    That is the version on record if the database is expanded and no more.
    """
    if (catalog.version() or 0) < UPGRADES_SINCE:
        return None
    rows = list(catalog.rows("SELECT contract_from FROM upgrade"))
    return int(rows[0][0]) if rows else None


def set_contract_from(catalog: Catalog, version: int | None) -> None:
    """Say so, or that there is none any more."""
    catalog.execute("DELETE FROM upgrade")
    if version is not None:
        catalog.execute(f"INSERT INTO upgrade VALUES ({version})")  # noqa: S608 - a number


def load_keys(catalog: Catalog, vault: Vault) -> None:
    """Learn the keys of a database if it has any, and is no newer one. KeyFileError."""
    if LOG_SINCE <= (catalog.version() or 0) <= VERSION:
        vault.load(catalog.keys())


def check_known(
    catalog: Catalog,
    version: int,
    vault: Vault,
) -> None:
    """Refuse a newer schema and another key. SchemaError."""
    if version > VERSION:
        msg = (
            f"数据库结构为第 {version} 版，本程序只认识到第 {VERSION} 版："
            "请使用更新版本的 gongji；gongji migrate 只向前，不能退回"
        )
        raise SchemaError(msg)
    if not vault.opens(catalog.fingerprint()):
        raise SchemaError(vault.unlike)


def is_new(path: Path) -> bool:
    """Return whether nothing has been stored there yet."""
    return not path.exists() or path.stat().st_size == 0


def make_file(path: Path) -> None:
    """Make the file, readable by its owner only, if there is none."""
    make_folder(path.parent)
    # With O_EXCL the rights are ours from the first moment: `chmod` would come later.
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
