"""Checks of a city's module and of its answers that pluggy does not make.

Every problem is a Chinese sentence that names the hook and how to mend it; `loading.py`
adds plugin and version.
"""

from __future__ import annotations

import inspect
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from functools import lru_cache
from typing import Any, TypeGuard, cast, get_args, get_type_hints

import typeguard

from gongji.cities.encoding import UnwritableRules, encoded
from gongji.cities.figures import impossible_figures
from gongji.rules.binding import (
    EnrolmentTerms,
    Identity,
    RelationSet,
)
from gongji.rules.channels import (
    MaterialNeed,
)
from gongji.rules.clauses import Candidate, Clause, Ruled, Timeline, clauses_in
from gongji.rules.codes import Scheme
from gongji.rules.evidence import EvidenceAccepted
from gongji.rules.hookspecs import DATED_HOOKS, PROJECT, CityRules


class PluginProblem(Exception):  # noqa: N818 - a finding about a plugin
    """A plugin cannot serve; the message says why, in Chinese, one problem a line."""


def refuse(problems: Iterable[str]) -> None:
    """PluginProblem with all problems, one a line, if there are any."""
    # Two layers may fail alike: each sentence once, in the order it came.
    lines = list(dict.fromkeys(problems))
    if lines:
        raise PluginProblem("\n".join(lines))


def quoted(words: object) -> str:
    """Return a plugin's own words on one line between 「 and 」, which the log leaves out."""
    line = " ".join(str(words).split()).replace("」", "』")
    return f"「{line}」"


CHANNEL_HOOKS = ("identity_checks", "fields_asked", "materials", "review_latency")
"""Hooks that answer per channel and must speak of exactly the channels declared."""

_HOOKS = frozenset(name for name in vars(CityRules) if not name.startswith("_"))

_RULED = get_type_hints(Ruled)

_AREA_CODE = re.compile(r"[0-9]{6}")

_ROLES = ("wrapper", "hookwrapper", "optionalhook", "tryfirst", "trylast", "specname")


def problems_of_plugin(plugin: object) -> Iterator[str]:
    """Yield hooks that would silently not be called, or be called wrongly."""
    for name, member in inspect.getmembers(plugin):
        is_function = inspect.isroutine(member)
        options = getattr(member, f"{PROJECT}_impl", None) if is_function else None
        if options is not None:
            yield from _problems_of_hook(name, member, options)
        # pluggy ignores what is not marked, also if it bears the name of a hook.
        elif name in _HOOKS and is_function:
            yield f"{name}：忘记写 @hookimpl，不会被调用"
        elif name in _HOOKS:
            yield f"{name}：不是带 @hookimpl 的函数，不会被调用"


def _problems_of_hook(
    name: str, function: Any, options: Mapping[str, object]
) -> Iterator[str]:
    if name not in _HOOKS:
        # pluggy's own check passes over a misspelt hook marked optionalhook.
        yield f"{name}：没有这个钩子，请核对拼写；已有：{'、'.join(sorted(_HOOKS))}"
    roles = [role for role in _ROLES if options.get(role)]
    if roles:
        yield f"{name}：城市插件不得使用 {'、'.join(roles)}"
    yield from _problems_of_signature(name, function)


def _problems_of_signature(name: str, function: Any) -> Iterator[str]:
    # pluggy 1.7 accepts all of these, and fails at the call or hands back a coroutine.
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        yield f"{name}：钩子不得是 async 函数"
    elif inspect.isgeneratorfunction(function):
        yield f"{name}：钩子不得是生成器"
    parameters = list(inspect.signature(function).parameters)
    if parameters:
        yield f"{name}：钩子不带参数，却声明了 {'、'.join(parameters)}"


def problems_of_numbers(timelines: Mapping[str, Timeline[Any]]) -> Iterator[str]:
    """Yield clauses that bear one number and say different things."""
    # Decisions cite a clause by its number: of two only one could be shown.
    first: dict[str, tuple[str, Clause]] = {}
    for hook, timeline in timelines.items():
        for clause in clauses_in(timeline):
            there, known = first.setdefault(clause.id, (hook, clause))
            if clause.text != known.text:
                yield (
                    f"{hook}：条款{quoted(clause.id)}与 {there} 的编号相同而内容不同："
                    f"{quoted(known.text)}，{quoted(clause.text)}；请把其中一条另编一个编号"
                )


