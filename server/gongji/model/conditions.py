"""A condition that is not met (不符合的条件), and what would meet it, for programs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum


class ConditionCode(IntEnum):
    """Which condition; numbers as on the wire, 0 of what was stored before there were codes."""

    UNSPECIFIED = 0
    SAME_PERSON = 1
    HOLDER_DECEASED = 2
    MEMBER_DECEASED = 3
    HOLDER_NOT_ENROLLED = 4
    MEMBER_NOT_ENROLLED = 5
    PURPOSE_NOT_OFFERED = 6
    RELATION_NOT_ADMITTED = 7
    RELATION_CONTRADICTED = 8
    BIRTHS_CONTRADICT_RELATION = 9
    HOLDER_HAS_SPOUSE = 10
    MEMBER_HAS_SPOUSE = 11
    HOLDER_BELOW_MARRIAGE_AGE = 12
    MEMBER_BELOW_MARRIAGE_AGE = 13
    OUT_OF_SCOPE = 14
    FAMILY_FULL = 15
    TOO_MANY_HOLDERS = 16
    ALREADY_BOUND = 17
    CHANNEL_NOT_FOR_PAIR = 18
    COUNTER_CLOSED = 19
    IDENTITY_CHECK_MISSING = 20
    DETAIL_MISSING = 21
    DETAIL_WRONG = 22
    MATERIAL_MISSING = 23
    AGREEMENT_NOT_ACCEPTED = 24
    AGREEMENT_TIME_WRONG = 25
    GUARDIAN_CONSENT_REQUIRED = 26
    OWN_CONSENT_REQUIRED = 27
    MEMBER_AGE_UNKNOWN = 28
    MEMBER_CHECK_MISSING = 29
    CONSENT_TIME_WRONG = 30
    NOT_BOUND = 31
    BINDING_ENDED = 32
    PURSE_USE_NOT_ADMITTED = 33
    PREMIUM_OUT_OF_BOUNDS = 34
    YEAR_OUT_OF_BOUNDS = 35
    CITY_NOT_SERVED = 36


class StepAction(IntEnum):
    """What somebody has to do; numbers as on the wire, where each is described."""

    SET = 1
    ADD = 2
    REMOVE = 3
    ACCEPT = 4
    CHANGE_CHANNEL = 5
    REGISTER = 6
    UNBIND = 7
    BIND = 8
    WAIT = 9
    OPEN_WALLET = 10
    TRANSFER = 11


@dataclass(frozen=True, slots=True)
class FieldRef:
    """A field of a request by its path, and what belongs there, "" if that is not known.

    "[]" stands for one item of a list: `identity_checks[]`, `materials[].kind`.
    """

    path: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class WayStep:
    """One thing to do: the action, its fields, and the sentence for people.

    `count` is how many bindings to end, `not_before` from when on to come again.
    """

    action: StepAction
    fields: tuple[FieldRef, ...]
    text: str
    count: int = 0
    not_before: datetime | None = None


Way = tuple[WayStep, ...]
"""Steps that are done together."""


def remedies_of(ways: Iterable[Way]) -> str:
    """Return the sentences of ways: of one joined by " + ", between two a " | "."""
    return " | ".join(" + ".join(step.text for step in way) for way in ways)


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition that is not met.

    `fields` are those it looks at, the one to fill in first; `ways` would each meet it.
    `remedy` is the sentence of the first one. Of refusals stored before conditions had
    codes there are neither code nor fields nor ways. `city` is the area code of the city
    that refuses, "" if holder and member are insured in one; `instead` is what serves
    them without the application.
    """

    hook: str
    clauses: tuple[str, ...]
    message: str
    remedy: str = ""
    code: ConditionCode = ConditionCode.UNSPECIFIED
    fields: tuple[FieldRef, ...] = ()
    ways: tuple[Way, ...] = ()
    city: str = ""
    instead: Way = ()
