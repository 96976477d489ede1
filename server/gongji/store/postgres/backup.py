"""Copies of a PostgreSQL database: by pg_dump while servers write, and by pg_restore."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import TupleRow

from gongji.store.backup import BackupError, Check, CopyCheck, Snapshot, snapshot_of
from gongji.store.engine import EngineDown
from gongji.store.postgres.catalog import PostgresCatalog
from gongji.store.postgres.connection import connect, translated
from gongji.store.postgres.programs import address_of, run
from gongji.store.schema import Schema
from gongji.store.seal import Vault

_Connection = psycopg.Connection[TupleRow]

_SCRATCH: Final = "gongji_check_"
"""How a database begins that a copy is tried in."""

_LIKE_OURS: Final = """
SELECT pg_encoding_to_char(encoding), datcollate, datctype FROM pg_database
WHERE datname = current_database()
"""

_THINGS: Final = """
SELECT count(*) FROM pg_class WHERE relnamespace = current_schema::regnamespace
"""

_FREE_TO_WAIT: Final = "SET idle_in_transaction_session_timeout = 0"

_VERSION: Final = 10_000
"""By what a server's version is divided for its major version."""


class PostgresCopying:
    """See `backup.Copying`."""

    engine = "postgres"

    file = "gongji.dump"

    def __init__(self, url: str) -> None:
        self._url = url

    def copy_out(self, target: Path) -> Snapshot:
        """Write all that is held at one instant to an empty file; writers go on."""
        with _session(self._url) as connection:
            connection.execute(_FREE_TO_WAIT)
            connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            namespace = str(_value(connection, "SELECT current_schema"))
            snapshot = snapshot_of(_catalog(connection), namespace)
            exported = _value(connection, "SELECT pg_export_snapshot()")
            self._run(
                connection,
                "pg_dump",
                "--format=custom",
                f"--snapshot={exported}",
                f"--schema={_exactly(namespace)}",
                f"--file={target}",
            )
            return snapshot

    @contextmanager
    def opened(self, copy: Path, snapshot: Snapshot) -> Iterator[str]:
        """Give the address of a database of this server that the copy is restored into.

        "" if we may make none; then the copy's list of contents was read.
        """
        with _session(self._url) as connection:
            name = f"{_SCRATCH}{secrets.token_hex(6)}"
            if not _made(connection, name):
                self._run(connection, "pg_restore", "--list", str(copy))
                yield ""
                return
            search = f"-csearch_path={snapshot.namespace}"
            address = address_of(self._url, dbname=name, options=search)
            try:
                PostgresCopying(address).fill(copy, snapshot)
                yield address
            finally:
                drop = sql.SQL("DROP DATABASE {} WITH (FORCE)")
                connection.execute(drop.format(sql.Identifier(name)))

    def copy_in(self, copy: Path, snapshot: Snapshot, check: Check) -> CopyCheck:
        """Fill the database, which must be empty, and check it."""
        self.fill(copy, snapshot)
        return check(self._url, snapshot)

    def fill(self, copy: Path, snapshot: Snapshot) -> None:
        """Restore a copy into a database that is empty, whole or not at all. BackupError."""
        with _session(self._url) as connection:
            connection.execute(_FREE_TO_WAIT)
            _make_namespace(connection, snapshot.namespace)
            catalog = _catalog(connection)
            # Kept until it is there: no server that starts takes it for a new one.
            with catalog.transaction():
                self._refuse_unfit(connection, snapshot.namespace)
                name = conninfo_to_dict(self._url).get("dbname") or ""
                self._run(
                    connection,
                    "pg_restore",
                    "--single-transaction",
                    "--exit-on-error",
                    "--no-owner",
                    "--no-privileges",
                    f"--schema={snapshot.namespace}",
                    f"--dbname={make_conninfo(dbname=name or connection.info.dbname)}",
                    str(copy),
                )
            # Until autovacuum comes every query would be planned without statistics:
            # the check of 15,000 settlements took twice as long.
            connection.execute("ANALYZE")
            if snapshot_of(catalog, snapshot.namespace) != snapshot:
                msg = "恢复出来的与备份所记的不是同一时刻的数据库"
                raise BackupError(msg)

    def _refuse_unfit(self, connection: _Connection, namespace: str) -> None:
        """BackupError unless there is nothing yet, under the name the tables had."""
        current = _value(connection, "SELECT current_schema")
        if current != namespace:
            msg = (
                f"备份的各表在模式 {namespace} 中，而这个数据库的当前模式是 {current}："
                f"请在地址里写明 ?options=-csearch_path={namespace}"
            )
            raise BackupError(msg)
        if _value(connection, _THINGS):
            msg = "该数据库不是空的：只恢复到新建的空库"
            raise BackupError(msg)

    def _run(self, connection: _Connection, program: str, *arguments: str) -> None:
        server = connection.info.server_version // _VERSION
        run(program, server, self._url, *arguments)


def _made(connection: _Connection, name: str) -> bool:
    """Return whether we may make a database like ours, which then is made."""
    encoding, collate, ctype = connection.execute(_LIKE_OURS).fetchone() or ("",) * 3
    make = sql.SQL(
        "CREATE DATABASE {} TEMPLATE template0 ENCODING {} LC_COLLATE {} LC_CTYPE {}"
    )
    try:
        connection.execute(make.format(sql.Identifier(name), encoding, collate, ctype))
    except psycopg.errors.InsufficientPrivilege:
        return False
    return True


def _make_namespace(connection: _Connection, name: str) -> None:
    if name != "public":
        make = sql.SQL("CREATE SCHEMA IF NOT EXISTS {}")
        connection.execute(make.format(sql.Identifier(name)))


def _exactly(namespace: str) -> str:
    """Return a schema's name as a pattern of pg_dump's that is nothing but the name."""
    return f'"{namespace}"'


def _catalog(connection: _Connection) -> PostgresCatalog:
    return PostgresCatalog(connection, Schema(Vault.ephemeral()))


def _value(connection: _Connection, statement: str) -> Any:
    row = connection.execute(statement).fetchone()
    return None if row is None else row[0]


@contextmanager
def _session(url: str) -> Iterator[_Connection]:
    """Open a session, its errors in Chinese. ConnectionError, BackupError."""
    try:
        with translated(), closing(connect(url)) as connection:
            yield connection
    except EngineDown as down:
        msg = f"无法连接 PostgreSQL：{down}"
        raise ConnectionError(msg) from down
    except psycopg.Error as refused:
        msg = f"PostgreSQL 不允许：{refused}"
        raise BackupError(msg) from refused
