"""Import a plugin and ask it, in a process that can do nothing else.

`isolation.launcher` calls `answer` there; `asking.py` reads what it returns.
"""

from __future__ import annotations

import sys
from importlib import metadata
from typing import Any

from gongji.cities.contained import contained
from gongji.cities.encoding import decoded, encoded_in_order
from gongji.cities.guards import PluginProblem
from gongji.cities.hooks import answers_of
from gongji.cities.installed import ENTRY_POINTS


def answer(request: bytes) -> bytes:
    """Return what the plugin named by a request answers, or why it cannot serve."""
    name, value = decoded(request)
    try:
        return encoded_in_order(_answers(name, value))
    except PluginProblem as problem:
        return encoded_in_order({"problem": str(problem)})


def _answers(name: str, value: str) -> dict[str, Any]:
    """Return identity, and the city's own answers by hook. PluginProblem."""
    # Bytecode beside the sources is no file of the distribution: nobody knows its digest.
    sys.pycache_prefix = "/nonexistent"
    with contained(f"导入 {value} 失败"):
        plugin = metadata.EntryPoint(name, value, ENTRY_POINTS).load()
    with contained("检查规则时出错"):
        answers = answers_of(plugin, name)
        own: dict[str, Any] = {
            hook: answers.layers[hook][0] for hook in answers.overridden
        }
        if answers.candidates:
            own["candidates"] = answers.candidates
        identity = answers.identity
        return {"identity": (identity.area_code, identity.name), "answers": own}
