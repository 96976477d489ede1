"""A whole national message: its envelope and data node read into ours, and written back.

With `Unmapped`, what ours does not say, the message comes back as it was. Writing reads
its own result again: what of ours has no place in the national message is refused by
name, never dropped.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from google.protobuf.message import Message

from gongji.national.dialect import MessageDialect
from gongji.national.fields import (
    NOTHING,
    Node,
    Table,
    UnmappedNode,
    differing,
    read,
    restored,
    write,
)
from gongji.national.forms import NationalFault

_SENDERS: Final = uuid.uuid5(uuid.NAMESPACE_URL, "gongji:national")


def request_id_of(fixmedins_code: str, msgid: str) -> str:
    """Return the request id of a sender's message.

    The same message again is a replay, and omsgid finds its original. NationalFault.
    """
    try:
        return str(uuid.uuid5(uuid.uuid5(_SENDERS, fixmedins_code), msgid))
    # JSON may hold half of a surrogate pair.
    except UnicodeError:
        msg = "fixmedins_code、msgid 或 omsgid 含有无法写成 UTF-8 的文本"
        raise NationalFault(msg) from None


@dataclass(frozen=True, slots=True)
class Unmapped:
    """What ours does not say of a message: of its envelope, of its data node, and the
    nodes beside that, whole."""

    envelope: UnmappedNode = NOTHING
    data: UnmappedNode = NOTHING
    beside: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One kind of national message, and the message of ours it is."""

    infno: str
    proto: type[Message]
    envelope: Table
    container: str = "input"
    node: str = "data"
    fields: Table
    complete: Callable[[Any, Unmapped], None] | None = None
    """Fills in what follows from the message but stands in no field of its own."""
    express: Callable[[Any, Unmapped], Unmapped] | None = None
    """Adds to the unmapped, before writing, what ours says and no field does."""
    made_of: Mapping[str, str] = field(default_factory=dict)
    """Names of what ours is made of and no field says, by paths of ours."""
    faithful: bool = True
    """Whether all of ours must come back; a reply says less than ours."""

    @property
    def path(self) -> str:
        """Return the path of the data node."""
        return f"{self.container}.{self.node}"

    def national_name(self, path: str) -> str:
        """Return the national field that ours at a path came from; the path if none."""
        places = {entry.proto: f"{self.path}.{entry.name}" for entry in self.fields}
        places |= {one.proto: one.name for one in self.envelope if one.proto}
        # Every request's id is made of its msgid.
        places |= {"request_id": "msgid", **self.made_of}
        # A refusal may name the message that a field is in: bill.patient, of its number.
        within = [
            name for proto, name in places.items() if proto.startswith(f"{path}.")
        ]
        return places.get(path) or (within[0] if len(within) == 1 else path)

    def read(self, message: Node, dialect: MessageDialect) -> tuple[Message, Unmapped]:
        """Return ours, and what it does not say.

        NationalFault names the field, or the identity that does not hold.
        """
        container = _object(message.get(self.container), self.container)
        data = _object(container.get(self.node), self.path)
        dialect.check(data, self.path)
        proto = self.proto()
        unmapped = Unmapped(
            envelope=read(_without(message, self.container), self.envelope, proto),
            data=read(data, self.fields, proto, f"{self.path}."),
            beside=_without(container, self.node),
        )
        if self.complete:
            self.complete(proto, unmapped)
        return proto, unmapped

    def write(
        self, proto: Message, unmapped: Unmapped, dialect: MessageDialect
    ) -> dict[str, Any]:
        """Return the national message.

        NationalFault names what is missing, what of ours has no place in it, or the
        identity that does not hold.
        """
        if self.express:
            unmapped = self.express(proto, unmapped)
        proto = restored(proto, self.fields, unmapped.data)
        proto = restored(proto, self.envelope, unmapped.envelope)
        data = write(proto, self.fields, unmapped.data, f"{self.path}.")
        dialect.check(data, self.path)
        message = write(proto, self.envelope, unmapped.envelope)
        message[self.container] = {self.node: data, **unmapped.beside}
        if self.faithful:
            self._refuse_loss(proto, message, dialect)
        return message

    def _refuse_loss(
        self, proto: Message, message: Node, dialect: MessageDialect
    ) -> None:
        """NationalFault if reading the message again does not give ours back."""
        reread, _ = self.read(message, dialect)
        lost = differing(proto, reread)
        if lost:
            names = "、".join(lost)
            raise NationalFault(
                f"{self.infno} 报文说不出 {names} 的取值，不能无损转换{_hint(lost)}"
            )


def _without(node: Node, name: str) -> dict[str, Any]:
    return {key: value for key, value in node.items() if key != name}


def _hint(lost: list[str]) -> str:
    ids = "、".join(sorted({"request_id", "settle_request_id"} & set(lost)))
    return f"；{ids} 须由 fixmedins_code 与 msgid（omsgid）推得" if ids else ""


def _object(value: object, path: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise NationalFault(f"{path} 应为 JSON 对象")
    return value
