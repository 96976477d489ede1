"""What somebody with the database, its key and this program can make of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
from gongji.account import ledger
from gongji.audit.commitment import Commitments
from gongji.audit.hashing import base64
from gongji.audit.leaf import Leaf, body_of, hashes_of, private_of
from gongji.model.account import Account, Credit, Entry, Premium, PurseMovement
from gongji.model.settlement import Settlement
from gongji.rules.codes import Payer
from gongji.store.keys.table import READ, stored_keys
from gongji.store.schema import Schema
from gongji.store.seal import Vault
from gongji.store.table import AnyTable
from msgspec.structs import replace


class Insider:
    """Reads and rewrites a SQLite database and its log."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path)
        vault = Vault.open(path.with_name("gongji.key"), create=False)
        vault.load(stored_keys(self._connection.execute(READ).fetchall()))
        self.schema = Schema(vault)

    def close(self) -> None:
        """Commit, and end."""
        self._connection.commit()
        self._connection.close()

    def all(self, kind: type[Any]) -> list[Any]:
        """Return the records of a kind."""
        table: AnyTable = self.schema.tables[kind]
        names = ", ".join(table.read)
        rows = self._connection.execute(f"SELECT {names} FROM {table.name}")  # noqa: S608 - the schema's names
        return [table.record(row) for row in rows]

    def write(self, records: Iterable[Any]) -> None:
        """Put records in place of those with their keys; the log is left."""
        for record in records:
            table: AnyTable = self.schema.tables[type(record)]
            places = ", ".join("?" * len(table.columns))
            statement = f"REPLACE INTO {table.name} VALUES ({places})"  # noqa: S608 - the schema's names
            self._connection.execute(statement, table.row(record))

    def remove(self, record: Any) -> None:
        """Remove a record; the log is left."""
        table: AnyTable = self.schema.tables[type(record)]
        statement = f"DELETE FROM {table.name} WHERE {table.key.name} = ?"  # noqa: S608 - the schema's names
        self._connection.execute(statement, [self.schema.key_of(record)])

    def write_with_log(self, records: Iterable[Any]) -> None:
        """As `write`; the last leaf of each row is made anew, no checkpoint is left."""
        records = list(records)
        self.write(records)
        for record in records:
            self._log_anew(record)
        for table in ("checkpoint", "tile"):
            self._connection.execute(f"DELETE FROM {table}")  # noqa: S608 - as above

    def _log_anew(self, record: Any) -> None:
        table: AnyTable = self.schema.tables[type(record)]
        leaf, position = self._last_named((table.name, self.schema.key_of(record)))
        hasher = self.schema.vault.hasher
        salted = Commitments(hasher, private_of(leaf).salt)
        told = salted.hash(self.schema.forms[type(record)], table.row(record))
        hashes = list(hashes_of(leaf))
        hashes[position] = told
        joined = b"".join(hashes)
        body = replace(body_of(leaf), records=base64(hasher(joined)))
        self.write([replace(leaf, hashes=joined, body=msgspec.json.encode(body))])

    def _last_named(self, named: tuple[str, str]) -> tuple[Leaf, int]:
        """Return the last leaf that names a row, and the row's place in it."""
        leaves = [leaf for leaf in self.all(Leaf) if named in private_of(leaf).keys]
        last = max(leaves, key=lambda leaf: leaf.leaf_id)
        return last, private_of(last).keys.index(named)


def fen_moved(insider: Insider) -> list[Any]:
    """Return all records that a fen of one bill, moved from a purse to cash, changes."""
    settlement = next(
        s
        for s in decided(insider)
        if s.own_fen > 1 and s.cash_fen and len(s.movements) == 1 and not s.reversed_at
    )
    moved = _less_from_purse(settlement)
    assert moved.settled_at
    entries = ledger.settlement_entries(moved, moved.settled_at)
    return [moved, *entries, *_richer(insider, settlement.movements[0])]


