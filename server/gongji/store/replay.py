"""The row of a request id: what is kept of a command, and how it is answered again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final, TypeVar

import msgspec
from msgspec.structs import replace

from gongji.model.commands import (
    Answer,
    Command,
    RecallingCommand,
    Request,
    RequestRecord,
)
from gongji.model.conditions import Condition, Way
from gongji.model.facts import Facts, Need
from gongji.model.refusals import (
    OriginalReversed,
    Refusal,
    Refused,
    RequestExpired,
    RequestIdReused,
)
from gongji.rules.clauses import Clause
from gongji.store.content import (
    METHOD,
    Digest,
    differing,
    digests,
    in_words,
    inner_digests,
)

R = TypeVar("R")


class _StoredRefusal(msgspec.Struct, frozen=True):
    """A refusal at rest; `name` is its class."""

    name: str
    message: str
    field: str
    clauses: tuple[Clause, ...]
    conditions: tuple[Condition, ...]
    metadata: dict[str, str]
    ways: tuple[Way, ...] = ()


EXPIRED: Final = msgspec.json.encode(
    _StoredRefusal(
        RequestExpired.__name__,
        "该编号的请求从前已被拒绝，详情已过保存期限；如需办理，请使用新的请求编号。",
        "request_id",
        (),
        (),
        {},
    )
)
"""What stays of a refusal whose time is over: its id is not executed all the same."""


def answered_row(
    command: Command[R],
    answer: R,
    now: datetime,
    digest: Digest,
) -> RequestRecord:
    """Return the row of an executed command."""
    # What a command recalls from its records is not stored a second time.
    if isinstance(command, RecallingCommand):
        stored = command.kept_of(answer)
    else:
        stored = msgspec.json.encode(answer)
    row = request_row(command.request, command.content, now, digest, answer=stored)
    # What a command recalls, its content is compared with.
    if not isinstance(command, RecallingCommand):
        row = _with_inside(row, command, digest)
    return row


def refused_row(
    command: Command[Any],
    refusal: Refusal,
    now: datetime,
    digest: Digest,
) -> RequestRecord:
    """Return the row of a refused command."""
    stored = _StoredRefusal(
        type(refusal).__name__,
        refusal.message,
        refusal.field,
        refusal.clauses,
        refusal.conditions,
        refusal.metadata,
        refusal.ways,
    )
    row = request_row(
        command.request,
        command.content,
        now,
        digest,
        refusal=msgspec.json.encode(stored),
    )
    return _with_inside(row, command, digest)


def _with_inside(
    row: RequestRecord, command: Command[Any], digest: Digest
) -> RequestRecord:
    """Return a row that says of each value inside a field what it was, as a hash."""
    inner = dict(inner_digests(command.content, digest))
    return replace(row, digests={**row.digests, **inner}) if inner else row


def request_row(
    request: Request,
    content: Mapping[str, object],
    now: datetime,
    digest: Digest,
    *,
    answer: bytes = b"",
    refusal: bytes = b"",
) -> RequestRecord:
    """Return the row of a request with this content."""
    return RequestRecord(
        request.key,
        request.caller,
        request.method,
        digests(request, content, digest),
        now,
        answer,
        refusal,
    )


def replay_needs(command: Command[Any], row: RequestRecord) -> Iterator[Need]:
    """Yield what must be known to answer an executed command again."""
    refused = row.tombstone or row.refusal
    if isinstance(command, RecallingCommand) and not refused:
        yield from command.recall_needs(row)


def replay(
    command: Command[R],
    row: RequestRecord,
    facts: Facts,
    digest: Digest,
) -> Answer[R]:
    """Return the first answer again, or raise the first refusal again.

    OriginalReversed, RequestIdReused.
    """
    if row.tombstone:
        raise _original_reversed()
    if differing(command.request, command.content, row, digest):
        raise _reused(command, row, facts, digest)
    if row.refusal:
        raise _refusal(row.refusal)
    if isinstance(command, RecallingCommand):
        answer = command.recall(row, facts)
    else:
        answer = msgspec.json.decode(row.answer, type=command.answer_type)
    return Answer(answer, replayed=True, at=row.at)


def _reused(
    command: Command[Any], row: RequestRecord, facts: Facts, digest: Digest
) -> RequestIdReused:
    """Return the refusal that names what differs, by paths as requests have them."""
    paths = differing(command.request, command.content, row, digest)
    # Of another method's request there are no records of this command's.
    another = paths == [METHOD]
    if isinstance(command, RecallingCommand) and not row.refusal and not another:
        first = command.first_content(row, facts)
        paths = differing(command.request, command.content, row, digest, first)
    names = [command.wire_path(path) for path in paths]
    return RequestIdReused(
        f"请求编号已用于另一笔请求（不同之处：{in_words(names)}）；"
        "同一编号只能重发完全相同的请求，新业务请使用新的编号。",
        field="request_id",
        differing=",".join(names),
    )


def refusal_of(row: RequestRecord) -> Refusal | None:
    """Return what a request was refused for, as it was told; None if it was executed."""
    if row.tombstone:
        return _original_reversed()
    return _refusal(row.refusal) if row.refusal else None


def _original_reversed() -> OriginalReversed:
    return OriginalReversed(
        "该请求编号对应的业务在到达之前已被撤销，不再受理；如需重新办理，请使用新的请求编号。",
        field="request_id",
    )


def _refusal(stored: bytes) -> Refusal:
    """Return the stored refusal."""
    content = msgspec.json.decode(stored, type=_StoredRefusal)
    classes = {kind.__name__: kind for kind in _subclasses(Refusal)}
    # A class that exists no longer was a final refusal all the same.
    kind = classes.get(content.name, Refused)
    return kind(
        content.message,
        field=content.field,
        clauses=content.clauses,
        conditions=content.conditions,
        ways=content.ways,
        **content.metadata,
    )


def _subclasses(root: type[Refusal]) -> Iterator[type[Refusal]]:
    yield root
    for child in root.__subclasses__():
        yield from _subclasses(child)
