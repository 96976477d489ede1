"""What calls come to, counted wherever they end: decisions, replays, refusals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from google.protobuf.message import Message

from gongji.access.rights import RIGHTS
from gongji.model.refusals import (
    CallerUnknown,
    CredentialExpired,
    CredentialInvalid,
    CredentialMissing,
    CredentialRevoked,
    GuessingPaused,
    Overloaded,
    Refusal,
    StoreUnavailable,
)
from gongji.rpc.status import DEADLINE_REASON, FAULT_REASON
from gongji.rpc.watching import call_watch
from gongji.serve.metrics import families
from gongji.serve.metrics.cells import metrics

_ROWS: Final = ("written", "unchanged", "refused")
"""What becomes of the rows of an import; fields of its summary."""


class CountedCalls:
    """Counts what calls come to; see `rpc.watching.CallWatcher`."""

    def refused(self, reason: str, city: str) -> None:
        """Count a refusal."""
        metrics.counter(families.REFUSALS, reason, city).value += 1

    def unmet(self, city: str, hooks: Iterable[str]) -> None:
        """Count each condition that is not met."""
        for hook in hooks:
            metrics.counter(families.UNMET, city, hook).value += 1

    def answered(self, method: str, city: str, reply: Message) -> None:
        """Count what was decided now, and what was only said again."""
        # hot path: once a reply.
        decides, imports = _SHAPES.get(type(reply)) or _shape_of(reply)
        # Any: of a message that has these fields.
        message: Any = reply
        if not decides or not message.HasField("receipt"):
            return
        if message.receipt.replayed:
            metrics.counter(families.REPLAYS, method).value += 1
            return
        metrics.counter(families.DECISIONS, method, city).value += 1
        if imports:
            for outcome in _ROWS:
                rows = getattr(message.summary, outcome)
                metrics.counter(families.IMPORT_ROWS, method, outcome).value += rows


_SHAPES: Final[dict[type, tuple[bool, bool]]] = {}
"""By type of reply: has it a receipt, and the summary of an import."""


def _shape_of(reply: Message) -> tuple[bool, bool]:
    """Return the shape of a reply's type, and remember it."""
    fields = reply.DESCRIPTOR.fields_by_name
    shape = _SHAPES[type(reply)] = "receipt" in fields, "summary" in fields
    return shape


_BARE: Final = {DEADLINE_REASON, FAULT_REASON}

WATCHED_REASONS: Final = (
    DEADLINE_REASON,
    FAULT_REASON,
    *(
        kind.reason()
        for kind in (
            CallerUnknown,
            CredentialExpired,
            CredentialInvalid,
            CredentialMissing,
            CredentialRevoked,
            GuessingPaused,
            Overloaded,
            StoreUnavailable,
        )
    ),
)
"""Reasons of which deploy/alerts.yml asks."""


def watch_outcomes() -> None:
    """Count from now on what calls of this process come to."""
    metrics.allow("reason", {kind.reason() for kind in _kinds(Refusal)} | _BARE)
    metrics.allow("outcome", _ROWS)
    metrics.allow("method", RIGHTS)
    call_watch.watcher = CountedCalls()


def _kinds(kind: type[Refusal]) -> Iterator[type[Refusal]]:
    for below in kind.__subclasses__():
        yield below
        yield from _kinds(below)
