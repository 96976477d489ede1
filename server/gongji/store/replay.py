"""The row of a request id: what is kept of a command, and how the same request is
answered again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from gongji.model.commands import Answer, Command, RecallingCommand, RequestRecord
from gongji.model.facts import Facts, Need
from gongji.model.refusals import (
    Condition,
    OriginalReversed,
    Refusal,
    Refused,
    RequestIdReused,
)
from gongji.rules.clauses import Clause

R = TypeVar("R")

Digest = Callable[[object], str]


class _StoredRefusal(msgspec.Struct, frozen=True):
    """A refusal at rest."""

    name: str
    message: str
    field: str
    clauses: tuple[Clause, ...]
    conditions: tuple[Condition, ...]
    metadata: dict[str, str]


def remembered(
    command: Command[R], answer: R, now: datetime, digest: Digest
) -> RequestRecord:
    """The row of an executed command; one that recalls its answer from its records does
    not store it twice."""
    recalled = isinstance(command, RecallingCommand)
    stored = b"" if recalled else msgspec.json.encode(answer)
    return _row(command, now, digest, answer=stored)


def remembered_refusal(
    command: Command[Any], refusal: Refusal, now: datetime, digest: Digest
) -> RequestRecord:
    """The row of a refused command."""
    stored = _StoredRefusal(
        type(refusal).__name__,
        refusal.message,
        refusal.field,
        refusal.clauses,
        refusal.conditions,
        refusal.metadata,
    )
    return _row(command, now, digest, refusal=msgspec.json.encode(stored))


def _row(
    command: Command[Any],
    now: datetime,
    digest: Digest,
    *,
    answer: bytes = b"",
    refusal: bytes = b"",
) -> RequestRecord:
    request = command.request
    digests = {name: digest(value) for name, value in command.content.items()}
    return RequestRecord(
        request.request_id,
        request.caller,
        request.method,
        digests,
        now,
        answer,
        refusal,
    )


def replay_needs(command: Command[Any], row: RequestRecord) -> Iterator[Need]:
    """What must be known to answer a remembered command again."""
    refused = row.tombstone or row.refusal
    if isinstance(command, RecallingCommand) and not refused:
        yield from command.recall_needs(row)


def replay(
    command: Command[R], row: RequestRecord, facts: Facts, digest: Digest
) -> Answer[R]:
    """The first answer again. OriginalReversed, RequestIdReused, or the first refusal again."""
    if row.tombstone:
        raise OriginalReversed(
            "该请求编号对应的业务在到达之前已被撤销, 不再受理; 如需重新办理, 请使用新的请求编号。",
            field="request_id",
        )
    _refuse_other_content(command, row, digest)
    if row.refusal:
        raise _refusal(row.refusal)
    if isinstance(command, RecallingCommand):
        answer = command.recall(row, facts)
    else:
        answer = msgspec.json.decode(row.answer, type=command.answer_type)
    return Answer(answer, replayed=True, at=row.at)


def _refuse_other_content(
    command: Command[Any], row: RequestRecord, digest: Digest
) -> None:
    """Refuses a request id that stood for something else; names what differs, shows
    nothing of the other."""
    request = command.request
    differing = [
        word
        for word, same in (
            ("caller", request.caller == row.caller),
            ("method", request.method == row.method),
        )
        if not same
    ]
    if not differing:
        digests = {name: digest(value) for name, value in command.content.items()}
        differing = sorted(
            n
            for n in digests.keys() | row.digests.keys()
            if digests.get(n) != row.digests.get(n)
        )
    if differing:
        names = ",".join(differing)
        raise RequestIdReused(
            f"请求编号已用于另一笔请求(不同之处: {names}); "
            "同一编号只能重发完全相同的请求, 新业务请使用新的编号。",
            field="request_id",
            differing=names,
        )


def _refusal(stored: bytes) -> Refusal:
    """The same refusal again; under a class that no longer exists, as a final business refusal."""
    again = msgspec.json.decode(stored, type=_StoredRefusal)
    kind = next(
        (kind for kind in _classes(Refusal) if kind.__name__ == again.name), Refused
    )
    return kind(
        again.message,
        field=again.field,
        clauses=again.clauses,
        conditions=again.conditions,
        **again.metadata,
    )


def _classes(root: type[Refusal]) -> Iterator[type[Refusal]]:
    yield root
    for child in root.__subclasses__():
        yield from _classes(child)
