"""What a person's year stands at, asked for and put into rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import grpc

from gongji.rules.codes import Scheme
from gongji.rules.money import percent, yuan
from gongji.rules.phrases import level_in_words
from gongji.rules.terms import TERMS
from gongji.v1 import settlement_pb2 as pb
from gongji.v1 import settlement_pb2_grpc, types_pb2

LEVELS: Final = ("机构", "起付线余下", "支付比例", "范围内满", "基金共付", "条款")
"""Columns of what the next bill would get at each level."""

PURSES: Final = ("账户", "余额", "医院", "药店")
"""Columns of the purses it may be charged to."""

_NOTHING: Final = "—"


def benefits_of(
    channel: grpc.Channel, person_no: str, day: str = "", service_day: str = ""
) -> pb.GetBenefitYearResponse:
    """Return what a person's year stands at; days as YYYY-MM-DD. RpcError."""
    request = pb.GetBenefitYearRequest(
        person=types_pb2.PersonRef(person_no=person_no),
        day=day,
        service_day=service_day,
    )
    service = settlement_pb2_grpc.SettlementServiceStub(channel)
    reply: pb.GetBenefitYearResponse = service.GetBenefitYear(request)
    return reply


def heading(year: pb.BenefitYear) -> str:
    """Return a scheme and its pooling area in Chinese."""
    return f"{TERMS[Scheme][Scheme(year.scheme)]}（{year.area_code}）"


def used(year: pb.BenefitYear) -> Iterator[str]:
    """Yield what was used and what is left, as sentences."""
    yield (
        f"起付标准已用 {yuan(year.deductible_used_fen)} 元，"
        f"统筹基金已付 {yuan(year.fund_paid_fen)} 元"
    )
    if year.HasField("deductible_limit"):
        yield _limit("各级起付标准年度合计", year.deductible_limit)
    if year.HasField("fund_limit"):
        yield _limit("年度支付限额", year.fund_limit)
    if year.HasField("refusal"):
        yield f"下一张账单不能结算：{year.refusal.message}"
    elif not year.open:
        yield "就诊日不在此参保，下一张账单不计入这里"


def _limit(name: str, limit: pb.BenefitLimit) -> str:
    return f"{name} {yuan(limit.fen)} 元，余下 {yuan(limit.left_fen)} 元"


def levels_of(year: pb.BenefitYear) -> Iterator[Mapping[str, str]]:
    """Yield a row for each kind and level of institution."""
    for level in year.levels:
        # Where the fund stops paying, if it does before the bill ends.
        ends = [step for step in level.steps if step.until_fen and step.fund_fen]
        values = (
            _institution(level),
            yuan(level.deductible.left_fen) if level.ratio_bp else _NOTHING,
            percent(level.ratio_bp) if level.ratio_bp else "不予支付",
            yuan(ends[0].until_fen) if ends else _NOTHING,
            yuan(ends[0].fund_fen) if ends else _NOTHING,
            _numbers(level.rule.clauses),
        )
        yield dict(zip(LEVELS, values, strict=True))


def _institution(level: pb.BenefitLevel) -> str:
    if level.kind == types_pb2.INSTITUTION_KIND_PHARMACY:
        return "药店"
    return "未定级" if level.unranked else level_in_words(level.level)


def _numbers(clauses: Iterable[types_pb2.Clause]) -> str:
    return "、".join(dict.fromkeys(clause.id for clause in clauses))


def purses_of(year: pb.BenefitYear) -> Iterator[Mapping[str, str]]:
    """Yield a row for each purse the next bill may be charged to."""
    for purse in year.purses:
        balance = purse.balance
        values = (
            purse.purse,
            yuan(balance.fen) if purse.HasField("balance") else _NOTHING,
            _use(purse.at_hospital),
            _use(purse.at_pharmacy),
        )
        yield dict(zip(PURSES, values, strict=True))


def _use(use: pb.PurseUse) -> str:
    return "可用" if use.may_pay else use.in_words
