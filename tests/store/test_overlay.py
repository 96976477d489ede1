"""Laws of an import that is applied and not merged yet: everybody reads it, wherever it lies.

Each law is held before, between and after the chunks in which it is merged, so that a
process may be killed at any of them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from gongji.model.commands import Listing
from gongji.model.facts import Need
from gongji.model.judging import Counts
from gongji.model.people import Certificate, Person
from gongji.model.registry import PersonRow
from gongji.model.revisions import PersonRevision
from gongji.model.staging import REFUSED, StagedPerson, StagedSet, Unmerged
from gongji.registry.imports import (
    Apply,
    ApplyStaged,
    EndMerge,
    Examine,
    Merge,
    Rebase,
    Stage,
)
from gongji.registry.kinds import PERSONS
from gongji.store import Store, open_store
from gongji.store.reader import Find
from msgspec.structs import replace

from tests.store.conftest import MORNING, Clock

SET = "5e7"
HOUR = timedelta(hours=1)
WHOLE = [["P1", "P2", "P3", "P4"]]
ONE_BY_ONE = [["P1"], ["P2"], ["P3"], ["P4"]]


@pytest.fixture
async def store(engine_url: str, clock: Clock, tmp_path: Path) -> AsyncIterator[Store]:
    store = open_store(engine_url, clock, tmp_path / "x.key")
    yield store
    await store.close()


def row(number: int, cert: str, name: str = "甲") -> PersonRow:
    return PersonRow(
        person_no=f"P{number}",
        certificate=Certificate("08", cert),
        name=name,
        insured_place="341199",
    )


BEFORE = (row(1, "A"), row(2, "B"), row(3, "C"))
AFTER = (row(1, "B"), row(2, "A"), row(3, "C", "乙"), row(4, "D"))
"""Twins whose certificates were swapped, somebody renamed, somebody new."""


async def imported(store: Store, *rows: PersonRow, import_id: str = "small") -> None:
    """Import rows in one commit."""
    examine = Examine(PERSONS, store.lookup, rows)
    places = frozenset(range(len(rows)))
    judged = await store.ask(examine)
    await store.apply(Apply(import_id, examine, judged, places, Counts()))


async def staged(store: Store, *rows: PersonRow) -> None:
    """Lay rows down."""
    examine = Examine(PERSONS, store.lookup, rows)
    numbers = tuple(range(1, len(rows) + 1))
    await store.apply(Stage(examine, numbers, SET, "large"))


async def applied(store: Store, turn: int = 1) -> Unmerged:
    """Make what is staged visible."""
    await store.apply(ApplyStaged(PERSONS, "large", SET, turn, Counts()))
    unmerged = await store.get(Unmerged, PERSONS.name)
    assert unmerged is not None
    return unmerged


async def seen(store: Store) -> dict[str, tuple[str, str, int] | None]:
    """Return certificate, name and revision of everybody, by number."""
    people: dict[str, tuple[str, str, int] | None] = {}
    for number in range(1, 5):
        person = await store.get(Person, f"P{number}")
        people[f"P{number}"] = None
        if person is not None:
            said = person.certificate.number, person.name, person.revision
            people[f"P{number}"] = said
    return people


async def holders(store: Store) -> dict[str, list[str]]:
    """Return who is found by each certificate."""
    found = {}
    for cert in "ABCD":
        need = Need(Person, "cert", store.lookup(Certificate("08", cert)))
        persons = await store.ask(Find[Person]((need,)))
        found[cert] = [person.person_no for person in persons]
    return found


FORMER_PEOPLE = {
    "P1": ("A", "甲", 1),
    "P2": ("B", "甲", 1),
    "P3": ("C", "甲", 1),
    "P4": None,
}
PEOPLE = {
    "P1": ("B", "甲", 2),
    "P2": ("A", "甲", 2),
    "P3": ("C", "乙", 2),
    "P4": ("D", "甲", 1),
}


async def known_before(store: Store) -> list[str | None]:
    """Return everybody's certificate as known at the first import."""
    known = [await store.known(Person, f"P{n}", MORNING) for n in range(1, 5)]
    return [person.certificate.number if person else None for person in known]


