"""2001 人员待遇享受检查, which a Quote of one fen tells, and 5206 人员累计信息查询.

The first asks of a bill so small that it says nothing but its terms: who would pay, and
under which clause.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from gongji.national.dialect import CumulativeCodes
from gongji.national.envelope import Shape, Unmapped
from gongji.national.fields import Table, carried, mapped
from gongji.national.forms import (
    ANY_ID,
    ID,
    MOMENT,
    SCHEME,
    VISIT,
    NationalFault,
    amount,
    day_of,
)
from gongji.national.heads import envelope
from gongji.national.quote_settle import FUNDS
from gongji.national.tables import ACCOUNT_FUND
from gongji.rules.days import days_of_month
from gongji.text.forms import as_sent
from gongji.v1 import settlement_pb2 as pb
from gongji.v1 import types_pb2

PROBE_FEN: Final = 1
"""Total of the bill that is quoted, in fen."""

BENEFIT_INPUT: Final[Table] = (
    mapped("psn_no", "人员编号", "bill.patient.person_no", ID),
    mapped("insutype", "险种类型", "bill.scheme", SCHEME),
    carried("fixmedins_code", "定点医药机构编号", "须与报文头相同", ID, required=True),
    mapped("med_type", "医疗类别", "bill.visit_kind", VISIT),
    carried("begntime", "开始时间", "其日即所问之日", MOMENT, required=True),
    carried("endtime", "结束时间", "不参与决定：按开始之日答复", MOMENT),
    carried("dise_codg", "病种编码", "不参与决定", ANY_ID),
    carried("dise_name", "病种名称", "不参与决定"),
    carried("oprn_oprt_code", "手术操作代码", "不参与决定", ANY_ID),
    carried("oprn_oprt_name", "手术操作名称", "不参与决定"),
    carried("matn_type", "生育类别", "不参与决定", ANY_ID),
    carried("birctrl_type", "计划生育手术类别", "不参与决定", ANY_ID),
    carried("exp_content", "字段扩展", "只保留"),
)
"""2001, node data."""


def _complete(proto: pb.QuoteRequest, unmapped: Unmapped) -> None:
    data = unmapped.data.fields
    if str(data["fixmedins_code"]) != proto.bill.institution_code:
        raise NationalFault(
            "input.data.fixmedins_code 须与报文头的 fixmedins_code 相同，"
            f"得到 {data['fixmedins_code']} 与 {proto.bill.institution_code}"
        )
    proto.bill.service_day = day_of(data["begntime"], "input.data.begntime")
    _make_probe(proto.bill)


BENEFIT: Final = Shape(
    infno="2001",
    proto=pb.QuoteRequest,
    envelope=envelope(
        fixmedins_code="bill.institution_code", insured_place="bill.insured_place"
    ),
    fields=BENEFIT_INPUT,
    complete=_complete,
)


def _make_probe(bill: pb.Bill) -> None:
    bill.total_fen = bill.in_scope_fen = PROBE_FEN
    bill.account_use = pb.ACCOUNT_USE_CITY_ORDER


@dataclass(frozen=True, slots=True)
class Entitled:
    """Whether one fund, or the purses, would pay; `reason` says why not."""

    fund: str
    enjoyed: bool
    reason: str = ""


def entitlements(asked: pb.QuoteRequest, quoted: pb.Settlement) -> list[Entitled]:
    """Return what a quote of the probe says of the pooled fund and of the purses."""
    found = [_of_fund(asked, quoted)]
    purses = {pb.PAYER_OWN_PURSE, pb.PAYER_GIVER_PURSE}
    lines = [line for line in quoted.lines if line.payer in purses]
    purse, _ = ACCOUNT_FUND
    if any(line.fen for line in lines):
        found.append(Entitled(purse, enjoyed=True))
    elif lines:
        found.append(Entitled(purse, enjoyed=False, reason=lines[0].in_words))
    return found


def _of_fund(asked: pb.QuoteRequest, quoted: pb.Settlement) -> Entitled:
    code, _ = FUNDS[asked.bill.scheme]
    lines = [line for line in quoted.lines if line.payer == pb.PAYER_FUND]
    reasons = [notice.in_words for notice in quoted.notices]
    reasons += [line.in_words for line in lines if line.formula != "fund.v1"]
    return Entitled(code, enjoyed=not reasons, reason="；".join(dict.fromkeys(reasons)))


def denied(asked: pb.QuoteRequest, reason: str) -> list[Entitled]:
    """Return what a refusal of the probe says: nothing is paid."""
    code, _ = FUNDS[asked.bill.scheme]
    return [Entitled(code, enjoyed=False, reason=reason)]


def benefit_output(
    asked: pb.QuoteRequest,
    found: list[Entitled],
    enrolment: types_pb2.Enrolment | None,
) -> dict[str, Any]:
    """Return the output of 2001: a row a fund, its days those of the enrolment."""
    first = getattr(enrolment, "from") if enrolment else asked.bill.service_day
    return {
        "trtinfo": [
            {
                "psn_no": asked.bill.patient.person_no,
                "trt_chk_type": "01",
                "fund_pay_type": one.fund,
                "trt_enjymnt_flag": "1" if one.enjoyed else "0",
                "begndate": first,
                "enddate": enrolment.to if enrolment else "",
                "trt_chk_rslt": one.reason[:_LONGEST_RESULT],
                "exp_content": "",
            }
            for one in found
        ]
    }


_LONGEST_RESULT: Final = 500
"""Characters of trt_chk_rslt."""

# --- 5206 -----------------------------------------------------------------------------

YEAR_INPUT: Final[Table] = (
    mapped("psn_no", "人员编号", "person.person_no", ID),
    carried("cum_ym", "累计年月", "截至当月末，本月截至此刻；不写即本月", ANY_ID),
)
"""5206, node data."""

YEAR: Final = Shape(
    infno="5206",
    proto=pb.GetBenefitYearRequest,
    envelope=envelope(fixmedins_code="institution_code"),
    fields=YEAR_INPUT,
)


def last_day_of(cum_ym: object, today: date) -> date:
    """Return the day until which a month is told: its last, or today. NationalFault."""
    asked = str(cum_ym or f"{today:%Y%m}")
    try:
        first, last = days_of_month(f"{asked[:4]}-{asked[4:]}")
    except ValueError:
        raise NationalFault(
            f"input.data.cum_ym{as_sent(str(cum_ym))}不是年月，应写作 {today:%Y%m}"
        ) from None
    if first > today:
        raise NationalFault(f"input.data.cum_ym{as_sent(str(cum_ym))}：这个月还没有到")
    return min(last, today)


def year_output(
    reply: pb.GetBenefitYearResponse, codes: CumulativeCodes
) -> dict[str, Any]:
    """Return the output of 5206."""
    head = {"year": reply.year, "cum_ym": reply.day[:7].replace("-", "")}
    return {"cuminfo": [row | head for row in _rows(reply.benefits, codes)]}


def _rows(
    benefits: Iterable[pb.BenefitYear], codes: CumulativeCodes
) -> Iterator[dict[str, str]]:
    # 5206 names no place: of a scheme that was left for another the later one is told.
    by_scheme: dict[int, pb.BenefitYear] = {}
    for one in benefits:
        by_scheme.setdefault(one.scheme, one)
    for scheme, one in sorted(by_scheme.items()):
        fund = codes.fund.format(fund_pay_type=FUNDS[scheme][0])
        figures = {codes.deductible: one.deductible_used_fen, fund: one.fund_paid_fen}
        for code, fen in figures.items():
            yield {
                "insutype": str(scheme),
                "cum_type_code": code,
                "cum": amount(fen),
            }
