"""What an address of a database means: one class an engine, chosen once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

from gongji.rules.codes import SHANGHAI
from gongji.store.administration import Administration
from gongji.store.backup import Copying
from gongji.store.base import Clock, Store
from gongji.store.engine import EngineDown
from gongji.store.found import appears, logs_of, missing, path_of
from gongji.store.keys.source import Keys
from gongji.store.keys.suite import Suite
from gongji.store.migrations import (
    Catalog,
    Migration,
    SchemaError,
    is_new,
    make_file,
    recorded_suite,
)
from gongji.store.schema import Schema
from gongji.store.seal import Vault
from gongji.store.sqlite.backup import SqliteCopying
from gongji.store.sqlite.catalog import SqliteCatalog, readable
from gongji.store.sqlite.engine import SqliteEngine
from gongji.store.sqlite.lock import hold_alone
from gongji.store.sqlite.store import EphemeralStore, SqliteStore

if TYPE_CHECKING:
    from gongji.store.postgres.condition import DatabaseCondition
    from gongji.store.postgres.engine import PostgresEngine
    from gongji.store.postgres.presence import Presence

MEMORY: Final = ":memory:"
"""The address of a store that is forgotten when it is closed."""

machine_time: Final[Clock] = partial(datetime.now, SHANGHAI)
"""The machine's time."""

# ruff: noqa: PLC0415 - psycopg is an extra: an installation over SQLite does without it


class Database(ABC):
    """A database by its address: what differs between the engines."""

    shared: ClassVar[bool] = False
    """Whether several servers may use it at once."""

    @abstractmethod
    def open(
        self,
        clock: Clock,
        key_file: Keys | None = None,
        *,
        new: bool = False,
        suite: Suite | None = None,
    ) -> Store:
        """Open the store; make tables and key file if neither was ever there.

        With a key and no database, tables are made only if a `new` one is asked for.
        They are of the `suite` if one is given; those of another are refused.
        KeyFileError, SchemaError, DatabaseMissingError, ValueError or ConnectionError
        say in Chinese what is wrong.
        """

    @abstractmethod
    def is_new(self) -> bool:
        """Return whether nothing was ever stored there. Errors as of `open`."""

    @abstractmethod
    def suite(self) -> Suite | None:
        """Return the suite recorded there, None if it is new. Errors as of `open`."""

    def migrate(
        self, key_file: Keys | None = None, clock: Clock = machine_time
    ) -> Migration:
        """Bring it forward to this program's schema, while no server is there.

        ValueError if one is. Errors as of `open`.
        """
        with self.stopped(), self.administered(key_file) as at:
            migration = at.bring_forward(clock())
            if at.upgrading:
                at.upgrade.begin_backfill()
                at.backfill(self.open(clock, key_file))
                at.upgrade.contract()
            return migration

    @abstractmethod
    def administered(
        self, key_file: Keys | None
    ) -> AbstractContextManager[Administration]:
        """Open its tables for the block, to change them. Errors as of `open`."""

    @abstractmethod
    def stopped(self) -> AbstractContextManager[None]:
        """Keep every server out for the block. ValueError if one is there; OSError."""

    def served_by(self) -> list[int]:
        """Return the versions of the schema known to the servers that are there."""
        return []

    @abstractmethod
    def copying(self) -> Copying:
        """Return how it is copied out and in. ValueError, ImportError as of `open`."""

    def hold_alone(self) -> AbstractContextManager[None]:
        """Keep every other server out for the block, unless it may be shared.

        ValueError if another server has it; OSError.
        """
        return nullcontext()

    def condition(self, key_file: Keys | None = None) -> DatabaseCondition | None:
        """Return what a database server says of itself, None without a server.

        With a key file also check that its data, if any, opens with that key:
        KeyFileError, SchemaError. OSError if it is out of reach or refuses. ImportError
        without psycopg.
        """
        del key_file
        return None


