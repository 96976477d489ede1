"""Work beside a block: it ends with the block, and the block with its failure."""

from __future__ import annotations

import asyncio

import pytest
from gongji.serve.beside import working_beside


async def failing() -> None:
    await asyncio.sleep(0)
    raise ValueError("the work")


async def for_ever() -> None:
    await asyncio.get_running_loop().create_future()


async def in_vain() -> None:
    """A block that would go on for ever."""
    async with working_beside(failing()):
        await for_ever()


async def test_what_fails_ends_the_block() -> None:
    """The block is left at once, with the failure and no cancellation of its task."""
    with pytest.raises(ValueError, match="the work"):
        await in_vain()
    task = asyncio.current_task()
    assert task
    assert 0 == task.cancelling()


async def test_the_work_ends_with_the_block() -> None:
    """Whatever the block ends with, the work is no longer done, and that goes on."""
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await for_ever()
        finally:
            ended.set()

    async with working_beside(work()):
        await asyncio.sleep(0)
    assert ended.is_set()


async def test_another_cancellation_is_left_alone() -> None:
    """A block that somebody else cancels is cancelled, though its work has not failed."""

    async def block() -> None:
        async with working_beside(for_ever()):
            await for_ever()

    task = asyncio.ensure_future(block())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
