"""What imports bring: persons and institutions, and how a row of either is read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from operator import attrgetter
from typing import Any, Final

from msgspec import Struct

from gongji.model.people import Certificate, Institution, Person
from gongji.model.registry import InstitutionRow, PersonRow
from gongji.model.staging import LAYERS, Layer
from gongji.registry.rows import Problem, problems_of, problems_of_institution


class Registry(Struct, frozen=True):
    """A registry that imports are made into; `owner_field` is a row's key on the wire."""

    kind: type[Any]
    owner_field: str
    problems: Callable[[Any, date], list[Problem]]
    certificate: Callable[[Any], Certificate | None]
    kin: Callable[[Any], tuple[str, ...]]

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


def _kin_of(row: PersonRow) -> tuple[str, ...]:
    return tuple([kin.person_no for kin in row.kin])


def _nothing(row: InstitutionRow) -> None:
    del row


def _nobody(row: InstitutionRow) -> tuple[str, ...]:
    del row
    return ()


PERSONS: Final = Registry(
    Person, "person_no", problems_of, attrgetter("certificate"), _kin_of
)

INSTITUTIONS: Final = Registry(
    Institution, "code", problems_of_institution, _nothing, _nobody
)
