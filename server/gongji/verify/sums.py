"""Phase sums: balances from entries, years from settlements, and nothing that leads nowhere."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from gongji.rules.codes import EntryKind
from gongji.verify.finding import Discrepancy, masked
from gongji.verify.segments import Output
from gongji.verify.work import Bench, VerifyTask, task

Items = Sequence[Sequence[Any]]

Posting = tuple[int, int, Sequence[Any]]
"""Version, instant and content of an entry of a purse."""

_BROUGHT = (EntryKind.BROUGHT_FORWARD, EntryKind.BROUGHT_FORWARD_CORRECTED)


@task("sums")
def check_sums(bench: Bench, job: VerifyTask, output: Output) -> None:
    """Check every group of a bucket."""
    segments = bench.segments("join")
    for stream, check in _CHECKS.items():
        for items in _groups(segments.read(stream, job.number)):
            output.count("summed", len(items))
            for finding in check(items):
                output.found(finding)
    for finding in _existing(segments.read("exists", job.number)):
        output.found(finding)
    for items in _owners(segments.read("owner", job.number)):
        for finding in _revisions(items):
            output.found(finding)


def _groups(items: Iterable[Sequence[Any]]) -> Iterable[Items]:
    groups: dict[str, list[Sequence[Any]]] = defaultdict(list)
    for item in items:
        groups[item[0]].append(item)
    return groups.values()


def _owners(items: Iterable[Sequence[Any]]) -> Iterable[Items]:
    groups: dict[tuple[str, str], list[Sequence[Any]]] = defaultdict(list)
    for item in items:
        groups[item[0], item[1]].append(item)
    return groups.values()


def _of(items: Items, what: str) -> list[Sequence[Any]]:
    return [item for item in items if item[1] == what]


def _finding(table: str, key: str, message: str, column: str = "") -> Discrepancy:
    return Discrepancy(
        phase="sums", table=table, key=key, column=column, message=message
    )


# --- purses ---------------------------------------------------------------------------


def _purse(items: Items) -> Iterator[Discrepancy]:
    """Yield where a purse's entries do not lead from nothing to its balance."""
    shown = masked(items[0][0])
    of_purse, _, person = shown.rpartition(":")
    table = "wallet" if of_purse == "wallet" else "account"
    postings = sorted(
        [(posting[5], at, posting) for _, _, at, posting in _of(items, "entry")]
    )
    yield from _chain(shown, postings)
    yield from _balance(table, person, postings, _of(items, "account"))
    entered = sum([posting[2] for _, _, posting in postings if posting[3] in _BROUGHT])
    yield from _brought(person, entered, _of(items, "brought"))


def _balance(
    table: str, person: str, postings: Sequence[Posting], accounts: Items
) -> Iterator[Discrepancy]:
    moved = sum([posting[2] for _, _, posting in postings])
    stored = [(item[2], item[3]) for item in accounts]
    if (stored or [(0, 0)]) != [(len(postings), moved)]:
        told = f"分录合计 {moved} 分、{len(postings)} 笔，账户记为 {_in_words(stored)}"
        yield _finding(table, person, told, "balance_fen")


def _brought(person: str, entered: int, stored: Items) -> Iterator[Discrepancy]:
    brought = sum([item[2] for item in stored])
    if brought != entered:
        told = f"结转的分录合计 {entered} 分，结转记录合计 {brought} 分"
        yield _finding("brought_forward", person, told, "fen")


def _chain(shown: str, postings: Sequence[Posting]) -> Iterator[Discrepancy]:
    """Yield the first entry of a purse that does not follow from the one before."""
    balance = latest = 0
    for version, (version_after, at, posting) in enumerate(postings, 1):
        balance += posting[2]
        if version_after != version:
            told = f"账户的分录版本不连续：应为 {version}，得到 {version_after}"
            yield _finding("entry", shown, told, "version")
        elif posting[4] != balance:
            told = f"第 {version} 笔之后的余额应为 {balance} 分，记为 {posting[4]} 分"
            yield _finding("entry", shown, told, "balance_after_fen")
        elif at < latest:
            yield _finding("entry", shown, f"第 {version} 笔的时刻早于其前一笔", "at")
        else:
            latest = at
            continue
        return


