"""What pluggy lets through and we do not: looks at a city's module and at its answers,
and says what is wrong.

Every problem is a Chinese sentence that names the hook and how to mend it; `cities.py`
adds plugin and version.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from typing import Any, cast, get_args, get_type_hints

import typeguard

from gongji.rules.benefits import Table
from gongji.rules.binding import FamilyLimit, GiverLimit, Identity
from gongji.rules.channels import AtOnce, CounterHours, ReviewLatency
from gongji.rules.clauses import Candidate, Ruled
from gongji.rules.codes import Scheme, Standing
from gongji.rules.hookspecs import DATED_HOOKS, PROJECT, CityRules
from gongji.rules.money import FULL_BP


class PluginProblem(Exception):  # noqa: N818 - a finding about a plugin
    """A plugin cannot serve; the message says why, in Chinese, one problem a line."""


def refuse(problems: Iterable[str]) -> None:
    """PluginProblem with all problems, one a line, where there are any."""
    if told := "\n".join(dict.fromkeys(problems)):
        raise PluginProblem(told)


LEVELS = (1, 2, 3)

CHANNEL_HOOKS = ("identity_checks", "fields_asked", "materials", "review_latency")
"""Hooks that answer per channel and must speak of exactly the channels declared."""

_HOOKS = frozenset(name for name in vars(CityRules) if not name.startswith("_"))

_RULED = get_type_hints(Ruled)

_AREA_CODE = re.compile(r"[0-9]{6}")

_ROLES = ("wrapper", "hookwrapper", "optionalhook", "tryfirst", "trylast", "specname")


def problems_of_plugin(plugin: object) -> Iterator[str]:
    """Hooks that would silently not be called, or be called wrongly."""
    for name, function in inspect.getmembers(plugin):
        options = (
            getattr(function, f"{PROJECT}_impl", None)
            if inspect.isroutine(function)
            else None
        )
        if options is None:
            if name in _HOOKS:
                fault = (
                    "忘记写 @hookimpl"
                    if inspect.isroutine(function)
                    else "不是带 @hookimpl 的函数"
                )
                yield f"{name}: {fault}, 不会被调用"
            continue
        if name not in _HOOKS:
            yield f"{name}: 没有这个钩子, 请核对拼写; 已有: {', '.join(sorted(_HOOKS))}"
        if roles := [role for role in _ROLES if options.get(role)]:
            yield f"{name}: 城市插件不得使用 {', '.join(roles)}"
        yield from _problems_of_signature(name, function)


def _problems_of_signature(name: str, function: Any) -> Iterator[str]:
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        yield f"{name}: 钩子不得是 async 函数"
    elif inspect.isgeneratorfunction(function):
        yield f"{name}: 钩子不得是生成器"
    if parameters := list(inspect.signature(function).parameters):
        yield f"{name}: 钩子不带参数, 却声明了 {', '.join(parameters)}"


def problems_of_identity(answer: Any) -> Iterator[str]:
    """Problems of the answer to `identity`."""
    try:
        _check(answer, Identity)
    except typeguard.TypeCheckError as wrong:
        yield f"identity: 须返回 Identity(area_code=…, name=…): {_in_one_line(wrong)}"
        return
    if not _AREA_CODE.fullmatch(answer.area_code):
        yield f"identity: 医保区划须为六位数字, 得到 {answer.area_code!r}"
    if not answer.name:
        yield "identity: 缺少城市名称"


def problems_of_timeline(hook: str, timeline: object) -> Iterator[str]:
    """Problems of the shape and types of one answer."""
    if (
        not isinstance(timeline, tuple)
        or not timeline
        or not all(isinstance(r, Ruled) for r in timeline)
    ):
        yield (
            f"{hook}: 须返回 ruled(…) 的时间线(由 Ruled 组成的非空元组), "
            f"得到 {type(timeline).__name__}"
        )
        return
    for value in timeline:
        yield from (f"{hook}: {problem}" for problem in _problems_of_ruled(value))
        yield from problems_of_value(hook, value.value)
    days = [r.since for r in timeline]
    if all(type(day) is date for day in days) and days != sorted(set(days)):
        yield f"{hook}: 各值的生效日须递增且不重复, 得到 {', '.join(map(str, days))}"


def _problems_of_ruled(value: Ruled[Any]) -> Iterator[str]:
    """Problems of what stands around a value: its day and its clauses."""
    if (
        type(value.since) is not date
    ):  # a datetime is a date to isinstance, and compares with none
        yield f"生效日须为 date, 得到 {value.since!r}"
    for part in ("clauses", "against", "settles", "why"):
        try:
            _check(getattr(value, part), _RULED[part])
        except typeguard.TypeCheckError as wrong:
            yield f"{part}: {_in_one_line(wrong)}"
    if not value.clauses:
        yield f"自 {value.since} 起的值没有条款依据"


def problems_of_value(hook: str, value: object) -> Iterator[str]:
    """Problems of one value: its type, all the way down, and figures no rule can mean."""
    if told := [
        f"{hook}: {problem}"
        for part in _all_parts(value)
        for problem in _problems_of_number(part)
    ]:
        yield from told
        return
    try:
        _check(value, _value_type(hook))
    except typeguard.TypeCheckError as wrong:
        yield f"{hook}: 返回值类型不对: {_in_one_line(wrong)}"
        return
    yield from (
        f"{hook}: {problem}"
        for part in _all_parts(value)
        for problem in _odd_figures(part)
    )
    if hook == "application_expiry" and value == 0:
        yield f"{hook}: 至少 1 天"
    if hook == "reimbursement" and (
        missing := set(Scheme) - set(cast("Mapping[Scheme, object]", value))
    ):
        yield (
            f"{hook}: 缺少险种 {', '.join(str(int(s)) for s in sorted(missing))} "
            "的待遇, 不支付也须写 NoFund"
        )


def problems_of_candidates(answer: object) -> Iterator[str]:
    """Problems of the answer to `candidates`: each must fit the hook it names."""
    if not isinstance(answer, tuple) or not all(
        isinstance(c, Candidate) for c in answer
    ):
        yield f"candidates: 须返回由 Candidate 组成的元组, 得到 {type(answer).__name__}"
        return
    names = [candidate.name for candidate in answer]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        yield f"candidates: 名称重复 {', '.join(twice)}"
    for candidate in answer:
        try:
            _check(candidate.clauses, _RULED["clauses"])
        except typeguard.TypeCheckError as wrong:
            yield f"candidates: {candidate.name} 的条款: {_in_one_line(wrong)}"
        if not candidate.clauses:
            yield f"candidates: {candidate.name} 没有条款依据"
        if candidate.hook not in DATED_HOOKS:
            yield f"candidates: {candidate.name} 所指的钩子 {candidate.hook!r} 不存在"
        else:
            yield from problems_of_value(candidate.hook, candidate.value)


def problems_of_day(values: Mapping[str, Ruled[Any]]) -> Iterator[str]:
    """Problems between the hooks' values of one day."""
    declared = set(values["channels"].value)
    for hook in CHANNEL_HOOKS:
        told = set(values[hook].value)
        if missing := declared - told:
            yield f"{hook}: 自 {values[hook].since} 起缺少渠道 {', '.join(sorted(missing))}"
        if unknown := told - declared:
            yield f"{hook}: 自 {values[hook].since} 起出现未声明的渠道 {', '.join(sorted(unknown))}"