def problems_of_identity(answer: Any) -> Iterator[str]:
    """Yield problems of the answer to `identity`."""
    try:
        _check(answer, Identity)
    except typeguard.TypeCheckError as error:
        yield f"identity：须返回 Identity(area_code=…, name=…)：{_in_one_line(error)}"
        return
    if not _AREA_CODE.fullmatch(answer.area_code):
        yield f"identity：医保区划须为六位数字，得到 {answer.area_code!r}"
    if not answer.name:
        yield "identity：缺少城市名称"


def problems_of_timeline(hook: str, timeline: object) -> Iterator[str]:
    """Yield problems of the shape and types of one answer."""
    if not _is_timeline(timeline):
        yield (
            f"{hook}：须返回 ruled(…) 的时间线（由 Ruled 组成的非空元组），"
            f"得到 {type(timeline).__name__}"
        )
        return
    problems = [
        problem for value in timeline for problem in _problems_around(hook, value)
    ]
    yield from problems or problems_of_writing(hook, timeline)
    days = [ruled.since for ruled in timeline]
    if all(type(day) is date for day in days) and days != sorted(set(days)):
        yield f"{hook}：各值的生效日须递增且不重复，得到 {'、'.join(map(str, days))}"


def _problems_around(hook: str, value: Ruled[Any]) -> Iterator[str]:
    """Yield problems of a value and of what stands around it."""
    yield from (f"{hook}：{problem}" for problem in _problems_of_ruled(value))
    yield from problems_of_value(hook, value.value)


def problems_of_writing(hook: str, answer: object) -> Iterator[str]:
    """Yield why an answer could not be kept: a type of the plugin's own, for one."""
    try:
        encoded(answer)
    except UnwritableRules as unwritable:
        yield f"{hook}：{unwritable}"


def _is_timeline(answer: object) -> TypeGuard[Timeline[Any]]:
    if not isinstance(answer, tuple) or not answer:
        return False
    return all(isinstance(part, Ruled) for part in answer)


def _problems_of_ruled(value: Ruled[Any]) -> Iterator[str]:
    """Yield problems of what stands around a value: its day and its clauses."""
    # A datetime is a date to isinstance, and compares with no date.
    if type(value.since) is not date:
        yield f"生效日须为 date，得到 {value.since!r}"
    elif not value.clauses:
        yield f"自 {value.since} 起的值没有条款依据"
    for part in ("clauses", "against", "settles", "why"):
        try:
            _check(getattr(value, part), _RULED[part])
        except typeguard.TypeCheckError as error:
            yield f"{part}：{_in_one_line(error)}"


def problems_of_value(hook: str, value: object) -> Iterator[str]:
    """Yield problems of one value: types all the way down, and impossible figures."""
    parts = list(_all_parts(value))
    # Numbers first: "no float" says more than the type error that follows from it.
    numbers = [problem for part in parts for problem in _problems_of_number(part)]
    if numbers:
        yield from (f"{hook}：{problem}" for problem in numbers)
        return
    try:
        _check(value, _value_type(hook))
    except typeguard.TypeCheckError as error:
        yield f"{hook}：返回值类型不对：{_in_one_line(error)}"
        return
    for part in parts:
        problems = (*impossible_figures(part), *_nothing_to_choose(part))
        yield from (f"{hook}：{problem}" for problem in problems)
    if hook == "application_expiry" and value == 0:
        yield f"{hook}：至少 1 天"
    if hook == "reimbursement":
        yield from _problems_of_schemes(cast("Mapping[Scheme, object]", value))


def _problems_of_schemes(benefits: Mapping[Scheme, object]) -> Iterator[str]:
    missing = sorted(set(Scheme) - set(benefits))
    if missing:
        codes = ", ".join(str(int(scheme)) for scheme in missing)
        yield f"reimbursement：缺少险种 {codes} 的待遇，不支付也须写 NoFund"


def problems_of_candidates(answer: object) -> Iterator[str]:
    """Yield problems of the answer to `candidates`: each must fit the hook it names."""
    typed = isinstance(answer, tuple) and all(isinstance(c, Candidate) for c in answer)
    if not typed:
        yield f"candidates：须返回由 Candidate 组成的元组，得到 {type(answer).__name__}"
        return
    candidates = cast("tuple[Candidate, ...]", answer)
    names = Counter(candidate.name for candidate in candidates)
    repeated = sorted(name for name, count in names.items() if count > 1)
    if repeated:
        yield f"candidates：名称重复{'、'.join(map(quoted, repeated))}"
    problems = [
        problem
        for candidate in candidates
        for problem in _problems_of_candidate(candidate)
    ]
    yield from problems or problems_of_writing("candidates", candidates)


