"""Every kind of record says how two processes that change one of them take turns."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import Final

from gongji.audit.leaf import LogWriter
from gongji.audit.tree import Tile
from gongji.model.access import LostAccesses, PersonAccess
from gongji.model.commands import Adopted
from gongji.model.people import Institution
from gongji.model.revisions import PersonRevision
from gongji.model.settlement import SettledDay
from gongji.model.staging import (
    AppliedImport,
    StagedInstitution,
    StagedPerson,
    StagedSet,
)
from gongji.store.keys.counting import SealCount
from gongji.store.postgres.locks import GUARDED, LOCKED
from gongji.store.schema import Schema

OTHERWISE: Final[Mapping[type, str]] = {
    PersonRevision: "changed with its Person alone, which is guarded",
    Institution: "imports alone write it, one after the other: Turn",
    AppliedImport: "keyed by import, written behind its Turn",
    StagedInstitution: "keyed by import",
    StagedPerson: "keyed by import",
    StagedSet: "keyed by import",
    SettledDay: "says that it is there: written twice, it is the same",
    Adopted: "stated by the operator, whatever stood there",
    PersonAccess: "each row has a key of its own; what has expired is deleted",
    LostAccesses: "keyed by the file that counted",
    SealCount: "each process counts under a key of its own",
    LogWriter: "each process has a row of its own",
    Tile: "made from leaves alone: written twice, it is the same",
}
"""Kinds that may be written again and need neither lock nor guard, and why."""


def test_every_kind_takes_turns(schema: Schema) -> None:
    """A kind is locked, guarded, only ever added to, or says why it need be none of it."""
    added = {kind for kind, table in schema.tables.items() if table.append_only}
    ways: list[set[type]] = [set(LOCKED), set(GUARDED), added, set(OTHERWISE)]
    of_kind = {kind: sum(kind in way for way in ways) for kind in schema.tables}
    assert {} == {kind: count for kind, count in of_kind.items() if count != 1}
    assert set(schema.tables) == set(chain.from_iterable(ways))
