"""Commands, queries and listings: what a store is asked to do, and how it answers."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Container, Iterable, Mapping
from datetime import date, datetime
from typing import Any, ClassVar, Final, Generic, Protocol, TypeAlias, TypeVar

from msgspec import Struct, field
from msgspec.structs import replace

from gongji.model.access import Accesses
from gongji.model.facts import Facts, Need, by_key
from gongji.model.ids import CALLER

R = TypeVar("R")

T = TypeVar("T")

RecordPlace: TypeAlias = tuple[str | int, str]
"""A record's place in a listing: its value in the listing's order, and its key."""

Placed: TypeAlias = tuple[T, RecordPlace]
"""A record, and the place its columns give it.

Pages turn by columns: by what a damaged record says they could turn for ever.
"""

_CONTEXT: Final = frozenset({"request", "cities", "workdays", "subject", "shown"})
"""The fields of a command that are not the content of its request."""


class Decision(Struct, Generic[R], frozen=True):
    """An answer and the records to write; a key that exists is written over.

    `creates` are written too, and must be new: a key that exists is a defect.
    `first_at` is when it was given first, if another request had it before.
    `deletes` are records to remove, by key; no decision of the same batch reads them.
    """

    answer: R
    writes: tuple[Any, ...] = ()
    first_at: datetime | None = None
    deletes: tuple[Need, ...] = ()
    creates: tuple[Any, ...] = ()

    @property
    def records(self) -> tuple[Any, ...]:
        """Return everything to write."""
        return *self.creates, *self.writes


class Query(Protocol[R]):
    """Something decided over facts; `Store.ask` writes nothing, `Store.apply` does."""

    def needs(self, facts: Facts) -> Iterable[Need]:
        """Return what must be known, given what is known so far.

        The store asks again until nothing is missing.
        """

    def decide(self, facts: Facts) -> Decision[R]:
        """Decide, reading facts alone. Refusal by name."""


class Write(Struct, frozen=True):
    """Writes records as they are, whatever is stored; the log tells `what` it is."""

    records: tuple[Any, ...]
    what: str = "Write"

    def needs(self, facts: Facts) -> Iterable[Need]:
        """Return nothing."""
        del facts
        return ()

    def decide(self, facts: Facts) -> Decision[None]:
        """Decide to write the records."""
        del facts
        return Decision(None, self.records)


class Listing(Struct, Generic[T], frozen=True, kw_only=True):
    """Records of one kind in one order, a page at a time.

    `equals`, `at_least` and `below` narrow by index; `order` names the index that sorts
    ("" sorts by key; records without a value there are not listed); `after` is the
    place of the last record already seen.
    """

    kind: type[T]
    equals: Mapping[str, str | int] = field(default_factory=dict)
    at_least: Mapping[str, str | int | date] = field(default_factory=dict)
    below: Mapping[str, str | int | date] = field(default_factory=dict)
    order: str = ""
    descending: bool = False
    after: RecordPlace | None = None
    limit: int = 100


class Request(Struct, frozen=True):
    """Who called which method under which id, and for whom; ids count within a caller.

    `subject` is the number of the person for whom, "" if for nobody. `former` are the
    caller's names of before, in a policy or stated when callers were not known yet: a
    row of then is its own if it bears one of them. `accesses` are whose data the call
    touches.
    """

    request_id: str
    caller: str
    method: str
    subject: str = ""
    former: Container[str] = frozenset()
    accesses: Accesses | None = None

    @property
    def key(self) -> str:
        """Return the key of its row: id first, so that ids of one time lie together."""
        return self._key_of(self.caller)

    @property
    def callers(self) -> tuple[str, ...]:
        """Return the caller's names: the one it has, then its former ones if listed."""
        return tuple(dict.fromkeys((self.caller, *listed(self.former))))

    def another(self, request_id: str, method: str) -> Request:
        """Return another request of the same caller."""
        return replace(self, request_id=request_id, method=method)

    def inherits(self, caller: str) -> bool:
        """Return whether what that caller did before callers were known is its own.

        What says no caller is whoever's that called then.
        """
        return caller in self.former or (not caller and bool(self.former))

    def row_needs(self) -> tuple[Need, ...]:
        """Return the needs of `row`, to be fetched together."""
        if not self.former:
            return (by_key(RequestRecord, self.key),)
        keys = (*map(self._key_of, self.callers), self.request_id)
        return tuple([by_key(RequestRecord, key) for key in keys])

    def row(self, facts: Facts) -> RequestRecord | None:
        """Return the request's row; None if it never came. NotLoaded."""
        own = facts.get(RequestRecord, self.key)
        if own is not None or not self.former:
            return own
        # hot path: a policy's callers have one name more as a rule, and that is their own.
        for caller in self.callers[1:]:
            row = facts.get(RequestRecord, self._key_of(caller))
            if row is not None:
                return row
        before = facts.get(RequestRecord, self.request_id)
        return before if before and self.inherits(before.caller) else None

    def _key_of(self, caller: str) -> str:
        return f"{self.request_id}{CALLER}{caller}"