def _hold(items: Items) -> Iterator[Discrepancy]:
    """Yield where a hold's entries are not those of its transfer: one begins it, one ends it."""
    key = items[0][0].rpartition(":")[2]
    entered = sorted([item[2] for item in _of(items, "entry")])
    transfers = _of(items, "transfer")
    owners = [item[3] for item in transfers if item[3]]
    expected = [fen for _, _, fen, _ in transfers]
    if not owners:
        expected += [-fen for fen in expected]
    if entered != sorted(expected):
        told = f"转账的冻结分录应为 {sorted(expected)} 分，得到 {entered} 分"
        yield _finding("wallet_transfer", key, told, "fen")
    if [item[2] for item in _of(items, "wallet")] != owners:
        told = "转账人的钱包所记的冻结与转账不符"
        yield _finding("wallet_transfer", key, told, "ended_at")


def _in_words(stored: Sequence[tuple[int, int]]) -> str:
    return "、".join(f"{fen} 分、{count} 笔" for count, fen in stored) or "没有"


# --- transactions ---------------------------------------------------------------------


def _booked(items: Items) -> Iterator[Discrepancy]:
    """Yield where a transaction is not balanced, or not what its record says."""
    key = items[0][0]
    entries = _of(items, "entry")
    postings = sorted([tuple(posting) for _, _, _, posting in entries])
    instants = {at for _, _, at, _ in entries}
    yield from _balanced(key, postings, instants)
    for _, _, at, expected in _of(items, "settlement"):
        if list(map(tuple, expected)) != postings:
            yield _finding("settlement", key, "分录不是该结算应有的分录")
        elif instants - {at}:
            yield _finding("settlement", key, "分录的时刻不是结算的时刻", "settled_at")
    yield from _left_purse(items)


def _left_purse(items: Items) -> Iterator[Discrepancy]:
    """Yield the records of whose money no entry says that it left the purse then."""
    moved = {(*posting[1:3], at) for _, _, at, posting in _of(items, "entry")}
    for table, told in _PAID.items():
        for key, _, at, purse, fen in _of(items, table):
            if (purse, fen, at) not in moved:
                yield _finding(table, key, f"没有该笔{told}应有的分录")


_PAID = {"premium": "代缴", "wallet_transfer": "转账"}
"""Records that say what left a purse, by their tables."""


def _balanced(
    key: str, postings: Items, instants: Collection[int]
) -> Iterator[Discrepancy]:
    over = sum([posting[2] for posting in postings])
    if over:
        yield _finding("entry", key, f"一笔交易的分录合计应为 0，得到 {over} 分", "fen")
    if [posting[0] for posting in postings] != list(range(len(postings))):
        yield _finding("entry", key, "一笔交易的分录序号不连续", "position")
    if len(instants) > 1:
        yield _finding("entry", key, "一笔交易的分录时刻不同", "at")


class _Reference:
    """The transactions that name one record: what was taken back, or corrected."""

    def __init__(self, items: Items) -> None:
        self.key = items[0][0]
        self.entries = _of(items, "entry")
        self.instants = {entry[3] for entry in self.entries}
        self.moved: dict[str, dict[str, int]] = defaultdict(dict)
        for _, _, transaction, _, account, fen in self.entries:
            self.moved[transaction][account] = fen

    def mirrors(self, at: int, mirrored: Mapping[str, int]) -> str:
        """Return what is wrong with a reversal, at 0 if there must be none; "" if nothing."""
        found = list(self.moved.values())
        expected = [mirrored] if at and mirrored else []
        if found != expected:
            return (
                "没有撤销的分录" if expected and not found else "撤销的分录与结算不符"
            )
        wrong = expected and self.instants != {at}
        return "撤销的分录的时刻不是撤销的时刻" if wrong else ""

    def refunds(self, at: int, purse: str, fen: int) -> bool:
        """Return whether a premium was refunded as it says, at 0 if not at all."""
        found = [moved.get(purse) for moved in self.moved.values()]
        return found == ([fen] if at else []) and self.instants == (
            {at} if at else set()
        )


