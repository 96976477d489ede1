"""Hold the rows of an import against the registry, and write what they change.

A small import is written in one commit. A large one is staged in chunks nobody reads,
applied by one small commit, from which on all read it, and then merged in chunks.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from gongji.access.callers import ALL
from gongji.model.commands import Decision
from gongji.model.facts import Facts, Need, by_key
from gongji.model.judging import Counts, RowStanding, RowVerdict
from gongji.model.people import Certificate
from gongji.model.registry import WHOLE_FILE
from gongji.model.revisions import superseding
from gongji.model.staging import (
    AppliedImport,
    ImportedBy,
    StagedSet,
    Turn,
    Unmerged,
    staged_key,
)
from gongji.registry.kinds import Registry

Digest = Callable[[Certificate], str]
"""The value of the index `cert` for a certificate."""


class RegistryChangedError(Exception):
    """The registry has changed since the rows were judged; nothing was written."""


class Examine(Struct, frozen=True):
    """Asks how rows stand in the registry; of `faulty` owners only whether it knows them.

    `cities` are the pooling areas of whoever imports.
    """

    registry: Registry
    digest: Digest
    rows: tuple[Any, ...]
    faulty: tuple[str, ...] = ()
    cities: Container[str] = ALL

    def needs(self, _: Facts) -> Iterator[Need]:
        """Return each record, and those with the same certificate."""
        kind = self.registry.kind
        for owner in self.faulty:
            yield by_key(kind, owner)
        for row in self.rows:
            yield by_key(kind, self.registry.owner(row))
            certificate = self.registry.certificate(row)
            if certificate is not None:
                yield Need(kind, "cert", self.digest(certificate))

    def decide(self, facts: Facts) -> Decision[tuple[RowStanding, ...]]:
        """Return the standing of each row, then of each faulty owner."""
        standings = [self._standing(row, facts) for row in self.rows]
        for owner in self.faulty:
            known = facts.get(self.registry.kind, owner)
            standings.append(RowStanding(known.revision if known else 0))
        return Decision(tuple(standings))

    def _standing(self, row: Any, facts: Facts) -> RowStanding:
        registry = self.registry
        owner = registry.owner(row)
        known = facts.get(registry.kind, owner)
        certificate = registry.certificate(row)
        holders: list[str] = []
        if certificate is not None:
            found = facts.where(registry.kind, "cert", self.digest(certificate))
            holders = [facts.keys.key_of(holder) for holder in found]
        after = registry.layer.after(known, row, facts.now, "")
        foreign = self.cities is not ALL and registry.foreign(
            known, after, facts.today, self.cities
        )
        return RowStanding(
            revision=known.revision if known else 0,
            unchanged=after is known,
            holders=tuple([holder for holder in holders if holder != owner]),
            keeps=owner in holders,
            refused=_refused(known, foreign=foreign),
        )


def _refused(known: Any, *, foreign: bool) -> RowVerdict:
    """Return the verdict of a row whatever other rows say."""
    if foreign:
        return RowVerdict.FOREIGN
    erased = WHOLE_FILE in getattr(known, "erased", ())
    return RowVerdict.ERASED if erased else RowVerdict.ACCEPTED


class Stage(Struct, frozen=True):
    """Lays rows down for the run `set_id`, and answers how they stand."""

    examine: Examine
    numbers: tuple[int, ...]
    set_id: str
    request_key: str

    def needs(self, facts: Facts) -> Iterator[Need]:
        """Return what examining them needs."""
        return self.examine.needs(facts)

    def decide(self, facts: Facts) -> Decision[tuple[RowStanding, ...]]:
        """Decide to write the rows, each over the revision it was judged over."""
        registry = self.examine.registry
        standings = self.examine.decide(facts).answer
        writes: list[Any] = [StagedSet(self.set_id, self.request_key, registry.name)]
        rows = zip(self.numbers, self.examine.rows, standings, strict=False)
        for number, row, standing in rows:
            staged = registry.layer.staged(
                set_id=self.set_id, number=number, base=standing.revision, row=row
            )
            writes.append(staged)
        return Decision(standings, tuple(writes))


class Rebase(Struct, frozen=True):
    """Gives staged rows another base, by owner."""

    registry: Registry
    set_id: str
    bases: Mapping[str, int]

    def needs(self, _: Facts) -> Iterator[Need]:
        """Return the rows."""
        staged = self.registry.layer.staged
        for owner in self.bases:
            yield by_key(staged, staged_key(self.set_id, owner))

    def decide(self, facts: Facts) -> Decision[None]:
        """Decide to write them."""
        staged = self.registry.layer.staged
        writes = []
        for owner, base in self.bases.items():
            row = facts.get(staged, staged_key(self.set_id, owner))
            if row is not None:
                writes.append(replace(row, base=base))
        return Decision(None, tuple(writes))


class Reexamine(Struct, frozen=True):
    """Asks how rows that are staged stand in the registry by now, by owner."""

    registry: Registry
    digest: Digest
    set_id: str
    owners: tuple[str, ...]
    cities: Container[str] = ALL

    def needs(self, facts: Facts) -> Iterator[Need]:
        """Return the rows, and what examining them needs."""
        staged = self.registry.layer.staged
        needs = [by_key(staged, staged_key(self.set_id, o)) for o in self.owners]
        yield from needs
        if all(map(facts.has, needs)):
            yield from self._examine(facts).needs(facts)

    def decide(self, facts: Facts) -> Decision[dict[str, RowStanding]]:
        """Return the standing of each."""
        examine = self._examine(facts)
        standings = examine.decide(facts).answer
        owners = map(self.registry.owner, examine.rows)
        return Decision(dict(zip(owners, standings, strict=True)))

    def _examine(self, facts: Facts) -> Examine:
        staged = self.registry.layer.staged
        found = [facts.get(staged, staged_key(self.set_id, o)) for o in self.owners]
        rows = tuple([entry.row for entry in found if entry is not None])
        return Examine(self.registry, self.digest, rows, cities=self.cities)


class Apply(Struct, frozen=True):
    """Writes the accepted rows of a small import, and that it was applied.

    RegistryChangedError if the rows stand otherwise than `judged`.
    """

    import_id: str
    examine: Examine
    judged: tuple[RowStanding, ...]
    accepted: frozenset[int]
    """Which of the rows, counted from 0."""
    counts: Counts
    by: ImportedBy = ImportedBy()

    def needs(self, facts: Facts) -> Iterator[Need]:
        """Return what examining needs, and the import's turn."""
        registry = self.examine.registry
        yield from self.examine.needs(facts)
        yield by_key(Turn, registry.name)

    def decide(self, facts: Facts) -> Decision[datetime]:
        """Decide the revisions to write; return the instant they become known."""
        if self.examine.decide(facts).answer != self.judged:
            raise RegistryChangedError
        writes: list[Any] = []
        for known, after in self._changes(facts):
            writes += superseding(after, known)
        registry = self.examine.registry
        name = registry.name
        turn, applied = _applied(name, self.import_id, self.counts, self.by, facts)
        return Decision(facts.now, (*writes, turn), creates=(applied,))

    def _changes(self, facts: Facts) -> Iterator[tuple[Any, Any]]:
        """Yield what is known and what will be, of each record that changes."""
        registry = self.examine.registry
        # Of equal rows one is enough.
        rows = {registry.owner(row): row for row in self._rows()}
        for owner, row in rows.items():
            known = facts.get(registry.kind, owner)
            after = registry.layer.after(known, row, facts.now, self.import_id)
            if after is not known:
                yield known, after

    def _rows(self) -> list[Any]:
        return [self.examine.rows[number] for number in sorted(self.accepted)]


