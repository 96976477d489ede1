"""A national node as a table of fields: read into our message, with what ours does not
say kept, and written back.

Law: `write(ours, table, read(node, table, ours))` is the node again. Each value stands
in ours or in `KeptNode.rest`; where ours says the value but not its spelling (5.5,
"5.50", null), `KeptNode.spelled` holds the spelling.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from google.protobuf.message import Message

from gongji.national.forms import ANY, TEXT, Form, NationalFault

Node = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Field:
    """One national field: said by ours at the path `ours`, or kept, and `why`."""

    name: str
    chinese: str
    ours: str = ""
    form: Form = ANY
    required: bool = False
    why: str = ""
    fresh: str = ""
    """Written where the message is made here and nobody gave the value: "0" for a
    number, "" for all else."""


Table = tuple[Field, ...]


def used(
    name: str, chinese: str, ours: str, form: Form = TEXT, *, required: bool = True
) -> Field:
    """A field that ours says."""
    return Field(name, chinese, ours, form, required)


def kept(
    name: str,
    chinese: str,
    why: str,
    form: Form = ANY,
    *,
    required: bool = False,
    fresh: str = "",
) -> Field:
    """A field that ours does not say: kept as it came, for the reason given."""
    return Field(name, chinese, "", form, required, why, fresh)


@dataclass(frozen=True, slots=True)
class KeptNode:
    """What ours does not say of one node: other fields, spellings not our own, used
    fields that were absent."""

    rest: dict[str, Any] = field(default_factory=dict)
    spelled: dict[str, Any] = field(default_factory=dict)
    absent: tuple[str, ...] = ()


NOTHING: Final = KeptNode()


def read(node: Node, table: Table, into: Message, where: str = "") -> KeptNode:
    """Puts what the node says into ours; the rest is kept. NationalFault names the field."""
    spelled, absent = {}, []
    for one in table:
        path = where + one.name
        value = one.form.read(node.get(one.name), path)
        if one.required and (one.name not in node or _empty(one, value)):
            raise NationalFault(f"缺少必填字段 {path} ({one.chinese})")
        if not one.ours:
            continue
        _put(into, one.ours, value, path)
        if one.name not in node:
            absent.append(one.name)
        elif one.form.write(value) != node[one.name]:
            spelled[one.name] = node[one.name]
    said = {one.name for one in table if one.ours}
    return KeptNode(
        {name: value for name, value in node.items() if name not in said},
        spelled,
        tuple(absent),
    )


def write(
    ours: Message, table: Table, kept: KeptNode, where: str = ""
) -> dict[str, Any]:
    """The node that says what ours and kept say, in the table's order. NationalFault
    names what is missing."""
    node: dict[str, Any] = {}
    for one in table:
        if one.ours:
            value = take(ours, one.ours)
            if not (one.name in kept.absent and value == one.form.read(None, one.name)):
                node[one.name] = _spelling(one, value, kept)
        elif one.name in kept.rest:
            node[one.name] = kept.rest[one.name]
        if one.required and (
            one.name not in node or _empty(one, one.form.read(node[one.name], one.name))
        ):
            raise NationalFault(
                f"国家报文必填的 {where}{one.name} ({one.chinese}) 没有给出"
            )
    return node | {name: value for name, value in kept.rest.items() if name not in node}


def _spelling(one: Field, value: object, kept: KeptNode) -> object:
    """As it was spelled when it was read, if that still says the same; else our own spelling."""
    if (
        one.name in kept.spelled
        and one.form.read(kept.spelled[one.name], one.name) == value
    ):
        return kept.spelled[one.name]
    return one.form.write(value)


def _empty(one: Field, value: object) -> bool:
    """Whether a required text or code says nothing; an empty number says 0."""
    return one.form is not ANY and not one.form.write(value)


def fresh(table: Table, known: Node) -> KeptNode:
    """What is kept of a message made here: what is known, and for every other kept
    field its empty value."""
    return KeptNode(
        {one.name: known.get(one.name, one.fresh) for one in table if not one.ours}
    )


def take(message: Message, path: str) -> Any:
    """The value at a path like bill.total_fen; None for a message that is absent."""
    parent, last = _parent(message, path)
    if parent.DESCRIPTOR.fields_by_name[
        last
    ].message_type is not None and not parent.HasField(last):
        return None
    return getattr(parent, last)


def _put(message: Message, path: str, value: object, where: str) -> None:
    """Sets the value at a path; None leaves it absent."""
    parent, last = _parent(message, path)
    if isinstance(value, Message):
        getattr(parent, last).CopyFrom(value)
    elif value is not None:
        try:
            setattr(parent, last, value)
        except UnicodeError as fault:
            raise NationalFault(f"{where} 含有无法写成 UTF-8 的文本") from fault


def _parent(message: Any, path: str) -> tuple[Any, str]:
    *parents, last = path.split(".")
    for name in parents:
        message = getattr(message, name)
    return message, last


def differing(one: Message, other: Message, where: str = "") -> list[str]:
    """Paths at which two messages of one kind differ."""
    found = []
    for described in one.DESCRIPTOR.fields:
        mine, theirs = getattr(one, described.name), getattr(other, described.name)
        if described.message_type is None or described.is_repeated:
            found += [where + described.name] if mine != theirs else []
        elif one.HasField(described.name) and other.HasField(described.name):
            found += differing(mine, theirs, f"{where}{described.name}.")
        elif one.HasField(described.name) != other.HasField(described.name):
            found.append(where + described.name)
    return found
