"""Every hold ends exactly once, and no fen comes or goes, whatever crashes in between."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

from tests.binding.applying import cities
from tests.wallet.books import Books
from tests.wallet.schedules import START, TransferSchedule

SCHEDULES = 10_000 if os.environ.get("GONGJI_WALLET") else 12


A_FILE = 20
"""Schedules in one file, so that it ends some years after it began."""


def test_whatever_crashes_each_hold_ends_once(tmp_path: Path) -> None:
    """Purses, wallets and holds hold what the model says after each step, cut off or not.

    Together they change by credits and by what they pay of bills, and by nothing else.
    """
    served, ended, paid = cities(), 0, 0
    for first in range(0, SCHEDULES, A_FILE):
        clock = [START]
        books = Books(tmp_path / f"{first}.db", partial(clock.__getitem__, 0))
        for seed in range(first, min(first + A_FILE, SCHEDULES)):
            schedule = TransferSchedule(books, served, clock, seed)
            schedule.live()
            ended += schedule.ends
            paid += schedule.paid_by_wallets
        books.close()
    assert ended > SCHEDULES
    assert paid > SCHEDULES
