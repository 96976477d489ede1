"""2001 人员待遇享受检查 and 5206 人员累计信息查询: what a Quote of one fen tells.

Both ask of a bill so small that it says nothing but its terms: who would pay, under
which clause, and what the year's accumulators stand at before it.
"""

from __future__ import annotations

from collections.abc import Iterator
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
from gongji.national.quote_settle import FUNDS
from gongji.national.tables import ACCOUNT_FUND, envelope
from gongji.v1 import registry_pb2, types_pb2
from gongji.v1 import settlement_pb2 as pb

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
    envelope=envelope(fixmedins_code="bill.institution_code"),
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
    carried("cum_ym", "累计年月", "只答当月；不写即当月", ANY_ID),
)
"""5206, node data."""

YEAR: Final = Shape(
    infno="5206",
    proto=registry_pb2.GetPersonRequest,
    envelope=envelope(),
    fields=YEAR_INPUT,
)


@dataclass(frozen=True, slots=True)
class Accumulated:
    """What one scheme's year stands at, in fen."""

    scheme: int
    deductible_fen: int
    fund_fen: int


def probe_of_year(
    person_no: str, scheme: int, institution: str, today: date
) -> pb.QuoteRequest:
    """Return the quote that tells the year's accumulators of one scheme."""
    asked = pb.QuoteRequest()
    bill = asked.bill
    bill.patient.person_no = person_no
    bill.institution_code = institution
    bill.scheme = scheme  # type: ignore[assignment] # a number of the enum
    bill.service_day = today.isoformat()
    bill.visit_kind = pb.VISIT_KIND_OUTPATIENT
    # Asked for where the institution lies elsewhere; the accumulators do not rest on it.
    bill.filing_no = "5206"
    _make_probe(bill)
    return asked


def accumulated_in(quoted: pb.Settlement) -> Accumulated:
    """Return what the year stood at before the bill that was quoted."""
    return Accumulated(
        quoted.scheme,
        quoted.deductible_used_after_fen - quoted.deductible_fen,
        quoted.fund_paid_after_fen - quoted.fund_fen,
    )


def hold_month(cum_ym: object, today: date) -> None:
    """NationalFault if another month than today's is asked."""
    month = f"{today:%Y%m}"
    if str(cum_ym or month) != month:
        raise NationalFault(
            f"input.data.cum_ym {cum_ym!r}：只能查询当月（{month}）的累计；"
            "以往的请按结算逐笔查询（5203）"
        )


def year_output(
    found: list[Accumulated], today: date, codes: CumulativeCodes
) -> dict[str, Any]:
    """Return the output of 5206."""
    head = {"year": f"{today:%Y}", "cum_ym": f"{today:%Y%m}"}
    return {"cuminfo": [head_of | head for head_of in _rows(found, codes)]}


def _rows(found: list[Accumulated], codes: CumulativeCodes) -> Iterator[dict[str, str]]:
    for one in found:
        fund = codes.fund.format(fund_pay_type=FUNDS[one.scheme][0])
        figures = {codes.deductible: one.deductible_fen, fund: one.fund_fen}
        for code, fen in figures.items():
            yield {
                "insutype": str(one.scheme),
                "cum_type_code": code,
                "cum": amount(fen),
            }
