"""Ask plugins in processes of their own, and read what comes back as plain data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Final

from gongji.cities.cache import kept_answer
from gongji.cities.contained import contained
from gongji.cities.encoding import decoded, encoded
from gongji.cities.guards import PluginProblem
from gongji.cities.hooks import answering
from gongji.cities.installed import Plugin
from gongji.isolation.protocol import IsolatedAnswer, IsolatedRequest
from gongji.isolation.runner import run
from gongji.rules.binding import Identity
from gongji.text.characters import shown_lines

_CHILD: Final = "gongji.cities.answering"

_MOST_VALUES: Final = 60_000
"""Values an answer may hold: checking one takes some microseconds. Ours have 4,000."""

_TOLD: Final = 4_000
"""Characters of a plugin's own text that are told."""


def ask(
    plugins: Sequence[Plugin], kept_in: Path | None
) -> Iterator[tuple[Plugin, SimpleNamespace | PluginProblem]]:
    """Yield each plugin with what answers in its place, or why nothing does."""
    kept = {plugin.name: kept_answer(kept_in, plugin) for plugin in plugins}
    answers = {name: place.read() for name, place in kept.items()}
    unasked = [plugin for plugin in plugins if answers[plugin.name] is None]
    outcomes = run(_CHILD, [_job(plugin) for plugin in unasked])
    asked = dict(zip((plugin.name for plugin in unasked), outcomes, strict=True))
    for plugin in plugins:
        try:
            answer = answers[plugin.name]
            if answer is None:
                answer = _answer_of(plugin, asked[plugin.name])
                kept[plugin.name].write(answer)
            yield plugin, _read(answer)
        except PluginProblem as problem:
            yield plugin, problem


def _job(plugin: Plugin) -> IsolatedRequest:
    request = encoded((plugin.name, plugin.value))
    return IsolatedRequest(request, tuple(map(str, plugin.roots)))


def _answer_of(plugin: Plugin, outcome: IsolatedAnswer) -> bytes:
    """Return the bytes a plugin answered. PluginProblem."""
    if outcome.fault:
        raise PluginProblem(f"加载 {plugin.value}：{outcome.fault}")
    if plugin.changed():
        raise PluginProblem("文件在加载时被改动；请在安装完毕之后再启动")
    return outcome.answer


def _read(answer: bytes) -> SimpleNamespace:
    """Return a plugin that answers what the bytes say. PluginProblem.

    They are read as if anybody had written them; the guards judge what they say.
    """
    if answer.count(b",") > _MOST_VALUES:
        raise PluginProblem(f"答复超过 {_MOST_VALUES} 个取值")
    with contained("答复不能读出"):
        content = decoded(answer)
        problem = content.get("problem")
        if problem is not None:
            raise PluginProblem(shown_lines(str(problem)[:_TOLD]))
        area_code, name = content["identity"]
        identity = Identity(area_code=area_code, name=name)
        return answering({**content["answers"], "identity": identity})
