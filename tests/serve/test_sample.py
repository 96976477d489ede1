"""The sample population stands beside no data of others, but for what a sandbox is tried with."""

from __future__ import annotations

from pathlib import Path

import pytest
from gongji.model.commands import Write
from gongji.serve.clock import SandboxClock
from gongji.serve.service import lacks_sample
from gongji.serve.settings import Settings
from gongji.store import open_store

from tests.scaffold.people import NOW
from tests.scaffold.world import NewWorld


@pytest.mark.parametrize("sandbox", [True, False], ids=["sandbox", "production"])
async def test_beside_people_of_others(
    tmp_path: Path, new_world: NewWorld, *, sandbox: bool
) -> None:
    """Where somebody else is on record a sandbox loads the sample all the same; any other
    service refuses it."""
    world = new_world()
    store = open_store(":memory:", SandboxClock(NOW))
    await store.apply(Write((world.person("P1"),)))
    settings = Settings(address="", data=tmp_path, sample=True, sandbox=sandbox)
    if sandbox:
        assert await lacks_sample(store, settings)
    else:
        with pytest.raises(ValueError, match="--sample"):
            await lacks_sample(store, settings)
    await store.close()
