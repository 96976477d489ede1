"""A service under a policy, for tests of who may do what for whom."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest
from gongji.serve.clock import SandboxClock
from gongji.store import Store

from tests.rpc.services.acting import family_under_policy
from tests.scaffold.people import NOW
from tests.scaffold.service import Service
from tests.scaffold.world import NewWorld


@pytest.fixture
async def guarded(
    new_world: NewWorld, home: Callable[[SandboxClock], Store]
) -> AsyncIterator[Service]:
    """Run a service that is no sandbox, with a family (`family_under_policy`)."""
    clock = SandboxClock(NOW)
    store = home(clock)
    async with family_under_policy(new_world(), store, clock) as served:
        yield served
    await store.close()
