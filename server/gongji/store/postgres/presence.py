"""A server's sign to the others over one PostgreSQL database: they are there, or one of
them is alone."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from gongji.store.engine import EngineDown
from gongji.store.postgres.engine import PostgresEngine, translated
from gongji.store.schema import Schema
from gongji.store.seal import Vault

_CLASS: Final = 0x676F6E70
"""Keeps these advisory locks apart from others'; the second half names the schema by
one of its tables."""

_SHARE: Final = "SELECT pg_advisory_lock_shared(%s, 'adoption'::regclass::oid::int)"

_UNSHARE: Final = "SELECT pg_advisory_unlock_shared(%s, 'adoption'::regclass::oid::int)"

_ALONE: Final = "SELECT pg_advisory_lock(%s, 'adoption'::regclass::oid::int)"

_UNALONE: Final = "SELECT pg_advisory_unlock(%s, 'adoption'::regclass::oid::int)"


class Presence:
    """A connection whose session holds the sign; used by one thread at a time.
    Everything raises EngineDown."""

    def __init__(self, url: str) -> None:
        self._engine = PostgresEngine(url, Schema(Vault.ephemeral()))
        self._holding = 0

    def share(self) -> None:
        """Is there among others from now on; again where the connection was lost, which
        this finds out."""
        if self._engine.connection.info.backend_pid == self._holding:
            with suppress(EngineDown):
                self._run("SELECT 1")
                return
        self._run("SET lock_timeout = '500ms'")
        self._run(_SHARE)
        self._holding = self._engine.connection.info.backend_pid

    def alone(self) -> bool:
        """Whether no other server is there, nor comes until `among_others`; one that is
        just going is waited for."""
        self.share()
        self._run(_UNSHARE)
        try:
            self._run(_ALONE)
        except EngineDown:
            self._holding = 0
            self.share()
            return False
        return True

    def among_others(self) -> None:
        """Lets others come again."""
        self._run(_SHARE)
        self._run(_UNALONE)

    def close(self) -> None:
        """Is there no longer."""
        self._engine.close()

    def _run(self, statement: str) -> None:
        with translated():
            self._engine.connection.execute(
                statement, [_CLASS] if "%s" in statement else None, prepare=False
            )
