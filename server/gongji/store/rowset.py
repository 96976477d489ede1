"""The rows of one import, judged together: a table of them that goes with the process.

It holds what the rows say of one another and of the registry, nothing of their
content. A large one lies on disk; every method may be called in a thread.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Sequence
from typing import Final

from gongji.model.judging import Counts, RowStanding, RowVerdict, SetRow
from gongji.model.staging import REFUSED

_TABLES: Final = """
CREATE TABLE entry (
  number INTEGER PRIMARY KEY, owner TEXT NOT NULL, content BLOB NOT NULL,
  cert TEXT NOT NULL, own_verdict INTEGER NOT NULL, verdict INTEGER NOT NULL,
  revision INTEGER NOT NULL, unchanged INTEGER NOT NULL, keeps INTEGER NOT NULL,
  refused INTEGER NOT NULL, base INTEGER NOT NULL
);
CREATE TABLE holder (number INTEGER NOT NULL, owner TEXT NOT NULL);
CREATE TABLE kin (owner TEXT NOT NULL, number INTEGER NOT NULL)
"""

# Made when all rows are there; the first two cover what is grouped.
_INDEXES: Final = """
CREATE INDEX IF NOT EXISTS entry_by_owner
  ON entry (owner, verdict, content, unchanged);
CREATE INDEX IF NOT EXISTS entry_by_cert
  ON entry (cert, owner, verdict) WHERE cert <> '';
CREATE INDEX IF NOT EXISTS holder_by_number ON holder (number);
CREATE INDEX IF NOT EXISTS holder_by_owner ON holder (owner);
CREATE INDEX IF NOT EXISTS kin_by_owner ON kin (owner)
"""

_RESET: Final = "UPDATE entry SET verdict = own_verdict WHERE verdict <> own_verdict"

# Before all others: of another city's people a caller is told nothing else.
_REFUSED: Final = (
    "UPDATE entry SET verdict = refused WHERE verdict = 0 AND refused <> 0"
)

_DIFFERING: Final = """
UPDATE entry SET verdict = 2 WHERE verdict = 0 AND owner IN (
  SELECT owner FROM entry WHERE verdict = 0
  GROUP BY owner HAVING min(content) <> max(content))
"""

# Of several who claim one certificate nobody has it, but for who has it already: which
# of them is right the file does not say, and their order must not.
_CLAIMED: Final = """
UPDATE entry SET verdict = 3 WHERE number IN (
  SELECT one.number FROM entry one WHERE one.verdict = 0 AND NOT one.keeps
    AND one.cert IN (
      SELECT cert FROM entry WHERE verdict = 0 AND cert <> ''
      GROUP BY cert HAVING min(owner) <> max(owner)))
"""

_TAKEN: Final = """
UPDATE entry SET verdict = 3 WHERE verdict = 0 AND number IN (
  SELECT holder.number FROM holder JOIN entry one ON one.number = holder.number
  WHERE NOT EXISTS (
    SELECT 1 FROM entry moved WHERE moved.owner = holder.owner
      AND moved.verdict = 0 AND moved.cert <> one.cert))
"""

# Of another city's people it must not be told who is known: no row rests on them.
_RESTING: Final = """
UPDATE entry SET verdict = 4 WHERE verdict = 0 AND number IN (
  SELECT kin.number FROM entry refused JOIN kin ON kin.owner = refused.owner
  WHERE refused.verdict NOT IN (0, 5) AND refused.revision = 0 AND NOT EXISTS (
    SELECT 1 FROM entry other WHERE other.owner = refused.owner AND other.verdict = 0))
"""

_ACCEPTED: Final = "SELECT count(*) FROM entry WHERE verdict = 0"

_WRITTEN: Final = """
SELECT count(*) FROM (
  SELECT owner FROM entry WHERE verdict = 0 AND NOT unchanged GROUP BY owner)
"""

_REBASE: Final = """
SELECT owner, CASE WHEN min(verdict) = 0 THEN max(revision) ELSE :refused END
FROM entry WHERE own_verdict = 0 AND owner IN (
  SELECT owner FROM entry WHERE own_verdict = 0 AND base <>
    CASE WHEN verdict = 0 THEN revision ELSE :refused END
  LIMIT :limit)
GROUP BY owner
"""

_TOUCHED: Final = """
SELECT number, owner FROM entry WHERE own_verdict = 0 AND owner = :owner
UNION SELECT number, owner FROM entry
  WHERE own_verdict = 0 AND cert = :cert AND cert <> ''
UNION SELECT entry.number, entry.owner FROM holder
  JOIN entry ON entry.number = holder.number WHERE holder.owner = :owner
