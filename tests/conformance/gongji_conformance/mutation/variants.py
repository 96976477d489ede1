"""Every value that differs from a rule value in one figure, choice, row or member.

Walks the value beside its declared type, which says what else might stand there:
another member of an enum, NO_LIMIT for a figure, a figure for NO_LIMIT. Texts and
clauses are no figures and are left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import date, datetime, time, timedelta
from enum import Enum
from functools import cache, partial
from itertools import pairwise
from types import UnionType
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

from gongji import (
    ALWAYS,
    CLOSE,
    NO_LIMIT,
    OPERATOR_SETS,
    AlwaysOpen,
    AtOnce,
    Clause,
    CounterHours,
    EnrolmentTerms,
    FamilyLimit,
    GiverLimit,
    NoFund,
    NoLimit,
    NotOffered,
    NotSettled,
    OperatorSets,
    ReviewLatency,
    Scheme,
)

from gongji_conformance.mutation.sources import SOURCES

POINT_BP: Final = 100
"""Ratios move by one point."""

FEN: Final = 100_00
"""The amount that stands where there was none: 100 yuan."""

FEW: Final = 4
"""An enum of up to so many members is changed to each other one; of more, to the next."""

RELATIONS: Final = CLOSE.codes | {
    "28",
    "38",
    "53",
    "54",
    "55",
    "56",
    "72",
    "74",
    "76",
    "78",
}
"""Relations that may be added: close relatives and in-laws by GB/T 4761."""

_NOWHERE: Final = Clause.assumption("T-MUTATION", "变异测试")
_SAMPLES: Final[Mapping[type, object]] = {
    NoLimit: NO_LIMIT,
    OperatorSets: OPERATOR_SETS,
    AlwaysOpen: ALWAYS,
    CounterHours: CounterHours(
        opens=time(9),
        closes=time(17),
    ),
    FamilyLimit: FamilyLimit(
        people=7,
        counting_holder=True,
    ),
    GiverLimit: GiverLimit(givers=1),
    NoFund: NoFund(_NOWHERE),
    NotOffered: NotOffered(_NOWHERE),
    NotSettled: NotSettled(_NOWHERE, _NOWHERE),
    EnrolmentTerms: EnrolmentTerms(schemes=frozenset(Scheme)),
}
"""What stands in place of a value if its declared type also admits something else."""


@dataclass(
    frozen=True,
    slots=True,
)
class Variant:
    """A value with one change: the place, the change, the fields on the way to it."""

    where: str
    change: str
    value: Any
    fields: tuple[str, ...] = ()


Variants = Iterator[Variant]
Single = bool | int | time


def variants(
    value: Any,
    declared: Any,
    name: str = "",
) -> Variants:
    """Yield every value one change away from `value`, in a fixed order.

    `name` is the field it stands in, for its unit.
    """
    yield from _of_other_type(value, declared, name)
    if isinstance(value, (str, *SOURCES)) or value is None:
        return
    chosen = _member(value, declared)
    # bool and Enum first: they are int, tuple or str as well.
    if isinstance(value, Enum):
        yield from _replacements(value, _other_members(value))
    elif isinstance(value, (bool, int, time)):
        yield from _replacements(value, _neighbours(value, name))
    elif isinstance(value, Mapping):
        yield from _of_mapping(value, chosen, name)
    elif isinstance(value, frozenset):
        yield from _of_set(value, chosen, name)
    elif isinstance(value, tuple):
        yield from _of_row(value, chosen, name)
    elif is_dataclass(value):
        yield from _of_record(value)


def label(value: object) -> str:
    """Return the name of a part of a value in a mutant's name."""
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, time):
        return f"{value:%H:%M}"
    if isinstance(value, (str, int, date)):
        return str(value)
    # At most one of these fields says which row of a table it is.
    naming = {"name", "title", "heading", "situation"}
    names = [field.name for field in fields(value)] if is_dataclass(value) else []
    for name in naming.intersection(names):
        return label(getattr(value, name))
    return type(value).__name__


def _replacements(value: object, by: Iterable[object]) -> Variants:
    """Yield each replacement as a variant."""
    for replacement in by:
        yield Variant("", f"{label(value)}→{label(replacement)}", replacement)


def _without(part: str, value: Any) -> Variant:
    return Variant("", f"去掉 {part}", value)


def _with(part: str, value: Any) -> Variant:
    return Variant("", f"加上 {part}", value)


def _swapped(
    first: str,
    second: str,
    value: Any,
) -> Variant:
    return Variant("", f"{first} 与 {second} 对调", value)


# --- values of several parts ------------------------------------------------------


def _of_record(value: Any) -> Variants:
    """Yield it with each field changed."""
    kind: Any = type(value)
    hints = _hints(kind)
    for field in fields(value):
        part = getattr(value, field.name)
        for inner in variants(part, hints[field.name], field.name):
            changed = replace(value, **{field.name: inner.value})
            yield Variant(
                where=f".{field.name}{inner.where}",
                change=inner.change,
                value=_loadable(changed, value),
                fields=(field.name, *inner.fields),
            )


def _loadable(changed: Any, value: Any) -> Any:
    """Return a review with the days its new time to take effect must have.

    None if it takes effect at once, else at least one.
    """
    if not isinstance(changed, ReviewLatency) or changed.at_once is value.at_once:
        return changed
    if changed.at_once is AtOnce.ALWAYS:
        return replace(
            changed,
            working_days=0,
            earliest_working_days=0,
        )
    if value.working_days:
        return changed
    return replace(changed, working_days=1)