def _referring(items: Items) -> Iterator[Discrepancy]:
    """Yield where what was taken back or corrected is not what was entered for it."""
    reference = _Reference(items)
    key = reference.key
    for _, _, at, mirrored in _of(items, "settlement"):
        told = reference.mirrors(at, dict(map(tuple, mirrored)))
        if told:
            yield _finding("settlement", key, told, "reversed_at")
    for _, _, at, purse, fen in _of(items, "premium"):
        if not reference.refunds(at, purse, fen):
            yield _finding("premium", key, "退费的分录与该笔代缴不符", "refunded_at")
    for _, _, at, account, fen in _of(items, "wallet_transfer"):
        if not reference.refunds(at, account, fen):
            told = "接收或退回的分录与该笔转账不符"
            yield _finding("wallet_transfer", key, told, "ended_at")
    for item in _of(items, "credit"):
        yield from _credited(item, reference.entries)


def _credited(credit: Sequence[Any], entries: Items) -> Iterator[Discrepancy]:
    key, _, purse, owed, due = credit
    expected: Mapping[str, int] = {purse: 0, owed: 0} | dict(map(tuple, due))
    found = {purse: 0, owed: 0}
    for _, _, _, _, account, fen in entries:
        if account in found:
            found[account] += fen
    if found != expected:
        told = f"划入应在账户 {expected[purse]} 分，分录合计 {found[purse]} 分"
        if found[purse] == expected[purse]:
            told = f"所欠应为 {-expected[owed]} 分，分录合计 {-found[owed]} 分"
        yield _finding("credit", masked(key), told, "fen")


# --- years, revisions, references -----------------------------------------------------


def _year(items: Items) -> Iterator[Discrepancy]:
    """Yield where what accumulated is not what the standing settlements add up to."""
    settled = _of(items, "settlement")
    used = (sum([item[2] for item in settled]), sum([item[3] for item in settled]))
    stored = [(item[2], item[3]) for item in _of(items, "accumulator")] or [(0, 0)]
    if stored != [used]:
        told = f"未撤销的结算合计 {_used(used)}，累计记为 {_used(stored[0])}"
        yield _finding("accumulator", masked(items[0][0]), told)


def _meter(items: Items) -> Iterator[Discrepancy]:
    """Yield where a meter reads otherwise than the standing settlements add up to."""
    counted = sum([item[2] for item in _of(items, "settlement")])
    read = [item[2] for item in _of(items, "reading")] or [0]
    if read != [counted]:
        told = f"未撤销的结算合计 {counted} 分，累计记为 {read[0]} 分"
        yield _finding("meter_reading", masked(items[0][0]), told, "fen")


def _used(used: tuple[int, int]) -> str:
    return f"起付 {used[0]} 分、统筹 {used[1]} 分"


def _revisions(items: Items) -> Iterator[Discrepancy]:
    """Yield where former revisions are not all those before the present one."""
    table, owner, _, _ = items[0]
    shown = masked(owner) if table == "person" else owner
    former = sorted([revision for _, _, before, revision in items if before])
    present = [revision for _, _, before, revision in items if not before]
    if len(present) != 1:
        yield _finding(table, shown, f"有 {len(former)} 次旧登记而没有现登记")
    elif former and former != list(range(former[0], present[0])):
        told = f"现为第 {present[0]} 次登记，旧登记有缺或多出"
        yield _finding(table, shown, told, "revision")


def _existing(items: Iterable[Sequence[Any]]) -> Iterator[Discrepancy]:
    """Yield what is named and is not there."""
    there: set[tuple[str, str]] = set()
    named: set[tuple[str, str]] = set()
    for table, key, stored in items:
        (there if stored else named).add((table, key))
    for table, key in sorted(named - there):
        yield _finding(table, key, "别处记有，而该行不在")


_CHECKS = {
    "purse": _purse,
    "hold": _hold,
    "booked": _booked,
    "reference": _referring,
    "year": _year,
    "meter": _meter,
}
