"""Turns: one call of each caller after the other."""

from __future__ import annotations

import asyncio

from gongji.serve.turns import Turns


async def test_callers_take_turns() -> None:
    """Who has one call waits behind one of each other caller, not behind all of them."""
    turns, order = Turns(1, 1), []

    async def call(caller: str) -> None:
        await turns.enter(caller)
        order.append(caller)
        await asyncio.sleep(0)
        turns.leave(caller)

    callers = ["a", *("a" * 5), "b", "c", "c"]
    await asyncio.gather(*map(call, callers))
    assert ["a", "a", "b", "c", "a", "c", "a", "a", "a"] == order
    assert left(turns)


async def test_who_is_alone_has_all_places() -> None:
    """One caller alone has many places; once another calls, few are given to all."""
    turns = Turns(1, 3)
    for _ in range(3):
        await turns.enter("a")
    other = asyncio.create_task(turns.enter("b"))
    for _ in range(2):
        await asyncio.sleep(0)
        assert not other.done()
        turns.leave("a")
    turns.leave("a")
    await other
    turns.leave("b")
    assert left(turns)


async def test_who_goes_leaves_his_turn_to_others() -> None:
    """A call cancelled while it waits, or as its turn comes, takes no place with it."""
    turns = Turns(1, 1)
    await turns.enter("a")
    waiting = [asyncio.create_task(turns.enter(caller)) for caller in "bcd"]
    await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.sleep(0)
    turns.leave("a")
    # It has its turn, and goes before it hears of it.
    waiting[1].cancel()
    await asyncio.wait(waiting)
    assert [True, True, False] == [task.cancelled() for task in waiting]
    turns.leave("d")
    assert left(turns)


def left(turns: Turns) -> bool:
    """Return whether nothing is left behind."""
    return (0, {}, 0) == (turns._inside, turns._waiting, turns.under_way)
