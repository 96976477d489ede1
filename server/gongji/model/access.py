"""Who looked at whose data (数据访问): one row for each call and person."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from operator import attrgetter
from typing import Any, ClassVar, Final, TypeAlias

from msgspec import Struct

from gongji.model.account import Account, BroughtForward, Credit, Entry, Premium
from gongji.model.binding import Binding
from gongji.model.claim import Claim
from gongji.model.filing import Filing
from gongji.model.people import Person
from gongji.model.settlement import Accumulator, MeterReading, Settlement
from gongji.model.statement import IssuedStatement
from gongji.model.wallet import WalletAccount, WalletTransfer

Look: TypeAlias = tuple[str, str, str, str, int, int, str, str, str]
"""What one call's rows share: the fields of `PersonAccess` from `caller` on."""


class PersonAccess(Struct, frozen=True):
    """One call that read or changed the data of one person.

    `access_id` sorts by time. `caller_kind` is the caller's kind and `credential` what
    may be shown of its credential; `subject` is the number of the person it acted for, ""
    if nobody; `identification` and `purpose` are numbers of the wire, 0 if not said.
    `fields` are what was shown or changed, with commas between them.
    """

    access_id: str
    person_no: str
    at: datetime
    caller: str
    caller_kind: str
    credential: str
    subject: str
    identification: int
    purpose: int
    method: str
    fields: str
    request_id: str


class LostAccesses(Struct, frozen=True):
    """Reads that a killed process had answered and not yet kept: at most so many.

    They were answered within the second before its end; `noticed_at` is when the next
    start found out.
    """

    lost_id: str
    noticed_at: datetime
    most: int


PeopleOf: TypeAlias = Callable[[Any], tuple[str, ...]]


def _one(name: str) -> PeopleOf:
    of = attrgetter(name)

    def people(record: Any) -> tuple[str, ...]:
        return (of(record),)

    return people


PEOPLE_OF: Final[Mapping[type, PeopleOf]] = {
    Person: _one("person_no"),
    Binding: attrgetter("holder", "member"),
    Settlement: _one("bill.patient"),
    Account: _one("person_no"),
    Accumulator: _one("person_no"),
    MeterReading: _one("person_no"),
    Credit: _one("person_no"),
    BroughtForward: _one("person_no"),
    Premium: attrgetter("holder", "member"),
    IssuedStatement: _one("person_no"),
    WalletAccount: _one("person_no"),
    WalletTransfer: attrgetter("sender", "receiver"),
    Filing: _one("person_no"),
    Claim: lambda claim: (claim.bill.patient,),
}
"""Whose data a record is. Entries are of the accounts written beside them."""

WITH_ANOTHER: Final[frozenset[type]] = frozenset({Entry})
"""Kinds of records about people that are never written without one of `PEOPLE_OF`."""


class Accesses:
    """The people whose data one call touches.

    Those a decision touches are kept in its transaction (`decided`), the others when the
    call is answered (`others`).
    """

    __slots__ = ("_kept", "_look", "_noted", "_serial", "_written")

    MOST_REMEMBERED: ClassVar[int] = 50_000
    """Beyond so many people a long stream notes somebody a second time."""

    def __init__(self, look: Look, serial: Callable[[], str]) -> None:
        self._look = look
        self._serial = serial
        self._noted: dict[str, None] = {}
        self._kept: set[str] = set()
        self._written: frozenset[str] = frozenset()

    @property
    def who(self) -> tuple[str, str, str]:
        """Return the caller, its kind, and what may be shown of its credential."""
        return self._look[:3]

    def note(self, *people: str) -> None:
        """Note that the call touches data of these people; "" is nobody."""
        for person_no in people:
            if person_no:
                self._noted[person_no] = None

    def show(self, fields: str) -> None:
        """Say which fields are shown, if not all that the method shows as a rule."""
        *before, _, request_id = self._look
        self._look = (*before, fields, request_id)  # type: ignore[assignment]  # as it was

    def undecided(self) -> None:
        """Forget what a decision was to keep: its transaction does not stand."""
        self._written = frozenset()

    def decided(self, writes: Iterable[Any], at: datetime) -> tuple[PersonAccess, ...]:
        """Return the rows to write with a decision: of all noted, and whose records it writes."""
        people = dict(self._noted)
        for record in writes:
            people_of = PEOPLE_OF.get(type(record))
            if people_of is not None:
                people.update(dict.fromkeys(people_of(record)))
        self._written = frozenset(people)
        return self._rows(people, at)

    def others(self, clock: Callable[[], datetime]) -> tuple[PersonAccess, ...]:
        """Return the rows of whom no decision kept, as of now; each person once."""
        if not self._noted:
            return ()
        people = [
            person_no
            for person_no in self._noted
            if person_no not in self._written and person_no not in self._kept
        ]
        self._noted.clear()
        if not people:
            return ()
        if len(self._kept) > self.MOST_REMEMBERED:
            self._kept.clear()
        self._kept.update(people)
        return self._rows(people, clock())

    def _rows(self, people: Iterable[str], at: datetime) -> tuple[PersonAccess, ...]:
        look, serial = self._look, self._serial
        since = _sortable(at)
        return tuple(
            [PersonAccess(since + serial(), number, at, *look) for number in people]
        )


# All rows of one batch bear one instant: it is written once.
@lru_cache(maxsize=64)
def _sortable(at: datetime) -> str:
    """Return an instant as text that sorts by time."""
    # Microseconds: exact in a float until the year 2255.
    return f"{round(at.timestamp() * 1_000_000):014x}"
