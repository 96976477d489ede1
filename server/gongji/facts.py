"""What a decision may know and what it may write: facts prefetched for a batch, and the commands over them.

A command says which facts it needs, given those already known, until nothing is missing; then a pure decision refuses
by name or returns its answer with the records to write. Later commands of a batch see what earlier ones wrote.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

from msgspec import Struct, field

from gongji.codes import SHANGHAI

T = TypeVar("T")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class Need(Struct, frozen=True):
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
    digits = request_id.replace("-", "")
    number = int(digits, 16) if len(digits) == _HEX_DIGITS else uuid.UUID(request_id).int
    return prefix + _base32(number << 2)


def _base32(number: int) -> str:
    """130 bits in base 32, as `base64.b32encode` writes 16 bytes, at a tenth of its cost: small words shift fastest."""
    words = number >> 100, number >> 70 & _WORD, number >> 40 & _WORD, number >> 10 & _WORD
    pairs = [_PAIRS[word >> shift & 0x3FF] for word in words for shift in (20, 10, 0)]
    return f"{''.join(pairs)}{_PAIRS[number & 0x3FF]}"


_HEX_DIGITS = 32
_WORD = (1 << 30) - 1


_DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_PAIRS = [first + second for first in _DIGITS for second in _DIGITS]


class Decision(Struct, Generic[R], frozen=True):
    """An answer and the records to write, each kind's key deciding between insert and update."""

    answer: R
    writes: tuple[Any, ...] = ()


class Keys(Protocol):
    """How records are found (the store's schema knows)."""

    def key_of(self, record: object) -> str:
        """The record's key."""

    def indexes_of(self, record: object) -> Mapping[str, str]:
        """The record's value in each of its kind's indexes."""


class Unknown(KeyError):  # noqa: N818 - a state of the facts, met and mended by the store
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
        """The record of that key, None where there is none. Unknown where it was never asked for."""
        try:
            record: T | None = self._records[kind][key]
        except KeyError:
            raise Unknown(kind.__name__, key) from None
        return record

    def where(self, kind: type[T], index: str, value: str) -> list[T]:
        """The records whose index has that value, by key. Unknown where they were never asked for."""
        try:
            listed = self._lists[kind][index][value]
        except KeyError:
            raise Unknown(kind.__name__, index, value) from None
        records = self._records[kind]
        return [records[key] for key in sorted(listed)]

    def load(self, kind: type, index: str, values: Collection[str], records: Iterable[Any]) -> None:
        """Takes what the store found for needs of one kind and index; what this batch wrote is newer and wins."""
        found = {self.keys.key_of(r): r for r in records}
        known, written = self._records[kind], self._written.get(kind)
        if not index:
            known.update(dict.fromkeys(values))
            known.update(found)
            if written:
                known.update({key: written[key] for key in values if key in written})
            return
        if written:
            found |= {key: r for key, r in written.items() if key in found or self.keys.indexes_of(r)[index] in values}
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


class Query(Protocol[R]):
    """Something decided without writing."""

    def needs(self, facts: Facts) -> Iterable[Need]:
        """What must be known, given what is known so far; asked again until nothing is missing."""

    def decide(self, facts: Facts) -> Decision[R]:
        """The pure decision. Refusal by name."""


class Write(Struct, frozen=True):
    """A query that writes records as they are, whatever is there."""

    records: tuple[Any, ...]

    def needs(self, facts: Facts) -> Iterable[Need]:
        """Nothing."""
        del facts
        return ()

    def decide(self, facts: Facts) -> Decision[None]:
        """The records."""
        del facts
        return Decision(None, self.records)


class Listing(Struct, Generic[T], frozen=True, kw_only=True):
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


class Request(Struct, frozen=True):
    """Who asked for what under which id; `content` are the parsed top-level fields, hashed one by one."""

    request_id: str
    caller: str
    method: str
    content: Mapping[str, object]


class Answer(Struct, Generic[R], frozen=True):
    """A command's answer: executed now, or the first answer again."""

    value: R
    replayed: bool
    at: datetime


class Remembered(Struct, frozen=True):
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


class Adopted(Struct, frozen=True):
    """An operator's adoption of a candidate revision (采纳候选修订): in force from `since`, recorded at `at`."""

    area_code: str
    candidate: str
    since: date
    at: datetime
