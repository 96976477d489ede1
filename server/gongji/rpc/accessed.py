"""Whose data a reply shows, and which fields a method shows or changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any, Final, TypeAlias

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from gongji.access.fields import PersonField

_People: TypeAlias = dict[str, None]
"""Numbers of people, in the order in which they were found."""

Add: TypeAlias = Callable[[Any, _People], None]
"""Adds the numbers of the people a message names."""

PERSON_FIELDS: Final = frozenset(
    {"person_no", "holder", "member", "patient", "purse", "givers"}
    | {"sender", "receiver"}
)
"""Names of text fields that hold people's numbers, "" if nobody's."""

ECHOED_FIELDS: Final = frozenset({"theirs"})
"""Names of messages that only say again what the caller said, of whomever it likes."""

_WHOLE_FILE: Final = ",".join(PersonField)

FIELDS: Final[Mapping[str, str]] = {
    # binding
    "SubmitBinding": "binding",
    "RecordConsent": "binding",
    "ReviewBinding": "binding",
    "Unbind": "binding",
    "GetBinding": "binding",
    "ListBindings": "binding",
    "ExplainRefusal": "refusal",
    # filing
    "File": "filing",
    "EndFiling": "filing",
    "GetFiling": "filing",
    "ListFilings": "filing",
    # claim
    "SubmitClaim": "bill",
    "ReviewClaim": "bill",
    "DecideClaim": "bill",
    "WithdrawClaim": "bill",
    "GetClaim": "bill",
    "ListClaims": "bill",
    # settlement
    "Quote": "bill,enrolments,balance,wallet",
    "Settle": "bill,balance,wallet",
    "Reverse": "bill,balance,wallet",
    "GetSettlement": "bill,balance,wallet",
    "Recompute": "bill,enrolments,balance,wallet",
    "GetPacket": "bill,enrolments,balance,wallet,binding",
    "ListSettlements": "bill",
    "GetBenefitYear": "bill,enrolments,balance",
    "ReconcileDetails": "bill",
    # account
    "GetAccount": "balance",
    "ListEntries": "balance,entries,wallet",
    "Credit": "balance,credit",
    "CorrectCredit": "balance,credit",
    "TakeBackCredit": "balance,credit",
    "PayPremium": "balance,premium",
    "RefundPremium": "balance,premium",
    # statement
    "IssueStatement": "bill,balance,entries,name",
    "VerifyStatement": "bill,balance,entries,name",
    # wallet
    **dict.fromkeys(("OpenWallet", "ChangeWalletPlace"), "wallet,phone"),
    **dict.fromkeys(("Transfer", "AcceptTransfer"), "wallet,balance"),
    **dict.fromkeys(("DeclineTransfer", "ListTransfers"), "wallet"),
    "GetWallet": "wallet,phone,balance",
    # consequence
    "Consequences": "bill,binding,credit,premium",
    "Resettle": "bill,balance,wallet,credit,premium",
    # event
    "Watch": "bill,binding,credit,premium,filing,wallet",
    # registry
    "GetPerson": _WHOLE_FILE,
    "ImportPersons": _WHOLE_FILE,
    # access
    "ListAccesses": "accesses",
    "ExportPerson": "everything",
    "ErasePerson": _WHOLE_FILE,
}
"""What each method shows or changes of a person, as `PersonAccess.fields`.

A service that shows less says so on the call.
"""


def people_in(reply: Message) -> Iterable[str]:
    """Return the numbers of the people a reply names, each once; "" for nobody."""
    add = _adding(reply.DESCRIPTOR)
    if add is None:
        return ()
    people: _People = {}
    add(reply, people)
    return people


@cache
def _adding(descriptor: Descriptor) -> Add | None:
    """Return what adds the people in a message of a type; None if it names nobody."""
    texts, lists, ones, many = places = _places(descriptor)
    if not any(places):
        return None

    # hot path: of every reply; no generator, which costs three times as much.
    def add(message: Any, people: _People) -> None:
        for name in texts:
            people[getattr(message, name)] = None
        for name in lists:
            people.update(dict.fromkeys(getattr(message, name)))
        for name, inner in ones:
            if message.HasField(name):
                inner(getattr(message, name), people)
        for name, inner in many:
            for part in getattr(message, name):
                inner(part, people)

    return add


_Parts: TypeAlias = list[tuple[str, Add]]


def _places(descriptor: Descriptor) -> tuple[list[str], list[str], _Parts, _Parts]:
    """Return the fields of one or many numbers, and of one or many messages with some."""
    texts: list[str] = []
    lists: list[str] = []
    ones: _Parts = []
    many: _Parts = []
    for field in descriptor.fields:
        if field.name in ECHOED_FIELDS:
            continue
        if field.name in PERSON_FIELDS and field.type == FieldDescriptor.TYPE_STRING:
            (lists if field.is_repeated else texts).append(field.name)
        elif (inner := _adding_of(field.message_type)) is not None:
            (many if field.is_repeated else ones).append((field.name, inner))
    return texts, lists, ones, many


def _adding_of(descriptor: Descriptor | None) -> Add | None:
    """Return as `_adding` for a field's message; None if it has none, or is a map."""
    if descriptor is None or descriptor.GetOptions().map_entry:
        return None
    return _adding(descriptor)
