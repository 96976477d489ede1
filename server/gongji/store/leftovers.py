"""What runs of imports that broke off have staged, and how it is removed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from gongji.model.commands import Decision, RequestRecord
from gongji.model.facts import Facts, Need, by_key
from gongji.model.staging import StagedSet, Unmerged
from gongji.store.claims import run_of


class Abandoned(Struct, frozen=True):
    """Asks whether a set belongs to no run that goes on and to no import being merged."""

    staged_set: StagedSet

    def needs(self, _: Facts) -> Iterator[Need]:
        """Return the row of the import's request, and what is being merged."""
        yield by_key(RequestRecord, self.staged_set.request_key)
        yield by_key(Unmerged, self.staged_set.registry)

    def decide(self, facts: Facts) -> Decision[bool]:
        """Return whether it does."""
        row = facts.get(RequestRecord, self.staged_set.request_key)
        unmerged = facts.get(Unmerged, self.staged_set.registry)
        set_id = self.staged_set.set_id
        merging = unmerged is not None and unmerged.set_id == set_id
        return Decision(not merging and run_of(row) != set_id)


class Remove(Struct, frozen=True):
    """Removes records as they were read."""

    records: tuple[Any, ...]

    def needs(self, _: Facts) -> Iterator[Need]:
        """Return nothing."""
        return iter(())

    def decide(self, facts: Facts) -> Decision[None]:
        """Decide to remove them."""
        keys = [by_key(type(r), facts.keys.key_of(r)) for r in self.records]
        return Decision(None, deletes=tuple(keys))
