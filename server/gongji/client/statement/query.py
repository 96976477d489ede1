"""Statements fetched from a service page by page and laid out as sheets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime
from typing import Any, Final, NamedTuple

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from gongji.client.statement.sheet import Row, Sheet, SheetColumn, StatementPeriod
from gongji.rules.codes import SHANGHAI
from gongji.v1 import (
    account_pb2,
    account_pb2_grpc,
    registry_pb2,
    registry_pb2_grpc,
    settlement_pb2,
    settlement_pb2_grpc,
    types_pb2,
)

PAGE_SIZE: Final = 200

_HOLDER: Final = (
    SheetColumn("at", "时间"),
    SheetColumn("institution_name", "机构", wide=True),
    SheetColumn("member", "使用人编号"),
    SheetColumn("charged_fen", "共济支付（元）", fen=True),
    SheetColumn("status", "说明"),
)

_MEMBER: Final = (
    SheetColumn("at", "时间"),
    SheetColumn("institution_name", "机构", wide=True),
    SheetColumn("total_fen", "费用总额（元）", fen=True),
    SheetColumn("fund_fen", "统筹基金（元）", fen=True),
    SheetColumn("own_fen", "本人账户（元）", fen=True),
    SheetColumn("aid_fen", "共济账户（元）", fen=True),
    SheetColumn("cash_fen", "现金（元）", fen=True),
    SheetColumn("status", "说明"),
)

_ACCOUNT: Final = (
    SheetColumn("version", "序号"),
    SheetColumn("at", "时间"),
    SheetColumn("kind", "事由", wide=True),
    SheetColumn("fen", "金额（元）", fen=True),
    SheetColumn("balance_fen", "余额（元）", fen=True),
)

_KINDS: Final = {
    account_pb2.ENTRY_KIND_CREDIT: "划入",
    account_pb2.ENTRY_KIND_BROUGHT_FORWARD: "结转转入",
    account_pb2.ENTRY_KIND_OWN_CHARGE: "本人就医购药",
    account_pb2.ENTRY_KIND_AID_CHARGE: "共济支付",
    account_pb2.ENTRY_KIND_REFUND: "撤销退回",
    account_pb2.ENTRY_KIND_PREMIUM: "代缴居民医保",
    account_pb2.ENTRY_KIND_CREDIT_TAKEN_BACK: "划入冲回",
    account_pb2.ENTRY_KIND_BROUGHT_FORWARD_CORRECTED: "结转更正",
    account_pb2.ENTRY_KIND_CREDIT_CORRECTED: "划入补差",
    account_pb2.ENTRY_KIND_PREMIUM_REFUNDED: "代缴退费",
}

_TOTAL: Final = "合计"

_REFUNDED: Final = (
    "撤销不改动原来的一行：退回在撤销当日另列一行，金额为负，计入当日所在月的合计。"
)


class EarlierServiceError(ValueError):
    """The service is of an earlier version, which lists no refunds: no total holds."""


class UnsettledError(ValueError):
    """The account changed while it was read, so its figures do not add up; try again."""


def fetch(
    channel: grpc.Channel, person_no: str, side: str, period: StatementPeriod
) -> Sheet:
    """Return the statement of one person from one of SIDES.

    grpc.RpcError if the service refuses, UnsettledError, EarlierServiceError. A
    holder's has time, amount and institution of each charge (C79), never diagnosis,
    item or total.
    """
    request = registry_pb2.GetPersonRequest(person=_ref(person_no))
    person = registry_pb2_grpc.RegistryServiceStub(channel).GetPerson(request).person
    return _SHEETS[side](channel, person, period)


def _of_holder(
    channel: grpc.Channel, person: types_pb2.Person, period: StatementPeriod
) -> Sheet:
    request = settlement_pb2.ListSettlementsRequest(holder=_ref(person.person_no))
    settlements = _settlements(channel, period, request)
    rows = [
        (
            _at(row),
            _institution(row),
            row.patient,
            row.charged_fen,
            _status(row),
        )
        for row in settlements
    ]
    charged_fen = sum(row.charged_fen for row in settlements)
    return Sheet(
        title="共济消费查询单",
        party="授权人",
        person_no=person.person_no,
        name=person.name,
        period=period,
        columns=_HOLDER,
        rows=tuple(rows),
        closing=(_TOTAL, "", "", charged_fen, ""),
        note="本单列出从授权人个人账户为使用人支付的时间、金额与机构，不显示诊断、项目与费用总额。"
        f"{_REFUNDED}代缴居民医保与划入见个人账户明细单。",
    )


def _of_member(
    channel: grpc.Channel, person: types_pb2.Person, period: StatementPeriod
) -> Sheet:
    request = settlement_pb2.ListSettlementsRequest(patient=_ref(person.person_no))
    settlements = _settlements(channel, period, request)
    rows: list[Row] = [
        (_at(row), _institution(row), *_amounts(row), _status(row))
        for row in settlements
    ]
    amounts = [_amounts(row) for row in settlements]
    totals = [sum(column) for column in zip(*amounts, strict=True)]
    return Sheet(
        title="门诊结算查询单",
        party="就诊人",
        person_no=person.person_no,
        name=person.name,
        period=period,
        columns=_MEMBER,
        rows=tuple(rows),
        # Without rows there are no columns to add up.
        closing=(_TOTAL, "", *(totals or [0] * 5), ""),
        note="费用总额 = 统筹基金 + 本人账户 + 共济账户 + 现金。本单不显示诊断与项目。"
        f"{_REFUNDED}",
    )


def _of_account(
    channel: grpc.Channel, person: types_pb2.Person, period: StatementPeriod
) -> Sheet:
    account = _account(channel, person.person_no, period)
    rows = [
        (
            str(entry.version),
            _instant(entry.at),
            _KINDS[entry.kind],
            entry.fen,
            entry.balance_after_fen,
        )
        for entry in account.entries
    ]
    return Sheet(
        title="个人账户明细单",
        party="账户所有人",
        person_no=person.person_no,
        name=person.name,
        period=period,
        columns=_ACCOUNT,
        opening=("", "", "期初余额", "", account.opening_fen),
        rows=tuple(rows),
        closing=("", "", "期末余额", "", account.closing_fen),
        note="金额为负是支出，为正是划入或退回。序号自开户起连续编排，缺号即缺页。",
    )


_SHEETS: Final = {"holder": _of_holder, "member": _of_member, "account": _of_account}

SIDES: Final[Sequence[str]] = tuple(_SHEETS)
"""Whose side a statement takes.

