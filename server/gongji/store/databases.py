"""What an address of a database means, and the two ways in besides a plain file:
PostgreSQL, and a migration."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from gongji.store.engine import EngineDown
from gongji.store.migrations import SchemaError, bring_forward, is_new, make_file
from gongji.store.schema import Schema
from gongji.store.seal import Vault
from gongji.store.sqlite.catalog import SqliteCatalog

if TYPE_CHECKING:
    from gongji.store.postgres.engine import PostgresEngine
    from gongji.store.postgres.store import PostgresStore


MEMORY = ":memory:"
"""Opens a store that is forgotten when it is closed."""

_GOING_S = 1.0
"""How long one that is just going is waited for, in seconds."""

# ruff: noqa: PLC0415 - psycopg is an extra: whoever stays with SQLite does without it


def is_postgres(url: str) -> bool:
    """Whether an address names a PostgreSQL database."""
    return url.startswith(("postgresql://", "postgres://"))


def path_of(url: str) -> Path:
    """The file a URL names: `sqlite:///var/x.db` is relative, `sqlite:////var/x.db`
    absolute. ValueError."""
    if "://" not in url:
        return Path(url)
    scheme, _, rest = url.partition("://")
    if scheme != "sqlite" or not rest.startswith("/") or rest == "/":
        msg = f"数据库地址 {url} 不受支持: 请给出文件路径、sqlite:///路径 或 postgresql://主机/库名"
        raise ValueError(msg)
    return Path(rest[1:])


@contextmanager
def alone_over(url: str | Path) -> Iterator[None]:
    """Keeps every other server from a file while this lasts; it ends with the process,
    however that ends.

    Two would write correctly, one after the other, but hold each other up and not see
    what the other adopts. A database that servers may share is left to them. ValueError
    where another has the file; OSError.
    """
    if is_postgres(str(url)) or str(url) == MEMORY:
        yield
        return
    path = path_of(str(url))
    lock = path.with_name(f"{path.name}.lock")
    make_file(lock)
    with ExitStack() as stack:
        try:
            holder = stack.enter_context(
                closing(sqlite3.connect(lock, isolation_level=None, timeout=_GOING_S))
            )
            holder.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as refused:
            if refused.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise OSError(f"无法锁定 {lock}: {refused}") from refused
            msg = (
                f"{path} 已有服务在使用: SQLite 数据库只供一个服务使用, "
                "请先停下那一个, 或另以 --data 指明目录"
            )
            raise ValueError(msg) from refused
        yield


def open_postgres(
    url: str, clock: Callable[[], datetime], key_file: Path | None
) -> PostgresStore:
    """The store at a PostgreSQL address; its tables and key file are made where it is empty."""
    if key_file is None:
        msg = "PostgreSQL 数据库须指明密钥文件"
        raise ValueError(msg)
    with _home(url, Vault.ephemeral()) as engine:
        from gongji.store.postgres.catalog import PostgresCatalog
        from gongji.store.postgres.store import PostgresStore

        new = (
            PostgresCatalog(engine.connection, Schema(Vault.ephemeral())).version()
            is None
        )
        return PostgresStore(url, Vault.open(key_file, create=new), clock)


def migrate(url: str | Path, key_file: Path | None = None) -> tuple[int, int]:
    """Takes the database at an address forward to this program's schema: from which
    version to which.

    KeyFileError, SchemaError, ValueError or ConnectionError say in Chinese what is wrong.
    """
    if is_postgres(str(url)):
        if key_file is None:
            msg = "PostgreSQL 数据库须指明密钥文件"
            raise ValueError(msg)
        vault = Vault.open(key_file, create=False)
        schema = Schema(vault)
        with _home(str(url), vault) as engine:
            from gongji.store.postgres.catalog import PostgresCatalog

            return bring_forward(
                PostgresCatalog(engine.connection, schema), schema, vault.fingerprint
            )
    path = path_of(str(url))
    if is_new(path):
        msg = f"{path} 还没有数据库: 首次启动 gongji serve 时会建立, 无需迁移"
        raise SchemaError(msg)
    vault = Vault.open(key_file or path.with_suffix(".key"), create=False)
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            return bring_forward(
                SqliteCatalog(connection), Schema(vault), vault.fingerprint
            )
    except sqlite3.DatabaseError as error:
        msg = f"{path} 无法作为 gongji 的数据库打开: {error}"
        raise SchemaError(msg) from error


@contextmanager
def _home(url: str, vault: Vault) -> Iterator[PostgresEngine]:
    """An engine for as long as the start takes. ValueError without psycopg,
    ConnectionError where nobody answers."""
    try:
        from psycopg import ProgrammingError

        from gongji.store.postgres.engine import PostgresEngine
    except ModuleNotFoundError as missing:
        msg = "使用 PostgreSQL 须安装附加组件: pip install 'gongji[postgres]'"
        raise ValueError(msg) from missing
    engine = PostgresEngine(url, Schema(vault))
    try:
        yield engine
    except EngineDown as down:
        msg = f"无法连接 PostgreSQL: {down}"
        raise ConnectionError(msg) from down
    except ProgrammingError as denied:
        msg = f"该 PostgreSQL 数据库不能使用, 请检查用户的权限: {denied}"
        raise SchemaError(msg) from denied
    finally:
        engine.close()
