"""The policy's file (策略文件): its keys, and what is wrong with one, key by key."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Literal, get_args, get_origin

import msgspec
from msgspec import Meta, Struct, structs

from gongji.access.callers import CallerLimits, Kind
from gongji.model.guessing import GuessingLimits
from gongji.text.characters import problem_of_text

EVERY: Final = "*"
"""Every city, channel or institution."""

_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,60}")

_KINDS: Final = "、".join(Kind)

Texts = list[Annotated[str, Meta(min_length=1, max_length=300)]]

FurtherField = Literal["contribution_base", "kin", "phone"]
"""What `GetPerson` shows of a person to nobody by default."""


SUBJECT_MAX_AGE_S: Final = 1800
"""Seconds for which a person counts as identified, unless the file says."""


class CallerEntry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One caller as the file has it."""

    kind: Annotated[Kind, Meta(description=f"{_KINDS} 之一")]
    cities: Annotated[
        list[Annotated[str, Meta(pattern=r"\A([1-9][0-9]{3}|[1-9][0-9]{5}|\*)\Z")]],
        Meta(description='四位或六位医保区划的列表，如 ["3408"]；全部写作 ["*"]'),
    ] = []
    channels: Annotated[
        list[Annotated[str, Meta(pattern=r"\A([a-z0-9_]{1,60}|\*)\Z")]],
        Meta(description='渠道代码的列表，如 ["wanshitong"]；全部写作 ["*"]'),
    ] = []
    institutions: Annotated[
        list[Annotated[str, Meta(pattern=r"\A([A-Z][0-9]{6}[0-9A-Z]{5}|\*)\Z")]],
        Meta(description='12 位机构编号的列表，如 ["H34080000001"]；全部写作 ["*"]'),
    ] = []
    certificates: Annotated[
        Texts,
        Meta(description="证书名称的列表：SAN URI，没有时为主体，如 CN=wanshitong"),
    ] = []
    tokens: Annotated[Texts, Meta(description="令牌主体（sub）的列表")] = []
    former: Annotated[
        list[Annotated[str, Meta(pattern=r"\A[A-Za-z0-9._-]{1,60}\Z")]],
        Meta(description="从前自报名称（x-gongji-caller）的列表"),
    ] = []
    fields: Annotated[
        list[FurtherField],
        Meta(description=f"{'、'.join(get_args(FurtherField))} 的列表"),
    ] = []
    limits: CallerLimits = CallerLimits()


class PolicyDocument(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file; `revision` is the operator's name of this edition."""

    version: Annotated[Literal[1], Meta(description="1（本程序只认这一版格式）")]
    revision: Annotated[
        str, Meta(min_length=1, max_length=60, description="1 至 60 个字的版本名称")
    ]
    callers: dict[str, CallerEntry]
    limits: CallerLimits = CallerLimits()
    health: Annotated[
        Literal["callers", "anybody"], Meta(description="callers 或 anybody")
    ] = "callers"
    subject_max_age_s: Annotated[
        int, Meta(ge=60, le=86_400, description="60 至 86400 的秒数")
    ] = SUBJECT_MAX_AGE_S
    guessing: GuessingLimits = GuessingLimits()


class PolicyProblem(Struct, frozen=True):
    """What is wrong with a policy: the path of a key, and a Chinese sentence."""

    path: tuple[str, ...]
    message: str

    def __str__(self) -> str:
        return "：".join(filter(None, (".".join(self.path), self.message)))


def problems_of(document: Mapping[str, Any]) -> list[PolicyProblem]:
    """Return everything that is wrong with the form of a policy, in its order."""
    problems = list(problems_of_table(document, PolicyDocument, ()))
    callers = document.get("callers")
    if isinstance(callers, dict):
        problems += _of_names(callers)
    return problems


def problems_of_table(
    table: Mapping[str, Any], kind: type[Struct], path: tuple[str, ...]
) -> Iterator[PolicyProblem]:
    """Yield what is wrong with the form of a table, by the record it should be."""
    keys = {field.name: field for field in structs.fields(kind)}
    for key, value in table.items():
        if key in keys:
            yield from _of_value(value, keys[key].type, (*path, key))
        else:
            allowed = "、".join(keys)
            yield PolicyProblem((*path, key), f"没有这一项；可写的有 {allowed}")
    for key, field in keys.items():
        if field.required and key not in table:
            yield PolicyProblem((*path, key), "必填")


def _of_value(
    value: object, expected: Any, path: tuple[str, ...]
) -> Iterator[PolicyProblem]:
    if isinstance(expected, type) and issubclass(expected, Struct):
        if isinstance(value, dict):
            yield from problems_of_table(value, expected, path)
        else:
            yield PolicyProblem(path, f"须为一节 [{'.'.join(path)}]")
    elif get_origin(expected) is dict:
        yield from _of_callers(value, path)
    else:
        try:
            msgspec.convert(value, expected)
        except msgspec.ValidationError:
            yield PolicyProblem(path, f"须为：{expected.__metadata__[-1].description}")
        else:
            yield from _of_texts(value, path)


def _of_callers(value: object, path: tuple[str, ...]) -> Iterator[PolicyProblem]:
    if not isinstance(value, dict) or not value:
        yield PolicyProblem(
            path, "须至少有一个调用方，各写一节，如 [callers.wanshitong]"
        )
        return
    for name, entry in value.items():
        if not _NAME.fullmatch(name):
            message = "名称须为 1 至 60 个字母、数字、点、下划线或连字符"
            yield PolicyProblem((*path, name), message)
        yield from _of_value(entry, CallerEntry, (*path, name))


def _of_texts(value: object, path: tuple[str, ...]) -> Iterator[PolicyProblem]:
    """Yield what is wrong with texts that have the right form otherwise."""
    texts = value if isinstance(value, list) else [value]
    for text in texts:
        problem = problem_of_text(text) if isinstance(text, str) else ""
        if problem:
            yield PolicyProblem(path, problem)
    if len(set(texts)) < len(texts):
        yield PolicyProblem(path, "同一项写了两次")
    if EVERY in texts and len(texts) > 1:
        yield PolicyProblem(path, f"{EVERY} 已是全部，不能与别的并列")


def _of_names(callers: Mapping[str, Any]) -> Iterator[PolicyProblem]:
    """Yield what two callers claim both."""
    for key in ("certificates", "tokens", "former"):
        claimed: dict[str, str] = {}
        for name, text in _claims(callers, key):
            other = claimed.setdefault(text, name)
            if other != name:
                message = f"{text} 已属于调用方 {other}"
                yield PolicyProblem(("callers", name, key), message)
    for name, text in _claims(callers, "former"):
        if text != name and text in callers:
            message = f"{text} 是另一调用方的名称"
            yield PolicyProblem(("callers", name, "former"), message)


def _claims(callers: Mapping[str, Any], key: str) -> Iterator[tuple[str, str]]:
    """Yield each caller's name with each text under a key, as far as they are texts."""
    for name, entry in callers.items():
        listed = entry.get(key) if isinstance(entry, dict) else None
        if isinstance(listed, list):
            yield from ((name, text) for text in listed if isinstance(text, str))
