"""The table of rights in full: each method and each kind, or each caller of a policy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from msgspec import Struct

from gongji.access.callers import ALL, Caller, Kind
from gongji.access.rights import RIGHTS, AccessScope, Right, own_in, right_of

COLUMNS: Final = ("method", "caller", "kind", "may", *(s.value for s in AccessScope))

OWN, ANY, PARTY, NONE = "own", "any", "party", ""
"""What a call must name of a scope: what is the caller's own; whatever; a party."""


class RightRow(Struct, frozen=True):
    """What one kind, or one caller, may do by one method: "yes", "no", "sandbox".

    The others say what the call must name, "" if it may not be made.
    """

    method: str
    caller: str
    kind: str
    may: str
    channel: str = NONE
    institution: str = NONE
    subject: str = NONE
    city: str = NONE


def of_kinds() -> Iterator[RightRow]:
    """Yield the right of every kind to every method, whatever is the caller's own."""
    callers = [Caller(name="", kind=kind) for kind in Kind]
    return of_callers(callers)


def of_callers(callers: Iterable[Caller]) -> Iterator[RightRow]:
    """Yield the right of every caller to every method."""
    known = list(callers)
    for method in RIGHTS:
        for caller in known:
            yield _row(method, caller)


def _row(method: str, caller: Caller) -> RightRow:
    elsewhere = right_of(method, caller.kind, sandbox=False)
    right = right_of(method, caller.kind, sandbox=True)
    if right is None:
        return RightRow(method, caller.name, caller.kind, "no")
    return RightRow(
        method,
        caller.name,
        caller.kind,
        "sandbox" if elsewhere is None else "yes",
        **{scope.value: _named(scope, caller, right) for scope in AccessScope},
    )


def _named(scope: AccessScope, caller: Caller, right: Right) -> str:
    if scope not in right or own_in(caller, scope) is ALL:
        return ANY
    return PARTY if scope is AccessScope.SUBJECT else OWN