async def assert_applied(store: Store) -> None:
    """Assert that everybody reads the import, and what was before it."""
    assert PEOPLE == await seen(store)
    assert {"A": ["P2"], "B": ["P1"], "C": ["P3"], "D": ["P4"]} == await holders(store)
    assert ["A", "B", "C", None] == await known_before(store)


async def test_what_is_staged_is_not_seen(store: Store, clock: Clock) -> None:
    """Until the import is applied nobody finds its rows, by number or certificate."""
    await imported(store, *BEFORE)
    clock.tick(hours=1)
    await staged(store, *AFTER)
    assert FORMER_PEOPLE == await seen(store)
    assert {"A": ["P1"], "B": ["P2"], "C": ["P3"], "D": []} == await holders(store)


@pytest.mark.parametrize("chunks", [WHOLE, ONE_BY_ONE, ONE_BY_ONE[::-1]])
async def test_all_is_seen_from_one_commit_on(
    store: Store, clock: Clock, chunks: list[list[str]]
) -> None:
    """From the commit that applies it every row is read, and none differently while they
    are merged, chunk by chunk, even if a chunk is merged again; at the end nothing is
    staged and every revision is kept."""
    await imported(store, *BEFORE)
    clock.tick(hours=1)
    await staged(store, *AFTER)
    unmerged = await applied(store)
    clock.tick(hours=1)
    await assert_applied(store)
    for chunk in chunks:
        for _ in range(2):
            await store.apply(Merge(PERSONS, unmerged, tuple(chunk)))
            await assert_applied(store)
    await store.apply(EndMerge(unmerged))
    await assert_applied(store)
    await assert_merged(store)


async def assert_merged(store: Store) -> None:
    """Assert that nothing is staged, and every revision kept."""
    for kind in (StagedPerson, StagedSet):
        listing: Listing[Any] = Listing(kind=kind)
        assert [] == await store.page(listing)
    former = await store.changed(PersonRevision, MORNING)
    assert [("P1", 1), ("P2", 1), ("P3", 1)] == [
        (revision.owner, revision.record.revision) for revision, _ in former
    ]
    present = await store.changed(Person, MORNING + HOUR)
    assert ["large"] * 4 == [person.import_id for person, _ in present]


async def test_a_small_import_lies_over_a_large_one(store: Store, clock: Clock) -> None:
    """What is imported over rows that are not merged supersedes them: both former
    revisions are kept, and merging leaves the newer one."""
    await imported(store, *BEFORE)
    clock.tick(hours=1)
    await staged(store, *AFTER)
    unmerged = await applied(store)
    clock.tick(hours=1)
    await imported(store, row(3, "C", "丙"), import_id="newer")
    people = {**PEOPLE, "P3": ("C", "丙", 3)}
    assert people == await seen(store)
    for chunk in ONE_BY_ONE:
        await store.apply(Merge(PERSONS, unmerged, tuple(chunk)))
        assert people == await seen(store)
    known = [await store.known(Person, "P3", MORNING + n * HOUR) for n in range(3)]
    assert ["甲", "乙", "丙"] == [person.name for person in known if person]


async def test_a_refused_row_is_never_seen(store: Store, clock: Clock) -> None:
    """A row whose base is no revision lies over nothing, before and after merging."""
    await imported(store, *BEFORE)
    clock.tick(hours=1)
    await staged(store, *AFTER)
    await store.apply(Rebase(PERSONS, SET, {"P3": REFUSED, "P4": REFUSED}))
    unmerged = await applied(store)
    people = {**PEOPLE, "P3": FORMER_PEOPLE["P3"], "P4": None}
    assert people == await seen(store)
    await store.apply(Merge(PERSONS, unmerged, ("P1", "P2", "P3", "P4")))
    assert people == await seen(store)


async def test_an_import_over_an_import_is_not_listed_in_part(
    store: Store, clock: Clock
) -> None:
    """Persons are listed by what changed them only; nothing lists them past the overlay."""
    await imported(store, *BEFORE)
    clock.tick(hours=1)
    with pytest.raises(ValueError, match="changed"):
        await store.page(Listing(kind=Person))
    again = [replace(said, name="丁") for said in BEFORE]
    await imported(store, *again, import_id="again")
    changed = await store.changed(Person, MORNING + HOUR)
    assert ["丁"] * 3 == [person.name for person, _ in changed]
