"""What a server decides by is in its database before it decides anything."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from gongji.binding.workdays import Workdays
from gongji.cities.adoption import Adoption
from gongji.cities.city import Cities
from gongji.cities.kept import city_of, document_of
from gongji.cities.loading import load_cities
from gongji.model.commands import Listing
from gongji.model.decided import KeptRules
from gongji.serve import service
from gongji.serve.clock import system_clock
from gongji.serve.settings import DATABASE, KEY_FILE, Settings
from gongji.store import open_store

from tests.scaffold.cities import shipped

V2 = Adoption("341100", "V2", date(2025, 1, 1))


async def _after_serving(data: Path, cities: Cities) -> dict[str, bytes]:
    """Return what is kept once a server with these cities has been up and reset."""
    settings = Settings(address="127.0.0.1:0", data=data, sandbox=True)
    async with service.running(settings, cities, Workdays()):
        pass
    store = open_store(data / DATABASE, system_clock, data / KEY_FILE)
    try:
        await store.reset()
        kept = await store.page(Listing(kind=KeptRules))
    finally:
        await store.close()
    return {rules.digest: rules.document for rules in kept}


@pytest.mark.parametrize("adopt", [(), (V2,)], ids=["plain", "with an adoption"])
async def test_rules_are_kept_at_the_start(
    tmp_path: Path, adopt: tuple[Adoption, ...]
) -> None:
    """Every city's rules are written at the start, as adopted, and outlive a reset."""
    cities = load_cities(adopt)
    kept = await _after_serving(tmp_path, cities)
    assert {city.rules_digest: document_of(city) for city in cities.all} == kept
    for digest, document in kept.items():
        assert digest == city_of(digest, document).rules_digest


async def test_former_rules_stay(tmp_path: Path) -> None:
    """What decided before stays beside what decides now."""
    before, now = shipped(), load_cities([V2])
    await _after_serving(tmp_path, before)
    kept = await _after_serving(tmp_path, now)
    assert {c.rules_digest for c in (*before.all, *now.all)} == set(kept)
