"""What may go when (保存期限): a policy, what the law keeps, and removal through the log.

A row goes only in a transaction that leaves a leaf: whoever verifies the database tells
what expired from what was removed by hand.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from gongji.audit.checkpoint import StoredCheckpoint
from gongji.audit.leaf import Leaf, LogWriter
from gongji.audit.tree import Tile
from gongji.model.access import LostAccesses, PersonAccess
from gongji.model.account import Account, BroughtForward, Credit, Entry, Premium
from gongji.model.binding import Binding
from gongji.model.claim import Claim, Invoice
from gongji.model.commands import Adopted, Decision, Listing, RequestRecord
from gongji.model.decided import KeptRules
from gongji.model.evidence import SpentToken
from gongji.model.facts import Facts, Need, by_key
from gongji.model.filing import Filing
from gongji.model.guessing import Guesses
from gongji.model.people import Institution, Person
from gongji.model.revisions import InstitutionRevision, PersonRevision
from gongji.model.settlement import (
    Accumulator,
    MeterReading,
    SettledDay,
    SettledMessage,
    Settlement,
)
from gongji.model.staging import (
    AppliedImport,
    StagedInstitution,
    StagedPerson,
    StagedSet,
    Turn,
    Unmerged,
)
from gongji.model.started import Started
from gongji.model.statement import IssuedStatement
from gongji.model.wallet import WalletAccount, WalletTransfer
from gongji.store.base import Store
from gongji.store.keys.counting import SealCount
from gongji.store.replay import EXPIRED

_PAGE: Final = 1000
"""Rows that are looked at together."""

_BATCH: Final = 200
"""Rows that go in one transaction."""


class RetentionFault(ValueError):  # noqa: N818 - the operator's file, not our program
    """A policy cannot be used; the message names the key and the ground, in Chinese."""


@dataclass(frozen=True, slots=True)
class Expiring:
    """A kind of record that may go: when it was written, and the fewest days it is kept.

    What does not go whole has `without` say what stays of it; None if it is that already,
    or another thing that stays.
    """

    kind: type
    at: Callable[[Any], datetime]
    least_days: int
    ground: str
    without: Callable[[Any], Any] | None = None
    # Keys ascend with time: beyond what is young nothing is old.
    in_order: bool = False

    def left_of(self, record: Any, before: datetime) -> tuple[bool, Any]:
        """Return whether a record is due, and what is to stay of it, None if nothing."""
        if self.at(record) >= before:
            return False, None
        if self.without is None:
            return True, None
        left = self.without(record)
        return left is not None, left


def _refused(record: RequestRecord) -> RequestRecord | None:
    """Return a refused request without what its refusal told."""
    if record.tombstone or not record.refusal or record.refusal == EXPIRED:
        return None
    return replace(record, refusal=EXPIRED)


_LOG: Final = "网络日志须留存不少于六个月（《网络安全法》第二十一条）"

EXPIRING: Final[Mapping[str, Expiring]] = {
    "access": Expiring(
        PersonAccess,
        lambda access: access.at,
        180,
        f"谁看过、动过资料的记录：{_LOG}",
        in_order=True,
    ),
    "refused_request": Expiring(
        RequestRecord,
        lambda request: request.at,
        180,
        f"被拒绝的请求：{_LOG}；到期只去掉拒绝的详情，编号留存，不会被办理两次",
        _refused,
    ),
    "lost_accesses": Expiring(
        LostAccesses, lambda lost: lost.noticed_at, 180, f"访问记录缺少的计数：{_LOG}"
    ),
    "guesses": Expiring(
        Guesses, lambda guesses: guesses.since, 180, f"试探的计数：{_LOG}"
    ),
}
"""What a policy may name."""

_BOOKS: Final = (
    "会计凭证与账簿保管 30 年（《会计档案管理办法》附表）；"
    "社会保险支付的记录须完整、准确、妥善保管（《社会保险法》第七十四条）"
)

_REGISTRY: Final = (
    "参保人员与机构的登记须完整、准确、妥善保管（《社会保险法》第七十四条）"
)

_PROOF: Final = "以此证明其余的没有被改动，缺了就证明不了"

_WORKING: Final = "不是留存的资料：用完即由服务清除"

KEPT: Final[Mapping[type, str]] = {
    **dict.fromkeys(
        (
            Settlement,
            Entry,
            Account,
            Accumulator,
            MeterReading,
            Credit,
            BroughtForward,
            Premium,
        ),
        _BOOKS,
    ),
    **dict.fromkeys((SettledDay, SettledMessage, SpentToken), f"随结算留存：{_BOOKS}"),
    IssuedStatement: f"已交出的查询单据以核对真伪；{_BOOKS}",
    Binding: f"绑定是账户支付的依据；{_BOOKS}",
    **dict.fromkeys((Claim, Invoice), f"手工结算与已支付的票据；{_BOOKS}"),
    **dict.fromkeys(
        (WalletAccount, WalletTransfer), f"医保钱包与转账是账户支付的凭证；{_BOOKS}"
    ),
    Filing: f"备案是异地直接结算的依据；{_BOOKS}",
    **dict.fromkeys((KeptRules, Adopted), f"结算所依的规则，随结算留存：{_BOOKS}"),
    **dict.fromkeys(
        (Person, PersonRevision, Institution, InstitutionRevision, AppliedImport),
        _REGISTRY,
    ),
    **dict.fromkeys((Leaf, LogWriter, StoredCheckpoint, Tile, Started), _PROOF),
    SealCount: "以此知道一把密钥还可密封几次",
    **dict.fromkeys(
        (StagedPerson, StagedInstitution, StagedSet, Unmerged, Turn), _WORKING
    ),
}
"""What stays, and on what ground; of requests only what is refused may be stripped."""


class RetentionPolicy(Struct, frozen=True):
    """How many days each kind is kept, and where a copy of what goes is written."""

    days: Mapping[str, int]
    export: Path | None = None


def policy_of(
    document: Mapping[str, Any], tables: Mapping[str, type]
) -> RetentionPolicy:
    """Return the policy a file says. RetentionFault.

    `tables` are the kinds of records by the name of their table.
    """
    days = {}
    for name, value in document.items():
        if name in {"version", "export"}:
            continue
        if name not in EXPIRING:
            raise RetentionFault(_why_not(name, tables))
        days[name] = _days(name, value)
    if document.get("version") != 1:
        msg = "须写明 version = 1"
        raise RetentionFault(msg)
    export = document.get("export")
    if export is not None and not (isinstance(export, str) and export):
        msg = 'export 须为加引号的目录，如 "/backup/expired"'
        raise RetentionFault(msg)
    return RetentionPolicy(days, Path(export) if export else None)


def _why_not(name: str, tables: Mapping[str, type]) -> str:
    ground = KEPT.get(tables.get(name, object))
    if ground:
        return f"[{name}] 不可设期限：{ground}"
    return f"没有 [{name}] 这一节；可写的有 {'、'.join(EXPIRING)}"


def _days(name: str, table: object) -> int:
    rule = EXPIRING[name]
    days = table.get("after_days") if isinstance(table, dict) else None
    if not isinstance(table, dict) or set(table) != {"after_days"}:
        msg = f"[{name}] 只写 after_days = 天数"
        raise RetentionFault(msg)
    if type(days) is not int or not rule.least_days <= days <= 36_500:
        msg = (
            f"[{name}] after_days 须为 {rule.least_days} 至 36500 的整数：{rule.ground}"
        )
        raise RetentionFault(msg)
    return days


class Expire(Struct, frozen=True):
    """Removes, or strips, what of these records is due. Answers how many were."""

    name: str
    keys: tuple[str, ...]
    before: datetime

    @property
    def about(self) -> Mapping[str, str]:
        """What the log tells of it: by which line of the policy, from when on."""
        return {"retention": self.name, "before": self.before.isoformat()}

    def needs(self, facts: Facts) -> Iterator[Need]:
        """Return the records."""
        del facts
        for key in self.keys:
            yield by_key(EXPIRING[self.name].kind, key)

    def decide(self, facts: Facts) -> Decision[int]:
        """Return how many are due still."""
        rule = EXPIRING[self.name]
        writes: list[Any] = []
        deletes: list[Need] = []
        for key in self.keys:
            record = facts.get(rule.kind, key)
            due, left = rule.left_of(record, self.before) if record else (False, None)
            if due and left is None:
                deletes.append(by_key(rule.kind, key))
            elif due:
                writes.append(left)
        count = len(writes) + len(deletes)
        return Decision(count, tuple(writes), deletes=tuple(deletes))


class DueRows(Struct, frozen=True):
    """What of a kind is due: how many, of which instants."""

    name: str
    before: datetime
    rows: int = 0
    oldest: datetime | None = None


class Retention:
    """A policy over a store at an instant. StoreUnavailable; OSError of the export."""

    def __init__(self, store: Store, policy: RetentionPolicy, now: datetime) -> None:
        self._store = store
        self._policy = policy
        self._now = now

    async def plan(self) -> list[DueRows]:
        """Return what would go; nothing is written."""
        found = []
        for name in self._policy.days:
            due = DueRows(name, self._before(name))
            async for page in self._due(name):
                times = [EXPIRING[name].at(record) for record, _ in page]
                oldest = min([*times, due.oldest or times[0]])
                due = replace(due, rows=due.rows + len(page), oldest=oldest)
            found.append(due)
        return found

    async def run(self) -> list[DueRows]:
        """Let go of what is due; return what went. It may be ended and begun again."""
        gone = []
        for name in self._policy.days:
            rows = 0
            async for page in self._due(name):
                self._export(name, page)
                for start in range(0, len(page), _BATCH):
                    rows += await self._expire(name, page[start : start + _BATCH])
            gone.append(DueRows(name, self._before(name), rows))
        return gone

    async def _expire(self, name: str, page: Sequence[tuple[Any, str]]) -> int:
        began = monotonic()
        keys = tuple([key for _, key in page])
        count = await self._store.apply(Expire(name, keys, self._before(name)))
        # As long as it took: callers come first.
        await asyncio.sleep(monotonic() - began)
        return count

    def _before(self, name: str) -> datetime:
        return self._now - timedelta(days=self._policy.days[name])

    async def _due(self, name: str) -> AsyncIterator[list[tuple[Any, str]]]:
        """Yield the records that are due, with their keys, some pages' at a time."""
        rule, before = EXPIRING[name], self._before(name)
        after = None
        while True:
            listing: Listing[Any] = Listing(kind=rule.kind, after=after, limit=_PAGE)
            page = await self._store.placed(listing)
            due = [
                (record, place[1])
                for record, place in page
                if rule.left_of(record, before)[0]
            ]
            if due:
                yield due
            if len(page) < _PAGE or (rule.in_order and not due):
                return
            after = page[-1][1]

    def _export(self, name: str, page: Sequence[tuple[Any, str]]) -> None:
        """Append a copy of what goes to a file that only its owner reads, durably."""
        folder = self._policy.export
        if folder is None:
            return
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / f"{name}-{self._now:%Y%m%dT%H%M%S}.jsonl"
        lines = b"".join([msgspec.json.encode(record) + b"\n" for record, _ in page])
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "ab") as file:
            file.write(lines)
            file.flush()
            os.fsync(file.fileno())
