"""Turns: one call of each caller after the other."""

from __future__ import annotations

import asyncio

from gongji.serve.turns import Turns


async def test_callers_take_turns() -> None:
    """Who has one call waits behind one of each other caller, not behind all of them."""
    turns, order = Turns(1), []

    async def call(caller: str) -> None:
        await turns.enter(caller)
        order.append(caller)
        await asyncio.sleep(0)
        turns.leave()

    callers = ["a", *("a" * 5), "b", "c", "c"]
    await asyncio.gather(*map(call, callers))
    assert ["a", "a", "b", "c", "a", "c", "a", "a", "a"] == order
    assert (1, {}, 0) == (turns._free, turns._waiting, turns.under_way)


async def test_who_goes_leaves_his_turn_to_others() -> None:
    """A call cancelled while it waits, or as its turn comes, takes no place with it."""
    turns = Turns(1)
    await turns.enter("a")
    waiting = [asyncio.create_task(turns.enter(caller)) for caller in "bcd"]
    await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.sleep(0)
    turns.leave()
    # It has its turn, and goes before it hears of it.
    waiting[1].cancel()
    await asyncio.wait(waiting)
    assert [True, True, False] == [task.cancelled() for task in waiting]
    turns.leave()
    assert (1, {}, 0) == (turns._free, turns._waiting, turns.under_way)
