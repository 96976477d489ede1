"""A scenario as data, one run of it, and what a check finds missing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from gongji_conformance.client.acts import Script
from gongji_conformance.client.desk import Desk
from gongji_conformance.client.process import Client, Told
from gongji_conformance.client.server import ScriptedServer, Seen

Task = Mapping[str, Any]
"""One thing the client is asked to do: `do` names it; README.md has the shapes."""

TASKS: Final = ("quote", "settle", "submit", "list", "reverse")
"""What a client can be asked to do, beside waiting."""


@dataclass(frozen=True, slots=True)
class Miss:
    """What should have been, and what was."""

    expected: str
    got: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One way to misbehave, what is asked of the client meanwhile, and what has to come of it.

    `why` tells whoever reads a failure what happens to people when a client does that. `desk` makes the business.
    """

    id: str
    says: str
    why: str
    tasks: tuple[Task, ...]
    script: Script = field(default_factory=dict)
    desk: Callable[[], Desk] = Desk
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True)
class Run:
    """A scenario played with a client: what the server saw and holds, what the client told."""

    scenario: Scenario
    tasks: tuple[Task, ...]
    seen: tuple[Seen, ...]
    desk: Desk
    told: Told

    @property
    def results(self) -> tuple[Any, ...]:
        """What the client printed, one for each task; ValueError where a line is no JSON."""
        return tuple(json.loads(line) for line in self.told.lines)

    def calls(self, method: str) -> tuple[Seen, ...]:
        """The calls of one method, in order."""
        return tuple(call for call in self.seen if call.method == method)


Check = Callable[[Run], Iterable[Miss]]


async def play(scenario: Scenario, client: Client, can: Iterable[str] = TASKS) -> Run:
    """Plays a scenario with those of its tasks that the client can do. What broke in the server itself is raised."""
    tasks = tuple(task for task in scenario.tasks if task["do"] in {"wait", *can})
    desk = scenario.desk()
    server = ScriptedServer(scenario.script, desk)
    await server.start()
    try:
        told = await client(
            {
                "GONGJI_TARGET": server.address,
                "GONGJI_SCENARIO": scenario.id,
                "GONGJI_TASK": json.dumps(tasks, ensure_ascii=False),
            }
        )
    finally:
        await server.stop()
    if server.fault is not None:
        raise server.fault
    return Run(scenario, tasks, tuple(server.seen), desk, told)


def broken(run: Run) -> list[Miss]:
    """Where the client did not keep to the protocol: it hung, fell, or told something else than one result a task."""
    if run.told.exit_code is None:
        return [Miss("客户端做完任务后自己退出", "没有退出, 到时限被停止")]
    if run.told.exit_code != 0:
        return [Miss("退出码 0", f"退出码 {run.told.exit_code}; 标准错误末尾: {run.told.errors.strip()[-500:]}")]
    try:
        results = run.results
    except ValueError:
        return [Miss("标准输出每行一个 JSON 对象, 日志写到标准错误", "; ".join(run.told.lines))]
    if len(results) != len(run.tasks) or not all(isinstance(result, dict) for result in results):
        return [Miss(f"标准输出 {len(run.tasks)} 行, 每件任务一个 JSON 对象", "; ".join(run.told.lines) or "(没有)")]
    return []
