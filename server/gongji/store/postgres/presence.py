"""Advisory locks by which servers over one PostgreSQL database know of each other."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from gongji.store.engine import EngineDown
from gongji.store.postgres.connection import translated
from gongji.store.postgres.engine import PostgresEngine
from gongji.store.schema import Schema
from gongji.store.seal import Vault

_CLASS: Final = 0x676F6E70
"""Keeps these advisory locks apart from others': "gonp" in ASCII. The second half names
the schema by one of its tables."""

_LOCK: Final = "SELECT pg_advisory_{}(%s, 'adoption'::regclass::oid::int)"

_SHARE: Final = _LOCK.format("lock_shared")

_UNSHARE: Final = _LOCK.format("unlock_shared")

_ALONE: Final = _LOCK.format("lock")

_UNALONE: Final = _LOCK.format("unlock")


class Presence:
    """A session that holds the lock; used by one thread at a time.

    Everything raises EngineDown.
    """

    def __init__(self, url: str) -> None:
        self._engine = PostgresEngine(url, Schema(Vault.ephemeral()))
        # The process of the server whose session holds the lock; 0 if none does.
        self._holder_pid = 0

    def share(self) -> None:
        """Hold the shared lock, again if the connection was lost."""
        if self._backend_pid() == self._holder_pid:
            # Only a statement finds out that a connection is lost.
            with suppress(EngineDown):
                self._run("SELECT 1")
                return
        self._run("SET lock_timeout = '500ms'")
        self._run(_SHARE)
        self._holder_pid = self._backend_pid()

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

    def _run(self, statement: str) -> None:
        with translated():
            self._engine.connection.execute(
                statement, [_CLASS] if "%s" in statement else None, prepare=False
            )
