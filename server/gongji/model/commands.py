"""Commands, queries and listings: what a store is asked to do, and how it answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any, Generic, Protocol, runtime_checkable

from msgspec import Struct, field

from gongji.model.facts import Facts, Need, R, R_co, T


class Decision(Struct, Generic[R], frozen=True):
    """An answer and the records to write, each kind's key deciding between insert and update."""

    answer: R
    writes: tuple[Any, ...] = ()


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

    `equals`, `at_least` and `below` narrow by index; `order` names the index that sorts
    ("" sorts by key; records without a value there are not listed); `after` is the
    place (`Store.place`) of the last record already seen.
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
    """Who asked for what under which id; `content` are the parsed top-level fields,
    hashed one by one."""

    request_id: str
    caller: str
    method: str
    content: Mapping[str, object]


class Answer(Struct, Generic[R], frozen=True):
    """A command's answer: executed now, or the first answer again."""

    value: R
    replayed: bool
    at: datetime


class RequestRecord(Struct, frozen=True):
    """The row of a request id: kept for ever.

    `digests` hold a keyed hash per top-level field; `answer` the first answer as JSON,
    `refusal` the final refusal. A tombstone has neither: an original that was reversed
    before it arrived.
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
    """A command whose first answer is rebuilt from what it wrote, so that it is not
    stored a second time."""

    def recall_needs(self, remembered: RequestRecord) -> Iterable[Need]:
        """What must be known to rebuild the first answer."""

    def recall(self, remembered: RequestRecord, facts: Facts) -> R_co:
        """The first answer again, as it was given."""


class Adopted(Struct, frozen=True):
    """An operator's adoption of a candidate revision (采纳候选修订): in force from
    `since`, recorded at `at`."""

    area_code: str
    candidate: str
    since: date
    at: datetime

    @property
    def key(self) -> str:
        """Its own key: 341100/V2."""
        return f"{self.area_code}/{self.candidate}"