class SqliteDatabase(Database):
    """One SQLite file, for one server."""

    def __init__(self, address: str) -> None:
        self._address = address

    def open(
        self,
        clock: Clock,
        key_file: Keys | None = None,
        *,
        new: bool = False,
        suite: Suite | None = None,
    ) -> Store:
        """Open the file; its key lies beside it by default, with the suffix .key."""
        path = path_of(self._address)
        key_file = key_file or path.with_suffix(".key")
        lost = None if new else missing(str(path), key_file, *logs_of(path))
        if lost and is_new(path):
            raise lost
        vault = Vault.open(key_file, create=is_new(path), suite=suite)
        make_file(path)
        with readable(path):
            return SqliteStore(path, vault, clock, lost=lost)

    def is_new(self) -> bool:
        """Return whether there is no file, or an empty one."""
        return is_new(path_of(self._address))

    def suite(self) -> Suite | None:
        """Return the suite recorded in the file."""
        path = path_of(self._address)
        if is_new(path):
            return None
        schema = Schema(Vault.ephemeral())
        opened = partial(SqliteEngine, path, schema, read_only=True)
        with readable(path), closing(opened()) as engine:
            return recorded_suite(SqliteCatalog(engine.connection))

    @contextmanager
    def administered(self, key_file: Keys | None) -> Iterator[Administration]:
        """Open the file."""
        path = path_of(self._address)
        if is_new(path):
            msg = f"{path} 还没有数据库：首次启动 gongji serve 时会建立，无需迁移"
            raise SchemaError(msg)
        vault = Vault.open(key_file or path.with_suffix(".key"), create=False)
        with readable(path), closing(SqliteEngine(path, Schema(vault))) as engine:
            yield Administration(SqliteCatalog(engine.connection), engine, vault)

    def stopped(self) -> AbstractContextManager[None]:
        """Lock a file beside it."""
        return self.hold_alone()

    def copying(self) -> Copying:
        """Return how the file is copied."""
        return SqliteCopying(path_of(self._address))

    def hold_alone(self) -> AbstractContextManager[None]:
        """Lock a file beside it."""
        return hold_alone(path_of(self._address))


class MemoryDatabase(SqliteDatabase):
    """A store that is forgotten when it is closed; it needs no key file."""

    def open(
        self,
        clock: Clock,
        key_file: Keys | None = None,
        *,
        new: bool = False,
        suite: Suite | None = None,
    ) -> Store:
        """Open an empty one."""
        del key_file, new
        return EphemeralStore(clock, suite)

    def is_new(self) -> bool:
        """Return that nothing was ever stored there."""
        return True

    def suite(self) -> Suite | None:
        """Return that none is recorded."""
        return None

    def hold_alone(self) -> AbstractContextManager[None]:
        """Lock nothing: no other process can reach it."""
        return nullcontext()


