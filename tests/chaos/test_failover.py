"""The primary lost under load: the service is back soon, and nothing acknowledged is lost."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from time import monotonic
from typing import Final, Self

import pytest

from tests.chaos.book import Book
from tests.chaos.callers import CALLERS
from tests.chaos.cluster import PROGRAMS, Cluster, Node, cluster
from tests.chaos.conftest import Effort, Tell
from tests.chaos.front import Front
from tests.chaos.served import Served
from tests.chaos.stage import breaches, under_load
from tests.chaos.test_backup import command
from tests.chaos.town import found

BACK_S: Final = 30
"""How soon the service is to be back, in seconds."""

_INTERVAL_S: Final = 0.4
"""Between two calls of a caller: a load that leaves the cluster something of two cores."""

_MISSING: Final = [name for name in PROGRAMS if shutil.which(name) is None]

pytestmark = pytest.mark.skipif(
    bool(_MISSING),
    reason=f"没有 {', '.join(_MISSING)}: apt-get install patroni etcd-server haproxy",
)

Failure = Callable[["Stage"], AbstractContextManager[None]]
"""Something fails at the beginning; at the end it is repaired."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A cluster, two servers that use it, and the front before them."""

    cluster: Cluster
    servers: tuple[Served, Served]
    front: Front

    @classmethod
    def over(cls, cluster: Cluster, data: Path) -> Self:
        """Return one whose servers reach the database either way that is documented."""
        front = Front(data.parent / "certs")
        options = front.files.options(tokens=False)
        urls = cluster.through_haproxy, cluster.among_hosts
        first, second = [Served(data, url, options=options) for url in urls]
        return cls(cluster, (first, second), front)


@contextmanager
def machine_lost(stage: Stage) -> Iterator[None]:
    """Have the machine of the primary lose its power: PostgreSQL and Patroni at once."""
    node = _primary(stage.cluster)
    node.kill()
    yield
    node.start()


@contextmanager
def disk_spoilt(stage: Stage) -> Iterator[None]:
    """Have it come back as after a rewind cut off half-way: it cannot be rewound."""
    node = _primary(stage.cluster)
    node.kill()
    yield
    node.spoil()
    node.start()


@contextmanager
def postgres_lost(stage: Stage) -> Iterator[None]:
    """Kill the primary's first process; Patroni outlives it."""
    postmaster = _primary(stage.cluster).postmaster()
    assert postmaster is not None
    os.kill(postmaster, signal.SIGKILL)
    yield


@contextmanager
def switched(stage: Stage) -> Iterator[None]:
    """Have the synchronous standby become the primary, as an operator does."""
    node, candidate = _primary(stage.cluster), stage.cluster.synchronous()
    assert candidate is not None
    node.asked("/switchover", leader=node.name, candidate=candidate.name)
    yield


@contextmanager
def etcd_lost(stage: Stage) -> Iterator[None]:
    """Kill one of the three etcd, each in turn: two are enough."""
    member = stage.cluster.etcd[0]
    stage.cluster.etcd.append(stage.cluster.etcd.pop(0))
    member.kill()
    yield
    member.start()


@contextmanager
def standby_cut(stage: Stage) -> Iterator[None]:
    """Have the synchronous standby say nothing more, as behind a cut cable."""
    node = stage.cluster.synchronous()
    assert node is not None
    pids = node.pids()
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    yield
    for pid in pids:
        os.kill(pid, signal.SIGCONT)


@contextmanager
def server_lost(stage: Stage) -> Iterator[None]:
    """Kill one of the two servers: the front turns to the other."""
    server = stage.servers[0]
    server.kill()
    yield
    server.start()


def _primary(cluster: Cluster) -> Node:
    primary = cluster.primary()
    assert primary is not None
    return primary


LOST: Final[tuple[Failure, ...]] = (
    machine_lost,
    machine_lost,
    disk_spoilt,
    machine_lost,
    postgres_lost,
)
"""How the primary is lost, in turn; the first has no way it came."""

OTHERS: Final[tuple[Failure, ...]] = (
    switched,
    etcd_lost,
    standby_cut,
    server_lost,
)
"""What fails besides the primary."""


class Trials:
    """Failures of a cluster under load, and how long each kept the service away."""

    def __init__(self, stage: Stage, book: Book, folder: Path) -> None:
        self._stage = stage
        self._cluster = stage.cluster
        self._book = book
        self._folder = folder
        self.away_s: list[float] = []
        self.kept: list[Path] = []
        """Checkpoints kept elsewhere, one from before each failure."""

    async def run_all(self, failures: Sequence[Failure], seed: int) -> None:
        """Have each failure happen, then look whether the log has forked."""
        chance = Random(seed)  # noqa: S311 - a test's chances, to be had again by the seed
        for failure in failures:
            await self.run(failure, chance.uniform(0, 0.5))
        await asyncio.to_thread(self._cluster.wait, self._cluster.whole)
        await self.assert_no_fork()

    async def run(self, failure: Failure, after_s: float) -> None:
        """Wait for a whole cluster, keep a checkpoint, have something fail."""
        await asyncio.to_thread(self._cluster.wait, self._cluster.whole)
        await self._keep_checkpoint()
        await self._book.next_answers()
        await asyncio.sleep(after_s)
        broken = failure(self._stage)
        began = monotonic()
        await asyncio.to_thread(broken.__enter__)
        try:
            # More than were in flight.
            await self._book.next_answers(2 * CALLERS)
            self.away_s.append(monotonic() - began)
            print(f"{failure.__name__}: {self.away_s[-1]:.1f} s")  # noqa: T201 - told
        finally:
            await asyncio.to_thread(broken.__exit__, None, None, None)

    async def assert_no_fork(self) -> None:
        """The log of today goes on from each checkpoint that was kept."""
        for kept in self.kept:
            await self._log("consistency", kept)

    async def _keep_checkpoint(self) -> None:
        kept = self._folder / f"checkpoint-{len(self.kept)}"
        await self._log("checkpoint", "--now", kept)
        self.kept.append(kept)
        self._book.checkpoints.append(kept.read_text("utf-8"))

    async def _log(self, *arguments: str | Path) -> None:
        target = self._stage.front.as_options("auditor")
        await asyncio.to_thread(command, "log", *arguments, *target)


@pytest.fixture
def patroni() -> Iterator[Cluster]:
    """Give a cluster of three to break."""
    with cluster() as made:
        yield made


async def test_a_lost_primary_has_lost_nothing(
    patroni: Cluster, data: Path, seed: int, effort: Effort, tell: Tell
) -> None:
    """Whichever machine or process fails, the service is back within half a minute,
    every answer given stands once, and the log goes on where it was."""
    stage, database = Stage.over(patroni, data), patroni.among_hosts
    await found(data, database)
    book = Book(interval_s=_INTERVAL_S, of_hospital=True)
    trials = Trials(stage, book, data.parent)
    times = effort(short=1, long=10)
    with stage.front.before(stage.servers):
        async with under_load(stage.servers, book, seed, [stage.front]):
            await trials.run_all(list(failures(times)), seed)
            # The one that was killed started once more, the other never.
            assert [3, 1] == [server.life for server in stage.servers]
    counts = {"primaries lost": times, "at most away (s)": round(max(trials.away_s))}
    assert [] == await breaches(book, tell, data, database, refused=True, **counts)
    assert BACK_S > max(trials.away_s), trials.away_s


def failures(times: int) -> Iterator[Failure]:
    """Yield what fails: the primary so many times, then each of the others."""
    for turn in range(times):
        yield LOST[turn % len(LOST)]
    yield from OTHERS