def _less_from_purse(settlement: Settlement) -> Settlement:
    (movement,) = settlement.movements
    less = replace(
        movement,
        fen=movement.fen + 1,
        balance_after_fen=movement.balance_after_fen + 1,
    )
    lines = [
        replace(line, fen=line.fen + _SHIFT.get(line.payer, 0))
        for line in settlement.lines
    ]
    return replace(
        settlement,
        own_fen=settlement.own_fen - 1,
        cash_fen=settlement.cash_fen + 1,
        movements=(less,),
        lines=tuple(lines),
    )


def _richer(insider: Insider, since: PurseMovement) -> Iterator[Any]:
    """Yield the later entries of a purse, and its account, with one fen more."""
    purse = ledger.purse_account(since.purse)
    for entry in insider.all(Entry):
        if entry.ledger_account == purse and entry.version_after > since.version_after:
            yield replace(entry, balance_after_fen=entry.balance_after_fen + 1)
    for account in insider.all(Account):
        if account.person_no == since.purse:
            yield replace(account, balance_fen=account.balance_fen + 1)


_SHIFT = {Payer.OWN_PURSE: -1, Payer.CASH: 1}


def decided(insider: Insider) -> list[Settlement]:
    """Return the settlements that name the rules they were decided by."""
    return list(filter(names_rules, insider.all(Settlement)))


def names_rules(decided: Any) -> bool:
    """Return whether a record names the rules it was decided by."""
    if isinstance(decided, Credit):
        return bool(decided.rules_digest)
    return bool(decided.decided_by.rules_digest)


def clause_swapped(insider: Insider) -> list[Settlement]:
    """Return a settlement of which two lines have swapped their clauses."""
    for settlement in decided(insider):
        first, *_, last = settlement.lines
        if first.rule != last.rule:
            lines = (
                replace(first, rule=last.rule),
                *settlement.lines[1:-1],
                replace(last, rule=first.rule),
            )
            return [replace(settlement, lines=lines)]
    raise AssertionError


def credit_raised(insider: Insider) -> list[Any]:
    """Return all records that a fen more of a month's credit changes."""
    standing = [
        c for c in insider.all(Credit) if not (c.taken_back_at or c.corrected_at)
    ]
    credit = next(filter(names_rules, standing))
    raised: list[Any] = [replace(credit, fen=credit.fen + 1)]
    for entry in insider.all(Entry):
        if entry.reference == credit.credit_id and entry.at == credit.at:
            raised += _raised(insider, entry, credit.person_no)
    return raised


def _raised(insider: Insider, entry: Entry, person_no: str) -> Iterator[Any]:
    """Yield an entry of a credit that is a fen more, with what follows from it."""
    if not entry.version_after:
        yield replace(entry, fen=entry.fen - 1)
        return
    balance_fen = entry.balance_after_fen + 1
    yield replace(entry, fen=entry.fen + 1, balance_after_fen=balance_fen)
    yield from _richer(insider, PurseMovement(person_no, 0, 0, entry.version_after))


def all_decided(insider: Insider) -> list[bool]:
    """Return of whatever rules decided whether it names them.

    Each payment of a premium by itself, and what was taken back by itself.
    """
    settlements, premiums = insider.all(Settlement), insider.all(Premium)
    former = [paid for premium in premiums for paid in premium.former]
    refunded = [paid for paid in (*premiums, *former) if paid.refunded_at]
    reversed_ones = [s for s in settlements if s.reversed_at and not s.superseded]
    made = [*settlements, *insider.all(Credit), *premiums, *former]
    return [
        *map(names_rules, made),
        *[s.reversed_by is not None for s in reversed_ones],
        *[paid.refunded_by is not None for paid in refunded if not paid.not_due],
    ]


def opened(data: Path) -> closing[Insider]:
    """Open the database of a data folder; it is committed when closed."""
    return closing(Insider(data / "gongji.sqlite3"))
