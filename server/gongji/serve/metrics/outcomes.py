"""What calls come to, counted wherever they end: decisions, replays, refusals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, Final

from google.protobuf.descriptor import Descriptor
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
from gongji.rules.hookspecs import CityRules
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
        receipt = _receipt_of(reply)
        if receipt is None:
            return
        if receipt.replayed:
            metrics.counter(families.REPLAYS, method).value += 1
            return
        metrics.counter(families.DECISIONS, method, city).value += 1
        summary = getattr(reply, "summary", None)
        if summary is not None:
            for outcome in _ROWS:
                rows = getattr(summary, outcome)
                metrics.counter(families.IMPORT_ROWS, method, outcome).value += rows


def _receipt_of(reply: Message) -> Any:
    """Return the receipt of a reply; None if it has none: nothing was decided."""
    if not _has_receipt(reply.DESCRIPTOR) or not reply.HasField("receipt"):
        return None
    return reply.receipt  # type: ignore[attr-defined] # it has that field


@cache
def _has_receipt(descriptor: Descriptor) -> bool:
    return "receipt" in descriptor.fields_by_name


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

_HOOKS: Final = frozenset(name for name in vars(CityRules) if not name.startswith("_"))


def watch_outcomes() -> None:
    """Count from now on what calls of this process come to."""
    metrics.allow("reason", {kind.reason() for kind in _kinds(Refusal)} | _BARE)
    metrics.allow("hook", _HOOKS)
    metrics.allow("outcome", _ROWS)
    metrics.allow("method", RIGHTS)
    call_watch.watcher = CountedCalls()


def _kinds(kind: type[Refusal]) -> Iterator[type[Refusal]]:
    for below in kind.__subclasses__():
        yield below
        yield from _kinds(below)