The holder's charges for others, the patient's own settlements, the account's entries.
"""


class _AccountPeriod(NamedTuple):
    """An account's entries of a period between its opening and closing balances."""

    opening_fen: int
    entries: list[account_pb2.Entry]
    closing_fen: int

    @property
    def adds_up(self) -> bool:
        """Return whether its entries lead from opening to closing."""
        # Only the sum shows that nothing came between two pages.
        moved_fen = sum(entry.fen for entry in self.entries)
        return self.opening_fen + moved_fen == self.closing_fen


def _account(
    channel: grpc.Channel, person_no: str, period: StatementPeriod
) -> _AccountPeriod:
    """Return an account that adds up. UnsettledError if it does not, looked at twice."""
    first, second = None, None
    for _ in range(2):
        first, second = second, _read_account(channel, person_no, period)
        if second.adds_up:
            return second
    if first == second:
        raise UnsettledError(
            f"{person_no} 的账户期初、明细与期末不符，再查仍是如此，并非查询期间的变动；"
            "请运营者以 gongji verify 核对数据库"
        )
    raise UnsettledError(
        f"{person_no} 的账户在查询期间有变动，期初、明细与期末不符；请重新查询"
    )


def _read_account(
    channel: grpc.Channel, person_no: str, period: StatementPeriod
) -> _AccountPeriod:
    """Read an account page by page, each at its own moment."""
    request = account_pb2.ListEntriesRequest(
        person=_ref(person_no), from_day=period.from_day, to_day=period.to_day
    )
    stub = account_pb2_grpc.AccountServiceStub(channel)
    pages = list(_pages(stub.ListEntries, request))
    return _AccountPeriod(
        pages[0].opening_balance_fen,
        [entry for page in pages for entry in page.entries],
        pages[-1].closing_balance_fen,
    )


def _settlements(
    channel: grpc.Channel,
    period: StatementPeriod,
    request: settlement_pb2.ListSettlementsRequest,
) -> list[settlement_pb2.SettlementRow]:
    """Return all rows of a period for the side the request names, oldest first.

    EarlierServiceError if refunds are not among them.
    """
    request.from_day = period.from_day
    request.to_day = period.to_day
    stub = settlement_pb2_grpc.SettlementServiceStub(channel)
    rows = [row for page in _pages(stub.ListSettlements, request) for row in page.rows]
    if any(row.reversed and not row.HasField("reversed_at") for row in rows):
        raise EarlierServiceError(
            "服务的版本较早，撤销的退回不单独成行，合计会多算；请先升级服务"
        )
    return rows


def _pages(call: Callable[[Any], Any], request: Any) -> Iterator[Any]:
    """Yield every page of a list; at least one."""
    request.page.size = PAGE_SIZE
    while True:
        page = call(request)
        yield page
        if not page.next_page_token:
            return
        request.page.token = page.next_page_token


def _amounts(row: settlement_pb2.SettlementRow) -> tuple[int, ...]:
    """Return total, fund, own account, giving accounts and cash, in fen."""
    return row.total_fen, row.fund_fen, row.charged_fen, row.aid_fen, row.cash_fen


def _at(row: settlement_pb2.SettlementRow) -> datetime:
    """Return when a row counts: a settlement when settled, a refund when made."""
    return _instant(row.reversed_at if row.refund else row.settled_at)


def _status(row: settlement_pb2.SettlementRow) -> str:
    if row.refund:
        return f"退回 {_day(row.settled_at)} 的结算"
    return f"{_day(row.reversed_at)} 撤销" if row.reversed else "有效"


def _day(at: Timestamp) -> date:
    return _instant(at).date()


def _institution(row: settlement_pb2.SettlementRow) -> str:
    # Institutions out of the registry have no name.
    return row.institution_name or row.institution_code


def _instant(at: Timestamp) -> datetime:
    return at.ToDatetime(tzinfo=SHANGHAI)


def _ref(person_no: str) -> types_pb2.PersonRef:
    return types_pb2.PersonRef(person_no=person_no)