def _of_mapping(
    value: Mapping[Any, Any],
    declared: Any,
    name: str,
) -> Variants:
    """Yield it with each entry changed, dropped, or swapped with the next."""
    _, of_entry = get_args(declared)
    for key, part in value.items():
        entered = partial(_entered, value, key)
        yield from _lifted(part, of_entry, name, f"[{label(key)}]", entered)
    for key in value:
        remaining = dict(value)
        del remaining[key]
        yield _without(label(key), remaining)
    for first, second in pairwise(value):
        if value[first] != value[second]:
            swapped = {**value, first: value[second], second: value[first]}
            yield _swapped(label(first), label(second), swapped)


def _of_set(
    value: frozenset[Any],
    declared: Any,
    name: str,
) -> Variants:
    """Yield it with each member dropped, each that might be one added."""
    (of_member,) = get_args(declared)
    for member in sorted(value, key=label):
        yield _without(label(member), value - {member})
    possible = RELATIONS if name == "codes" else _all_of(of_member)
    for member in sorted(set(possible) - value, key=label):
        yield _with(label(member), value | {member})


def _of_row(
    value: tuple[Any, ...],
    declared: Any,
    name: str,
) -> Variants:
    """Yield it with each part changed, dropped, swapped with the next, or added."""
    of_part = get_args(declared)[0]
    if of_part is Clause:
        return
    yield from _parts_changed(value, of_part, name)
    for at, part in enumerate(value):
        remaining = (*value[:at], *value[at + 1 :])
        yield _without(f"{at} {label(part)}", remaining)
    for member in _all_of(of_part):
        if member not in value:
            yield _with(label(member), (*value, member))
    yield from _neighbours_swapped(value)


def _neighbours_swapped(value: tuple[Any, ...]) -> Variants:
    """Yield it with each part swapped with the next."""
    for at, (first, second) in enumerate(pairwise(value)):
        following = at + 1
        swapped = list(value)
        swapped[at] = second
        swapped[following] = first
        yield _swapped(
            f"{at} {label(first)}",
            f"{following} {label(second)}",
            tuple(swapped),
        )


def _parts_changed(
    value: tuple[Any, ...],
    of_part: Any,
    name: str,
) -> Variants:
    """Yield it with each part changed."""
    for at, part in enumerate(value):
        # A member of an enum is dropped and added instead.
        if not isinstance(part, Enum):
            placed = partial(_placed, value, at)
            yield from _lifted(part, of_part, name, f"[{at}]", placed)


def _lifted(
    part: Any,
    declared: Any,
    name: str,
    where: str,
    rebuild: Callable[[Any], Any],
) -> Variants:
    """Yield a whole with each variant of one of its parts."""
    for inner in variants(part, declared, name):
        yield Variant(
            where=f"{where}{inner.where}",
            change=inner.change,
            value=rebuild(inner.value),
            fields=inner.fields,
        )


def _entered(
    value: Mapping[Any, Any],
    key: Any,
    new: Any,
) -> Mapping[Any, Any]:
    return {**value, key: new}


def _placed(
    value: tuple[Any, ...],
    at: int,
    new: Any,
) -> tuple[Any, ...]:
    placed = list(value)
    placed[at] = new
    return tuple(placed)


# --- single values ----------------------------------------------------------------


def _of_other_type(
    value: Any,
    declared: Any,
    name: str,
) -> Variants:
    """Yield what else the declared type admits: no limit for a figure, or one for none."""
    for kind in _members(declared):
        sample = _sample(kind, name)
        # Asked last: of `Mapping[str, X]`, which has no sample, it cannot be asked.
        if sample is not None and not isinstance(value, kind):
            yield from _replacements(value, [sample])


def _sample(kind: Any, name: str) -> object:
    """Return a value of a type for a value of another, None if there is none."""
    if kind is int:
        if name == "pharmacy":
            return 1
        return FEN
    return _SAMPLES.get(kind)


def _neighbours(value: Single, name: str) -> list[Single]:
    """Return the other truth, the figures or the minutes beside; no figure below 0."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, time):
        # A time alone cannot be added to.
        at = datetime.combine(date(2000, 1, 1), value)
        return [(at + timedelta(minutes=minutes)).time() for minutes in (-1, 1)]
    step = POINT_BP if name.endswith("_bp") else 1
    figures = (value - step, value + step)
    return [figure for figure in figures if figure >= 0]


def _other_members(value: Enum) -> list[Enum]:
    """Return each other member of a small enum, the next of a large one."""
    members = list(type(value))
    if len(members) <= FEW:
        return [member for member in members if member is not value]
    following = members.index(value) + 1
    return [members[following % len(members)]]


def _all_of(declared: Any) -> list[Any]:
    if isinstance(declared, type) and issubclass(declared, Enum):
        return list(declared)
    return []


# --- types ------------------------------------------------------------------------


def _members(declared: Any) -> tuple[Any, ...]:
    """Return the types of a union, or the one declared."""
    if get_origin(declared) in {Union, UnionType}:
        return get_args(declared)
    return (declared,)


def _member(value: object, declared: Any) -> Any:
    """Return the type of a union that the value is of."""
    for member in _members(declared):
        # Of `Mapping[str, X]` it cannot be asked, of `Mapping` it can.
        kind = get_origin(member) or member
        if isinstance(kind, type) and isinstance(value, kind):
            return member
    return declared


# Evaluated once a type: tables have many rows of one.
@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)
