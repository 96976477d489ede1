"""Of two runs of one request that write at the same moment one goes on."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from threading import Barrier, BrokenBarrierError

import pytest
from gongji.model.commands import Decision, Request, RequestRecord, Write
from gongji.model.facts import Facts
from gongji.rules.codes import SHANGHAI
from gongji.store import Store
from gongji.store.claims import FREE, RUN, Part, RunLostError, run_of

AT = datetime(2025, 9, 30, 9, 0, tzinfo=SHANGHAI)


REQUEST = Request("r1", "office", "ImportPersons")


def row(run: str) -> RequestRecord:
    return RequestRecord(REQUEST.key, "office", "ImportPersons", {RUN: run}, AT)


FINISHED = RequestRecord(
    REQUEST.key, "office", "ImportPersons", {"rows": "x"}, AT, b"{}"
)


@dataclass(frozen=True)
class Meet:
    """Wait for the other run's decision; one that is held up elsewhere does not come."""

    barrier: Barrier

    def needs(self, _: Facts) -> tuple[()]:
        return ()

    def decide(self, _: Facts) -> Decision[str]:
        with suppress(BrokenBarrierError):
            self.barrier.wait(0.5)
        return Decision("executed")


@pytest.mark.parametrize("before", [[], [row(FREE)]], ids=["absent", "free"])
async def test_of_two_at_once_one_goes_on(
    stores: list[Store], before: list[RequestRecord]
) -> None:
    """Of two that find a request free in the same moment the later is turned away."""
    await stores[0].apply(Write(tuple(before)))
    barrier = Barrier(2)
    outcomes = await asyncio.gather(
        *(
            store.apply(Part(FREE, row(run), Meet(barrier)))
            for store, run in zip(stores, ("one", "other"), strict=False)
        ),
        return_exceptions=True,
    )
    lost = [isinstance(outcome, RunLostError) for outcome in outcomes]
    assert [False, True] == sorted(lost)
    winner = ("one", "other")[lost.index(False)]
    assert winner == run_of(await stores[2].recall(REQUEST))


@pytest.mark.parametrize(
    ("stored", "held"),
    [
        ([row("mine")], True),
        ([row("other")], False),
        ([row(FREE)], False),
        ([FINISHED], False),
        ([], False),
    ],
    ids=["held", "another's", "free", "finished", "absent"],
)
async def test_only_the_run_that_holds_a_request_writes(
    stores: list[Store],
    stored: list[RequestRecord],
    *,
    held: bool,
) -> None:
    """A part is executed and leaves its row only if the request's row names its run."""
    store = stores[0]
    await store.apply(Write(tuple(stored)))
    part = Part("mine", FINISHED, Write(()))
    if held:
        await store.apply(part)
        assert FINISHED == await store.recall(REQUEST)
        return
    with pytest.raises(RunLostError):
        await store.apply(part)
    expected = stored[0] if stored else None
    assert expected == await store.recall(REQUEST)
