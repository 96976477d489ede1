"""Judging a client: every scenario played, every law held against all calls, one verdict each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from gongji_conformance.client.laws import LAWS, Law
from gongji_conformance.client.process import Client
from gongji_conformance.client.scenario import TASKS, Miss, Run, Scenario, broken, play
from gongji_conformance.client.scenarios import SCENARIOS

Word = Literal["pass", "fail", "not-applicable", "suite-error"]

IDS: Final = tuple(sorted(item.id for item in (*SCENARIOS, *LAWS)))
"""Everything that is judged; an id never changes its meaning."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one scenario or law; `problem` says why it is not applicable, or what broke in the suite."""

    item: Scenario | Law
    word: Word
    misses: tuple[Miss, ...] = ()
    run: Run | None = None
    problem: str = ""


_Played = Run | Exception | None
"""A run, what broke in the suite, or nothing: the client does none of the tasks."""


async def judge(
    client: Client,
    *,
    only: Collection[str] = IDS,
    can: Collection[str] = TASKS,
    jobs: int = 4,
    heard: Callable[[Scenario], None] | None = None,
) -> list[Verdict]:
    """The verdicts over a client, by id. `can` are the tasks it does, `jobs` how many scenarios play at once.

    `heard` is told of each scenario that has been played.
    """
    free = asyncio.Semaphore(jobs)

    async def played(scenario: Scenario) -> _Played:
        asked = {task["do"] for task in scenario.tasks} - {"wait"}
        # The plain scenario is played with what the client can do; the others need all of it.
        if not asked <= set(can) and (len(asked) == 1 or not asked & set(can)):
            return None
        async with free:
            try:
                return await play(scenario, client, can)
            except Exception as broke:  # noqa: BLE001 - whatever breaks in the suite is the suite's, never the client's
                return broke
            finally:
                if heard is not None:
                    heard(scenario)

    needed = set(only).union(*(law.over for law in LAWS if law.id in only))
    chosen = [scenario for scenario in SCENARIOS if scenario.id in needed]
    plays = dict(zip((s.id for s in chosen), await asyncio.gather(*map(played, chosen)), strict=True))
    verdicts = [_of_scenario(s, plays[s.id]) for s in chosen if s.id in only]
    verdicts += [_of_law(law, list(plays.values())) for law in LAWS if law.id in only]
    return sorted(verdicts, key=lambda verdict: verdict.item.id)


def _of_scenario(scenario: Scenario, played: _Played) -> Verdict:
    if played is None:
        asked = "、".join(dict.fromkeys(task["do"] for task in scenario.tasks if task["do"] != "wait"))
        return Verdict(scenario, "not-applicable", problem=f"客户端不做 {asked}")
    if isinstance(played, Exception):
        return Verdict(scenario, "suite-error", problem=f"{type(played).__name__}: {played}")
    misses = _found(lambda: broken(played) or [miss for check in scenario.checks for miss in check(played)])
    return _judged(scenario, misses, played)


def _of_law(law: Law, plays: Sequence[_Played]) -> Verdict:
    runs = [played for played in plays if isinstance(played, Run)]
    if not any(run.seen for run in runs):
        return Verdict(law, "fail", (Miss("客户端调用服务", "一次调用也没有"),))
    return _judged(law, _found(lambda: law.check(runs)))


def _found(find: Callable[[], Iterable[Miss]]) -> list[Miss] | Exception:
    try:
        return list(find())
    except Exception as broke:  # noqa: BLE001 - as in judge
        return broke


def _judged(item: Scenario | Law, misses: list[Miss] | Exception, run: Run | None = None) -> Verdict:
    if isinstance(misses, Exception):
        return Verdict(item, "suite-error", run=run, problem=f"{type(misses).__name__}: {misses}")
    return Verdict(item, "fail" if misses else "pass", tuple(dict.fromkeys(misses)), run)
