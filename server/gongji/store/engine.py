"""What an engine below the committer does, and the errors it raises."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, Protocol, TypeVar, cast

from msgspec import Struct

from gongji.model.commands import Answer, Command, Listing, Placed, Query, Request
from gongji.model.facts import Need
from gongji.model.refusals import StoreUnavailable
from gongji.store.sql import Dialect
from gongji.store.table import Row
from gongji.store.timing import JobTiming

T = TypeVar("T")


class EngineError(Exception):
    """The database failed; nothing of the transaction stands."""


class WriteConflict(EngineError):  # noqa: N818 - a state, not a fault of the caller
    """Another process wrote what this transaction was decided over: decide again."""


REASONS: Final = (
    "busy",
    "clock",
    "connection_lost",
    "corrupt",
    "disk_full",
    "io_error",
    "locked",
    "out_of_memory",
    "read_only",
    "refused",
    "rolled_back",
    "unavailable",
)
"""Why an engine is down; `unavailable` if it does not say."""


class EngineDown(EngineError):  # noqa: N818 - as above
    """It cannot serve now, for one of `REASONS`. Retry later."""

    def __init__(self, text: str, reason: str = "unavailable") -> None:
        super().__init__(text)
        self.reason = reason


class Held(EngineDown):
    """Somebody else holds what this transaction needs; nothing of it stands: try again.

    `whole` if nobody can write as long as that lasts; else `rows` are held, by kind and
    key, or the tables of `kinds`, from who is `writing` only or from all. `who` holds
    them, if known; it was waited for `seconds`.
    """

    def __init__(
        self,
        text: str,
        *,
        whole: bool = False,
        rows: frozenset[tuple[type, str]] = frozenset(),
        kinds: frozenset[type] = frozenset(),
        writing: bool = False,
        who: str = "",
        seconds: float = 0.0,
    ) -> None:
        super().__init__(f"{text} ({who})" if who else text, "locked")
        self.whole = whole
        self.rows = rows
        self.kinds = kinds
        self.writing = writing
        self.who = who
        self.seconds = seconds
        self.places: frozenset[int] = frozenset()
        """The places of the jobs of the batch that are known to need it."""


class CommitUncertain(EngineDown):
    """The connection was lost during a commit; a replay shows whether it stands."""


class ConstraintViolated(EngineError):  # noqa: N818 - as above
    """A decision broke a constraint of the schema, such as a purse below 0: a defect."""


Lookup = tuple[type, str, Sequence[str]]
"""A kind of record, an index of it ("" the key), the values to find there."""


Rows = Sequence[Row]
"""A row for each of some records."""


class FactSource(Protocol):
    """Where facts are fetched from. EngineError."""

    def stage(self, need: Need) -> int:
        """Return when to fetch a need: after all needs of lower stages.

        An engine that shares its database has rows locked so, in one order by all.
        """

    def fetch(self, lookups: Sequence[Lookup]) -> Sequence[Iterable[Any]]:
        """Return the records of each lookup, fetched together."""


class Engine(FactSource, Protocol):
    """One connection to a database, used by one thread at a time.

    Every method but `rollback` raises EngineError.
    """

    def begin(self) -> None:
        """Start a transaction whose reads stay true until it ends, else WriteConflict."""

    def latest(self) -> int:
        """Return the latest instant on record, 0 if there is none, in microseconds.

        It is that of the last fetch, which has locked what it found.
        """

    def latest_is_current(self) -> bool:
        """Return whether `latest` was asked for in this transaction.

        One that fetches nothing asks for nothing.
        """

    def upsert(
        self, kind: type, records: Sequence[Any], rows: Rows | None = None
    ) -> None:
        """Write records, each in place of the one with its key.

        Their rows are given if they are made already. All that is written and deleted
        is so in the order of the calls.
        """

    def insert(
        self, kind: type, records: Sequence[Any], rows: Rows | None = None
    ) -> None:
        """Write records that are new; a stored key is ConstraintViolated."""

    def delete(self, kind: type, keys: Sequence[str]) -> None:
        """Remove the records of these keys."""

    def commit(self) -> None:
        """Make the transaction durable. WriteConflict; CommitUncertain."""

    def rollback(self) -> None:
        """Forget the transaction."""


class StoreEngine(Engine, Protocol):
    """An engine of a store: it also lists, and can be emptied."""

    dialect: Dialect

    @property
    def connection(self) -> Any:
        """The driver's own connection."""

    def page(self, listing: Listing[T]) -> list[Placed[T]]:
        """Return one page of a listing. ValueError if no index serves it."""

    def rows(self, statement: str, values: Sequence[Any]) -> list[Any]:
        """Return the rows of a query. EngineDown."""

    def reset(self) -> None:
        """Empty every table that does not outlive it. EngineDown."""

    def touch(self) -> None:
        """Commit durably what changes nothing. EngineError."""

    def close(self) -> None:
        """Close the connection; an open transaction is forgotten."""


class Job(Struct, frozen=True):
    """One decision to execute; without a request it is not remembered.

    `timing` notes when it is executed, if anybody asks.
    """

    query: Query[Any]
    request: Request | None = None
    timing: JobTiming | None = None

    @property
    def command(self) -> Command[Any]:
        """The query of a job with a request: a command."""
        return cast("Command[Any]", self.query)


Outcome = Answer[Any] | Exception
"""What becomes of a job: its answer, or what to raise."""


def unavailable(down: EngineDown) -> StoreUnavailable:
    """Return the refusal for an engine that is down; its cause stays for the log."""
    if isinstance(down, CommitUncertain):
        refusal = StoreUnavailable(
            "数据库连接中断，本次请求是否已写入尚不能确定，请稍后用同一请求编号重试。"
        )
    else:
        refusal = StoreUnavailable(
            "数据库暂时不可用，本次请求未写入任何内容，请稍后用同一请求编号重试。"
        )
    refusal.__cause__ = down
    return refusal


def raisable(error: BaseException) -> Exception:
    """Return an error that a future can carry.

    A future refuses StopIteration, and an exit would end the event loop.
    """
    if isinstance(error, Exception) and not isinstance(error, StopIteration):
        return error
    wrapped = RuntimeError(f"处理请求时发生 {type(error).__name__}")
    wrapped.__cause__ = error
    return wrapped
