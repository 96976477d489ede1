"""What a decision may know (事实): the facts prefetched for a batch of commands.

A command says which facts it needs, given those already known, until nothing is
missing; then a pure decision refuses by name or returns its answer with the records to
write. Later commands of a batch see what earlier ones wrote.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Protocol, TypeAlias, TypeVar

from msgspec import Struct

from gongji.rules.codes import SHANGHAI

T = TypeVar("T")


class Need(Struct, frozen=True):
    """Records of one kind whose `index` has `value`; index "" is the key."""

    kind: type
    index: str
    value: str


def by_key(kind: type, key: str) -> Need:
    """Return the need of the one record with that key."""
    return Need(kind, "", key)


class Keys(Protocol):
    """How records are found; the store's schema knows."""

    def key_of(self, record: object) -> str:
        """Return the record's key."""

    def indexes_of(self, record: object) -> Mapping[str, str]:
        """Return the record's value in each of its kind's indexes."""


class NotLoaded(KeyError):  # noqa: N818 - a state of the facts, met and mended by the store
    """A decision read what was never fetched: it is fetched, and the decision made again."""


class RecordExistsError(Exception):
    """A record that must be new has the key of another: a defect."""


_Lists: TypeAlias = dict[str, dict[str, set[str]]]
"""Keys by index and value."""

_NO_LISTS: _Lists = {}

_NO_VALUES: dict[str, set[str]] = {}


class Facts:
    """The facts of one batch at one instant; filled by the store, read by decisions."""

    __slots__ = (
        "_created",
        "_lists",
        "_now",
        "_records",
        "_written",
        "deleted",
        "keys",
        "today",
    )

    today: date
    """The civil day of `now` in Shanghai."""

    deleted: list[Need]
    """The records this batch removes, by key."""

    def __init__(self, now: datetime, keys: Keys) -> None:
        self.now = now
        self.keys = keys
        self._records: defaultdict[type, dict[str, Any]] = defaultdict(dict)
        self._lists: dict[type, _Lists] = {}
        self._written: defaultdict[type, dict[str, Any]] = defaultdict(dict)
        self._created: defaultdict[type, set[str]] = defaultdict(set)
        self.deleted = []

    @property
    def now(self) -> datetime:
        """Return the instant all decisions of the batch are made at."""
        return self._now

    @now.setter
    def now(self, instant: datetime) -> None:
        # hot path: converted once a batch, not once a rule that asks for the day.
        self._now = instant
        self.today = instant.astimezone(SHANGHAI).date()

    def has(self, need: Need) -> bool:
        """Return whether that need has been met."""
        # hot path: `get`, so that asking leaves no empty dictionaries behind.
        if need.index:
            lists = self._lists.get(need.kind, _NO_LISTS)
            return need.value in lists.get(need.index, _NO_VALUES)
        return need.value in self._records.get(need.kind, ())

    def get(self, kind: type[T], key: str) -> T | None:
        """Return the record of that key, None if there is none. NotLoaded."""
        try:
            record: T | None = self._records[kind][key]
        except KeyError:
            raise NotLoaded(kind.__name__, key) from None
        return record

    def where(self, kind: type[T], index: str, value: str) -> list[T]:
        """Return the records whose index has that value, by key. NotLoaded."""
        try:
            keys = self._lists[kind][index][value]
        except KeyError:
            raise NotLoaded(kind.__name__, index, value) from None
        records = self._records[kind]
        # By key, so that a decision does not hang on the order a database found them in.
        return [records[key] for key in sorted(keys)]

    def found(self, need: Need) -> list[Any]:
        """Return the records of a need, none if it has not been met."""
        if not self.has(need):
            return []
        if need.index:
            return self.where(need.kind, need.index, need.value)
        record = self.get(need.kind, need.value)
        return [] if record is None else [record]

    def load(
        self, kind: type, index: str, values: Collection[str], records: Iterable[Any]
    ) -> None:
        """Take what the store found for needs of one kind and index ("" the key)."""
        stored = {self.keys.key_of(record): record for record in records}
        if index:
            self._load_lists(kind, index, values, stored)
        else:
            self._load_by_key(kind, values, stored)

    def _load_by_key(
        self, kind: type, keys: Collection[str], stored: Mapping[str, Any]
    ) -> None:
        records = self._records[kind]
        # A key that was not found is known to have no record: None.
        records.update(dict.fromkeys(keys))
        records.update(stored)
        # What this batch wrote is newer than what the database holds.
        written = self._written.get(kind)
        if written:
            records.update({key: written[key] for key in keys if key in written})

    def _load_lists(
        self, kind: type, index: str, values: Collection[str], stored: dict[str, Any]
    ) -> None:
        # What this batch wrote may have come into a list since, or gone from it.
        for key, record in self._written.get(kind, {}).items():
            if key in stored or self.keys.indexes_of(record)[index] in values:
                stored[key] = record
        records = self._records[kind]
        lists: dict[str, set[str]] = {value: set() for value in values}
        for key, record in stored.items():
            records[key] = record
            keys = lists.get(self.keys.indexes_of(record)[index])
            if keys is not None:
                keys.add(key)
        self._lists.setdefault(kind, {}).setdefault(index, {}).update(lists)

    def write(self, records: Iterable[Any]) -> None:
        """Make records visible to the decisions that follow."""
        for record in records:
            self._put(type(record), self.keys.key_of(record), record)

    def _put(self, kind: type, key: str, record: object) -> None:
        # hot path: most kinds written are in no list that anybody asked for.
        if kind in self._lists:
            self._relist(kind, key, record)
        self._records[kind][key] = record
        self._written[kind][key] = record

    def create(self, records: Sequence[Any]) -> None:
        """Write records that are new; none of them if one is not. RecordExistsError.

        What the database holds without anybody having read it is found when they are
        written there.
        """
        of = self.keys.key_of
        keyed = [(type(record), of(record), record) for record in records]
        for kind, key, _ in keyed:
            if self._records[kind].get(key) is not None:
                raise RecordExistsError(kind.__name__, key)
        for kind, key, record in keyed:
            self._put(kind, key, record)
            self._created[kind].add(key)

    def _relist(self, kind: type, key: str, record: object) -> None:
        """Move a record from the lists it stood in to those it belongs to."""
        before = self._records[kind].get(key)
        old = self.keys.indexes_of(before) if before is not None else {}
        new = self.keys.indexes_of(record)
        for index, lists in self._lists[kind].items():
            if old.get(index, new[index]) != new[index]:
                lists.get(old[index], set()).discard(key)
            keys = lists.get(new[index])
            if keys is not None:
                keys.add(key)

    def created(self, kind: type) -> Collection[str]:
        """Return the keys of the records of a kind that this batch created."""
        return self._created[kind]

    def written(self) -> Mapping[type, Mapping[str, Any]]:
        """Return the last state of every record written in this batch, by kind and key."""
        return self._written
