"""A whole national message: the envelope round one data node, read into one of ours and
written back, nothing lost.

`Kept` is what ours does not say; with it the message comes back as it was. Writing
reads its own result again: what of ours has no place in the national message is refused
by name, never dropped.
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
    KeptNode,
    Node,
    Table,
    differing,
    read,
    write,
)
from gongji.national.forms import NationalFault

_SENDERS: Final = uuid.uuid5(uuid.NAMESPACE_URL, "gongji:national")


def request_id_of(fixmedins_code: str, msgid: str) -> str:
    """The request id of a sender's message: the same message again is a replay, and
    omsgid finds its original."""
    return str(uuid.uuid5(uuid.uuid5(_SENDERS, fixmedins_code), msgid))


@dataclass(frozen=True, slots=True)
class Kept:
    """What ours does not say of a message: of its envelope, of its data node, and the
    nodes beside that, whole."""

    envelope: KeptNode = NOTHING
    data: KeptNode = NOTHING
    beside: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One kind of national message, beside ours."""

    infno: str
    ours: type[Message]
    envelope: Table
    container: str = "input"
    node: str = "data"
    fields: Table
    complete: Callable[[Any, Kept], None] | None = None
    """Says in ours what follows from the message but stands in no field of its own."""
    express: Callable[[Any, Kept], Kept] | None = None
    """Keeps what ours says and no field of the message does, before it is written."""
    faithful: bool = True
    """Whether all of ours must come back; a reply says less than ours."""

    @property
    def where(self) -> str:
        """The path of the data node."""
        return f"{self.container}.{self.node}"

    def read(self, message: Node, dialect: MessageDialect) -> tuple[Message, Kept]:
        """Ours, and what it does not say. NationalFault names the field, or the
        identity that does not hold."""
        container = _object(message.get(self.container), self.container)
        data = _object(container.get(self.node), self.where)
        dialect.check(data, self.where)
        ours = self.ours()
        outer = {
            name: value for name, value in message.items() if name != self.container
        }
        kept = Kept(
            envelope=read(outer, self.envelope, ours),
            data=read(data, self.fields, ours, f"{self.where}."),
            beside={
                name: value for name, value in container.items() if name != self.node
            },
        )
        if self.complete:
            self.complete(ours, kept)
        return ours, kept

    def write(
        self, ours: Message, kept: Kept, dialect: MessageDialect
    ) -> dict[str, Any]:
        """The national message. NationalFault names what is missing or has no place in
        it, or the broken identity."""
        if self.express:
            kept = self.express(ours, kept)
        data = write(ours, self.fields, kept.data, f"{self.where}.")
        dialect.check(data, self.where)
        message = write(ours, self.envelope, kept.envelope)
        message[self.container] = {self.node: data, **kept.beside}
        if self.faithful and (lost := differing(ours, self.read(message, dialect)[0])):
            raise NationalFault(
                f"{self.infno} 报文说不出 {', '.join(lost)} 的取值, 不能无损转换{_hint(lost)}"
            )
        return message


def _hint(lost: list[str]) -> str:
    ids = {"request_id", "settle_request_id"} & set(lost)
    return (
        f"; {', '.join(sorted(ids))} 须由 fixmedins_code 与 msgid(omsgid)推得"
        if ids
        else ""
    )


def _object(value: object, path: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise NationalFault(f"{path} 应为 JSON 对象")
    return value
