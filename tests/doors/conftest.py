"""The doors opened: a service of two cities under a policy."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from gongji.serve.clock import SandboxClock
from gongji.store import open_store

from tests.doors.served import Doors, doors
from tests.scaffold.people import NOW
from tests.scaffold.world import NewWorld


@pytest.fixture
async def opened(
    new_world: NewWorld, request: pytest.FixtureRequest
) -> AsyncIterator[Doors]:
    """Run the doors; an indirect parameter says whether they are a sandbox's."""
    store = open_store(":memory:", SandboxClock(NOW))
    sandbox = getattr(request, "param", False)
    async with doors(new_world(), store, sandbox=sandbox) as running:
        yield running
    await store.close()
