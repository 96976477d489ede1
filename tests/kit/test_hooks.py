"""`gongji hooks`: every hook and who answers it, and every call made while a city is loaded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from gongji.cli import main
from gongji.kit import hooks
from gongji.kit.hooks import HOOKS, PROVINCE_LABEL

from tests.packages import IDENTITY, Package, installed
from tests.scaffold.cities import shipped


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments, catch_exceptions=False)


def test_every_hook_is_listed() -> None:
    """Every hook stands there once with signature and question, in the order the core asks."""
    rows = json.loads(_run("--json", "hooks").output)["hooks"]

    assert list(HOOKS) == [row["hook"] for row in rows]
    assert all(
        row["signature"].startswith(f"{row['hook']}() -> ") and row["question"]
        for row in rows
    )


def test_who_answers_a_city() -> None:
    """Of one city each hook names its plugin if it overrides, else the province."""
    city = shipped().named("chuzhou")
    rows = json.loads(_run("--json", "hooks", "chuzhou").output)["hooks"]
    own = {
        row["hook"]
        for row in rows
        if row["answered_by"] == f"gongji-chuzhou {city.version}"
    }

    assert {*city.overridden, "identity", "candidates"} == own
    assert {PROVINCE_LABEL} == {
        row["answered_by"] for row in rows if row["hook"] not in own
    }


def test_trace_shows_every_call() -> None:
    """Every hook is called once for the city and once for the province where both
    answer, city first, no arguments."""
    calls, problem = hooks.trace("chuzhou")
    city = shipped().named("chuzhou")
    both = [call.plugin for call in calls if call.hook == "family_limit"]

    assert "" == problem
    assert set(HOOKS) == {call.hook for call in calls}
    assert {"无"} == {call.arguments for call in calls}
    assert ["chuzhou", PROVINCE_LABEL] == both
    assert set(city.overridden) == {
        call.hook
        for call in calls
        if call.plugin == "chuzhou" and call.hook not in {"identity", "candidates"}
    }
    assert ["自 2022-07-01：最多7人（含授权人本人）（C22）"] == [
        call.answer
        for call in calls
        if (call.hook, call.plugin) == ("family_limit", "chuzhou")
    ]


def test_trace_shows_silence_and_faults(tmp_path: Path) -> None:
    """A hook that answers None is shown as such beside the province's answer; one that
    raises ends the trace."""
    silent = "@hookimpl\ndef scope():\n    return None\n"
    raising = "@hookimpl\ndef family_limit():\n    raise RuntimeError('oh')\n"
    with installed(
        tmp_path, Package("gongji-wuhu", "wuhu", IDENTITY + silent + raising)
    ):
        calls, problem = hooks.trace("wuhu")
        result = _run("hooks", "wuhu", "--trace")

    assert [("wuhu", "None"), (PROVINCE_LABEL, "自 2022-07-01：本省内（A9）")] == [
        (call.plugin, call.answer) for call in calls if call.hook == "scope"
    ]
    assert [("wuhu", "RuntimeError: oh")] == [
        (call.plugin, call.answer) for call in calls if call.hook == "family_limit"
    ]
    assert problem.startswith("family_limit：调用时出错：RuntimeError：「oh")
    assert 1 == result.exit_code
    assert problem in result.output


MISTAKES = {
    "a city not installed": (
        ["hooks", "wuhu", "--trace"],
        "没有安装名为 wuhu 的城市插件；已安装：anqing",
    ),
    "no city named": (["hooks", "--trace"], "--trace 须指明城市"),
}


@pytest.mark.parametrize(("arguments", "message"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes(arguments: list[str], message: str) -> None:
    """A trace needs a city that is installed."""
    result = _run(*arguments)

    assert 0 != result.exit_code
    assert message in result.output
