"""Copies of a SQLite file: out of it while a server writes, and into an empty folder."""

from __future__ import annotations

import os
import secrets
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from gongji.store.backup import BackupError, Check, CopyCheck, Snapshot, snapshot_of
from gongji.store.migrations import SchemaError, is_new
from gongji.store.private_files import make_folder, sync_folder
from gongji.store.sqlite.catalog import SqliteCatalog
from gongji.store.sqlite.lock import hold_alone

_PAGES: Final = 1024
"""Pages of one step of a copy."""

_FOLLOWING: Final = ("-wal", "-shm", "-journal")
"""What SQLite may have beside a file, by the end of its name."""

_SCHEME: Final = "sqlite:///"


class SqliteCopying:
    """See `backup.Copying`."""

    engine = "sqlite"

    file = "gongji.sqlite3"

    def __init__(self, path: Path) -> None:
        self._path = path

    def copy_out(self, target: Path) -> Snapshot:
        """Write all that is held at one instant to an empty file; writers go on."""
        if is_new(self._path):
            msg = f"{self._path} 还没有数据库，没有可备份的"
            raise SchemaError(msg)
        with (
            _readable(self._path),
            closing(_connected(self._path, "mode=ro")) as source,
            closing(sqlite3.connect(target, isolation_level=None)) as copy,
        ):
            # Of one snapshot: a copy that is not begins anew with each commit of another
            # process, for ever under load. Writers go on; only their log grows meanwhile.
            source.execute("BEGIN")
            snapshot = snapshot_of(SqliteCatalog(source))
            # Flushed here, as it goes: very much at the end would hold up commits.
            copy.execute("PRAGMA synchronous = OFF")
            copy.execute("PRAGMA journal_mode = OFF")
            source.backup(copy, pages=_PAGES, progress=_Flushing(target))
            return snapshot

    @contextmanager
    def opened(self, copy: Path, snapshot: Snapshot) -> Iterator[str]:
        """Give the address of the copy, found whole and as it was."""
        _check(copy, snapshot)
        try:
            yield f"{_SCHEME}{copy.absolute()}"
        finally:
            for end in _FOLLOWING:
                copy.with_name(f"{copy.name}{end}").unlink(missing_ok=True)

    def copy_in(self, copy: Path, snapshot: Snapshot, check: Check) -> CopyCheck:
        """Make the file, of a copy that was found whole. ValueError if a server is there."""
        path = self._path
        make_folder(path.parent)
        with hold_alone(path):
            for end in ("", *_FOLLOWING):
                beside = path.with_name(f"{path.name}{end}")
                if beside.exists():
                    msg = f"{beside} 已经存在：只恢复到没有数据库的目录，请另给一个，或先移走它"
                    raise BackupError(msg)
            draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
            try:
                _copy_file(copy, draft)
                with self.opened(draft, snapshot) as address:
                    checked = check(address, snapshot)
                # Fails if there is one by now.
                path.hardlink_to(draft)
            finally:
                draft.unlink(missing_ok=True)
            sync_folder(path.parent)
        return checked


class _Flushing:
    """Told of each step of a copy: flushes what was written so far."""

    def __init__(self, target: Path) -> None:
        self._target = target

    def __call__(self, *_: object) -> None:
        descriptor = os.open(self._target, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _check(copy: Path, snapshot: Snapshot) -> None:
    """Find a copy whole, and holding what it is said to. BackupError."""
    # Immutable: nothing is written, not even beside it.
    with _readable(copy), closing(_connected(copy, "immutable=1")) as connection:
        found = [row for (row,) in connection.execute("PRAGMA integrity_check(1)")]
        if found != ["ok"]:
            msg = f"{copy} 已损坏：{found[0]}"
            raise BackupError(msg)
        if snapshot_of(SqliteCatalog(connection)) != snapshot:
            msg = f"{copy} 里的与所记的不是同一时刻的数据库"
            raise BackupError(msg)


def _connected(path: Path, how: str) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?{how}"
    return sqlite3.connect(uri, uri=True, isolation_level=None)


def _copy_file(source: Path, target: Path) -> None:
    """Copy a file into a new one that only its owner may read, and flush it."""
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with source.open("rb") as read, os.fdopen(descriptor, "wb") as write:
        shutil.copyfileobj(read, write)
        write.flush()
        os.fsync(write.fileno())


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Say in Chinese what is wrong with a file or its disk. BackupError."""
    try:
        yield
    except sqlite3.Error as error:
        msg = f"{path} 无法读取或复制：{error}"
        raise BackupError(msg) from error
