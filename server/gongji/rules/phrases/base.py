"""The phrase of any value by its type, and of what all rules are made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import time
from enum import Enum, IntEnum
from functools import singledispatch

from gongji.rules.channels import Channel
from gongji.rules.clauses import Clause
from gongji.rules.hookspecs import question
from gongji.rules.terms import TERMS

NOTHING = "无"


def in_words(value: object, names: Mapping[str, str] | None = None) -> str:
    """Return a rule value as a Chinese phrase. TypeError if no rule holds such a value.

    `names` are display names for string keys such as channel ids.
    """
    if isinstance(value, Mapping):
        return _mapping(value, names or {})
    return phrase(value)


def topic(hook: str) -> str:
    """Return the field's term for a hook: "family_limit" → "家庭账户人数上限"."""
    _, _, in_brackets = question(hook).rpartition("(")
    return in_brackets.partition(")")[0]


@singledispatch
def phrase_under(key: object, value: object) -> str:
    """Return the phrase of one entry of a mapping; its key may say of whom it speaks."""
    del key
    return in_words(value)


@singledispatch
def phrase(value: object) -> str:
    """Return the phrase of one value that is no mapping."""
    kind = type(value).__name__
    raise TypeError(
        f"没有为 {kind} 类型的规则值写中文说法，请在 gongji.rules.phrases 中补上"
    )


def joined(parts: Iterable[object], separator: str = "、") -> str:
    """Return phrases one after the other, or that there is nothing."""
    return separator.join(phrase(part) for part in parts) or NOTHING


def _mapping(value: Mapping[object, object], names: Mapping[str, str]) -> str:
    """Return keys of one value together: "皖事通APP、网上大厅：即时生效；线下窗口：…"."""
    # A channel's phrase begins with its name, so its id would only repeat it.
    if all(isinstance(part, Channel) for part in value.values()):
        return joined(value.values())
    names_by_phrase: dict[str, list[str]] = {}
    for key, part in value.items():
        name = names.get(key, key) if isinstance(key, str) else phrase(key)
        names_by_phrase.setdefault(phrase_under(key, part), []).append(name)
    parts = [f"{'、'.join(keys)}：{text}" for text, keys in names_by_phrase.items()]
    return "；".join(parts) or NOTHING


@phrase.register
def _(value: str) -> str:
    return value


@phrase.register
def _(value: int) -> str:
    # Days are the only bare number a hook answers with (application_expiry).
    return f"{value}天"


@phrase.register
def _(value: time) -> str:
    return f"{value.hour}:{value.minute:02d}"


@phrase.register(Enum)
@phrase.register(IntEnum)
def _(value: Enum) -> str:
    return TERMS[type(value)][value]


@phrase.register(tuple)
def _(value: tuple[object, ...]) -> str:
    return joined(value, "；")


@phrase.register(frozenset)
def _(value: frozenset[Enum]) -> str:
    # In the order their type declares: a set's own order hangs on hashing.
    kinds = dict.fromkeys(type(member) for member in value)
    ordered = [member for kind in kinds for member in kind if member in value]
    return joined(ordered)


@phrase.register
def _(value: Clause) -> str:
    return f"{value.text}[{value.id}]"
