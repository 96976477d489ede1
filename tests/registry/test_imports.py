"""Laws of what an import writes: what is new, each with the revision it supersedes."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from gongji.model.judging import Counts, RowStanding
from gongji.model.people import (
    Certificate,
    Designation,
    Institution,
    InstitutionGrade,
    Person,
)
from gongji.model.registry import InstitutionRow, PersonRow, person_after
from gongji.model.revisions import InstitutionRevision, PersonRevision
from gongji.model.staging import AppliedImport, Turn
from gongji.registry.imports import Apply, Examine, RegistryChangedError
from gongji.registry.kinds import INSTITUTIONS, PERSONS
from gongji.rules.codes import InstitutionKind
from msgspec.structs import replace

from tests.scaffold.people import NOW
from tests.scaffold.world import VAULT, NewWorld, World

PERSON = PersonRow(
    person_no="P1",
    certificate=Certificate("08", "E1"),
    name="某某",
    insured_place="341122",
    base_fen=1,
)
MOVED = replace(PERSON, insured_place="340822")
HOSPITAL = InstitutionRow(
    code="H34110000001",
    name="某医院",
    grade=InstitutionGrade(InstitutionKind.HOSPITAL, 2),
    designations=(Designation(date(2020, 1, 1)),),
)


def standing(world: World, row: PersonRow) -> RowStanding:
    """Return how a person's row stands."""
    (answer,) = world.decide(Examine(PERSONS, VAULT.lookup, (row,))).answer
    return answer


def test_only_changes_are_written(new_world: NewWorld) -> None:
    """A new row makes the first revision, the same row none, a changed one the next; the
    former is kept until the import's instant."""
    world = new_world()
    world.imports(PERSONS, PERSON)
    first = world.record(Person, "P1")
    assert (1, NOW) == (first.revision, first.known_from)
    world.now += timedelta(days=1)
    world.imports(PERSONS, PERSON)
    assert first == world.record(Person, "P1")
    assert [] == world.all(PersonRevision)
    world.imports(PERSONS, MOVED)
    after = world.record(Person, "P1")
    assert after == person_after(first, MOVED, world.now, after.import_id)
    assert [PersonRevision(first, world.now)] == world.all(PersonRevision)
    assert [1, 2, 3] == [done.number for done in world.all(AppliedImport)]
    assert [Turn("person", 3)] == world.all(Turn)


def test_institutions_are_written_the_same_way(new_world: NewWorld) -> None:
    """An institution's former grade is kept with its revision."""
    world = new_world()
    world.imports(INSTITUTIONS, HOSPITAL)
    first = world.record(Institution, HOSPITAL.code)
    world.now += timedelta(days=1)
    graded = replace(HOSPITAL, grade=InstitutionGrade(InstitutionKind.HOSPITAL, 5))
    world.imports(INSTITUTIONS, graded)
    assert 2 == world.record(Institution, HOSPITAL.code).revision
    assert [InstitutionRevision(first, world.now)] == world.all(InstitutionRevision)


def test_a_row_stands_as_the_registry_has_it(new_world: NewWorld) -> None:
    """Of each row it is known which revision it meets, whether it says something new,
    and who else has its certificate."""
    world = new_world()
    assert RowStanding() == standing(world, PERSON)
    world.imports(PERSONS, PERSON)
    assert RowStanding(1, unchanged=True, keeps=True) == standing(world, PERSON)
    assert RowStanding(1, keeps=True) == standing(world, MOVED)
    twin = replace(PERSON, person_no="P2")
    assert RowStanding(0, holders=("P1",)) == standing(world, twin)


def test_nothing_is_written_over_what_was_not_judged(new_world: NewWorld) -> None:
    """If the registry has changed since the rows were judged, the import is judged anew."""
    world = new_world()
    examine = Examine(PERSONS, VAULT.lookup, (PERSON,))
    judged = world.decide(examine).answer
    world.imports(PERSONS, MOVED)
    with pytest.raises(RegistryChangedError):
        world.decide(Apply("i", examine, judged, frozenset({0}), Counts()))
