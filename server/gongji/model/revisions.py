"""What was known of a person or an institution before now: their former revisions.

A record bears its valid days inside; a revision says since when that was known. The
present revision stands in the record's own table, each former one here, for ever.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Generic, TypeAlias, TypeVar, cast

from msgspec import Struct

from gongji.model.commands import Decision
from gongji.model.facts import Facts, Need, by_key
from gongji.model.people import Institution, Person

R = TypeVar("R", Person, Institution)


class PersonRevision(Struct, frozen=True):
    """A former revision of a person; `known_until` is when the next became known."""

    record: Person
    known_until: datetime

    @property
    def owner(self) -> str:
        """Return the person's number."""
        return self.record.person_no

    @property
    def key(self) -> str:
        """Return its own key: P1/3."""
        return f"{self.owner}/{self.record.revision}"


class InstitutionRevision(Struct, frozen=True):
    """A former revision of an institution; see `PersonRevision`."""

    record: Institution
    known_until: datetime

    @property
    def owner(self) -> str:
        """Return the institution's code."""
        return self.record.code

    @property
    def key(self) -> str:
        """Return its own key: H34110000002/3."""
        return f"{self.owner}/{self.record.revision}"


Revision: TypeAlias = PersonRevision | InstitutionRevision

REVISIONS: Final[Mapping[type, type[Revision]]] = {
    Person: PersonRevision,
    Institution: InstitutionRevision,
}
"""The kind of the former revisions of a kind of record."""

OWNER: Final = "owner"
"""The index that finds the former revisions of one record by its key."""


def superseding(after: R, known: R | None) -> tuple[Any, ...]:
    """Return what to write for a new revision: itself, and the former one to be kept."""
    if known is None or after.known_from is None:
        return (after,)
    return after, REVISIONS[type(known)](known, after.known_from)  # type: ignore[arg-type]  # of its kind


def revision_needs(
    facts: Facts, kind: type[R], key: str, revision: int
) -> Iterator[Need]:
    """Yield what must be known for `revision_of`."""
    yield by_key(kind, key)
    if not facts.has(by_key(kind, key)):
        return
    present = facts.get(kind, key)
    if present is not None and present.revision != revision:
        yield by_key(REVISIONS[kind], f"{key}/{revision}")


def revision_of(facts: Facts, kind: type[R], key: str, revision: int) -> R | None:
    """Return a record in the revision of that number, None if there is none."""
    present = facts.get(kind, key)
    if present is None or present.revision == revision:
        return present
    former = facts.get(REVISIONS[kind], f"{key}/{revision}")
    return None if former is None else cast("R", former.record)


def known_at(present: R | None, former: Sequence[Revision], at: datetime) -> R | None:
    """Return what was known at an instant; None if nothing was.

    What was stored before revisions were kept counts as known ever since.
    """
    records = [revision.record for revision in former]
    if present is not None:
        records.append(present)
    known = [r for r in records if r.known_from is None or r.known_from <= at]
    # By number, not by instant: the clocks of two servers may differ a little.
    return cast("R | None", max(known, key=lambda r: r.revision, default=None))


class KnownAt(Struct, Generic[R], frozen=True):
    """A query for a record as it was known at an instant; None in `at` means now."""

    kind: type[R]
    key: str
    at: datetime | None = None

    def needs(self, facts: Facts) -> Iterator[Need]:
        """Return the record, and its former revisions if an instant is given."""
        del facts
        yield by_key(self.kind, self.key)
        if self.at is not None:
            yield Need(REVISIONS[self.kind], OWNER, self.key)

    def decide(self, facts: Facts) -> Decision[R | None]:
        """Return what was known."""
        present = facts.get(self.kind, self.key)
        if self.at is None:
            return Decision(present)
        former = facts.where(REVISIONS[self.kind], OWNER, self.key)
        return Decision(known_at(present, former, self.at))
