"""What a reply is about, for the log: the city that decided, the settlement."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, TypeAlias

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message

Read: TypeAlias = Callable[[Any], tuple[str, str]]
"""Reads city and settlement from a reply, each "" if it has none."""


def about(reply: Message) -> tuple[str, str]:
    """Return the area code of the city that decided a reply, and the settlement's id."""
    return _reading(reply.DESCRIPTOR)(reply)


@cache
def _reading(descriptor: Descriptor) -> Read:
    """Return what reads the replies of a type."""
    read = _own(descriptor)
    for field in descriptor.fields:
        if field.message_type is None or field.is_repeated or read is not None:
            continue
        inner = _own(field.message_type)
        if inner is not None:
            return _within(field.name, inner)
    return read or (lambda _: ("", ""))


def _own(descriptor: Descriptor) -> Read | None:
    """Return what reads a message that says itself who decided it; None if it does not."""
    decided = descriptor.fields_by_name.get("decided_by")
    kind = decided.message_type if decided else None
    if kind is None or kind.name != "DecidedBy":
        return None
    if "settlement_id" in descriptor.fields_by_name:
        return lambda message: (message.decided_by.area_code, message.settlement_id)
    return lambda message: (message.decided_by.area_code, "")


def _within(name: str, inner: Read) -> Read:
    return lambda reply: inner(getattr(reply, name))
