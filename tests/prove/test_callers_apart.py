"""Callers that use the same ids are apart: on one server each is answered, step by step,
what it would be answered on a server of its own.

The model is that other server, which never hears of anybody else. Every caller has its
own patients; ids, messages and the hospital are the same for all.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from gongji.account.credit import CreditAccount
from gongji.account.forward import BringForward
from gongji.model.account import Account, Entry
from gongji.model.commands import (
    Answer,
    Command,
    Listing,
    Request,
    RequestRecord,
    Write,
)
from gongji.model.refusals import Refusal
from gongji.model.settlement import Settlement
from gongji.settlement.reverse import Reverse
from gongji.settlement.settle import SETTLE, Settle
from gongji.store import Store, open_store
from hypothesis import given
from hypothesis import strategies as st

if TYPE_CHECKING:
    from tests.prove.conftest import Effort
    from tests.scaffold.world import NewWorld, World

CALLERS = ("clinic-1", "clinic-2")
IDS = [str(uuid.UUID(int=number << 96)) for number in range(1, 6)]

Outcome: TypeAlias = tuple[str, object, object]


class Step(NamedTuple):
    """One command: what is done, under which of the ids, with which choice."""

    caller: str
    method: str
    number: int
    choice: int
    subject: str


STEPS = st.lists(
    st.builds(
        Step,
        st.sampled_from(CALLERS),
        st.sampled_from(
            ["settle", "settle", "message", "reverse", "reverse", "credit", "forward"]
        ),
        st.integers(0, 4),
        st.integers(0, 2),
        st.sampled_from(["", "", "subject"]),
    ),
    max_size=14,
)


def command(step: Step, world: World) -> Command[Any]:
    """Return the command of a step; what its caller knows is in the step alone."""
    patient = f"P-{step.caller}"
    request = Request(IDS[step.number], step.caller, step.method, step.subject)
    cities = world.cities
    if step.method == "reverse":
        return Reverse(request, "", IDS[step.choice % 2], "", cities)
    if step.method == "credit":
        return CreditAccount(request, patient, f"2025-0{step.choice + 1}", cities)
    if step.method == "forward":
        return BringForward(request, patient, 100 * (step.choice + 1))
    msgid = "M1" if step.method == "message" else ""
    bill = world.visit(patient, 100_00 * (step.choice + 1), msgid=msgid)
    # With a message or without, it is one method; few ids, so that they are met again.
    return Settle(request.another(IDS[step.number % 2], SETTLE), bill, cities)


class Server:
    """A store of its own, with the patients of every caller."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.store: Store = open_store(":memory:", lambda: world.now)

    async def answers(self, steps: Sequence[Step], *, at_once: bool) -> list[Outcome]:
        """Return what becomes of steps, taken one after the other or in one batch."""
        await self.store.apply(Write(tuple(self.world.records.values())))
        calls = [self.store.commit(command(step, self.world)) for step in steps]
        if at_once:
            done = await asyncio.gather(*calls, return_exceptions=True)
            return [outcome_of(one) for one in done]
        return [
            outcome_of((await asyncio.gather(call, return_exceptions=True))[0])
            for call in calls
        ]

    async def left(self, caller: str) -> list[object]:
        """Return what a caller's steps have left: rows, settlements, entries, purse."""
        kinds: tuple[type[Any], ...] = (RequestRecord, Settlement, Account, Entry)
        records: list[Any] = []
        for kind in kinds:
            records += await self.store.page(Listing(kind=kind, limit=1000))
        shown = [_unkeyed(record) for record in records]
        return [record for record in shown if caller in repr(record)]


def _unkeyed(record: Any) -> object:
    """Return a record; of a request's row what no server's key goes into."""
    if isinstance(record, RequestRecord):
        return record.key, record.method, sorted(record.digests), record.tombstone
    return record


def outcome_of(done: object) -> Outcome:
    """Return an outcome to compare: an answer, or a refusal in all it says."""
    if isinstance(done, Answer):
        return "answer", done.value, done.replayed
    assert isinstance(done, Refusal)
    return done.reason(), done.message, done.metadata


def world_of_callers(new_world: NewWorld) -> World:
    world = new_world()
    world.hospital(2)
    for caller in CALLERS:
        world.person(f"P-{caller}", first_base_fen=500_000)
        world.add(Account(f"P-{caller}", 500_00, 1))
    return world


async def compared(
    world: World, steps: Sequence[Step], *, at_once: bool
) -> list[Outcome]:
    """Return the outcomes: each caller is answered as alone, and leaves what it would."""
    together = Server(world)
    told: dict[str, list[Outcome]] = defaultdict(list)
    outcomes = await together.answers(steps, at_once=at_once)
    for step, outcome in zip(steps, outcomes, strict=True):
        told[step.caller].append(outcome)
    for caller in CALLERS:
        alone = Server(world)
        own = [step for step in steps if step.caller == caller]
        assert await alone.answers(own, at_once=at_once) == told[caller]
        assert await alone.left(caller) == await together.left(caller)
        await alone.store.close()
    await together.store.close()
    return outcomes


MET = {
    "answer",
    "replay",
    "ALREADY_CREDITED",
    "ALREADY_REVERSED",
    "MESSAGE_ID_REUSED",
    "ORIGINAL_REVERSED",
    "REQUEST_ID_REUSED",
    "SETTLEMENT_NOT_FOUND",
}
"""The kinds of outcomes that a run must have met, for the law to say something."""


def test_each_is_answered_as_alone(effort: Effort, new_world: NewWorld) -> None:
    """Two callers' sequences of commands with equal ids and messages, in any order and
    in one batch or in many, give each what its own sequence gives on a server of its
    own: so they commute, and neither learns of the other."""
    world = world_of_callers(new_world)
    met: set[str] = set()

    @effort(short=150, long=3_000)
    @given(STEPS, st.booleans())
    def prove(steps: list[Step], at_once: bool) -> None:  # noqa: FBT001 - hypothesis passes it so
        for kind, _, again in asyncio.run(compared(world, steps, at_once=at_once)):
            met.add("replay" if again is True else kind)

    prove()
    assert set() == MET - met