def _problems_of_candidate(candidate: Candidate) -> Iterator[str]:
    name = quoted(candidate.name)
    try:
        _check(candidate.clauses, _RULED["clauses"])
    except typeguard.TypeCheckError as error:
        yield f"candidates：{name}的条款：{_in_one_line(error)}"
    if not candidate.clauses:
        yield f"candidates：{name}没有条款依据"
    if candidate.hook not in DATED_HOOKS:
        yield f"candidates：{name}所指的钩子 {candidate.hook!r} 不存在"
    else:
        yield from problems_of_value(candidate.hook, candidate.value)


def problems_of_day(values: Mapping[str, Ruled[Any]]) -> Iterator[str]:
    """Yield problems between the hooks' values of one day."""
    declared = set(values["channels"].value)
    for hook in CHANNEL_HOOKS:
        since, answered = values[hook].since, set(values[hook].value)
        missing, unknown = declared - answered, answered - declared
        for what, channels in (("缺少", missing), ("出现未声明的", unknown)):
            if channels:
                names = "、".join(map(quoted, sorted(channels)))
                yield f"{hook}：自 {since} 起{what}渠道{names}"


# Each start judges ten thousand parts of a few dozen types.
@lru_cache(256)
def _hints_of(declared: Callable[..., Any]) -> Mapping[str, Any]:
    """Return the types that a dataclass or hook declares, by name."""
    return get_type_hints(declared)


def _value_type(hook: str) -> Any:
    """Return X of `Timeline[X] | None`, the hook's declared answer."""
    declared = _hints_of(getattr(CityRules, hook))["return"]
    timeline = next(part for part in get_args(declared) if part is not type(None))
    # Timeline[X] is tuple[Ruled[X], ...].
    ruled = get_args(timeline)[0]
    return get_args(ruled)[0]


def _check(value: object, declared: Any) -> None:
    """typeguard.TypeCheckError if a value, or a part of it, is not of the declared type."""
    if declared is not Any:
        # ALL_ITEMS: by default it looks at the first item of a collection only.
        typeguard.check_type(
            value,
            declared,
            collection_check_strategy=typeguard.CollectionCheckStrategy.ALL_ITEMS,
        )
    for part in _parts(value):
        # A bool is an int to typeguard; True fen is a mistake.
        if isinstance(part, bool) and declared is not bool:
            msg = f"应为数字，得到 {part!r}"
            raise typeguard.TypeCheckError(msg)
        # typeguard looks at the class of a dataclass, not into its fields.
        if is_dataclass(part) and not isinstance(part, type):
            hints = _hints_of(type(part))
            for field in fields(part):
                _check(getattr(part, field.name), hints[field.name])
        elif part is not value:
            _check(part, Any)


def _in_one_line(error: typeguard.TypeCheckError) -> str:
    return " ".join(str(error).split())


def _parts(value: object) -> Iterable[object]:
    """Return what a collection contains, or the value itself if it is none."""
    if isinstance(value, Mapping):
        return [*value.keys(), *value.values()]
    if isinstance(value, (tuple, list, set, frozenset)):
        return value
    return (value,)


def _all_parts(value: Any) -> Iterator[object]:
    """Yield a value and everything in it, all the way down."""
    yield value
    if is_dataclass(value):
        parts: Iterable[object] = [getattr(value, f.name) for f in fields(value)]
    else:
        parts = _parts(value)
    for part in parts:
        if part is not value:
            yield from _all_parts(part)


def _problems_of_number(part: object) -> Iterator[str]:
    if isinstance(part, float):
        yield f"金额、比例一律用整数，不得用浮点数 {part!r}"
    elif isinstance(part, int) and part < 0:
        yield f"金额、比例、天数、人数不得为负，得到 {part!r}"


def _nothing_to_choose(part: object) -> Iterator[str]:
    """Yield empty sets from which something is chosen: what would help, or what to ask."""
    match part:
        case EnrolmentTerms() if not (part.schemes and part.statuses):
            yield "险种与参保状态各至少一种，不提供的用途写 NotOffered"
        case RelationSet(name=name) if not part.codes:
            yield f"{quoted(name)}：亲属关系至少一种"
        case EvidenceAccepted(types=()):
            yield "就诊凭证至少认一种"
        case MaterialNeed(name=name, one_of=()):
            yield f"{quoted(name)}：材料至少一种，不要的不写"
