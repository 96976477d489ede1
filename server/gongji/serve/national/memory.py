"""What outlives a message: nonces, sign-ins, files; in one SQLite file that processes share."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple, Self

from gongji.rules.codes import SHANGHAI
from gongji.store.private_files import make_folder, refuse_exposed

_TABLES: Final = """
create table if not exists nonces (
    key text not null, nonce text not null, until real not null,
    primary key (key, nonce)
) without rowid;
create table if not exists sign_ins (
    sign_no text primary key, institution text not null, msgid text not null,
    at real not null, until real not null, unique (institution, msgid)
) without rowid;
create table if not exists files (
    number text primary key, institution text not null, until real not null,
    content blob not null
);
create index if not exists nonces_until on nonces (until);
create index if not exists sign_ins_until on sign_ins (until);
create index if not exists files_until on files (until);
create index if not exists files_of on files (institution, until);
"""
# The content is last, and no key's leaf: who looks for a row walks through no files.

_ENDED: Final = (
    "delete from nonces where until < ?",
    "delete from sign_ins where until < ?",
    "delete from files where until < ?",
)

KEPT_FILES: Final = timedelta(hours=24)
"""How long an uploaded file, and one of differences, can be fetched."""

MOST_FILES: Final = 64
"""Files of one institution at once; the oldest go first."""

_PATIENCE_S: Final = 5.0
"""Seconds to wait for another process that is writing."""


class SignIn(NamedTuple):
    """A sign-in: its number, and when it was made."""

    sign_no: str
    at: datetime


class KeptFile(NamedTuple):
    """A file that was uploaded, or made."""

    number: str
    content: bytes


class Memory:
    """The file; its methods may be called by any thread.

    A crash of the process loses nothing, one of the machine the last moments: a nonce
    may then come once more, which repeats no settlement.
    """

    def __init__(self, path: Path | str) -> None:
        """Open it, make it if there is none. OSError, also if others could write it."""
        if isinstance(path, Path):
            # The service may be given the same folder, and nobody else may read that.
            make_folder(path.parent)
            refuse_exposed(path.parent, readable=True)
            refuse_exposed(path)
            path.touch(mode=0o600)
        self._lock = threading.Lock()
        try:
            self._database = sqlite3.connect(
                path, timeout=_PATIENCE_S, isolation_level=None, check_same_thread=False
            )
            self._database.execute("pragma journal_mode = wal")
            self._database.execute("pragma synchronous = normal")
            self._database.executescript(_TABLES)
        except sqlite3.DatabaseError as fault:
            raise OSError(f"{path} 不能用作签到与文件的存放处：{fault}") from fault

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    @contextmanager
    def _writing(self, now: float) -> Iterator[sqlite3.Connection]:
        """Write in one transaction; what has ended goes first."""
        # It commits, and rolls back whatever fails, the commit too.
        with self._lock, self._database as database:
            database.execute("begin immediate")
            for ended in _ENDED:
                database.execute(ended, (now,))
            yield database

    def first_use(self, key: str, nonce: str, until: float, now: float) -> bool:
        """Note a nonce; return whether it was not used before."""
        with self._writing(now) as database:
            made = database.execute(
                "insert or ignore into nonces (key, nonce, until) values (?, ?, ?)",
                (key, nonce, until),
            )
            return made.rowcount == 1

    def sign_in(
        self, institution: str, msgid: str, sign_no: str, at: datetime
    ) -> SignIn:
        """Keep a sign-in until the day ends; the same message again has the first one."""
        midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
        until = (midnight + timedelta(days=1)).timestamp()
        row = (sign_no, institution, msgid, at.timestamp(), until)
        with self._writing(at.timestamp()) as database:
            database.execute(
                "insert or ignore into sign_ins"
                " (sign_no, institution, msgid, at, until) values (?, ?, ?, ?, ?)",
                row,
            )
            number, seconds = database.execute(
                "select sign_no, at from sign_ins where institution = ? and msgid = ?",
                (institution, msgid),
            ).fetchone()
        return SignIn(number, datetime.fromtimestamp(seconds, SHANGHAI))

    def signed_in(self, institution: str, sign_no: str, now: datetime) -> bool:
        """Return whether a number is of that institution's sign-in of today."""
        with self._lock:
            found = self._database.execute(
                "select 1 from sign_ins where sign_no = ? and institution = ? and until > ?",
                (sign_no, institution, now.timestamp()),
            )
            return found.fetchone() is not None

    def sign_out(self, institution: str, sign_no: str, now: datetime) -> bool:
        """End a sign-in; return whether there was one."""
        with self._writing(now.timestamp()) as database:
            gone = database.execute(
                "delete from sign_ins where sign_no = ? and institution = ?",
                (sign_no, institution),
            )
            return gone.rowcount == 1

    def keep_file(self, institution: str, file: KeptFile, now: datetime) -> datetime:
        """Keep a file; return until when. The same number again takes its place."""
        until = now + KEPT_FILES
        row = (file.number, institution, until.timestamp(), file.content)
        with self._writing(now.timestamp()) as database:
            database.execute(
                "insert or replace into files (number, institution, until, content)"
                " values (?, ?, ?, ?)",
                row,
            )
            database.execute(
                "delete from files where institution = ? and number not in (select number"
                " from files where institution = ? order by until desc limit ?)",
                (institution, institution, MOST_FILES),
            )
        return until

    def file(self, institution: str, number: str, now: datetime) -> KeptFile | None:
        """Return an institution's file; None if there is none."""
        with self._lock:
            found = self._database.execute(
                "select number, content from files"
                " where number = ? and institution = ? and until > ?",
                (number, institution, now.timestamp()),
            ).fetchone()
        return KeptFile(*found) if found else None
