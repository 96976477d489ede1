"""From an empty database, or an older schema, to this one; refuses those of newer or
other programs and other keys."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Protocol

from gongji.store import sql
from gongji.store.schema import VERSION, Schema
from gongji.store.steps import STEPS, Step


class SchemaError(ValueError):
    """It is not a database this program may use with this key."""


class Catalog(Protocol):
    """Where the tables live and what is known of them."""

    dialect: sql.Dialect

    def transaction(self) -> AbstractContextManager[None]:
        """One transaction that keeps other servers' starts out."""

    def version(self) -> int | None:
        """The schema's version, None where nothing is there yet. SchemaError where
        another program's data is."""

    def fingerprint(self) -> str:
        """Of the key the data was sealed with."""

    def execute(self, statement: str) -> None:
        """Runs a statement of the schema's."""

    def record(self, version: int, fingerprint: str) -> None:
        """Keeps version and fingerprint."""

    def add_partitions(self, *, moving: bool) -> None:
        """Makes room for the coming years where tables lie apart by year; `moving` in
        what came before its room."""


def make_or_check(home: Catalog, schema: Schema, fingerprint: str) -> None:
    """Makes the tables of a new database; checks version and key of an old one. SchemaError."""
    with home.transaction():
        version = home.version()
        if version is None:
            for table in schema.tables.values():
                for statement in sql.create(table, home.dialect):
                    home.execute(statement)
            home.add_partitions(moving=True)
            home.record(VERSION, fingerprint)
            return
        _check(home, version, fingerprint)
        if version < VERSION:
            msg = (
                f"数据库结构为第 {version} 版, 本程序需要第 {VERSION} 版: "
                "请备份后运行 gongji migrate"
            )
            raise SchemaError(msg)
        home.add_partitions(moving=False)


def bring_forward(
    home: Catalog, schema: Schema, fingerprint: str, steps: Mapping[int, Step] = STEPS
) -> tuple[int, int]:
    """Takes an older database to this version, all or nothing, and says from which to
    which. SchemaError."""
    with home.transaction():
        before = home.version()
        if before is None:
            msg = "这里还没有数据库: 首次启动 gongji serve 时会建立, 无需迁移"
            raise SchemaError(msg)
        _check(home, before, fingerprint)
        for version in range(before, VERSION):
            for statement in steps[version](schema, home.dialect):
                home.execute(statement)
        home.add_partitions(moving=True)
        home.record(VERSION, fingerprint)
    return before, VERSION


def _check(home: Catalog, version: int, fingerprint: str) -> None:
    if version > VERSION:
        msg = (
            f"数据库结构为第 {version} 版, 本程序只认识到第 {VERSION} 版: "
            "请使用更新版本的 gongji; gongji migrate 只向前, 不能退回"
        )
        raise SchemaError(msg)
    if home.fingerprint() != fingerprint:
        msg = "密钥文件与该数据库不符: 其中的个人信息是用另一把密钥密封的, 请恢复原密钥文件"
        raise SchemaError(msg)


def is_new(path: Path) -> bool:
    """Whether nothing has been stored there yet."""
    return not path.exists() or path.stat().st_size == 0


def make_file(path: Path) -> None:
    """Makes the file, readable by its owner only, where there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
