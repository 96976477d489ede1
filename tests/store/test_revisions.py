"""Laws of what was known: a new revision keeps the former one, for whoever asks by then."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from gongji.model.commands import Decision, Placed
from gongji.model.facts import Facts, Need
from gongji.model.people import Person
from gongji.model.revisions import (
    PersonRevision,
    revision_needs,
    revision_of,
    superseding,
)
from gongji.store import Store, open_store
from msgspec import Struct
from msgspec.structs import replace

from tests.store.conftest import MORNING, Clock

HOUR = timedelta(hours=1)


@pytest.fixture
async def store(engine_url: str, clock: Clock, tmp_path: Path) -> AsyncIterator[Store]:
    store = open_store(engine_url, clock, tmp_path / "x.key")
    yield store
    await store.close()


class Told(Struct, frozen=True):
    """Writes a person's next revision."""

    person: Person

    def needs(self, _: Facts) -> Iterator[Need]:
        """Return the person."""
        yield Need(Person, "", self.person.person_no)

    def decide(self, facts: Facts) -> Decision[None]:
        """Write the revision after the present one."""
        known = facts.get(Person, self.person.person_no)
        after = replace(
            self.person,
            revision=known.revision + 1 if known else 1,
            known_from=facts.now,
            import_id=f"import at {facts.now:%H}",
        )
        return Decision(None, superseding(after, known))


class InRevision(Struct, frozen=True):
    """Asks for P1 in the revision of a number."""

    number: int

    def needs(self, facts: Facts) -> Iterator[Need]:
        """Return what that takes."""
        yield from revision_needs(facts, Person, "P1", self.number)

    def decide(self, facts: Facts) -> Decision[Person | None]:
        """Return the person."""
        return Decision(revision_of(facts, Person, "P1", self.number))


async def tell(store: Store, clock: Clock, person: Person, *names: str) -> None:
    """Tell a name every hour."""
    for name in names:
        await store.apply(Told(replace(person, name=name)))
        clock.tick(hours=1)


def name_of(person: Person | None) -> str | None:
    return None if person is None else person.name


async def test_every_revision_is_kept(
    store: Store, clock: Clock, person: Person
) -> None:
    """A person is known by each instant as then, from the instant of the import on, and
    found by the revision's number."""
    await tell(store, clock, person, "甲", "乙", "丙")
    instants = [MORNING + n * HOUR / 2 for n in range(-1, 6)]
    known = [name_of(await store.known(Person, "P1", at)) for at in instants]
    assert [None, "甲", "甲", "乙", "乙", "丙", "丙"] == known
    assert "丙" == name_of(await store.known(Person, "P1"))
    numbered = [name_of(await store.ask(InRevision(n))) for n in range(5)]
    assert [None, "甲", "乙", "丙", None] == numbered


async def test_what_was_stored_before_revisions_is_known_ever_since(
    store: Store, clock: Clock, person: Person
) -> None:
    """A person without an instant counts as known always, also when superseded."""
    await store.apply(Told(person))
    undated = replace(person, name="甲")
    await store.apply(_Put(undated))
    assert "甲" == name_of(await store.known(Person, "P1", MORNING - HOUR))
    clock.tick(hours=1)
    await store.apply(Told(replace(person, name="乙")))
    assert "甲" == name_of(await store.known(Person, "P1", MORNING - HOUR))
    assert "乙" == name_of(await store.known(Person, "P1", clock()))


class _Put(Struct, frozen=True):
    """Writes a person as it is."""

    person: Person

    def needs(self, _: Facts) -> Iterator[Need]:
        """Return nothing."""
        return iter(())

    def decide(self, _: Facts) -> Decision[None]:
        """Write it."""
        return Decision(None, (self.person,))


async def test_changes_are_listed_in_the_order_they_became_known(
    store: Store, clock: Clock, person: Person
) -> None:
    """Present and former revisions of a time are listed page by page; an import's are those
    of its instant."""
    other = replace(
        person, person_no="P2", certificate=replace(person.certificate, number="X2")
    )
    await tell(store, clock, person, "甲", "乙")
    await tell(store, clock, other, "丁")
    await tell(store, clock, person, "丙")
    assert ["丁", "丙"] == await _names(store, Person, MORNING)
    assert ["丙"] == await _names(store, Person, MORNING + 3 * HOUR)
    assert ["甲", "乙"] == await _names(store, PersonRevision, MORNING)
    one = MORNING + HOUR
    imported = await store.changed(PersonRevision, one, one + timedelta(microseconds=1))
    assert ["import at 10"] == [found.record.import_id for found, _ in imported]


async def _names(
    store: Store, kind: type[Person | PersonRevision], since: datetime
) -> list[str]:
    """Every name of these revisions, listed one a page."""
    names: list[str] = []
    after = None
    while True:
        page: list[Placed[Any]] = await store.changed(kind, since, after=after, limit=1)
        if not page:
            return names
        names += [getattr(found, "record", found).name for found, _ in page]
        _, after = page[-1]
