"""The facts behind a decision that is otherwise now: what changed, since when."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from msgspec import Struct

from gongji.model.differing import differences
from gongji.model.facts import Facts, Need, by_key
from gongji.model.people import Institution, Person
from gongji.model.revisions import OWNER, REVISIONS, revision_needs, revision_of


class FactBehind(Struct, frozen=True):
    """A record known otherwise than when it was decided on.

    `decided_on` and `known_now` are its revisions; `differences` are in Chinese.
    """

    record: str
    decided_on: int
    known_now: int
    known_from: datetime | None
    differences: tuple[str, ...]


Record = tuple[type, str]
"""Kind and key of a record of the registry."""


class ChangedIn(Struct, frozen=True):
    """The records that one import changed, or all that changed since an instant.

    `at` is when the import became known; `import_id` is "" for all since then.
    """

    at: datetime
    import_id: str = ""

    def needs(self, record: Record, facts: Facts) -> Iterator[Need]:
        """Yield what `covers` must know."""
        kind, key = record
        yield by_key(kind, key)
        if not facts.has(by_key(kind, key)):
            return
        present = facts.get(kind, key)
        if self._covers_present(present) is None:
            yield Need(REVISIONS[kind], OWNER, key)

    def covers(self, record: Record, facts: Facts) -> bool:
        """Return whether the record is one of them."""
        kind, key = record
        covered = self._covers_present(facts.get(kind, key))
        if covered is None:
            former = facts.where(REVISIONS[kind], OWNER, key)
            return any(r.record.import_id == self.import_id for r in former)
        return covered

    def _covers_present(self, present: Person | Institution | None) -> bool | None:
        """Return whether it is one by its present revision, None if that does not tell."""
        if (
            present is None
            or present.known_from is None
            or present.known_from < self.at
        ):
            return False
        if not self.import_id or present.import_id == self.import_id:
            return True
        return None


def fact_needs(decided_on: Mapping[Record, int], facts: Facts) -> Iterator[Need]:
    """Yield what `facts_behind` must know."""
    for (kind, key), revision in decided_on.items():
        yield from revision_needs(facts, kind, key, revision)


def facts_behind(
    decided_on: Mapping[Record, int], facts: Facts
) -> tuple[FactBehind, ...]:
    """Return what is known otherwise of each record than in the revision decided on."""
    return tuple(_behind(facts, decided_on))


def _behind(facts: Facts, decided_on: Mapping[Record, int]) -> Iterator[FactBehind]:
    for (kind, key), revision in decided_on.items():
        present = facts.get(kind, key)
        if present is None or present.revision == revision:
            continue
        former = revision_of(facts, kind, key, revision)
        yield FactBehind(
            record=key,
            decided_on=revision,
            known_now=present.revision,
            known_from=present.known_from,
            differences=differences(former, present) if former is not None else (),
        )
