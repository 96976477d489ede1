"""The invented town whose bills are settled while things break."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from gongji.account import ledger
from gongji.model.account import Account, BroughtForward, Entry, PurseMovement
from gongji.model.commands import Write
from gongji.rules.codes import (
    SHANGHAI,
    EntryKind,
)
from gongji.serve.settings import DATABASE, KEY_FILE
from gongji.store import open_store

from tests.scaffold import people

PLACE: Final = "341102"
OPENED: Final = datetime.now(SHANGHAI) - timedelta(hours=1)
"""Of whatever day it is: no service starts over records that are years old."""

DAYS: Final = ("2023-03-06", "2024-03-05", "2025-03-04")
"""Days of service: three natural years, so that deductibles and limits go on moving."""

HOSPITALS: Final = {"H34110000001": 2, "H34110000002": 6, "H34110000003": 8}
"""Code and national grade."""

PATIENTS: Final = tuple(f"T{number:03d}" for number in range(240))
GIVERS: Final = tuple(f"G{number:02d}" for number in range(12))
BOUND: Final = {
    patient: GIVERS[at % len(GIVERS)]
    for at, patient in enumerate(PATIENTS)
    if at % 2 == 0
}
"""The holder whose purse a patient may use besides their own."""

OPENING: Final = {
    patient: 100_00 if at % 4 == 0 else 20_000_00 for at, patient in enumerate(PATIENTS)
} | dict.fromkeys(GIVERS, 100_000_00)
"""What each purse holds at first, in fen: some run dry at once, others never."""


async def found(data: Path, database: str = "") -> None:
    """Write the town into the database of a service, "" for SQLite in its data folder."""
    store = open_store(database or data / DATABASE, lambda: OPENED, data / KEY_FILE)
    try:
        await store.apply(Write(tuple(_records())))
    finally:
        await store.close()


def _records() -> Iterable[object]:
    for code, grade in HOSPITALS.items():
        yield people.institution(grade, code=code, name="试验医院")
    for serial, (person_no, fen) in enumerate(OPENING.items()):
        yield people.person(person_no, serial, place=PLACE, phone="10000000000")
        yield Account(person_no, fen, 1)
        yield BroughtForward(person_no, OPENED.year, "default", fen, "opening", OPENED)
        yield from _opening(person_no, fen)
    for member, holder in BOUND.items():
        yield people.binding(holder, member, OPENED)


def _opening(person_no: str, fen: int) -> tuple[Entry, ...]:
    movement = PurseMovement(person_no, fen, fen, 1)
    return ledger.purse_entries(
        f"opening-{person_no}",
        movement,
        other=ledger.BROUGHT_FORWARD,
        kind=EntryKind.BROUGHT_FORWARD,
        at=OPENED,
        reference="opening",
    )
