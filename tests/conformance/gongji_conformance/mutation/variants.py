"""One change at a time: every value that differs from a rule value in one figure, choice, row or member.

Walks the value beside its declared type, so that it knows what else might stand there: another member of an enum,
NO_LIMIT for a figure, a figure for NO_LIMIT. Texts and clauses are no figures and are left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import date, datetime, time, timedelta
from enum import Enum
from functools import cache, partial
from itertools import pairwise
from types import NoneType, UnionType
from typing import Any, Final, Union, cast, get_args, get_origin, get_type_hints

from gongji import (
    ALWAYS,
    CLOSE,
    NO_LIMIT,
    OPERATOR_SETS,
    AlwaysOpen,
    AtOnce,
    ChannelClauses,
    Clause,
    CounterHours,
    CreditClauses,
    FamilyLimit,
    GiverLimit,
    NoFund,
    NoLimit,
    OperatorSets,
    ReviewLatency,
    TableClauses,
    UsesClauses,
)

POINT_BP: Final = 100
"""Ratios move by one point."""

FEN: Final = 100_00
"""The amount that stands where there was none: 100 yuan."""

FEW: Final = 4
"""An enum of up to so many members is changed to each other one; of more, to the next."""

RELATIONS: Final = CLOSE.codes | {"28", "38", "53", "54", "55", "56", "72", "74", "76", "78"}
"""Relations that may be added: close relatives and in-laws by GB/T 4761."""

_SOURCES: Final = (Clause, ChannelClauses, CreditClauses, TableClauses, UsesClauses)
_NOWHERE: Final = Clause.assumption("T-MUTATION", "变异测试")
_INSTEAD: Final[Mapping[type, object]] = {
    NoLimit: NO_LIMIT,
    OperatorSets: OPERATOR_SETS,
    AlwaysOpen: ALWAYS,
    CounterHours: CounterHours(opens=time(9), closes=time(17)),
    FamilyLimit: FamilyLimit(people=7, counting_holder=True),
    GiverLimit: GiverLimit(givers=1),
    NoFund: NoFund(_NOWHERE),
}
"""What stands in place of a value where its declared type also admits something else."""


@dataclass(frozen=True, slots=True)
class Variant:
    """A value with one change: where, what, and the names of the fields on the way down to it."""

    where: str
    change: str
    value: Any
    fields: tuple[str, ...] = ()


def variants(value: Any, declared: Any, name: str = "") -> Iterator[Variant]:
    """Every value one change away from `value`, in a fixed order; `name` is the field it stands in, for its unit."""
    chosen = _member(value, declared)
    yield from _instead(value, declared, name)
    if isinstance(value, (str, *_SOURCES)) or value is None:
        return
    if isinstance(value, Enum):
        yield from (Variant("", f"{told(value)}→{told(other)}", other) for other in _others(value))
    elif isinstance(value, (bool, int, time)):
        yield from (Variant("", f"{told(value)}→{told(other)}", other) for other in _beside(value, name))
    elif isinstance(value, Mapping):
        yield from _of_mapping(value, chosen, name)
    elif isinstance(value, frozenset):
        yield from _of_set(value, chosen, name)
    elif isinstance(value, tuple):
        yield from _of_row(value, chosen, name)
    elif is_dataclass(value):
        yield from _of_record(value)


def told(value: object) -> str:
    """A part of a value as a mutant's name tells it."""
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, time):
        return f"{value:%H:%M}"
    if is_dataclass(value):
        named = {field.name for field in fields(value)} & {"name", "title", "heading", "situation"}
        return told(getattr(value, named.pop())) if named else type(value).__name__
    return str(value) if isinstance(value, (str, int, date)) else type(value).__name__


def _of_record(value: Any) -> Iterator[Variant]:
    kind: Any = type(value)
    hints = _hints(kind)
    for field in fields(value):
        declared = hints[field.name]
        for inner in variants(getattr(value, field.name), declared, field.name):
            changed = _possible(replace(value, **{field.name: inner.value}), value)
            named = (field.name, *inner.fields)
            yield Variant(f".{field.name}{inner.where}", inner.change, changed, named)


def _possible(changed: Any, value: Any) -> Any:
    """A review with the days its new time to take effect must have: none at once, else at least one."""
    if not isinstance(changed, ReviewLatency) or changed.at_once is value.at_once:
        return changed
    if changed.at_once is AtOnce.ALWAYS:
        return replace(changed, working_days=0, earliest_working_days=0)
    return changed if value.working_days else replace(changed, working_days=1)


