"""A process that is killed leaves no hold without an end, and no money too much or too little."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from random import Random

from gongji.wallet.ending import ReturnTransfer

from tests.wallet.books import Books
from tests.wallet.killed import CREDITED, PEOPLE, day, found

KILLS = 50

ACCEPTED, RETURNED = 2, 4
"""States as they are stored."""

SEED = int(os.environ.get("GONGJI_CHAOS_SEED", "20251230"))


def test_fifty_kills(tmp_path: Path) -> None:
    """After each kill the money adds up; in the end each hold has ended exactly once, and
    all that was answered stands."""
    path, chance = tmp_path / "wallets.db", Random(SEED)  # noqa: S311 - by the seed
    found(path)
    told: list[str] = []
    for turn in range(KILLS):
        told += killed(path, turn, chance.randint(3, 60))
        assert 2 * CREDITED == everything(path)
    end(path)
    assert 2 * CREDITED == everything(path)
    ended = states(path)
    assert named(told, "sent") <= set(ended)
    assert {ACCEPTED} == {ended[name] for name in named(told, "AcceptTransfer")}
    assert {ACCEPTED, RETURNED} == set(ended.values())
    assert len(told) > KILLS


def named(told: list[str], what: str) -> set[str]:
    """Return the transfers of which that was told."""
    return {line.split()[1] for line in told if line.startswith(f"{what} ")}


def end(path: Path) -> None:
    """Book back what is due after all days; each hold then has two entries, no more."""
    books = Books(path, lambda: day(KILLS + 1, 0))
    transfers = states(path)
    for name in transfers:
        assert books.run([ReturnTransfer(name)]) is not None
    for entries in books.holds(transfers).values():
        assert [-max(entries), max(entries)] == sorted(entries)
    books.close()


def killed(path: Path, turn: int, lines: int) -> list[str]:
    """Let a process tell so many lines, then kill it; return what it told."""
    command = [sys.executable, "-m", "tests.wallet.killed", str(path), str(turn)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - ours
        assert process.stdout is not None
        told = [process.stdout.readline() for _ in range(lines)]
        process.kill()
        told += process.stdout.readlines()
    return [line for line in told if line.endswith("\n")]


def everything(path: Path) -> int:
    """Return what purses, wallets and holds hold together."""
    with sqlite3.connect(path) as database:
        (purses,) = database.execute("SELECT sum(balance_fen) FROM account").fetchone()
        wallets = [
            json.loads(doc) for (doc,) in database.execute("SELECT doc FROM wallet")
        ]
        (held,) = database.execute(
            "SELECT coalesce(sum(fen), 0) FROM entry WHERE ledger_account LIKE 'hold:%'"
        ).fetchone()
    assert len(PEOPLE) == len(wallets)
    return int(purses + sum(w["balance_fen"] for w in wallets) + held)


def states(path: Path) -> dict[str, int]:
    """Return where each transfer stands."""
    with sqlite3.connect(path) as database:
        rows = database.execute("SELECT transfer_id, doc FROM wallet_transfer")
        return {name: json.loads(doc)["state"] for name, doc in rows}
