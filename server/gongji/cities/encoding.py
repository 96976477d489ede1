"""Rule values as canonical JSON and back: equal values have equal bytes on any machine.

A number, text, bool or None is itself and a tuple an array; anything else is an object
whose `$` names say what it is:

    {"$type": "Table", "covers": …, …}   a dataclass, with every field
    {"$enum": ["Scheme", "EMPLOYEE"]}    a member of an enum
    {"$map": [[key, value], …]}          a mapping, by the text of its keys
    {"$set": [item, …]}                  a frozenset, by the text of its items
    {"$day": "2025-01-01"}, {"$time": "08:30:00"}

Types are those a hook may answer with, and no others. A field that a document does not
have yet takes its default; a type, member or field that is gone is UnreadableRules.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import date, time
from enum import Enum
from functools import cache
from types import MappingProxyType
from typing import Any, Final, get_args, get_type_hints

from gongji.rules.clauses import Candidate, Ruled
from gongji.rules.hookspecs import DATED_HOOKS, CityRules


class UnreadableRules(ValueError):  # noqa: N818 - a state of stored rules, told as it is
    """A kept document that this program cannot read: `problem` says in Chinese why."""


class UnwritableRules(ValueError):  # noqa: N818 - a finding about a plugin
    """A value of no rule type, such as one a plugin defines itself, or text that is none."""


@cache
def rule_types() -> Mapping[str, type]:
    """Return every dataclass and enum that a hook may answer with, by name."""
    # Filled while it is gone through: a type met again is not gone into again.
    found: dict[str, type] = {}
    hooks = [getattr(CityRules, hook) for hook in DATED_HOOKS]
    declared = [get_type_hints(hook)["return"] for hook in hooks]
    for part in _types_in([*declared, Ruled, Candidate], found):
        found[part.__name__] = part
    return found


def _types_in(declared: Iterable[Any], found: Mapping[str, type]) -> Iterator[type]:
    """Yield the dataclasses and enums in type expressions, down to the last field."""
    for expression in declared:
        parts = get_args(expression)
        own = getattr(expression, "__origin__", expression)
        if isinstance(own, type) and found.get(own.__name__) is not own:
            if issubclass(own, Enum):
                yield own
            elif is_dataclass(own):
                yield own
                parts += tuple(get_type_hints(own).values())
        yield from _types_in(parts, found)


def encoded(value: object) -> bytes:
    """Return a value as canonical JSON in UTF-8. UnwritableRules."""
    return _in_utf8(_canonical(_jsonable(value)))


def encoded_in_order(value: object) -> bytes:
    """Return a value as JSON whose mappings keep the order in which people read them.

    UnwritableRules.
    """
    return _in_utf8(_jsonable(value))


def _in_utf8(jsonable: object) -> bytes:
    try:
        return _text(jsonable).encode()
    except UnicodeEncodeError as error:
        raise UnwritableRules(f"文字不能写成 UTF-8：{error.reason}") from error


def decoded(document: bytes) -> Any:
    """Return the value of a document. UnreadableRules."""
    try:
        return _value(json.loads(document))
    except (ValueError, TypeError, RecursionError) as error:
        if isinstance(error, UnreadableRules):
            raise
        raise UnreadableRules(f"规则文档不能读出：{error}") from error


def _text(jsonable: object) -> str:
    return json.dumps(
        jsonable, ensure_ascii=False, sort_keys=True, separators=(",", ":")
    )


def _jsonable(value: object) -> Any:
    # The exact type: a subclass could answer otherwise than what is written of it.
    kind = type(value)
    if (write := _WRITERS.get(kind)) is not None:
        return write(value)
    if rule_types().get(kind.__name__) is not kind:
        msg = f"{kind.__module__}.{kind.__qualname__} 不是规则类型，不得自行定义或继承"
        raise UnwritableRules(msg)
    if isinstance(value, Enum):
        return {"$enum": [kind.__name__, value.name]}
    return {"$type": kind.__name__, **_fields_of(value)}


def _itself(value: Any) -> Any:
    return value


def _array(values: Iterable[Any]) -> list[Any]:
    return [_jsonable(value) for value in values]


def _set(values: Iterable[Any]) -> Any:
    return {"$set": sorted(_array(values), key=_text)}


def _map(mapping: Mapping[Any, Any]) -> Any:
    return {
        "$map": [[_jsonable(key), _jsonable(item)] for key, item in mapping.items()]
    }


def _canonical(jsonable: Any) -> Any:
    """Return the same with the pairs of each mapping by the text of their keys."""
    if isinstance(jsonable, list):
        return [_canonical(item) for item in jsonable]
    if not isinstance(jsonable, dict):
        return jsonable
    parts = {name: _canonical(part) for name, part in jsonable.items()}
    if "$map" in parts:
        parts["$map"].sort(key=lambda pair: _text(pair[0]))
    return parts


def _fields_of(value: Any) -> dict[str, Any]:
    return {
        field.name: _jsonable(getattr(value, field.name)) for field in fields(value)
    }


_WRITERS: Final[Mapping[type, Callable[[Any], Any]]] = {
    bool: _itself,
    int: _itself,
    str: _itself,
    type(None): _itself,
    tuple: _array,
    frozenset: _set,
    dict: _map,
    MappingProxyType: _map,
    date: lambda day: {"$day": str(day)},
    time: lambda clock: {"$time": str(clock)},
}


def _value(jsonable: Any) -> Any:
    if isinstance(jsonable, list):
        return tuple(_value(item) for item in jsonable)
    if not isinstance(jsonable, dict):
        return jsonable
    tag = next((name for name in jsonable if name in _READERS), "")
    if not tag:
        raise UnreadableRules(f"规则文档含有不认识的值：{'、'.join(jsonable)}")
    written = {name: item for name, item in jsonable.items() if name != tag}
    return _READERS[tag](jsonable[tag], **written)


def _type_named(name: str) -> type:
    kind = rule_types().get(name)
    if kind is None:
        raise UnreadableRules(f"规则文档含有本程序没有的类型 {name}")
    return kind


def _member(written: tuple[str, str]) -> Any:
    kind, name = written
    try:
        return _type_named(kind)[name]  # type: ignore[index]  # an enum's member
    except KeyError:
        problem = f"规则文档含有本程序没有的取值 {kind}.{name}"
        raise UnreadableRules(problem) from None


def _instance(kind: str, /, **written: Any) -> Any:
    """Return a dataclass of these fields; those not written take their defaults."""
    known = {field.name: field for field in fields(_type_named(kind))}
    gone = sorted(set(written) - set(known))
    if gone:
        raise UnreadableRules(
            f"规则文档的 {kind} 含有本程序没有的字段 {'、'.join(gone)}"
        )
    lacking = [
        name
        for name, field in known.items()
        if name not in written
        and field.default is MISSING
        and field.default_factory is MISSING
    ]
    if lacking:
        raise UnreadableRules(
            f"规则文档的 {kind} 缺少没有默认值的字段 {'、'.join(lacking)}"
        )
    values = {name: _value(item) for name, item in written.items()}
    return _type_named(kind)(**values)


_READERS: Final[Mapping[str, Callable[..., Any]]] = {
    "$type": _instance,
    "$enum": _member,
    "$map": lambda pairs: {_value(key): _value(item) for key, item in pairs},
    "$set": lambda items: frozenset(map(_value, items)),
    "$day": date.fromisoformat,
    "$time": time.fromisoformat,
}
