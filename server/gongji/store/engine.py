"""What an engine below the committer does, and the errors it raises."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol, cast

from msgspec import Struct

from gongji.model.commands import Answer, Command, Query, Request
from gongji.model.facts import Need
from gongji.model.refusals import StoreUnavailable


class EngineError(Exception):
    """The database did not do what it was asked; nothing of the transaction stands."""


class WriteConflict(EngineError):  # noqa: N818 - as below
    """Another process wrote what this transaction was decided over; to be decided anew."""


class EngineDown(EngineError):  # noqa: N818 - a state, not a fault of the caller
    """It cannot serve now: locked, full, read-only or gone. To be tried again later."""


class Uncertain(EngineDown):
    """It was lost while it committed: whether that stands shows when the same request
    comes again."""


class Violated(EngineError):  # noqa: N818 - as above
    """A decision broke a law the schema holds, such as a purse below 0: a defect, never
    the caller's fault."""


Asked = tuple[type, str, Sequence[str]]
"""The records of a kind whose index ("" the key) has one of some values."""


class Engine(Protocol):
    """One connection to a database, used by one thread. Everything raises EngineError,
    `rollback` nothing."""

    def begin(self) -> None:
        """Starts a transaction in which what is read stays true until it ends, or else
        ends in a Conflict."""

    def stage(self, need: Need) -> int:
        """When to fetch: needs of a later stage wait until none of an earlier one is lacking.

        An engine that shares its database with other writers has rows locked so, in one
        order by all.
        """

    def fetch(self, asked: Sequence[Asked]) -> Sequence[Iterable[Any]]:
        """The records found for each of these, in one go."""

    def upsert(self, kind: type, records: Sequence[Any]) -> None:
        """Writes records, each in place of the one with its key."""

    def commit(self) -> None:
        """Makes it durable. Conflict; Uncertain where it is not known whether it did."""

    def rollback(self) -> None:
        """Forgets it."""


class Job(Struct, frozen=True):
    """One decision to execute; without a request it is not remembered."""

    query: Query[Any]
    request: Request | None = None

    @property
    def command(self) -> Command[Any]:
        """The query of a job with a request: a command."""
        return cast("Command[Any]", self.query)


Outcome = Answer[Any] | Exception
"""What becomes of a job: its answer, or what to raise."""


def unavailable(down: EngineDown) -> StoreUnavailable:
    """An engine's inability in the callers' words; the cause stays for the log."""
    if isinstance(down, Uncertain):
        refusal = StoreUnavailable(
            "数据库连接中断, 本次请求是否已写入尚不能确定, 请稍后用同一请求编号重试。"
        )
    else:
        refusal = StoreUnavailable(
            "数据库暂时不可用, 本次请求未写入任何内容, 请稍后用同一请求编号重试。"
        )
    refusal.__cause__ = down
    return refusal


def raisable(error: BaseException) -> Exception:
    """An error as a future can carry it: StopIteration cannot be carried, an exit would
    end the event loop."""
    if isinstance(error, Exception) and not isinstance(error, StopIteration):
        return error
    wrapped = RuntimeError(f"处理请求时发生 {type(error).__name__}")
    wrapped.__cause__ = error
    return wrapped