def _value_type(hook: str) -> Any:
    """X of `Timeline[X] | None`, the hook's declared answer."""
    timeline = next(
        a
        for a in get_args(get_type_hints(getattr(CityRules, hook))["return"])
        if a is not type(None)
    )
    return get_args(get_args(timeline)[0])[0]


def _check(value: object, declared: Any) -> None:
    """typeguard.TypeCheckError where a value, or a part of it, is not of the declared type."""
    typeguard.check_type(
        value,
        declared,
        collection_check_strategy=typeguard.CollectionCheckStrategy.ALL_ITEMS,
    )
    for part in _parts(value):
        if (
            isinstance(part, bool) and declared is not bool
        ):  # a bool is an int to typeguard
            msg = f"应为数字, 得到 {part!r}"
            raise typeguard.TypeCheckError(msg)
        if is_dataclass(part) and not isinstance(part, type):
            hints = get_type_hints(type(part))
            for field in fields(part):
                _check(getattr(part, field.name), hints[field.name])
        elif part is not value:
            _check(part, Any)


def _in_one_line(wrong: typeguard.TypeCheckError) -> str:
    return " ".join(str(wrong).split())


def _parts(value: object) -> Iterable[object]:
    """A value itself where it is atomic or a dataclass, else the things it contains."""
    if isinstance(value, Mapping):
        return [*value.keys(), *value.values()]
    if isinstance(value, (tuple, list, set, frozenset)):
        return value
    return (value,)


def _all_parts(value: Any) -> Iterator[object]:
    """A value and everything in it, all the way down."""
    yield value
    for part in (
        [getattr(value, f.name) for f in fields(value)]
        if is_dataclass(value)
        else _parts(value)
    ):
        if part is not value:
            yield from _all_parts(part)


def _problems_of_number(part: object) -> Iterator[str]:
    if isinstance(part, float):
        yield f"金额、比例一律用整数, 不得用浮点数 {part!r}"
    elif isinstance(part, int) and part < 0:
        yield f"金额、比例、天数、人数不得为负, 得到 {part!r}"


def _odd_figures(part: object) -> Iterator[str]:
    """Figures that no rule can mean."""
    match part:
        case Table():
            yield from _problems_of_table(part)
        case ReviewLatency() if (part.at_once is AtOnce.ALWAYS) is (
            part.working_days > 0
        ):
            yield "即时生效的没有审核天数, 其余至少 1 个工作日"
        case CounterHours() if (
            part.opens.tzinfo or part.closes.tzinfo or part.opens >= part.closes
        ):
            yield f"服务时间须先开后关且不带时区, 得到 {part.opens}–{part.closes}"
        case FamilyLimit(people=0) | GiverLimit(givers=0):
            yield "人数上限至少 1 人, 不设限写 NO_LIMIT"


def _problems_of_table(table: Table) -> Iterator[str]:
    """Missing levels or standings, ratios above 100 %."""
    by_level: dict[str, Mapping[int, object]] = {
        "deductible_fen": table.deductible_fen,
        "ratio_bp": table.ratio_bp,
        "visit_cap_fen": table.visit_cap_fen,
    }
    if isinstance(table.retired, Mapping):
        by_level["retired"] = table.retired
    if table.clauses is not None:
        by_level["clauses.ratio"] = table.clauses.ratio
    gaps = [
        f"{name} 须恰好给出级别 1、2、3"
        for name, figures in by_level.items()
        if set(figures) != set(LEVELS)
    ]
    if set(table.cap_fen) != set(Standing):
        gaps.append("cap_fen 须给出在职与退休")
    if gaps:
        yield from gaps
        return
    for standing in Standing:
        for level in LEVELS:
            if table.ratio_of(standing, level) > FULL_BP:
                yield f"{standing.value} 级别 {level} 的支付比例超过 100%"
    for name, used_as in (
        ("unranked_as", table.unranked_as),
        ("pharmacy", table.pharmacy),
    ):
        if isinstance(used_as, int) and used_as not in LEVELS:
            yield f"{name} 须为级别 1、2 或 3"
