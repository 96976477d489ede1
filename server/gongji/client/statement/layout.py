"""The rows a service answers, laid out as the sheet of one side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Final, NamedTuple

from google.protobuf.timestamp_pb2 import Timestamp

from gongji.client.statement.sheet import Row, Sheet, SheetColumn, StatementPeriod
from gongji.model.certificates import birth_date
from gongji.rules.codenames import RELATION_NAMES
from gongji.rules.codes import IDENTITY_CARD, SHANGHAI
from gongji.v1 import account_pb2, settlement_pb2, statement_pb2

_HOLDER: Final = (
    SheetColumn("at", "时间"),
    SheetColumn("institution_name", "机构", wide=True),
    SheetColumn("member", "使用人编号"),
    SheetColumn("charged_fen", "共济支付（元）", fen=True),
    SheetColumn("status", "说明"),
)

_ISSUED_HOLDER: Final = (
    SheetColumn("at", "时间"),
    SheetColumn("institution_name", "机构", wide=True),
    SheetColumn("member", "使用人"),
    SheetColumn("relation", "关系"),
    SheetColumn("charged_fen", "共济支付（元）", fen=True),
    SheetColumn("status", "说明"),
)
"""As handed over: with the member's masked name, and what the member is to the holder."""

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

_MEMBER_WITH_WALLET: Final = (
    *_MEMBER[:-2],
    SheetColumn("wallet_fen", "医保钱包（元）", fen=True),
    *_MEMBER[-2:],
)
"""If the wallet paid any of the rows."""

_SUM: Final = "费用总额 = 统筹基金 + 本人账户 + 共济账户 + 现金。"

_SUM_WITH_WALLET: Final = (
    "费用总额 = 统筹基金 + 本人账户 + 共济账户 + 医保钱包 + 现金。"
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
    account_pb2.ENTRY_KIND_WALLET_SENT: "医保钱包转出",
    account_pb2.ENTRY_KIND_WALLET_RECEIVED: "医保钱包转入",
    account_pb2.ENTRY_KIND_WALLET_RETURNED: "医保钱包退回",
    account_pb2.ENTRY_KIND_WALLET_CHARGE: "医保钱包支付",
    account_pb2.ENTRY_KIND_WALLET_REFUND: "撤销退回钱包",
}

_TOTAL: Final = "合计"

_UNKNOWN: Final = "—"

_REFUNDED: Final = (
    "撤销不改动原来的一行：退回在撤销当日另列一行，金额为负，计入当日所在月的合计。"
)

Parties = Mapping[str, statement_pb2.StatementParty]
"""The others who take part, by number."""


class SheetSubject(NamedTuple):
    """Of whom a sheet is, the name as the service masks it, and of which days."""

    person_no: str
    name: str
    period: StatementPeriod


class Balances(NamedTuple):
    """The balances before and after the entries of a period, in fen."""

    opening_fen: int
    closing_fen: int


def of_holder(
    subject: SheetSubject,
    settlements: Sequence[settlement_pb2.SettlementRow],
    parties: Parties | None = None,
) -> Sheet:
    """Return what was charged to a holder's purse; `parties` as of an issued one."""
    rows: list[Row] = [
        (
            _at(row),
            _institution(row),
            *_member(row.patient, parties),
            row.charged_fen,
            _status(row),
        )
        for row in settlements
    ]
    charged_fen = sum(row.charged_fen for row in settlements)
    columns = _HOLDER if parties is None else _ISSUED_HOLDER
    blank = ("",) * (len(columns) - 3)
    return Sheet(
        title="共济消费查询单",
        party="授权人",
        person_no=subject.person_no,
        name=subject.name,
        period=subject.period,
        columns=columns,
        rows=tuple(rows),
        closing=(_TOTAL, *blank, charged_fen, ""),
        note="本单列出从授权人个人账户为使用人支付的时间、金额与机构，不显示诊断、项目与费用总额。"
        f"{_REFUNDED}代缴居民医保与划入见个人账户明细单。",
    )