"""

_INSERT: Final = "INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"

_INSERT_HOLDER: Final = "INSERT INTO holder VALUES (?, ?)"

_STAND: Final = (
    "UPDATE entry SET revision = ?, unchanged = ?, keeps = ?, refused = ? "
    "WHERE number = ?"
)


class RowSet:
    """The rows of one import; `close` forgets them.

    With `large` they lie in a file without a name, with a few megabytes of memory.
    """

    def __init__(self, *, large: bool = False) -> None:
        self._connection = sqlite3.connect(
            "" if large else ":memory:", isolation_level=None, check_same_thread=False
        )
        self._lock = threading.Lock()
        self._run("PRAGMA journal_mode = OFF", "PRAGMA synchronous = OFF")
        self._run("PRAGMA cache_size = -8192", *_TABLES.split(";"))

    def add(self, rows: Sequence[SetRow], standings: Sequence[RowStanding]) -> None:
        """Add rows, each with its standing."""
        pairs = list(zip(rows, standings, strict=True))
        kin = [(no, row.number) for row in rows if not row.faulty for no in row.kin]
        holders = _holders((row.number, standing) for row, standing in pairs)
        with self._lock:
            self._run("BEGIN")
            self._many(_INSERT, [_entry(row, standing) for row, standing in pairs])
            self._many(_INSERT_HOLDER, holders)
            self._many("INSERT INTO kin VALUES (?, ?)", kin)
            self._run("COMMIT")

    def stand(self, standings: Iterable[tuple[int, RowStanding]]) -> None:
        """Note that rows, by number, stand otherwise now."""
        changed = list(standings)
        values = [
            (s.revision, s.unchanged, s.keeps, s.refused, number)
            for number, s in changed
        ]
        with self._lock:
            self._run("BEGIN")
            self._many(
                "DELETE FROM holder WHERE number = ?", [(n,) for n, _ in changed]
            )
            self._many(_STAND, values)
            self._many(_INSERT_HOLDER, _holders(changed))
            self._run("COMMIT")

    def judge(self) -> Counts:
        """Give every row its verdict, by where the whole import ends; count them."""
        with self._lock:
            self._run(*_INDEXES.split(";"), _RESET, _REFUSED)
            self._run(_DIFFERING, _CLAIMED)
            # What is refused may be what another row rests on.
            while self._changed(_TAKEN) + self._changed(_RESTING):
                pass
            accepted, written = self._count(_ACCEPTED), self._count(_WRITTEN)
            received = self._count("SELECT count(*) FROM entry")
        return Counts(received, written, accepted - written, received - accepted)

    def refused(self, limit: int) -> list[tuple[int, RowVerdict]]:
        """Return the first rows refused for what other rows or the registry say."""
        statement = "SELECT number, verdict FROM entry WHERE verdict > 1 ORDER BY number LIMIT ?"
        with self._lock:
            rows = self._connection.execute(statement, (limit,)).fetchall()
        return [(number, RowVerdict(verdict)) for number, verdict in rows]

    def accepted(self) -> set[int]:
        """Return the numbers of all accepted rows."""
        statement = "SELECT number FROM entry WHERE verdict = 0"
        with self._lock:
            return {number for (number,) in self._connection.execute(statement)}

    def take_rebased(self, limit: int) -> dict[str, int]:
        """Return the base of some staged rows that are to have another; empty at the end."""
        wanted = {"refused": REFUSED, "limit": limit}
        with self._lock:
            bases = dict(self._connection.execute(_REBASE, wanted).fetchall())
            self._many(
                "UPDATE entry SET base = ? WHERE own_verdict = 0 AND owner = ?",
                [(base, owner) for owner, base in bases.items()],
            )
        return bases

    def touched(self, held: Iterable[tuple[str, str]]) -> dict[int, str]:
        """Return number and owner of each row that speaks of these owners and certificates.

        Those are the owners' own, and those with a certificate one of them has or had.
        """
        found: dict[int, str] = {}
        with self._lock:
            for owner, cert in held:
                values = {"owner": owner, "cert": cert}
                found.update(self._connection.execute(_TOUCHED, values))
        return found

    def close(self) -> None:
        """Forget everything; what a thread has begun ends."""
        self._connection.interrupt()
        with self._lock:
            self._connection.close()

    def _many(self, statement: str, values: Iterable[Sequence[object]]) -> None:
        self._connection.executemany(statement, values)

    def _count(self, statement: str) -> int:
        ((count,),) = self._connection.execute(statement)
        return int(count)

    def _changed(self, statement: str) -> int:
        return self._connection.execute(statement).rowcount

    def _run(self, *statements: str) -> None:
        for statement in statements:
            self._connection.execute(statement)


def _entry(row: SetRow, standing: RowStanding) -> tuple[object, ...]:
    verdict = RowVerdict.FAULTY if row.faulty else RowVerdict.ACCEPTED
    return (
        row.number,
        row.owner,
        row.content,
        row.cert,
        verdict,
        verdict,
        standing.revision,
        standing.unchanged,
        standing.keeps,
        standing.refused,
        standing.revision,
    )


def _holders(standings: Iterable[tuple[int, RowStanding]]) -> list[tuple[int, str]]:
    return [
        (number, holder)
        for number, standing in standings
        for holder in standing.holders
    ]
