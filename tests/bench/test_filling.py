"""What is measured on a filled database is what the store would have written."""

from __future__ import annotations

import asyncio
from pathlib import Path

from gongji.cities.loading import load_cities
from gongji.model.settlement import Settlement

from tests.bench.filling import Copies, person_no, settled_of
from tests.bench.growth import CALLS, Filled, sqlite_of

PATIENTS = (0, 299)


async def asked(filled: Filled) -> list[str]:
    """Make a batch of every kind of call; return whose settlements there were before."""
    settled = [await filled.store.get(Settlement, settled_of(n)) for n in PATIENTS]
    for call in CALLS:
        await filled.batch(call)
    return [one.bill.patient for one in settled if one]


def test_a_filled_database_is_served(tmp_path: Path) -> None:
    """Everybody is there with a settlement of his own, and every kind of call is answered."""
    cities = load_cities()
    with sqlite_of(tmp_path, Copies(cities), cities, [300]) as (filled,):
        assert list(map(person_no, PATIENTS)) == asyncio.run(asked(filled))
