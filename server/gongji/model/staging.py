"""Rows of an import (导入) that wait to be merged, and what is kept of each import.

A large import lays its rows down in chunks, where nobody reads them. One small commit
applies it: from then on whoever reads a person or an institution reads the row over it,
until the rows have been merged chunk by chunk.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from msgspec import Struct

from gongji.model.people import Institution, Person
from gongji.model.registry import (
    InstitutionRow,
    PersonRow,
    institution_after,
    person_after,
)

REFUSED: Final = -1
"""The base of a row that was refused: no record ever has that revision."""


class StagedPerson(Struct, frozen=True, kw_only=True):
    """A person's row of an import; `set_id` names the run that laid it down.

    `base` is the revision the row was judged over, 0 if the person was not known: over
    any other it is not read.
    """

    set_id: str
    number: int
    base: int
    row: PersonRow

    @property
    def key(self) -> str:
        """Return its own key."""
        return staged_key(self.set_id, self.row.person_no)


class StagedInstitution(Struct, frozen=True, kw_only=True):
    """An institution's row of an import; see `StagedPerson`."""

    set_id: str
    number: int
    base: int
    row: InstitutionRow

    @property
    def key(self) -> str:
        """Return its own key."""
        return staged_key(self.set_id, self.row.code)


def staged_key(set_id: str, owner: str) -> str:
    """Return the key of the row one run has laid down of a person or an institution."""
    return f"{set_id}/{owner}"


class StagedSet(Struct, frozen=True):
    """A run of an import that has laid rows down; kept until they are gone.

    `request_key` leads to the row of its request.
    """

    set_id: str
    request_key: str
    registry: str


class Unmerged(Struct, frozen=True):
    """The import of a registry that is applied and not merged yet; `set_id` "" if none."""

    registry: str
    set_id: str
    import_id: str
    at: datetime


class Turn(Struct, frozen=True):
    """How many imports of a registry have been applied; each takes its turn here."""

    registry: str
    number: int = 0


class ImportedBy(Struct, frozen=True):
    """Who imports, and the pooling areas of theirs that the rows name.

    `caller_kind` and `credential` are as in `PersonAccess`.
    """

    caller: str = ""
    areas: tuple[str, ...] = ()
    caller_kind: str = ""
    credential: str = ""


class AppliedImport(Struct, frozen=True):
    """An import as it was applied; `number` is its turn.

    Who sent it (as in `ImportedBy`) stands here once, not at each person it brought: a
    person's revision names the import.
    """

    import_id: str
    registry: str
    number: int
    at: datetime
    received: int
    written: int
    unchanged: int
    refused: int
    caller: str = ""
    areas: tuple[str, ...] = ()
    caller_kind: str = ""
    credential: str = ""


class Layer(Struct, frozen=True):
    """How the rows of one registry lie over its records; `registry` is its name."""

    registry: str
    staged: type[Any]
    after: Callable[..., Any]


LAYERS: Final[Mapping[type, Layer]] = {
    Person: Layer("person", StagedPerson, person_after),
    Institution: Layer("institution", StagedInstitution, institution_after),
}
"""The kinds of records that imports bring."""
