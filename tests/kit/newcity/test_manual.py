"""The manual for city teams says what is: every hook with its signature, every example
runs, every message is told."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import click
import pytest
from gongji.cities.city import City
from gongji.cities.guards import (
    PluginProblem,
    problems_of_candidates,
    problems_of_identity,
    problems_of_timeline,
)
from gongji.cities.loading import city_from
from gongji.cli import main
from gongji.kit.check.extremes import problems_of_effects
from gongji.kit.hooks import HOOKS, signature
from gongji.kit.newcity import answers
from gongji.kit.newcity.policy import policy
from gongji.kit.newcity.questions import QUESTIONS
from gongji.rules.benefits import Table
from gongji.rules.clauses import clauses_in
from gongji.rules.codes import Scheme
from gongji.rules.hookspecs import CityRules, hookimpl
from gongji_conformance.cases import case, reading

from tests.kit.making import ROOT

MANUAL = (ROOT / "plugins" / "README.md").read_text(encoding="utf-8")
HEADING = re.compile(r"^### `(?P<signature>(?P<hook>\w+)\(\).*)`$", re.MULTILINE)
BLOCK = re.compile(
    r"^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)


def blocks(language: str, text: str = MANUAL) -> list[str]:
    """The blocks of a language, in order."""
    return [
        match["text"] for match in BLOCK.finditer(text) if match["language"] == language
    ]


@pytest.fixture(scope="module")
def written() -> Mapping[str, Any]:
    """Every Python example of the manual, run one after the other in one module."""
    names: dict[str, Any] = {}
    for number, block in enumerate(blocks("python"), start=1):
        example = compile(block, f"plugins/README.md, example {number}", "exec")
        exec(example, names)  # noqa: S102 - our own manual
    return names


@pytest.fixture(scope="module")
def city(written: Mapping[str, Any]) -> City:
    """The city the examples make together."""
    return city_from(
        SimpleNamespace(**{hook: written[hook] for hook in HOOKS}), pinyin="wuhu"
    )


def test_every_hook_has_its_heading() -> None:
    """Each hook stands under a heading with its exact signature, once, in the order the
    core asks."""
    assert [signature(hook) for hook in HOOKS] == [
        match["signature"] for match in HEADING.finditer(MANUAL)
    ]


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_has_its_example(hook: str, written: Mapping[str, Any]) -> None:
    """Under each heading stands an example that defines the hook and whose answer is faultless."""
    section = (
        MANUAL.split(f"### `{signature(hook)}`")[1].split("\n### ")[0].split("\n## ")[0]
    )
    answer = written[hook]()
    problems = {
        "identity": problems_of_identity,
        "candidates": problems_of_candidates,
    }.get(hook)

    assert f"def {hook}():" in "".join(blocks("python", section))
    assert [] == list(
        problems(answer) if problems else problems_of_timeline(hook, answer)
    )


def test_examples_make_a_city(city: City) -> None:
    """Together the examples are a city that loads, answers every hook itself and
    declares its effects rightly."""
    table = city.timelines["reimbursement"][-1].value[Scheme.EMPLOYEE]

    assert ("340200", set(HOOKS) - {"identity", "candidates"}) == (
        city.area_code,
        set(city.overridden),
    )
    assert isinstance(table, Table)
    assert [] == list(problems_of_effects(table))
    assert (5, 8) == tuple(
        value.value.people for value in city.timelines["family_limit"][-2:]
    )


def test_changes_of_the_manual(written: Mapping[str, Any]) -> None:
    """Each example of a change loads, in two periods, under clauses of its own."""
    changes = {
        "family_limit": written["CHANGED"],
        "reimbursement": written["TABLE_CHANGED"],
        "review_latency": written["LATENCY_CHANGED"],
    }
    for hook, (before, after) in changes.items():
        assert [] == list(problems_of_timeline(hook, (before, after)))
        assert before.value != after.value
        assert set(after.clauses) - set(before.clauses)
    for ruled in changes["reimbursement"]:
        table = ruled.value[Scheme.EMPLOYEE]
        assert [] == list(problems_of_effects(table))
        # What a bill cites is among the clauses of the value.
        assert set(clauses_in(table)) <= set(ruled.clauses)


def test_answers_of_the_manual() -> None:
    """The answers file of the manual is one the kit takes."""
    (text,) = [block for block in blocks("toml") if "[city]" in block]

    assert [CityRules.family_limit.__name__, CityRules.reimbursement.__name__] == [
        rule.hook for rule in policy(answers.read(tomllib.loads(text))).rules
    ]


def test_cases_of_the_manual() -> None:
    """The case of the manual is one the conformance suite takes."""
    (text,) = [block for block in blocks("toml") if "[[case]]" in block]

    assert [True] == [
        isinstance(found, case.CityCase) for found in reading.read(text, "wuhu")
    ]


def test_every_question_is_in_the_table() -> None:
    """The manual names every question of the answers file."""
    table = "".join(line for line in MANUAL.splitlines() if line.startswith("|"))

    assert [] == [
        question.key
        for question in QUESTIONS
        if f"`{question.key.partition('.')[2]}`" not in table
    ]


def test_commands_exist() -> None:
    """Every `gongji` command of the manual is one there is, with its options."""
    lines = [line for block in blocks("console") for line in block.splitlines()]
    lines += re.findall(r"`(gongji [a-z-]+[^`]*)`", MANUAL)
    commands = [shlex.split(line)[1:] for line in lines if line.startswith("gongji ")]
    for words in commands:
        command = main.commands.get(words[0])
        assert isinstance(command, click.Command), words
        options = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= options, words

    assert {"new-city", "check", "serve", "cities", "guide", "hooks", "doctor"} <= {
        words[0] for words in commands
    }


def _misspelt() -> Any:
    @hookimpl
    def famly_limit() -> None: ...

    return {"famly_limit": famly_limit}


def _unmarked() -> Any:
    def family_limit() -> None: ...

    return {"family_limit": family_limit}


def _answering(hook: str, answer: Any) -> Any:
    @hookimpl
    def hooked() -> Any:
        return answer

    return {hook: hooked}


def _with_a_day() -> Any:
    @hookimpl
    def family_limit(day: Any) -> Any:
        return day

    return {"family_limit": family_limit}


def _bad(written: Mapping[str, Any]) -> dict[str, Any]:
    """Plugins wrong in one thing, by the beginning of what they are told."""
    ruled, clause, five = written["ruled"], written["WH1"], written["FIVE"]
    floating = {Scheme.EMPLOYEE: 0.5, Scheme.RESIDENT: written["NoFund"](clause)}
    declared = ruled(
        {"wuhu_minip": written["channels"]()[0].value["wuhu_minip"]},
        since="2025-01-01",
        clauses=[clause],
    )
    return {
        "famly_limit：没有这个钩子，请核对拼写": _misspelt(),
        "family_limit：忘记写 @hookimpl，不会被调用": _unmarked(),
        "family_limit：钩子不带参数，却声明了 day": _with_a_day(),
        "family_limit：须返回 ruled(…) 的时间线": _answering("family_limit", five),
        "family_limit：返回值类型不对": _answering(
            "family_limit", ruled("五人", since="2025-01-01", clauses=[clause])
        ),
        "reimbursement：金额、比例一律用整数": _answering(
            "reimbursement", ruled(floating, since="2025-01-01", clauses=[clause])
        ),
        "materials：自 2025-01-01 起缺少渠道「wuhu_minip」": _answering(
            "channels", declared
        ),
    }


def test_faults_read_as_the_manual_says(written: Mapping[str, Any]) -> None:
    """What the manual says a fault reads like is what a plugin with it is told."""
    for message, hooks in _bad(written).items():
        assert f"`{message}`" in MANUAL
        with pytest.raises(PluginProblem) as refused:
            city_from(SimpleNamespace(identity=written["identity"], **hooks))
        assert message.replace("自 2025-01-01 起", "") in str(refused.value).replace(
            "自 2022-07-01 起", ""
        )
