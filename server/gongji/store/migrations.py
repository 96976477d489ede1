"""From an empty file, or an older schema, to this one; refuses files of newer or other programs and of other keys."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from gongji.store import sql
from gongji.store.schema import VERSION, Schema


class SchemaError(ValueError):
    """The file is not a database this program may use with this key."""


def is_new(path: Path) -> bool:
    """Whether nothing has been stored there yet."""
    return not path.exists() or path.stat().st_size == 0


def make_file(path: Path) -> None:
    """Makes the file, readable by its owner only, where there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))


def migrate(connection: sqlite3.Connection, schema: Schema, fingerprint: str) -> None:
    """Makes the tables of a new database; checks version and key of an old one. SchemaError."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        _make_or_check(connection, schema, fingerprint)
        connection.execute("COMMIT")
    except BaseException:
        connection.rollback()
        raise


def _make_or_check(connection: sqlite3.Connection, schema: Schema, fingerprint: str) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if version == 0 and not tables:
        for statement in _everything(schema):
            connection.execute(statement)
        connection.execute("INSERT INTO vault (fingerprint) VALUES (?)", (fingerprint,))
        return
    if version == 0:
        msg = "该文件是其他程序的 SQLite 数据库, 不是 gongji 的"
        raise SchemaError(msg)
    if version > VERSION:
        msg = f"数据库结构为第 {version} 版, 本程序只认识到第 {VERSION} 版: 请使用更新版本的 gongji"
        raise SchemaError(msg)
    if connection.execute("SELECT fingerprint FROM vault").fetchone() != (fingerprint,):
        msg = "密钥文件与该数据库不符: 其中的个人信息是用另一把密钥密封的, 请恢复原密钥文件"
        raise SchemaError(msg)


def _everything(schema: Schema) -> Iterator[str]:
    for table in schema.tables.values():
        yield from sql.create(table)
    yield "CREATE TABLE vault (fingerprint TEXT NOT NULL)"
    yield f"PRAGMA user_version = {VERSION}"
