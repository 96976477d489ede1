"""A backup: all that a database held at one instant, in a folder with a manifest.

The key is not in it: whoever finds a backup cannot read the sealed data.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol

import msgspec
from msgspec import Struct

from gongji.audit.hashing import LABELS, Hasher, running
from gongji.store.keys.suite import STANDARD, SUITES
from gongji.store.migrations import Catalog, SchemaError, recorded_suite
from gongji.store.private_files import make_folder, sync_folder
from gongji.store.schema import VERSION
from gongji.store.seal import KeyFileError, Vault
from gongji.store.steps import LOG_SINCE
from gongji.store.table import instant

MANIFEST: Final = "manifest.json"

FORMAT: Final = 1
"""Of the manifest; a later one is refused."""

_PIECE: Final = 1 << 20
"""Bytes that are hashed or copied at a time."""


class BackupError(ValueError):
    """A backup cannot be made or restored; the message says why, in Chinese."""


class Snapshot(Struct, frozen=True, kw_only=True):
    """What a database held when it was copied.

    `key` is the fingerprint of the key its data were sealed with, `last_at` the latest
    instant on record, `checkpoint` the last checkpoint of the log as it was signed, and
    `namespace` the schema of PostgreSQL in which the tables lie. `suite` names the
    algorithms.
    """

    schema: int
    key: str
    suite: str = STANDARD.name
    leaves: int = 0
    last_at: datetime | None = None
    checkpoint: str = ""
    namespace: str = ""


class CopyCheck(Struct, frozen=True):
    """How a copy was checked, and the first thing in it that does not hold, "" if none.

    That is in the database that was copied as well: a copy that differs from it is none.
    """

    how: str
    finding: str = ""


class Manifest(Struct, frozen=True, kw_only=True):
    """What a backup is: which program made it, of what, and how it was checked."""

    format: int = FORMAT
    program: str
    engine: str
    file: str
    taken_at: datetime
    snapshot: Snapshot
    size: int
    digest: str
    checked: CopyCheck


Check = Callable[[str, Snapshot], CopyCheck]
"""Checks the database at an address, "" if there is none."""


class Copying(Protocol):
    """How the content of one database is copied out of it, and into an empty one.

    Every method raises BackupError, OSError, or as opening the database does.
    """

    engine: str

    file: str
    """The name of the copy."""

    def copy_out(self, target: Path) -> Snapshot:
        """Write all that is held at one instant to an empty file; writers go on."""

    def opened(self, copy: Path, snapshot: Snapshot) -> AbstractContextManager[str]:
        """Give the address of a database with the content of a copy, "" if there is none.

        It goes with the block.
        """

    def copy_in(self, copy: Path, snapshot: Snapshot, check: Check) -> CopyCheck:
        """Fill an empty database, and check what was filled in."""


def snapshot_of(catalog: Catalog, namespace: str = "") -> Snapshot:
    """Return what a database holds now. SchemaError if it is empty, or not ours."""
    version = catalog.version()
    if version is None:
        msg = "这里还没有数据库，没有可备份的"
        raise SchemaError(msg)
    suite = recorded_suite(catalog) or STANDARD
    snapshot = Snapshot(
        schema=version,
        key=catalog.fingerprint(),
        suite=suite.name,
        namespace=namespace,
    )
    if version < LOG_SINCE:
        return snapshot
    ((leaves,),) = catalog.rows("SELECT count(*) FROM leaf")
    ((last,),) = catalog.rows("SELECT max(at) FROM leaf")
    notes = catalog.rows(
        "SELECT note FROM checkpoint ORDER BY checkpoint_id DESC LIMIT 1"
    )
    return msgspec.structs.replace(
        snapshot,
        leaves=leaves,
        last_at=None if last is None else instant(last),
        checkpoint="".join([note for (note,) in notes]),
    )


def back_up(
    copying: Copying,
    folder: Path,
    check: Check,
    *,
    program: str,
    now: datetime,
) -> Manifest:
    """Copy a database into a new folder, check the copy, and describe it.

    The folder is there whole or not at all. BackupError; OSError.
    """
    _refuse_used(folder)
    with _draft_of(folder) as draft:
        copy = draft / copying.file
        os.close(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        snapshot = copying.copy_out(copy)
        _flush(copy)
        digest = _digest_of(copy, SUITES[snapshot.suite].hasher)
        with copying.opened(copy, snapshot) as address:
            checked = check(address, snapshot)
        manifest = Manifest(
            program=program,
            engine=copying.engine,
            file=copying.file,
            taken_at=now,
            snapshot=snapshot,
            size=copy.stat().st_size,
            digest=digest,
            checked=checked,
        )
        _write(draft / MANIFEST, manifest)
    return manifest


def _refuse_used(folder: Path) -> None:
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        msg = f"{folder} 已经存在：备份只写入新的目录，请另给一个名称"
        raise BackupError(msg)


@contextmanager
def _draft_of(folder: Path) -> Iterator[Path]:
    """Give a folder beside another whose name it takes at the end, if all went well."""
    make_folder(folder.parent)
    draft = folder.with_name(f".{folder.name}.{secrets.token_hex(8)}")
    make_folder(draft)
    try:
        yield draft
        sync_folder(draft)
        draft.rename(folder)
        sync_folder(folder.parent)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _write(path: Path, manifest: Manifest) -> None:
    text = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
    path.touch(0o600)
    path.write_bytes(text + b"\n")
    _flush(path)


def read_manifest(folder: Path) -> Manifest:
    """Return what a backup says it is. BackupError; OSError."""
    path = folder / MANIFEST
    if not path.is_file():
        msg = f"{folder} 不是备份：其中没有 {MANIFEST}"
        raise BackupError(msg)
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except msgspec.MsgspecError as fault:
        msg = f"{path} 读不懂，备份可能不完整：{fault}"
        raise BackupError(msg) from fault
    if manifest.format > FORMAT:
        msg = f"{path} 是更新的 gongji 写的：请使用不低于 {manifest.program} 的版本恢复"
        raise BackupError(msg)
    if manifest.snapshot.suite not in SUITES:
        msg = f"{path} 的 suite 须是 {'、'.join(SUITES)} 之一"
        raise BackupError(msg)
    if Path(manifest.file).name != manifest.file:
        msg = f"{path} 的 file 须是一个文件名"
        raise BackupError(msg)
    return manifest


def restore(
    copying: Copying, folder: Path, vault: Vault, check: Check
) -> tuple[Manifest, CopyCheck]:
    """Fill an empty database from a backup; return its manifest, and check it.

    BackupError, KeyFileError, SchemaError; OSError.
    """
    manifest = read_manifest(folder)
    if manifest.engine != copying.engine:
        msg = (
            f"{folder} 是 {manifest.engine} 的备份，不能恢复成 {copying.engine} 的："
            "PostgreSQL 的以 --database 指明数据库，SQLite 的不写"
        )
        raise BackupError(msg)
    snapshot = manifest.snapshot
    if not vault.opens(snapshot.key):
        msg = "密钥文件与备份不符：请恢复备份之时所用的那一把"
        raise KeyFileError(msg)
    if snapshot.schema > VERSION:
        msg = (
            f"备份的数据库结构为第 {snapshot.schema} 版，本程序只认识到第 {VERSION} 版："
            f"请使用不低于 {manifest.program} 的 gongji 恢复"
        )
        raise SchemaError(msg)
    copy = folder / manifest.file
    if not _is_whole(copy, manifest):
        msg = f"{copy} 与 {MANIFEST} 所记的摘要不符：备份已损坏或被改动，请换一份"
        raise BackupError(msg)
    return manifest, copying.copy_in(copy, snapshot, check)


def _is_whole(copy: Path, manifest: Manifest) -> bool:
    if copy.stat().st_size != manifest.size:
        return False
    hasher = SUITES[manifest.snapshot.suite].hasher
    return _digest_of(copy, hasher) == manifest.digest


def _digest_of(path: Path, hasher: Hasher) -> str:
    """Return the labelled hash of a file."""
    digest = running(hasher)
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
    return f"{LABELS[hasher]}:{digest.hexdigest()}"


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