class ApplyStaged(Struct, frozen=True):
    """Makes all staged rows of a run visible at once.

    RegistryChangedError if another import was applied after the turn they were judged
    in, or is still to be merged.
    """

    registry: Registry
    import_id: str
    set_id: str
    turn: int
    counts: Counts
    by: ImportedBy = ImportedBy()

    def needs(self, _: Facts) -> Iterator[Need]:
        """Return the registry's turn, and what is not merged in it."""
        yield by_key(Turn, self.registry.name)
        yield by_key(Unmerged, self.registry.name)

    def decide(self, facts: Facts) -> Decision[datetime]:
        """Decide the instant from which the import is known."""
        name = self.registry.name
        unmerged = facts.get(Unmerged, name)
        turn = facts.get(Turn, name) or Turn(name)
        if turn.number != self.turn or (unmerged and unmerged.set_id):
            raise RegistryChangedError
        turn, applied = _applied(name, self.import_id, self.counts, self.by, facts)
        visible = Unmerged(name, self.set_id, self.import_id, facts.now)
        return Decision(facts.now, (turn, visible), creates=(applied,))


def _applied(
    registry: str, import_id: str, counts: Counts, by: ImportedBy, facts: Facts
) -> tuple[Turn, AppliedImport]:
    """Return what to write of an import that takes its turn."""
    number = (facts.get(Turn, registry) or Turn(registry)).number + 1
    return Turn(registry, number), AppliedImport(
        import_id=import_id,
        registry=registry,
        number=number,
        at=facts.now,
        received=counts.received,
        written=counts.written,
        unchanged=counts.unchanged,
        refused=counts.refused,
        caller=by.caller,
        areas=by.areas,
        caller_kind=by.caller_kind,
        credential=by.credential,
    )


class Merge(Struct, frozen=True):
    """Writes the records of these owners as everybody reads them, and forgets their rows."""

    registry: Registry
    unmerged: Unmerged
    owners: tuple[str, ...]

    def needs(self, _: Facts) -> Iterator[Need]:
        """Return what is being merged, and the records."""
        yield by_key(Unmerged, self.registry.name)
        for owner in self.owners:
            yield by_key(self.registry.kind, owner)

    def decide(self, facts: Facts) -> Decision[None]:
        """Decide what to write; nothing if the import was merged meanwhile."""
        if facts.get(Unmerged, self.registry.name) != self.unmerged:
            return Decision(None)
        # As they are read: with the rows over them. Those of other imports are left.
        records = [facts.get(self.registry.kind, owner) for owner in self.owners]
        import_id = self.unmerged.import_id
        changed = [r for r in records if r is not None and r.import_id == import_id]
        staged, set_id = self.registry.layer.staged, self.unmerged.set_id
        keys = [by_key(staged, staged_key(set_id, owner)) for owner in self.owners]
        return Decision(None, tuple(changed), deletes=tuple(keys))


class EndMerge(Struct, frozen=True):
    """Notes that an import is merged; no row of it is left."""

    unmerged: Unmerged

    def needs(self, _: Facts) -> Iterator[Need]:
        """Return what is being merged."""
        yield by_key(Unmerged, self.unmerged.registry)

    def decide(self, facts: Facts) -> Decision[None]:
        """Decide to write so, unless it was noted before."""
        if facts.get(Unmerged, self.unmerged.registry) != self.unmerged:
            return Decision(None)
        merged = replace(self.unmerged, set_id="")
        gone = by_key(StagedSet, self.unmerged.set_id)
        return Decision(None, (merged,), deletes=(gone,))