class PostgresDatabase(Database):
    """A PostgreSQL database, which several servers may share; its key file must be named."""

    shared = True

    def __init__(self, address: str) -> None:
        self._address = address

    def open(
        self,
        clock: Clock,
        key_file: Keys | None = None,
        *,
        new: bool = False,
        suite: Suite | None = None,
    ) -> Store:
        """Open it."""
        key_file = _named(key_file)
        with self._catalog() as catalog:
            from gongji.store.postgres.store import PostgresStore

            lost = None if new else missing("PostgreSQL 数据库", key_file)
            # Whoever started at the same time and made the key is making the tables.
            if lost and not appears(lambda: catalog.version() is not None):
                raise lost
            is_new = catalog.version() is None
            vault = Vault.open(key_file, create=is_new, suite=suite)
            return PostgresStore(self._address, vault, clock, lost=lost)

    def is_new(self) -> bool:
        """Return whether it has no tables of ours."""
        with self._catalog() as catalog:
            return catalog.version() is None

    def suite(self) -> Suite | None:
        """Return the suite recorded in its tables."""
        with self._catalog() as catalog:
            return recorded_suite(catalog)

    @contextmanager
    def _catalog(self) -> Iterator[Catalog]:
        """The tables there, whatever they are sealed with; errors as of `_session`."""
        schema = Schema(Vault.ephemeral())
        with self._session(schema) as engine:
            from gongji.store.postgres.catalog import PostgresCatalog

            yield PostgresCatalog(engine.connection, schema)

    def migrate(
        self, key_file: Keys | None = None, clock: Clock = machine_time
    ) -> Migration:
        """Bring it forward; see whether a key file is named before anything is asked."""
        return super().migrate(_named(key_file), clock)

    @contextmanager
    def administered(self, key_file: Keys | None) -> Iterator[Administration]:
        """Open it."""
        vault = Vault.open(_named(key_file), create=False)
        schema = Schema(vault)
        with self._session(schema) as engine:
            from gongji.store.postgres.catalog import PostgresCatalog

            yield Administration(
                PostgresCatalog(engine.connection, schema), engine, vault
            )

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Hold the lock that every server shares."""
        with self._presence() as presence:
            if not presence.alone():
                msg = (
                    "还有服务在使用该数据库：请先停下全部服务；能在服务运行中升级的，"
                    "见 gongji migrate --phase"
                )
                raise ValueError(msg)
            yield

    def served_by(self) -> list[int]:
        """Return what the servers show."""
        with self._presence() as presence:
            return presence.served_by()

    @contextmanager
    def _presence(self) -> Iterator[Presence]:
        """A session among the servers, not shown yet; errors as of `_session`."""
        if self.is_new():
            msg = "这里还没有数据库：首次启动 gongji serve 时会建立，无需迁移"
            raise SchemaError(msg)
        from gongji.store.postgres.presence import Presence

        presence = Presence(self._address)
        try:
            yield presence
        except EngineDown as down:
            msg = f"无法连接 PostgreSQL：{down}"
            raise ConnectionError(msg) from down
        finally:
            presence.close()

    def copying(self) -> Copying:
        """Return how its tables are copied."""
        with _postgres_installed():
            from gongji.store.postgres.backup import PostgresCopying
        return PostgresCopying(self._address)

    def condition(self, key_file: Keys | None = None) -> DatabaseCondition:
        """Return its version, schema and lossy settings."""
        from gongji.store.postgres.condition import check, look

        condition = look(self._address)
        if key_file is not None and condition.schema is not None:
            check(self._address, key_file)
        return condition

    @contextmanager
    def _session(self, schema: Schema) -> Iterator[PostgresEngine]:
        """A connection for as long as the start takes, its errors in Chinese.

        ValueError without psycopg, ConnectionError if nobody answers, SchemaError.
        """
        with _postgres_installed():
            from psycopg import ProgrammingError

            from gongji.store.postgres.engine import PostgresEngine
        engine = PostgresEngine(self._address, schema)
        try:
            yield engine
        except EngineDown as down:
            msg = f"无法连接 PostgreSQL：{down}"
            raise ConnectionError(msg) from down
        except ProgrammingError as denied:
            msg = f"该 PostgreSQL 数据库不能使用，请检查用户的权限：{denied}"
            raise SchemaError(msg) from denied
        finally:
            engine.close()


def database_at(address: str | Path) -> Database:
    """Return the database at a path, `sqlite:///path`, `postgresql://…` or `:memory:`.

    An unsupported address is refused when it is used: ValueError.
    """
    address = str(address)
    if address == MEMORY:
        return MemoryDatabase(address)
    if address.startswith(("postgresql://", "postgres://")):
        return PostgresDatabase(address)
    return SqliteDatabase(address)


def open_store(
    address: str | Path,
    clock: Clock,
    key_file: Keys | None = None,
    *,
    new: bool = False,
) -> Store:
    """Open the store at an address; see `Database.open`."""
    return database_at(address).open(clock, key_file, new=new)


@contextmanager
def _postgres_installed() -> Iterator[None]:
    """Say what to install if psycopg is not there. ValueError."""
    try:
        yield
    except ModuleNotFoundError as missing:
        msg = "使用 PostgreSQL 须安装附加组件：pip install 'gongji[postgres]'"
        raise ValueError(msg) from missing


def _named(key_file: Keys | None) -> Keys:
    """The key file of a database that lies beside none. ValueError."""
    if not key_file:
        raise ValueError("PostgreSQL 数据库须指明密钥文件")
    return key_file