def listed(names: Container[str]) -> Collection[str]:
    """Return names that can be listed; of a caller that has every former name none can."""
    # hot path: to ask an abstract class takes several times as long.
    return names if isinstance(names, _SETS) else ()


_SETS: Final = (frozenset, set)


class Answer(Struct, Generic[R], frozen=True):
    """A command's answer: executed now, or the first answer again."""

    value: R
    replayed: bool
    at: datetime


class RequestRecord(Struct, frozen=True):
    """The row of a request, kept for ever.

    `key` is that of the request; the bare id if it came before callers were known.
    `digests` hold a keyed hash per top-level field; `answer` the first answer as JSON,
    `refusal` the final refusal. A tombstone has neither: an original that was reversed
    before it arrived.
    """

    key: str
    caller: str
    method: str
    digests: Mapping[str, str]
    at: datetime
    answer: bytes = b""
    refusal: bytes = b""
    tombstone: bool = False

    @property
    def is_former(self) -> bool:
        """Return whether it was written before callers were known."""
        return CALLER not in self.key


class Command(Struct, Generic[R], frozen=True):
    """A decision that writes: requested under an id, answered once.

    `answer_type` reads the answer back from the row of the request.
    """

    answer_type: ClassVar[type[Any]]

    wire: ClassVar[tuple[tuple[str, str], ...]] = ()
    """Fields of the content that have other paths in the request, and those."""

    request: Request

    @classmethod
    def content_names(cls) -> list[str]:
        """Return the fields that are the content of the request.

        They are stored with the digests: a field renamed makes another request.
        """
        return [name for name in cls.__struct_fields__ if name not in _CONTEXT]

    @property
    def content(self) -> Mapping[str, object]:
        """Return the content of the request, whose fields are hashed one by one."""
        return {name: getattr(self, name) for name in self.content_names()}

    def wire_path(self, path: str) -> str:
        """Return the path in the request of a field of the content, or inside one."""
        return dict(self.wire).get(path, path)

    @abstractmethod
    def needs(self, facts: Facts) -> Iterable[Need]:
        """Return what must be known, as `Query.needs`."""

    @abstractmethod
    def decide(self, facts: Facts) -> Decision[R]:
        """Decide, as `Query.decide`."""


class RecallingCommand(Command[R], Generic[R], frozen=True):
    """A command that rebuilds its first answer from what it wrote.

    The answer is then not stored a second time.
    """

    def kept_of(self, answer: R) -> bytes:
        """Return what the row keeps to find the answer by, if the request id is not enough."""
        del answer
        return b""

    def first_content(
        self, remembered: RequestRecord, facts: Facts
    ) -> Mapping[str, object]:
        """Return what its records tell of the content that was executed."""
        del remembered, facts
        return {}

    @abstractmethod
    def recall_needs(self, remembered: RequestRecord) -> Iterable[Need]:
        """Return what must be known to rebuild the first answer."""

    @abstractmethod
    def recall(self, remembered: RequestRecord, facts: Facts) -> R:
        """Return the first answer again, as it was given."""


class Adopted(Struct, frozen=True):
    """An operator's adoption of a candidate revision (采纳候选修订).

    It is in force from the day `since`, and was recorded at `at`.
    """

    area_code: str
    candidate: str
    since: date
    at: datetime

    @property
    def key(self) -> str:
        """Return its own key: 341100/V2."""
        return f"{self.area_code}/{self.candidate}"