def _of_mapping(value: Mapping[Any, Any], declared: Any, name: str) -> Iterator[Variant]:
    """Each entry changed, dropped, or swapped with the next."""
    _, of_entry = get_args(declared)
    for key, part in value.items():
        yield from _lifted(part, of_entry, name, f"[{told(key)}]", partial(_entered, value, key))
    for key in value:
        yield Variant("", f"去掉 {told(key)}", {k: part for k, part in value.items() if k != key})
    for one, other in pairwise(value):
        if value[one] != value[other]:
            swapped = {**value, one: value[other], other: value[one]}
            yield Variant("", f"{told(one)} 与 {told(other)} 对调", swapped)


def _of_set(value: frozenset[Any], declared: Any, name: str) -> Iterator[Variant]:
    """Each member dropped, each that might be one added."""
    (of_member,) = get_args(declared)
    for member in sorted(value, key=told):
        yield Variant("", f"去掉 {told(member)}", value - {member})
    possible = RELATIONS if name == "codes" else _all_of(of_member)
    for member in sorted(set(possible) - value, key=told):
        yield Variant("", f"加上 {told(member)}", value | {member})


def _of_row(value: tuple[Any, ...], declared: Any, name: str) -> Iterator[Variant]:
    """Each part changed, dropped, or swapped with the next; each other member of an enum added."""
    of_part = get_args(declared)[0]
    if of_part is Clause:
        return
    for at, part in enumerate(value):
        if not isinstance(part, Enum):  # dropped and added instead
            yield from _lifted(part, of_part, name, f"[{at}]", partial(_placed, value, at))
    for at, part in enumerate(value):
        yield Variant("", f"去掉 {at} {told(part)}", (*value[:at], *value[at + 1 :]))
    for member in _all_of(of_part):
        if member not in value:
            yield Variant("", f"加上 {told(member)}", (*value, member))
    for at, (one, other) in enumerate(pairwise(value)):
        swapped = (*value[:at], other, one, *value[at + 2 :])
        yield Variant("", f"{at} {told(one)} 与 {at + 1} {told(other)} 对调", swapped)


def _lifted(part: Any, declared: Any, name: str, where: str, rebuild: Callable[[Any], Any]) -> Iterator[Variant]:
    for inner in variants(part, declared, name):
        yield Variant(f"{where}{inner.where}", inner.change, rebuild(inner.value), inner.fields)


def _entered(value: Mapping[Any, Any], key: Any, new: Any) -> Mapping[Any, Any]:
    return {**value, key: new}


def _placed(value: tuple[Any, ...], at: int, new: Any) -> tuple[Any, ...]:
    return (*value[:at], new, *value[at + 1 :])


def _instead(value: Any, declared: Any, name: str) -> Iterator[Variant]:
    """What else the declared type admits: no limit for a figure, a figure for none, no fund for a table."""
    for kind in _members(declared):
        other = (1 if name == "pharmacy" else FEN) if kind is int else _INSTEAD.get(kind)
        if other is not None and not isinstance(value, kind):
            yield Variant("", f"{told(value)}→{told(other)}", other)


def _beside(value: bool | int | time, name: str) -> list[bool | int | time]:  # noqa: FBT001 - the value itself
    """The other truth, the neighbouring figures or the minutes around an hour; a figure never below 0."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, time):
        at = datetime.combine(date(2000, 1, 1), value)
        return [(at + timedelta(minutes=minutes)).time() for minutes in (-1, 1)]
    step = POINT_BP if name.endswith("_bp") else 1
    return [figure for figure in (value - step, value + step) if figure >= 0]


def _others(value: Enum) -> list[Enum]:
    members = list(type(value))
    others = [member for member in members if member is not value]
    if len(members) <= FEW:
        return others
    return [members[(members.index(value) + 1) % len(members)]]


def _all_of(declared: Any) -> list[Any]:
    return list(declared) if isinstance(declared, type) and issubclass(declared, Enum) else []


def _members(declared: Any) -> tuple[Any, ...]:
    """The types of a union, or the one declared."""
    return get_args(declared) if get_origin(declared) in {Union, UnionType} else (declared,)


def _member(value: object, declared: Any) -> Any:
    """The type of a union that the value is of."""
    plain = {one: cast("type", get_origin(one) or one) for one in _members(declared) if one is not NoneType}
    return next((one for one, kind in plain.items() if isinstance(kind, type) and isinstance(value, kind)), declared)


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)
