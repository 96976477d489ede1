"""Advisory locks by which servers over one PostgreSQL database know of each other."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from hashlib import blake2b
from types import MappingProxyType
from typing import Any, Final

from gongji.store.engine import EngineDown
from gongji.store.migrations import SchemaError
from gongji.store.postgres.connection import translated
from gongji.store.postgres.engine import PostgresEngine
from gongji.store.schema import VERSION, Schema
from gongji.store.seal import Vault

_CLASS: Final = 0x676F6E70
"""Keeps these advisory locks apart from others': "gonp" in ASCII. The second half names
the schema by one of its tables."""

_LOCK: Final = "SELECT pg_advisory_{}(%s, 'adoption'::regclass::oid::int)"

_NO_TERMS: Final[Mapping[str, str]] = MappingProxyType({})

_SHARE: Final = _LOCK.format("lock_shared")

_UNSHARE: Final = _LOCK.format("unlock_shared")

_ALONE: Final = _LOCK.format("lock")

_UNALONE: Final = _LOCK.format("unlock")


_SHOW: Final = "SELECT pg_advisory_lock_shared(%s, %s)"

_SHOWN: Final = """
SELECT classid::bigint, objid::bigint FROM pg_locks
WHERE locktype = 'advisory' AND objsubid = 2 AND granted AND classid::bigint = ANY(%s)
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


class Presence:
    """A session that holds the lock; used by one thread at a time.

    `terms` are digests of what this server goes by, such as its rules, by name.
    Everything raises EngineDown.
    """

    def __init__(self, url: str, terms: Mapping[str, str] = _NO_TERMS) -> None:
        self._engine = PostgresEngine(url, Schema(Vault.ephemeral()))
        # The process of the server whose session holds the lock; 0 if none does.
        self._holder_pid = 0
        self._terms = terms

    def share(self) -> bool:
        """Hold the shared lock and show our terms; return whether that was done anew.

        It is done again if the connection was lost. SchemaError if the database was
        upgraded beyond this program since it was opened.
        """
        if self._backend_pid() == self._holder_pid:
            # Only a statement finds out that a connection is lost.
            with suppress(EngineDown):
                self._refuse_upgraded()
                return False
        self._run("SET lock_timeout = '500ms'")
        self._run(_SHARE)
        for lock, digest in (*self._locks().values(), (self._program(), VERSION)):
            # Signed, as PostgreSQL takes them; it shows them unsigned.
            self._rows(_SHOW, [_signed(lock), _signed(digest)])
        self._holder_pid = self._backend_pid()
        # After we are seen: whoever upgrades it looks who is there first.
        self._refuse_upgraded()
        return True

    def _refuse_upgraded(self) -> None:
        ((version,),) = self._rows("SELECT version FROM vault", [])
        if version > VERSION:
            msg = (
                f"数据库已升级到第 {version} 版，本程序只认识到第 {VERSION} 版，不能再服务："
                "请换用更新版本的 gongji"
            )
            raise SchemaError(msg)

    def served_by(self) -> list[int]:
        """Return the versions of the schema known to the servers that are there."""
        return [version for _, version in self._rows(_SHOWN, [[self._program()]])]

    def _program(self) -> int:
        """Return the lock that shows the version of the schema a server knows."""
        return _number(f"program/{self._schema()}")

    def _schema(self) -> int:
        # Of this schema alone: another in the same database is somebody else's.
        ((schema,),) = self._rows("SELECT 'adoption'::regclass::oid::bigint", [])
        return int(schema)

    def different(self) -> list[str]:
        """Return the terms of which a server that is there has others."""
        ours = self._locks()
        shown = set(self._rows(_SHOWN, [[lock for lock, _ in ours.values()]]))
        return [
            name
            for name, (lock, digest) in ours.items()
            if any(other[0] == lock and other[1] != digest for other in shown)
        ]

    def _locks(self) -> dict[str, tuple[int, int]]:
        """Return the lock that shows each term: one half names it."""
        schema = self._schema()
        return {
            name: (_number(f"rules/{schema}/{name}"), _number(digest))
            for name, digest in self._terms.items()
        }

    def alone(self) -> bool:
        """Return whether no other server is there; then none comes until `among_others`.

        A server that is just ending is waited for.
        """
        self.share()
        # Two that asked for the exclusive lock while they share would wait for each
        # other.
        self._run(_UNSHARE)
        try:
            self._run(_ALONE)
        except EngineDown:
            self._holder_pid = 0
            self.share()
            return False
        return True

    def among_others(self) -> None:
        """Let others come again."""
        # Shared first: nobody is alone in between.
        self._run(_SHARE)
        self._run(_UNALONE)

    def close(self) -> None:
        """Close the session, and with it the lock."""
        self._engine.close()

    def _backend_pid(self) -> int:
        return self._engine.connection.info.backend_pid

    def _rows(self, statement: str, values: list[Any]) -> list[tuple[Any, ...]]:
        with translated():
            cursor = self._engine.connection.execute(statement, values, prepare=False)
            return cursor.fetchall()

    def _run(self, statement: str) -> None:
        with translated():
            self._engine.connection.execute(
                statement, [_CLASS] if "%s" in statement else None, prepare=False
            )


def _number(text: str) -> int:
    """Return 32 bits that stand for a text, the same in every process."""
    return int.from_bytes(blake2b(text.encode(), digest_size=4).digest())


def _signed(number: int) -> int:
    return number - (1 << 32) if number >> 31 else number
