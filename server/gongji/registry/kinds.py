"""What imports bring: persons and institutions, and how a row of either is read."""

from __future__ import annotations

from collections.abc import Callable, Container
from datetime import date
from operator import attrgetter
from typing import Any, Final

from msgspec import Struct

from gongji.model.people import (
    Certificate,
    Institution,
    Person,
    area_of_institution,
)
from gongji.model.registry import InstitutionRow, PersonRow
from gongji.model.staging import LAYERS, Layer
from gongji.registry.rows import Problem, problems_of, problems_of_institution
from gongji.rules.codes import pooling_area


class Registry(Struct, frozen=True):
    """A registry that imports are made into; `owner_field` is a row's key on the wire.

    `named` are the area codes a row names, `places` those a record does; `home` is where
    a record belongs on a day.
    """

    kind: type[Any]
    owner_field: str
    problems: Callable[[Any, date], list[Problem]]
    certificate: Callable[[Any], Certificate | None]
    kin: Callable[[Any], tuple[str, ...]]
    named: Callable[[Any], set[str]]
    places: Callable[[Any], set[str]]
    home: Callable[[Any, date], str]

    @property
    def layer(self) -> Layer:
        """Return how its staged rows lie over its records."""
        return LAYERS[self.kind]

    @property
    def name(self) -> str:
        """Return its name: person or institution."""
        return self.layer.registry

    def owner(self, row: Any) -> str:
        """Return the key of the record a row speaks of."""
        owner: str = getattr(row, self.owner_field)
        return owner

    def foreign(
        self, known: Any, after: Any, day: date, cities: Container[str]
    ) -> bool:
        """Return whether a change of a record is none of some pooling areas.

        It must belong there before and after, and name no further place elsewhere.
        """
        homes = [self.home(record, day) for record in (known, after) if record]
        further = self.places(after) - (self.places(known) if known else set())
        return any(pooling_area(area) not in cities for area in (*homes, *further))


def _kin_of(row: PersonRow) -> tuple[str, ...]:
    return tuple([kin.person_no for kin in row.kin])


def _nothing(row: InstitutionRow) -> None:
    del row


def _nobody(row: InstitutionRow) -> tuple[str, ...]:
    del row
    return ()


def _named_by(row: PersonRow) -> set[str]:
    places = [place.area_code for place in row.insured_places]
    return _said(row.insured_place, *places, *_of_enrolments(row))


def _places_of(person: Person) -> set[str]:
    moves = [move.area_code for move in person.moves]
    return _said(person.first_place, *moves, *_of_enrolments(person))


def _of_enrolments(one: PersonRow | Person) -> list[str]:
    return [enrolment.insured_place for enrolment in one.enrolments]


def _said(*area_codes: str) -> set[str]:
    return {area_code for area_code in area_codes if area_code}


def _area_of(one: InstitutionRow | Institution, day: date | None = None) -> str:
    del day
    return area_of_institution(one.code)


def _areas_of(one: InstitutionRow | Institution) -> set[str]:
    return {_area_of(one)}


PERSONS: Final = Registry(
    kind=Person,
    owner_field="person_no",
    problems=problems_of,
    certificate=attrgetter("certificate"),
    kin=_kin_of,
    named=_named_by,
    places=_places_of,
    home=Person.place_on,
)

INSTITUTIONS: Final = Registry(
    kind=Institution,
    owner_field="code",
    problems=problems_of_institution,
    certificate=_nothing,
    kin=_nobody,
    named=_areas_of,
    places=_areas_of,
    home=_area_of,
)
