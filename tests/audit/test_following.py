"""A log followed while it is written, over crash points of a model of transactions."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import pytest
from gongji.audit.following import (
    SLICE,
    FoundId,
    IncludedLeaf,
    Position,
    follow,
    newest,
)
from gongji.audit.leaf import Leaf
from gongji.audit.order import LogFaultError

AT: Final = datetime(2026, 11, 30, tzinfo=UTC)

CRASHES: Final = 10_000

PEOPLE: Final = 4


class Draft:
    """A transaction: it locks a person's rows, then draws a leaf_id, then commits."""

    def __init__(self, person: int, leaf_id: str, writer: str, number: int) -> None:
        self.person = person
        self.leaf = Leaf(leaf_id, writer, number, AT, b"", b"", b"")


class ModelLog:
    """Writers whose transactions commit in any order, and checkpoints over what stands.

    Only a lock on a person's rows puts two of them in order. Nothing of the reader is
    used: `written` is what the calls wrote, person by person, as they committed.
    """

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.drawn = 0
        self.open: dict[str, Draft] = {}
        self.numbers: dict[str, int] = {}
        self.stored: dict[str, Leaf] = {}
        self.people: dict[str, int] = {}
        self.written: list[list[str]] = [[] for _ in range(PEOPLE)]
        self.checkpoints: list[IncludedLeaf] = []

    def step(self) -> None:
        """Let something happen."""
        self.chance.choice(
            (self.begin, self.begin, self.commit, self.commit, self.sign)
        )()

    def begin(self) -> None:
        writer = f"w{self.chance.randrange(3)}.{self.drawn // 40}"
        person = self.chance.randrange(PEOPLE)
        locked = {draft.person for draft in self.open.values()}
        if writer in self.open or person in locked:
            return
        self.drawn += self.chance.randint(1, 3)
        number = self.numbers.get(writer, 0) + 1
        self.open[writer] = Draft(person, f"{self.drawn:09d}", writer, number)

    def commit(self) -> None:
        if not self.open:
            return
        writer = self.chance.choice(sorted(self.open))
        draft = self.open.pop(writer)
        # Now and then a process is killed before its commit, and nothing stands.
        if self.chance.random() < 0.1:
            return
        leaf = draft.leaf
        self.numbers[writer] = leaf.number
        self.stored[leaf.leaf_id] = leaf
        self.people[leaf.leaf_id] = draft.person
        self.written[draft.person].append(leaf.leaf_id)

    def sign(self) -> None:
        if self.chance.random() < 0.3 and self.stored:
            number = len(self.checkpoints) + 1
            root = bytes([number % 256])
            through = max(self.stored)
            self.checkpoints.append(
                IncludedLeaf(number, root, through, dict(self.numbers))
            )

    async def writers(self) -> Mapping[str, int]:
        return dict(self.numbers)

    async def last_checkpoint(self) -> IncludedLeaf | None:
        return self.checkpoints[-1] if self.checkpoints else None

    async def checkpoint(self, number: int) -> IncludedLeaf | None:
        # Others write between any two reads.
        self.step()
        known = 0 < number <= len(self.checkpoints)
        return self.checkpoints[number - 1] if known else None

    async def below(self, leaf_id: str) -> Sequence[FoundId]:
        self.step()
        ids = sorted([one for one in self.stored if one < leaf_id], reverse=True)
        leaves = [self.stored[one] for one in ids[:SLICE]]
        return [(leaf.leaf_id, leaf.writer, leaf.number) for leaf in leaves]

    async def leaves(self, ids: Sequence[str]) -> Sequence[Leaf]:
        self.step()
        return [self.stored[one] for one in sorted(ids)]


class CrashingReader:
    """Reads from its last cursor; crashes behind any leaf, and some cursors are not kept."""

    def __init__(self, log: ModelLog, position: Position) -> None:
        self.log = log
        self.position = position
        self.read: dict[str, None] = {}

    async def crash(self) -> None:
        """Read on from the last cursor, up to a crash."""
        chance = self.log.chance
        left = chance.randrange(12)
        async for some in follow(self.log, self.position):
            after = self.position
            for leaf in some.leaves:
                if not left:
                    return
                left -= 1
                self.read.setdefault(leaf.leaf_id)
                after = after.behind(leaf)
                if chance.random() < 0.8:
                    self.position = after
            self.position = some.position

    async def finish(self) -> None:
        """Read all there is."""
        async for some in follow(self.log, self.position):
            self.read.update(dict.fromkeys([leaf.leaf_id for leaf in some.leaves]))

    def of(self, person: int) -> list[str]:
        """Return a person's leaves as they were read first."""
        return [one for one in self.read if self.log.people[one] == person]


@pytest.mark.parametrize("seed", range(100))
async def test_nothing_is_lost_at_any_crash_point(seed: int) -> None:
    """Whoever goes on from its last cursor reads all, each person's in their order.

    Over 100 logs a reader crashes at 10,000 points, after any leaf it has dealt with.
    """
    log = model(seed)
    reader = CrashingReader(log, await newest(log))
    for _ in range(CRASHES // 100):
        for _ in range(log.chance.randrange(8)):
            log.step()
        await reader.crash()
    due = [list(ids) for ids in log.written]
    await reader.finish()
    assert due == [reader.of(person)[: len(due[person])] for person in range(PEOPLE)]


def model(seed: int) -> ModelLog:
    return ModelLog(random.Random(seed))  # noqa: S311 - a model


async def test_what_is_asked_up_to_somewhere_ends_there() -> None:
    """A reader that asks up to some numbers reads those, and is where they are."""
    for seed in range(20):
        log = ModelLog(random.Random(seed))  # noqa: S311 - a model
        start = await newest(log)
        for _ in range(100):
            log.step()
        most = dict(log.numbers)
        ids = sorted(log.stored)
        read: list[str] = []
        async for some in follow(log, start, most):
            read += [leaf.leaf_id for leaf in some.leaves]
            start = some.position
        assert (ids, True) == (sorted(read), start.covers(most))


async def test_up_to_nothing_is_nothing() -> None:
    """A reader that asks up to a log that was empty reads no leaf."""
    log = model(0)
    start = await newest(log)
    for _ in range(100):
        log.step()
    assert log.stored
    assert [()] == [tuple(some.leaves) async for some in follow(log, start, {})]


@pytest.mark.parametrize("checkpoint", [0, 1, 2])
async def test_another_log_is_noticed(checkpoint: int) -> None:
    """A position of a log that is gone is refused, with checkpoints and without."""
    log = ModelLog(random.Random(1))  # noqa: S311 - a model
    log.checkpoints.append(IncludedLeaf(1, b"a", "1", {}))
    position = Position(checkpoint, b"b" * checkpoint, {"w": 3})
    with pytest.raises(LogFaultError):
        async for _ in follow(log, position):
            pass
