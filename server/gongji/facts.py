"""What a decision may know and what it may write: facts prefetched for a batch, and the commands over them.

A command says which facts it needs, given those already known, until nothing is missing; then a pure decision refuses
by name or returns its answer with the records to write. Later commands of a batch see what earlier ones wrote.
"""

from __future__ import annotations

import base64
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

from gongji.codes import SHANGHAI

T = TypeVar("T")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Need:
    """Records of one kind whose `index` has `value`; index "" is the key."""

    kind: type
    index: str
    value: str


def by_key(kind: type, key: str) -> Need:
    """The one record of that key."""
    return Need(kind, "", key)


def derived_id(prefix: str, request_id: str) -> str:
    """An id that follows from the request's: the prefix and 26 characters of its UUID in base 32; fits 30 characters.

    ValueError where the request id is no UUID.
    """
    return prefix + base64.b32encode(uuid.UUID(request_id).bytes).decode().rstrip("=")


@dataclass(frozen=True, slots=True)
class Decision(Generic[R]):
    """An answer and the records to write, each kind's key deciding between insert and update."""

    answer: R
    writes: tuple[Any, ...] = ()


class Keys(Protocol):
    """How records are found (the store's schema knows)."""

    def key_of(self, record: object) -> str:
        """The record's key."""

    def indexes_of(self, record: object) -> Mapping[str, str]:
        """The record's value in each of its kind's indexes."""


@dataclass(slots=True)
class Facts:
    """The facts of one batch at one instant; filled by the store, read by decisions."""

    now: datetime
    keys: Keys
    _records: dict[tuple[type, str], Any] = field(default_factory=dict)
    _lists: dict[Need, dict[str, None]] = field(default_factory=dict)
    _written: dict[type, dict[str, Any]] = field(default_factory=dict)

    @property
    def today(self) -> date:
        """The civil day of `now` in Shanghai."""
        return self.now.astimezone(SHANGHAI).date()

    def has(self, need: Need) -> bool:
        """Whether that need has been answered."""
        return need in self._lists or (not need.index and (need.kind, need.value) in self._records)

    def get(self, kind: type[T], key: str) -> T | None:
        """The record of that key, None where there is none. KeyError where it was never asked for."""
        record: T | None = self._records[kind, key]
        return record

    def where(self, kind: type[T], index: str, value: str) -> list[T]:
        """The records whose index has that value, by key. KeyError where they were never asked for."""
        return [self._records[kind, key] for key in sorted(self._lists[Need(kind, index, value)])]

    def load(self, need: Need, records: Iterable[Any]) -> None:
        """Takes what the store found for a need; records written in this batch are newer and win."""
        found = {self.keys.key_of(r): r for r in records}
        written = self._written.get(need.kind, {})
        if not need.index:
            self._records[need.kind, need.value] = written.get(need.value, found.get(need.value))
            return
        found = {k: r for k, r in found.items() if k not in written}
        found |= {k: r for k, r in written.items() if self.keys.indexes_of(r)[need.index] == need.value}
        for key, record in found.items():
            self._records[need.kind, key] = record
        self._lists[need] = dict.fromkeys(found)

    def write(self, records: Iterable[Any]) -> None:
        """Makes records visible to the decisions that follow."""
        for record in records:
            kind, key = type(record), self.keys.key_of(record)
            before = self._records.get((kind, key))
            stale = self.keys.indexes_of(before) if before is not None else {}
            for index, value in self.keys.indexes_of(record).items():
                if stale.get(index, value) != value:
                    self._lists.get(Need(kind, index, stale[index]), {}).pop(key, None)
                if (listed := self._lists.get(Need(kind, index, value))) is not None:
                    listed[key] = None
            self._records[kind, key] = self._written.setdefault(kind, {})[key] = record

    def written(self) -> Mapping[type, Mapping[str, Any]]:
        """The last state of every record written in this batch, by kind and key."""
        return self._written


class Query(Protocol[R]):
    """Something decided without writing."""

    def needs(self, facts: Facts) -> Iterable[Need]:
        """What must be known, given what is known so far; asked again until nothing is missing."""

    def decide(self, facts: Facts) -> Decision[R]:
        """The pure decision. Refusal by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing(Generic[T]):
    """Records of one kind in one order, a page at a time.

    `equals`, `at_least` and `below` narrow by index; `order` names the index that sorts ("" sorts by key; records
    without a value there are not listed); `after` is the place (`Store.place`) of the last record already seen.
    """

    kind: type[T]
    equals: Mapping[str, str | int] = field(default_factory=dict)
    at_least: Mapping[str, str | int | date] = field(default_factory=dict)
    below: Mapping[str, str | int | date] = field(default_factory=dict)
    order: str = ""
    descending: bool = False
    after: tuple[str | int, str] | None = None
    limit: int = 100


@dataclass(frozen=True, slots=True)
class Request:
    """Who asked for what under which id; `content` are the parsed top-level fields, hashed one by one."""

    request_id: str
    caller: str
    method: str
    content: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Answer(Generic[R]):
    """A command's answer: executed now, or the first answer again."""

    value: R
    replayed: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class Remembered:
    """The row of a request id: kept for ever.

    `digests` hold a keyed hash per top-level field; `answer` the first answer as JSON, `refusal` the final refusal.
    A tombstone has neither: an original that was reversed before it arrived.
    """

    request_id: str
    caller: str
    method: str
    digests: Mapping[str, str]
    at: datetime
    answer: bytes = b""
    refusal: bytes = b""
    tombstone: bool = False


class Command(Query[R], Protocol[R]):
    """A decision that writes: asked for under a request id, answered once."""

    @property
    def request(self) -> Request:
        """Who asked for what under which id."""

    @property
    def answers(self) -> type[R]:
        """The type of the answer, to read it back from the record of the request."""


@runtime_checkable
class Recalls(Protocol[R_co]):
    """A command whose first answer is rebuilt from what it wrote, so that it is not stored a second time."""

    def recall_needs(self, remembered: Remembered) -> Iterable[Need]:
        """What must be known to rebuild the first answer."""

    def recall(self, remembered: Remembered, facts: Facts) -> R_co:
        """The first answer again, as it was given."""


@dataclass(frozen=True, slots=True)
class Adopted:
    """An operator's adoption of a candidate revision (采纳候选修订): in force from `since`, recorded at `at`."""

    area_code: str
    candidate: str
    since: date
    at: datetime
