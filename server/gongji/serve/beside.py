"""Work beside a block that the block cannot do without."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from typing import Any


@asynccontextmanager
async def working_beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Do work during the block; if it fails, the block ends with what it failed with."""
    body = asyncio.current_task()
    task = asyncio.ensure_future(work)
    task.add_done_callback(partial(_cancel_if_failed, body))
    try:
        yield
    except asyncio.CancelledError:
        # Ours only if the work failed; any other is somebody else's and goes on.
        fault = task.exception() if task.done() and not task.cancelled() else None
        if body and fault:
            body.uncancel()
            raise fault from None
        raise
    finally:
        task.cancel()
        await asyncio.wait((task,))


def _cancel_if_failed(
    body: asyncio.Task[None] | None, work: asyncio.Future[None]
) -> None:
    if body and not work.cancelled() and work.exception():
        body.cancel()
