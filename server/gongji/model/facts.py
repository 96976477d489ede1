"""What a decision may know and what it may write: facts prefetched for a batch, and the
commands over them.

A command says which facts it needs, given those already known, until nothing is
missing; then a pure decision refuses by name or returns its answer with the records to
write. Later commands of a batch see what earlier ones wrote.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime
from typing import Any, Protocol, TypeVar

from msgspec import Struct

from gongji.rules.codes import SHANGHAI

T = TypeVar("T")


class Need(Struct, frozen=True):
    """Records of one kind whose `index` has `value`; index "" is the key."""

    kind: type
    index: str
    value: str


def by_key(kind: type, key: str) -> Need:
    """The one record of that key."""
    return Need(kind, "", key)


class Keys(Protocol):
    """How records are found (the store's schema knows)."""

    def key_of(self, record: object) -> str:
        """The record's key."""

    def indexes_of(self, record: object) -> Mapping[str, str]:
        """The record's value in each of its kind's indexes."""


class NotLoaded(KeyError):  # noqa: N818 - a state of the facts, met and mended by the store
    """A decision read what was never fetched: it is fetched, and the decision made again."""


_EMPTY: Mapping[str, Collection[str]] = {}


class Facts:
    """The facts of one batch at one instant; filled by the store, read by decisions."""

    __slots__ = ("_lists", "_now", "_records", "_written", "keys", "today")

    today: date
    """The civil day of `now` in Shanghai."""

    def __init__(self, now: datetime, keys: Keys) -> None:
        self.now = now
        self.keys = keys
        self._records: defaultdict[type, dict[str, Any]] = defaultdict(dict)
        self._lists: dict[type, dict[str, dict[str, dict[str, None]]]] = {}
        self._written: defaultdict[type, dict[str, Any]] = defaultdict(dict)

    @property
    def now(self) -> datetime:
        """The instant all decisions of the batch are made at."""
        return self._now

    @now.setter
    def now(self, instant: datetime) -> None:
        self._now = instant
        self.today = instant.astimezone(SHANGHAI).date()

    def has(self, need: Need) -> bool:
        """Whether that need has been answered."""
        if need.index:
            return need.value in self._lists.get(need.kind, _EMPTY).get(need.index, ())
        return need.value in self._records.get(need.kind, ())

    def get(self, kind: type[T], key: str) -> T | None:
        """The record of that key, None where there is none. Unknown where it was never
        asked for."""
        try:
            record: T | None = self._records[kind][key]
        except KeyError:
            raise NotLoaded(kind.__name__, key) from None
        return record

    def where(self, kind: type[T], index: str, value: str) -> list[T]:
        """The records whose index has that value, by key. Unknown where they were never
        asked for."""
        try:
            listed = self._lists[kind][index][value]
        except KeyError:
            raise NotLoaded(kind.__name__, index, value) from None
        records = self._records[kind]
        return [records[key] for key in sorted(listed)]

    def load(
        self, kind: type, index: str, values: Collection[str], records: Iterable[Any]
    ) -> None:
        """Takes what the store found for needs of one kind and index; what this batch
        wrote is newer and wins."""
        found = {self.keys.key_of(r): r for r in records}
        known, written = self._records[kind], self._written.get(kind)
        if not index:
            known.update(dict.fromkeys(values))
            known.update(found)
            if written:
                known.update({key: written[key] for key in values if key in written})
            return
        if written:
            found |= {
                key: r
                for key, r in written.items()
                if key in found or self.keys.indexes_of(r)[index] in values
            }
        lists: dict[str, dict[str, None]] = {value: {} for value in values}
        for key, record in found.items():
            known[key] = record
            if (listed := lists.get(self.keys.indexes_of(record)[index])) is not None:
                listed[key] = None
        self._lists.setdefault(kind, {}).setdefault(index, {}).update(lists)

    def write(self, records: Iterable[Any]) -> None:
        """Makes records visible to the decisions that follow."""
        for record in records:
            kind, key = type(record), self.keys.key_of(record)
            if kind in self._lists:
                self._list_anew(kind, key, record)
            self._records[kind][key] = record
            self._written[kind][key] = record

    def _list_anew(self, kind: type, key: str, record: object) -> None:
        """Moves a record from the lists it stood in to those it belongs to."""
        before = self._records[kind].get(key)
        stale = self.keys.indexes_of(before) if before is not None else {}
        now = self.keys.indexes_of(record)
        for index, lists in self._lists[kind].items():
            if stale.get(index, now[index]) != now[index]:
                lists.get(stale[index], {}).pop(key, None)
            if (listed := lists.get(now[index])) is not None:
                listed[key] = None

    def written(self) -> Mapping[type, Mapping[str, Any]]:
        """The last state of every record written in this batch, by kind and key."""
        return self._written
