"""A scenario as data, one run of it, and what a check finds missing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from gongji_conformance.client.acts import Script
from gongji_conformance.client.backend import Backend
from gongji_conformance.client.process import Client, ClientOutput
from gongji_conformance.client.server import ObservedCall, ScriptedServer

Task = Mapping[str, Any]
"""One thing the client is asked to do: `do` names it; README.md has the shapes."""

TASKS: Final = ("quote", "settle", "submit", "list", "reverse")
"""What a client can be asked to do, beside waiting."""
_WAIT: Final = "wait"
_LAST_ERRORS: Final = 500
"""Characters of standard error that are shown."""


@dataclass(
    frozen=True,
    slots=True,
)
class Mismatch:
    """What should have been, and what was."""

    expected: str
    got: str


@dataclass(
    frozen=True,
    slots=True,
    kw_only=True,
)
class Scenario:
    """One way to misbehave, the client's tasks meanwhile, and what has to come of it.

    `why` says what happens to people when a client does otherwise. `backend` makes the
    settlements and bindings.
    """

    id: str
    says: str
    why: str
    tasks: tuple[Task, ...]
    script: Script = field(default_factory=dict)
    backend: Callable[[], Backend] = Backend
    checks: tuple[Check, ...]

    @property
    def kinds(self) -> tuple[str, ...]:
        """What a client has to be able to do, beside waiting."""
        kinds = dict.fromkeys(task["do"] for task in self.tasks)
        return tuple(kind for kind in kinds if kind != _WAIT)

    def tasks_for(self, can: Iterable[str]) -> tuple[Task, ...]:
        """Return those of its tasks that a client can do."""
        kinds = {_WAIT, *can}
        return tuple(task for task in self.tasks if task["do"] in kinds)


@dataclass(
    frozen=True,
    slots=True,
)
class ScenarioRun:
    """A scenario run with a client: what the server saw, what the client printed."""

    scenario: Scenario
    tasks: tuple[Task, ...]
    observed: tuple[ObservedCall, ...]
    backend: Backend
    output: ClientOutput

    @property
    def results(self) -> tuple[Any, ...]:
        """What the client printed, one for each task. ValueError if a line is no JSON."""
        return tuple(json.loads(line) for line in self.output.lines)

    def calls(self, method: str) -> tuple[ObservedCall, ...]:
        """Return the calls of one method, in order."""
        return tuple(call for call in self.observed if call.method == method)


Mismatches = Iterable[Mismatch]
Check = Callable[[ScenarioRun], Mismatches]


async def play(
    scenario: Scenario,
    client: Client,
    can: Iterable[str] = TASKS,
) -> ScenarioRun:
    """Run a scenario with those of its tasks that the client can do.

    Raise what broke in the server itself.
    """
    tasks = scenario.tasks_for(can)
    backend = scenario.backend()
    server = ScriptedServer(scenario.script, backend)
    await server.start()
    try:
        output = await client(
            {
                "GONGJI_TARGET": server.address,
                "GONGJI_SCENARIO": scenario.id,
                # In ASCII: an environment variable is text of the locale.
                "GONGJI_TASK": json.dumps(tasks),
            }
        )
    finally:
        await server.stop()
    # After the client has ended, whatever it made of that.
    if server.fault is not None:
        raise server.fault
    return ScenarioRun(scenario, tasks, tuple(server.observed), backend, output)


def broken(run: ScenarioRun) -> list[Mismatch]:
    """Return how the client broke the protocol.

    It hung, failed, or printed something else than one result a task.
    """
    output = run.output
    if output.exit_code is None:
        return [Mismatch("客户端做完任务后自己退出", "没有退出，到时限被停止")]
    if output.exit_code != 0:
        errors = output.errors.strip()[-_LAST_ERRORS:]
        got = f"退出码 {output.exit_code}；标准错误末尾：{errors}"
        return [Mismatch("退出码 0", got)]
    printed = "; ".join(output.lines)
    try:
        results = run.results
    except ValueError:
        expected = "标准输出每行一个 JSON 对象，日志写到标准错误"
        return [Mismatch(expected, printed)]
    count = len(run.tasks)
    objects = [result for result in results if isinstance(result, dict)]
    if len(results) == len(objects) == count:
        return []
    expected = f"标准输出 {count} 行，每件任务一个 JSON 对象"
    return [Mismatch(expected, printed or "（没有）")]
