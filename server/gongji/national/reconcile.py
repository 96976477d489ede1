"""3201 对总账 beside ReconcileTotals.

A 3201 is one total of a period, by insutype and clr_type; ours are by day, scheme and
kind of visit. So a 3201 asks us with no totals of its own, we answer with all that we
have, and the sum of those of its insutype and of the kinds its clr_type clears is
compared with its four figures. The other way our totals are summed into one 3201 for
each insutype and clr_type.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from gongji.national.dialect import MessageDialect
from gongji.national.envelope import Kept, Shape
from gongji.national.fields import Node
from gongji.national.forms import AMOUNT, COUNT, NationalFault
from gongji.national.tables import REPLY_ENVELOPE, STMTINFO, TOTALS_INPUT, envelope
from gongji.rules.codes import VisitKind
from gongji.v1 import settlement_pb2 as pb

FIGURES: Final = (
    ("medfee_sumamt", "total_fen", AMOUNT),
    ("fund_pay_sumamt", "fund_fen", AMOUNT),
    ("acct_pay", "account_fen", AMOUNT),
    ("fixmedins_setl_cnt", "count", COUNT),
)
"""What is compared: national field, field of Total, form."""

TOTALS: Final = Shape(
    infno="3201",
    ours=pb.ReconcileTotalsRequest,
    envelope=envelope(fixmedins_code="institution_code"),
    fields=TOTALS_INPUT,
)

BALANCED: Final = Shape(
    infno="3201",
    ours=pb.ReconcileTotalsResponse,
    envelope=REPLY_ENVELOPE,
    container="output",
    node="stmtinfo",
    fields=STMTINFO,
    faithful=False,
)


def compared(
    response: pb.ReconcileTotalsResponse, request: Node, dialect: MessageDialect
) -> tuple[bool, str]:
    """Whether the sum of our totals is that of the 3201, and each figure that differs, in words."""
    data = request["input"]["data"]
    kinds = _kinds(str(data["clr_type"]), dialect)
    ours = [d.ours for d in response.differences]
    chosen = [
        t
        for t in ours
        if str(t.scheme) == str(data["insutype"]) and t.visit_kind in kinds
    ]
    told = []
    for name, attribute, form in FIGURES:
        here, there = (
            sum(getattr(t, attribute) for t in chosen),
            form.read(data[name], f"input.data.{name}"),
        )
        if here != there:
            told.append(f"{name} 中心 {form.write(here)}, 机构 {form.write(there)}")
    return not told, "; ".join(told)


def statements(
    request: pb.ReconcileTotalsRequest, kept: Kept, dialect: MessageDialect
) -> list[dict[str, Any]]:
    """Our totals as messages 3201, one for each insutype and clr_type; envelope and
    setl_optins are what was kept."""
    asked = pb.ReconcileTotalsRequest()
    asked.CopyFrom(request)
    asked.ClearField("totals")
    groups: dict[tuple[str, str], list[pb.Total]] = {}
    for total in request.totals:
        groups.setdefault((str(total.scheme), _clr_type(total, dialect)), []).append(
            total
        )
    return [
        TOTALS.write(
            asked,
            _kept_with(
                kept, {"insutype": insutype, "clr_type": clr_type, **_sums(totals)}
            ),
            dialect,
        )
        for (insutype, clr_type), totals in sorted(groups.items())
    ]


def _sums(totals: Iterable[pb.Total]) -> dict[str, str]:
    totals = list(totals)
    return {
        name: form.write(sum(getattr(t, attribute) for t in totals))
        for name, attribute, form in FIGURES
    }


def _kept_with(kept: Kept, said: dict[str, str]) -> Kept:
    data = type(kept.data)(
        {
            "refd_setl_flag": "0",
            "fixmedins_refd_setl_flag": "0",
            **kept.data.rest,
            **said,
        }
    )
    return Kept(kept.envelope, data, kept.beside)


def _kinds(clr_type: str, dialect: MessageDialect) -> frozenset[int]:
    if clr_type not in dialect.clearing:
        known = ", ".join(dialect.clearing)
        raise NationalFault(
            f"input.data.clr_type: 方言 {dialect.name} 没有清算类别 {clr_type}; 可用 {known}"
        )
    return frozenset(int(kind) for kind in dialect.clearing[clr_type])


def _clr_type(total: pb.Total, dialect: MessageDialect) -> str:
    for clr_type, kinds in dialect.clearing.items():
        if VisitKind(total.visit_kind) in kinds:
            return clr_type
    raise NationalFault(
        f"totals: 方言 {dialect.name} 没有就诊类别 {total.visit_kind} 的清算类别"
    )