def of_member(
    subject: SheetSubject,
    settlements: Sequence[settlement_pb2.SettlementRow],
    parties: Parties | None = None,
) -> Sheet:
    """Return a patient's own settlements; `parties` are the givers of an issued one."""
    has_wallet = any(row.wallet_fen for row in settlements)
    amounts = [_amounts(row, has_wallet=has_wallet) for row in settlements]
    rows: list[Row] = [
        (_at(row), _institution(row), *paid, _status(row))
        for row, paid in zip(settlements, amounts, strict=True)
    ]
    totals = [sum(column) for column in zip(*amounts, strict=True)]
    return Sheet(
        title="门诊结算查询单",
        party="就诊人",
        person_no=subject.person_no,
        name=subject.name,
        period=subject.period,
        others=tuple(map(_giver, (parties or {}).values())),
        columns=_MEMBER_WITH_WALLET if has_wallet else _MEMBER,
        rows=tuple(rows),
        # Without rows there are no columns to add up.
        closing=(_TOTAL, "", *(totals or [0] * 5), ""),
        note=f"{_SUM_WITH_WALLET if has_wallet else _SUM}本单不显示诊断与项目。{_REFUNDED}",
    )


def of_account(
    subject: SheetSubject, entries: Sequence[account_pb2.Entry], balances: Balances
) -> Sheet:
    """Return the entries of an account between two balances."""
    rows = [
        (
            str(entry.version),
            _instant(entry.at),
            _KINDS[entry.kind],
            entry.fen,
            entry.balance_after_fen,
        )
        for entry in entries
    ]
    return Sheet(
        title="个人账户明细单",
        party="账户所有人",
        person_no=subject.person_no,
        name=subject.name,
        period=subject.period,
        columns=_ACCOUNT,
        opening=("", "", "期初余额", "", balances.opening_fen),
        rows=tuple(rows),
        closing=("", "", "期末余额", "", balances.closing_fen),
        note="金额为负是支出，为正是划入或退回。序号自开户起连续编排，缺号即缺页。",
    )


def of_wallet(
    subject: SheetSubject, entries: Sequence[account_pb2.Entry], balances: Balances
) -> Sheet:
    """Return the entries of a wallet (医保钱包) between two balances."""
    sheet = of_account(subject, entries, balances)
    return replace(
        sheet,
        title="医保钱包明细单",
        party="钱包所有人",
        note="金额为负是支出，为正是转入或退回。序号自第一笔起连续编排，缺号即缺页。"
        "转账冻结的款项不在钱包之中。",
    )


def _member(number: str, parties: Parties | None) -> tuple[str, ...]:
    """Return the cells of a member: the number, or how an issued sheet names him."""
    if parties is None:
        return (number,)
    party = parties.get(number, statement_pb2.StatementParty(person_no=number))
    return _named(party), _relation(party) or _UNKNOWN


def _giver(party: statement_pb2.StatementParty) -> tuple[str, str]:
    """Return a giver with what the patient is to him."""
    relation = _relation(party)
    return "授权人", f"{_named(party)}" + (
        f"（本人是其{relation}）" if relation else ""
    )


def number_on_paper(person_no: str) -> str:
    """Return a person's number as it is printed: one of an identity card is masked."""
    # Some registries number people so (SECURITY.md); on paper it is a certificate.
    if birth_date(IDENTITY_CARD, person_no) is None:
        return person_no
    return person_no[0] + "*" * (len(person_no) - 2) + person_no[-1]


def _named(party: statement_pb2.StatementParty) -> str:
    return f"{party.name} {number_on_paper(party.person_no)}".strip()


def _relation(party: statement_pb2.StatementParty) -> str:
    return RELATION_NAMES.get(party.relation, party.relation)


def _amounts(row: settlement_pb2.SettlementRow, *, has_wallet: bool) -> tuple[int, ...]:
    """Return total, fund, own account, giving accounts, wallet if any, cash; in fen."""
    wallet = (row.wallet_fen,) if has_wallet else ()
    accounts = row.charged_fen, row.aid_fen
    return row.total_fen, row.fund_fen, *accounts, *wallet, row.cash_fen


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
