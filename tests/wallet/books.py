"""Commands over a SQLite file that may end at any point of a transaction, as if killed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from gongji.model.commands import Query, Write
from gongji.store.committer import Committer
from gongji.store.engine import Job, Outcome
from gongji.store.leaves import LeafLog
from gongji.store.migrations import make_or_check
from gongji.store.schema import Schema
from gongji.store.seal import Vault
from gongji.store.sqlite.catalog import SqliteCatalog
from gongji.store.sqlite.engine import SqliteEngine


class CrashedError(BaseException):
    """The process is gone: nothing of it goes on."""


def never(_: str) -> None:
    """Let a transaction go on."""


class _BreakingEngine(SqliteEngine):
    """Tells of each point of a transaction before it goes on."""

    at: Callable[[str], None] = staticmethod(never)

    def begin(self) -> None:
        self.at("begin")
        super().begin()

    def insert(self, *written: Any) -> None:
        self.at("insert")
        super().insert(*written)

    def upsert(self, *written: Any) -> None:
        self.at("upsert")
        super().upsert(*written)

    def commit(self) -> None:
        self.at("commit")
        super().commit()
        self.at("answer")


class Books:
    """A file of accounts, wallets and transfers, and what may be done with it."""

    def __init__(
        self, path: Path, clock: Callable[[], datetime], *, durable: bool = False
    ) -> None:
        self._path, self._clock, self._durable = path, clock, durable
        path.touch()
        self._vault = Vault(bytes(range(32)))
        self._schema = Schema(self._vault)
        self._open()
        make_or_check(SqliteCatalog(self._engine.connection), self._schema, None)

    def _open(self) -> None:
        self._engine = _BreakingEngine(self._path, self._schema, durable=self._durable)
        log = LeafLog(self._schema, self._vault.hasher)
        self._committer = Committer(
            self._engine, self._schema, self._clock, self._vault.digest, log
        )

    def add(self, *records: object) -> None:
        """Write records as they are."""
        self.run([Write(records)])

    def run(
        self, queries: Sequence[Query[Any]], at: Callable[[str], None] = never
    ) -> list[Outcome] | None:
        """Return what becomes of a batch; None if the process ended, and was begun anew.

        `at` is told each point of the transaction, and may raise CrashedError there.
        """
        jobs = [Job(query, getattr(query, "request", None)) for query in queries]
        self._engine.at = at
        try:
            return self._committer.run(jobs)
        except CrashedError:
            with suppress(Exception):
                self._engine.close()
            self._open()
            return None
        finally:
            self._engine.at = never

    def close(self) -> None:
        """Close the file."""
        self._engine.close()

    # --- what stands in the file, by its rows alone -----------------------------------

    def purses(self, people: Iterable[str]) -> dict[str, int]:
        """Return the balance of each person's purse."""
        found = self._rows("SELECT person_no, balance_fen FROM account")
        return {person: dict(found).get(person, 0) for person in people}

    def wallets(self, people: Iterable[str]) -> dict[str, int]:
        """Return what is in each person's wallet."""
        found = dict(self._rows("SELECT person_no, doc FROM wallet"))
        return {p: json.loads(found[p]).get("balance_fen", 0) for p in people}

    def holds(self, transfers: Iterable[str]) -> dict[str, list[int]]:
        """Return the entries of each transfer's hold."""
        holds: dict[str, list[int]] = {transfer: [] for transfer in transfers}
        for account, fen in self._rows(
            "SELECT ledger_account, fen FROM entry WHERE ledger_account LIKE 'hold:%'"
        ):
            transfer = account.removeprefix("hold:")
            if transfer in holds:
                holds[transfer].append(fen)
        return holds

    def returned(self, transfer: str) -> bool:
        """Return whether a transfer's money went back to a purse."""
        back = "SELECT 1, 1 FROM entry WHERE ledger_account LIKE 'purse:%'"
        return bool(self._rows(f"{back} AND transaction_id = '{transfer}-E'"))

    def _rows(self, select: str) -> list[tuple[Any, Any]]:
        return self._engine.connection.execute(select).fetchall()
