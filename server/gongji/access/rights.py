"""What each kind of caller may do: the table of RPC × kind, and within what (权限表)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final, TypeAlias

from gongji.access.callers import Kind


class AccessScope(Enum):
    """Within what a call must stay; each is shown to hold before anything is answered."""

    CITY = "city"
    """The pooling area of what is asked for is one of the caller's."""
    CHANNEL = "channel"
    """The channel is one of the caller's."""
    INSTITUTION = "institution"
    """The institution is one of the caller's."""
    SUBJECT = "subject"
    """The person for whom the caller acts is a party to what is asked for."""


Right: TypeAlias = frozenset[AccessScope]
"""A right to one method: the scopes a call must stay within, none if there are none."""

RIGHTS: Final[Mapping[str, Mapping[Kind, Right]]] = {}
"""The right of each kind to each method, by the method's own name; absent if it has none."""


def right_of(method: str, kind: Kind) -> Right | None:
    """Return a kind's right to a method; None if it has none."""
    if kind is Kind.TESTER:
        return frozenset()
    return RIGHTS.get(method, {}).get(kind)
