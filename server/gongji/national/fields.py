"""A national node as a table of fields: read into our message, and written back.

Law: `write(ours, table, read(node, table, ours))` is the node again. Each value stands
in ours or in `UnmappedNode.fields`; if ours says the value but not its spelling (5.5,
"5.50", null), `UnmappedNode.spellings` holds the spelling.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.message import Message
from msgspec import Struct, field

from gongji.national.forms import (
    ANY,
    ANY_ID,
    HEAD_ANY_ID,
    HEAD_TEXT,
    TEXT,
    Form,
    NationalFault,
)

Node = Mapping[str, Any]

_UNREAD: Final = (ANY, ANY_ID)
"""Forms of values that may be empty although the field must be there."""

_UNREAD_IN_HEAD: Final = (HEAD_TEXT, HEAD_ANY_ID)
"""The same, but null is no value."""


@dataclass(frozen=True, slots=True)
class Field:
    """One national field: mapped to ours at the path `proto`, or unmapped, and why."""

    name: str
    chinese: str
    proto: str = ""
    form: Form = ANY
    required: bool = False
    why: str = ""
    fresh: str = ""
    """Written if the message is made here and nobody gave the value: "0" for a number,
    "" for all else."""


Table = tuple[Field, ...]


def mapped(
    name: str, chinese: str, proto: str, form: Form = TEXT, *, required: bool = True
) -> Field:
    """Return a field that ours has a place for."""
    return Field(name, chinese, proto, form, required)


def carried(
    name: str,
    chinese: str,
    why: str,
    form: Form = ANY,
    *,
    required: bool = False,
    fresh: str = "",
) -> Field:
    """Return a field that ours has no place for, carried as it came, with the reason."""
    return Field(name, chinese, "", form, required, why, fresh)


class UnmappedNode(
    Struct,
    frozen=True,
    # Documents written by earlier versions use these names.
    rename={"fields": "rest", "spellings": "spelled"},
):
    """What ours does not say of one node.

    `fields` are those ours has no place for, `spellings` those that are not our own,
    `absent` the mapped fields that the node did not have.
    """

    fields: dict[str, Any] = field(default_factory=dict)
    spellings: dict[str, Any] = field(default_factory=dict)
    absent: tuple[str, ...] = ()


NOTHING: Final = UnmappedNode()


def read(node: Node, table: Table, into: Message, prefix: str = "") -> UnmappedNode:
    """Put what the node says into ours; return the remainder.

    NationalFault names the field that is missing or malformed.
    """
    fields, spellings, absent = dict(node), {}, []
    for entry in table:
        name, path = entry.name, prefix + entry.name
        value = entry.form.read(node.get(name), path)
        # null and "" read alike; a required field may be neither.
        if entry.required and (name not in node or _is_empty(entry, value)):
            raise NationalFault(f"缺少必填字段 {path}（{entry.chinese}）")
        if not entry.proto:
            continue
        _put(into, entry.proto, value, path)
        if name not in node:
            absent.append(name)
            continue
        del fields[name]
        # 5.5 and "5.50" are one amount; the sender gets back what it sent.
        if entry.form.write(value) != node[name]:
            spellings[name] = node[name]
    return UnmappedNode(fields, spellings, tuple(absent))


def restored(proto: Message, table: Table, unmapped: UnmappedNode) -> Message:
    """Return ours with what an earlier version carried and ours has a place for now.

    NationalFault if ours says something else.
    """
    carried_before = [e for e in table if e.proto and e.name in unmapped.fields]
    if not carried_before:
        return proto
    whole = type(proto)()
    whole.CopyFrom(proto)
    for entry in carried_before:
        value = entry.form.read(unmapped.fields[entry.name], entry.name)
        ours, nothing = take(proto, entry.proto), entry.form.read(None, entry.name)
        if ours not in (nothing, value):
            msg = (
                f"{entry.name}（{entry.chinese}）：报文转换时所留的取值与 {entry.proto} "
                "不同，不能都写；请去掉其中一个"
            )
            raise NationalFault(msg)
        _put(whole, entry.proto, value, entry.name)
    return whole


def write(
    proto: Message, table: Table, unmapped: UnmappedNode, prefix: str = ""
) -> dict[str, Any]:
    """Return the node that says what ours and `unmapped` say, in the table's order.

    NationalFault names a required field that nobody gives.
    """
    node: dict[str, Any] = {}
    for entry in table:
        # A field that ours has a place for now may have been carried when it was read.
        if entry.name in unmapped.fields:
            node[entry.name] = unmapped.fields[entry.name]
        elif entry.proto:
            _write_mapped(entry, take(proto, entry.proto), unmapped, node)
        if entry.required and _is_missing(entry, node):
            path = prefix + entry.name
            raise NationalFault(f"国家报文必填的 {path}（{entry.chinese}）没有给出")
    for name, value in unmapped.fields.items():
        node.setdefault(name, value)
    return node


def _write_mapped(
    entry: Field, value: object, unmapped: UnmappedNode, node: dict[str, Any]
) -> None:
    # What the node did not have, and ours still does not say, stays absent.
    says_nothing = value == entry.form.read(None, entry.name)
    if entry.name not in unmapped.absent or not says_nothing:
        node[entry.name] = _spelling(entry, value, unmapped)


def _spelling(entry: Field, value: object, unmapped: UnmappedNode) -> object:
    """Return the spelling that was read if it still says the same, else our own."""
    if entry.name in unmapped.spellings:
        spelling = unmapped.spellings[entry.name]
        if entry.form.read(spelling, entry.name) == value:
            return spelling
    return entry.form.write(value)


def _is_missing(entry: Field, node: Node) -> bool:
    if entry.name not in node:
        return True
    return _is_empty(entry, entry.form.read(node[entry.name], entry.name))


def _is_empty(entry: Field, value: object) -> bool:
    """Return whether a required text or code says nothing; an empty number says 0."""
    if entry.form in _UNREAD_IN_HEAD:
        return value is None
    return entry.form not in _UNREAD and not entry.form.write(value)


def fresh(table: Table, known: Node) -> UnmappedNode:
    """Return the unmapped fields of a message made here: what is known, else empty."""
    names = {entry.name: entry.fresh for entry in table if not entry.proto}
    return UnmappedNode({name: known.get(name, empty) for name, empty in names.items()})


def take(message: Message, path: str) -> Any:
    """Return the value at a path like bill.total_fen; None for an absent message."""
    parent, name = _parent(message, path)
    is_message = parent.DESCRIPTOR.fields_by_name[name].message_type is not None
    if is_message and not parent.HasField(name):
        return None
    return getattr(parent, name)


def _put(message: Message, path: str, value: object, national_path: str) -> None:
    """Set the value at a path; None leaves it absent."""
    parent, name = _parent(message, path)
    if isinstance(value, Message):
        getattr(parent, name).CopyFrom(value)
    elif value is not None:
        try:
            setattr(parent, name, value)
        # JSON may hold half of a surrogate pair, which no protobuf string can.
        except UnicodeError as error:
            msg = f"{national_path} 含有无法写成 UTF-8 的文本"
            raise NationalFault(msg) from error


def _parent(message: Any, path: str) -> tuple[Any, str]:
    *parents, name = path.split(".")
    for parent in parents:
        message = getattr(message, parent)
    return message, name


def differing(left: Message, right: Message, prefix: str = "") -> list[str]:
    """Return the paths at which two messages of one kind differ."""
    paths = []
    for descriptor in left.DESCRIPTOR.fields:
        name = descriptor.name
        path = prefix + name
        in_left, in_right = getattr(left, name), getattr(right, name)
        if descriptor.message_type is None or descriptor.is_repeated:
            if in_left != in_right:
                paths.append(path)
        elif left.HasField(name) and right.HasField(name):
            paths += differing(in_left, in_right, f"{path}.")
        elif left.HasField(name) != right.HasField(name):
            paths.append(path)
    return paths
