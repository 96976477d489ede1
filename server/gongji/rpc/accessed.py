"""Whose data a reply shows, and which fields a method shows or changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, Final, TypeAlias

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

Shown: TypeAlias = Callable[[Any], Iterator[str]]
"""Yields the numbers of the people a message names."""

PERSON_FIELDS: Final = frozenset(
    {"person_no", "holder", "member", "patient", "purse", "givers"}
)
"""Names of text fields that hold people's numbers, "" if nobody's."""

FIELDS: Final[Mapping[str, str]] = {
    # binding
    "SubmitBinding": "binding",
    "RecordConsent": "binding",
    "ReviewBinding": "binding",
    "Unbind": "binding",
    "GetBinding": "binding",
    "ListBindings": "binding",
    # settlement
    "Quote": "bill,enrolments,balance",
    "Settle": "bill,balance",
    "Reverse": "bill,balance",
    "GetSettlement": "bill,balance",
    "Recompute": "bill,enrolments,balance",
    "ListSettlements": "bill",
    "ReconcileDetails": "bill",
    # account
    "GetAccount": "balance",
    "ListEntries": "balance,entries",
    "Credit": "balance,credit",
    "CorrectCredit": "balance,credit",
    "TakeBackCredit": "balance,credit",
    "PayPremium": "balance,premium",
    "RefundPremium": "balance,premium",
    # consequence
    "Consequences": "bill,binding,credit,premium",
    "Resettle": "bill,balance,credit,premium",
    # registry
    "GetPerson": "certificate,name,phone,insured_place,enrolments,contribution_base,"
    "kin,marks,death",
    "ImportPersons": "certificate,name,phone,insured_place,enrolments,contribution_base,"
    "kin,marks,death",
    # access
    "ListAccesses": "accesses",
}
"""What each method shows or changes of a person, as `PersonAccess.fields`.

A service that shows less says so on the call.
"""


def people_in(reply: Message) -> Iterator[str]:
    """Yield the numbers of the people a reply names; some more than once, "" for nobody."""
    shown = _shown(reply.DESCRIPTOR)
    return shown(reply) if shown else iter(())


@cache
def _shown(descriptor: Descriptor) -> Shown | None:
    """Return how the people in a message of a type are found; None if it names nobody."""
    texts, lists, ones, many = _found(descriptor)
    if not (texts or lists or ones or many):
        return None

    # hot path: of every reply.
    def shown(message: Any) -> Iterator[str]:
        for name in texts:
            yield getattr(message, name)
        for name in lists:
            yield from getattr(message, name)
        for name, inner in ones:
            if message.HasField(name):
                yield from inner(getattr(message, name))
        for name, inner in many:
            for part in getattr(message, name):
                yield from inner(part)

    return shown


_Parts: TypeAlias = list[tuple[str, Shown]]


def _found(descriptor: Descriptor) -> tuple[list[str], list[str], _Parts, _Parts]:
    """Return the fields of one or many numbers, and of one or many messages with some."""
    texts: list[str] = []
    lists: list[str] = []
    ones: _Parts = []
    many: _Parts = []
    for field in descriptor.fields:
        if field.name in PERSON_FIELDS and field.type == FieldDescriptor.TYPE_STRING:
            (lists if field.is_repeated else texts).append(field.name)
        elif field.message_type is not None:
            inner = None if _is_map(field.message_type) else _shown(field.message_type)
            if inner is not None:
                (many if field.is_repeated else ones).append((field.name, inner))
    return texts, lists, ones, many


def _is_map(descriptor: Descriptor) -> bool:
    return bool(descriptor.GetOptions().map_entry)
