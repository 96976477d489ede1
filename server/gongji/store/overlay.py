"""Reads through an import that is applied and not merged yet.

Whoever reads a person or an institution over the engine reads here, so that all see an
import from one commit on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from gongji.model.revisions import REVISIONS, Revision
from gongji.model.staging import LAYERS, Unmerged, staged_key
from gongji.store.engine import FactSource, Lookup

_RECORD_OF: Final[Mapping[type, type]] = {
    **{kind: kind for kind in LAYERS},
    **{former: kind for kind, former in REVISIONS.items()},
}
"""The kind of records that are read through an import, and that of their revisions."""

_REGISTRIES: Final = [layer.registry for layer in LAYERS.values()]


class Overlay:
    """Fetches records for one transaction, the rows of such an import laid over them."""

    def __init__(self, engine: FactSource) -> None:
        self._engine = engine
        # None until the first record that an import may bring is read.
        self._unmerged: dict[str, Unmerged] | None = None
        self.superseded: dict[tuple[type, str], Revision] = {}
        """What is stored of the records that a row lies over, by kind and key."""

    def fetch(self, lookups: Sequence[Lookup]) -> Sequence[Iterable[Any]]:
        """Return the records of each lookup, fetched together."""
        # hot path: as a rule nothing lies over anything, which costs one row that is
        # read with the others.
        if self._unmerged is None and any(kind in _RECORD_OF for kind, _, _ in lookups):
            rows, *results = self._engine.fetch([(Unmerged, "", _REGISTRIES), *lookups])
            self._unmerged = {row.registry: row for row in rows if row.set_id}
            if not self._unmerged:
                return results
        if not self._unmerged:
            return self._engine.fetch(lookups)
        return self._overlaid(lookups, self._unmerged)

    def _overlaid(
        self, lookups: Sequence[Lookup], unmerged: dict[str, Unmerged]
    ) -> Sequence[Iterable[Any]]:
        results: list[Iterable[Any]] = []
        for lookup in lookups:
            kind, index, values = lookup
            record = _RECORD_OF.get(kind)
            applied = unmerged.get(LAYERS[record].registry) if record else None
            if record is None or applied is None:
                results += self._engine.fetch([lookup])
            elif record is not kind:
                results.append(self._former(record, lookup, applied))
            else:
                keys = self._found(lookup, applied) if index else values
                results.append(self._by_key(kind, keys, applied))
        return results

    def _former(
        self, record: type, lookup: Lookup, applied: Unmerged
    ) -> Iterable[Revision]:
        """Return former revisions, with those an import's row has superseded."""
        _, index, values = lookup
        owners = values if index else [key.rpartition("/")[0] for key in values]
        # The records first: one that is merged meanwhile is found among the revisions.
        self._by_key(record, owners, applied)
        superseded = [self.superseded.get((record, owner)) for owner in owners]
        (stored,) = self._engine.fetch([lookup])
        found = [*stored, *filter(None, superseded)]
        return {revision.key: revision for revision in found}.values()

    def _found(self, lookup: Lookup, applied: Unmerged) -> list[str]:
        """Return the keys of the records an index may find, with the row or without."""
        kind, index, values = lookup
        # The rows first: one that is merged meanwhile is found in the record.
        rows, records = self._engine.fetch(
            [(LAYERS[kind].staged, index, values), lookup]
        )
        said = [row.row for row in rows if row.set_id == applied.set_id]
        return list(dict.fromkeys(map(_key_of, [*said, *records])))

    def _by_key(self, kind: type, keys: Sequence[str], applied: Unmerged) -> list[Any]:
        """Return the records of these keys as they are with the import's rows."""
        if not keys:
            return []
        layer = LAYERS[kind]
        staged_keys = [staged_key(applied.set_id, key) for key in keys]
        # The rows first, as above.
        rows, records = self._engine.fetch(
            [(layer.staged, "", staged_keys), (kind, "", keys)]
        )
        stored = {_key_of(record): record for record in records}
        for row in rows:
            key = _key_of(row.row)
            stored[key] = self._after(kind, stored.get(key), row, applied)
        return [record for record in stored.values() if record is not None]

    def _after(self, kind: type, known: Any, staged: Any, applied: Unmerged) -> Any:
        """Return a record with a row over it, if the row was judged over this revision."""
        if staged.base != (known.revision if known else 0):
            return known
        after = LAYERS[kind].after(known, staged.row, applied.at, applied.import_id)
        if known is not None and after is not known:
            former = REVISIONS[kind](known, applied.at)
            self.superseded[kind, _key_of(known)] = former
        return after


def _key_of(record: Any) -> str:
    """Return the key of a record, or of the record a row speaks of."""
    key: str = record.person_no if hasattr(record, "person_no") else record.code
    return key
