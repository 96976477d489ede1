"""Judges a client: every scenario run, every law held against all calls."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from gongji_conformance.client.laws import LAWS, ClientLaw
from gongji_conformance.client.process import Client
from gongji_conformance.client.scenario import (
    TASKS,
    Mismatch,
    Mismatches,
    Scenario,
    ScenarioRun,
    broken,
    play,
)
from gongji_conformance.client.scenarios import SCENARIOS

Word = Literal["pass", "fail", "not-applicable", "suite-error"]

IDS: Final = tuple(sorted(item.id for item in (*SCENARIOS, *LAWS)))
"""Everything that is judged; an id never changes its meaning."""


@dataclass(
    frozen=True,
    slots=True,
)
class ClientVerdict:
    """What became of one scenario or law.

    `problem` says why it is not applicable, or what broke in the suite.
    """

    item: Scenario | ClientLaw
    word: Word
    misses: tuple[Mismatch, ...] = ()
    run: ScenarioRun | None = None
    problem: str = ""


_Played = ScenarioRun | Exception | None
"""A run, what broke in the suite, or nothing: the client does none of the tasks."""

Listener = Callable[[Scenario], None]
"""Is told of each scenario that has been run."""


@dataclass(
    frozen=True,
    slots=True,
)
class _Player:
    """Runs scenarios with one client, so many at once."""

    client: Client
    can: Collection[str]
    free: asyncio.Semaphore
    listener: Listener | None

    async def play(self, scenario: Scenario) -> _Played:
        """Run a scenario; nothing if the client cannot do what it needs."""
        if not self._possible(scenario):
            return None
        async with self.free:
            try:
                return await play(scenario, self.client, self.can)
            # Whatever breaks in the suite is the suite's, never the client's.
            except Exception as error:  # noqa: BLE001
                return error
            finally:
                if self.listener is not None:
                    self.listener(scenario)

    def _possible(self, scenario: Scenario) -> bool:
        """Say whether the client does anything the scenario needs."""
        # The plain scenario is run with what the client can do; the others have one
        # kind of task and need it.
        kinds = scenario.kinds
        return not kinds or any(kind in self.can for kind in kinds)


async def judge(
    client: Client,
    *,
    only: Collection[str] = IDS,
    can: Collection[str] = TASKS,
    jobs: int = 4,
    listener: Listener | None = None,
) -> list[ClientVerdict]:
    """Return the verdicts over a client, by id.

    `can` are the tasks it does, `jobs` how many scenarios run at once.
    """
    # A law is judged by the calls of scenarios that were not asked for themselves.
    laws = [law for law in LAWS if law.id in only]
    needed = set(only).union(*(law.over for law in laws))
    scenarios = [scenario for scenario in SCENARIOS if scenario.id in needed]
    player = _Player(client, can, asyncio.Semaphore(jobs), listener)
    plays = await asyncio.gather(*map(player.play, scenarios))
    verdicts = [
        _of_scenario(scenario, played)
        for scenario, played in zip(scenarios, plays, strict=True)
        if scenario.id in only
    ]
    verdicts += [_of_law(law, plays) for law in laws]
    return sorted(verdicts, key=lambda verdict: verdict.item.id)


def _of_scenario(scenario: Scenario, played: _Played) -> ClientVerdict:
    """Return the verdict of a scenario that was run or was not."""
    if played is None:
        problem = f"客户端不做 {'、'.join(scenario.kinds)}"
        return ClientVerdict(scenario, "not-applicable", problem=problem)
    if isinstance(played, Exception):
        return _suite_error(scenario, played)
    return _checked(scenario, lambda: _misses(played), played)


def _misses(run: ScenarioRun) -> list[Mismatch]:
    """Return what the checks find, or how the protocol was broken."""
    # Without one result a task the checks have nothing to look at.
    checks = run.scenario.checks
    return broken(run) or [miss for check in checks for miss in check(run)]


def _of_law(law: ClientLaw, plays: Sequence[_Played]) -> ClientVerdict:
    """Return the verdict of a law over all runs."""
    runs = [played for played in plays if isinstance(played, ScenarioRun)]
    if not any(run.observed for run in runs):
        silent = Mismatch("客户端调用服务", "一次调用也没有")
        return ClientVerdict(law, "fail", (silent,))
    return _checked(law, lambda: law.check(runs))


def _checked(
    item: Scenario | ClientLaw,
    check: Callable[[], Mismatches],
    run: ScenarioRun | None = None,
) -> ClientVerdict:
    """Return the verdict of what a check finds."""
    try:
        misses = tuple(dict.fromkeys(check()))
    # A check that breaks is the suite's fault, as in _Player.
    except Exception as error:  # noqa: BLE001
        return _suite_error(item, error, run)
    return ClientVerdict(item, "fail" if misses else "pass", misses, run)


def _suite_error(
    item: Scenario | ClientLaw,
    error: Exception,
    run: ScenarioRun | None = None,
) -> ClientVerdict:
    problem = f"{type(error).__name__}: {error}"
    return ClientVerdict(
        item,
        "suite-error",
        run=run,
        problem=problem,
    )
