"""3201 对总账, and ReconcileTotals.

A 3201 is one total of a period, by insutype and clr_type; ours are by day, scheme and
kind of visit. So a 3201 asks for our totals without any of its own. The sum of those of
its insutype and of the kinds its clr_type clears is compared with its four figures. The
other way, our totals are summed into one 3201 for each insutype and clr_type.

refd_setl_flag says what is counted: 0, settlements of the period that stand when asked;
1, also those taken back, and each refund on the day it was made. A 3201 without it means
1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from gongji.national.dialect import MessageDialect
from gongji.national.envelope import Shape, Unmapped
from gongji.national.fields import Node, UnmappedNode
from gongji.national.forms import AMOUNT, COUNT, STANDING, NationalFault
from gongji.national.heads import REPLY_ENVELOPE, envelope
from gongji.national.tables import STMTINFO, TOTALS_INPUT
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
    proto=pb.ReconcileTotalsRequest,
    envelope=envelope(fixmedins_code="institution_code"),
    fields=TOTALS_INPUT,
)

BALANCED: Final = Shape(
    infno="3201",
    proto=pb.ReconcileTotalsResponse,
    envelope=REPLY_ENVELOPE,
    container="output",
    node="stmtinfo",
    fields=STMTINFO,
    faithful=False,
)


def compared(
    response: pb.ReconcileTotalsResponse, request: Node, dialect: MessageDialect
) -> tuple[bool, str]:
    """Return whether our totals equal the 3201, and each figure that differs, in words."""
    data = request["input"]["data"]
    kinds = kinds_of(str(data["clr_type"]), dialect)
    scheme = str(data["insutype"])
    totals = [
        difference.ours
        for difference in response.differences
        if str(difference.ours.scheme) == scheme and difference.ours.visit_kind in kinds
    ]
    differences = []
    for name, attribute, form in FIGURES:
        centre = sum(getattr(total, attribute) for total in totals)
        institution = form.read(data[name], f"input.data.{name}")
        if centre != institution:
            differences.append(
                f"{name} 中心 {form.write(centre)}，机构 {form.write(institution)}"
            )
    return not differences, "；".join(differences)


def statements(
    request: pb.ReconcileTotalsRequest, unmapped: Unmapped, dialect: MessageDialect
) -> list[dict[str, Any]]:
    """Return our totals as messages 3201, one for each insutype and clr_type.

    Envelope and setl_optins are those of `unmapped`.
    """
    period = pb.ReconcileTotalsRequest()
    period.CopyFrom(request)
    # A 3201 carries its totals as fields of its own, written from the groups below.
    period.ClearField("totals")
    groups: dict[tuple[str, str], list[pb.Total]] = {}
    for total in request.totals:
        group = (str(total.scheme), _clr_type(total, dialect))
        groups.setdefault(group, []).append(total)
    messages = []
    counted = {"fixmedins_refd_setl_flag": STANDING.write(request.standing_only)}
    for (insutype, clr_type), totals in sorted(groups.items()):
        figures = {"insutype": insutype, "clr_type": clr_type, **_sums(totals)}
        sent = _with(unmapped, counted, figures)
        messages.append(TOTALS.write(period, sent, dialect))
    return messages


def _sums(totals: Sequence[pb.Total]) -> dict[str, str]:
    sums = {}
    for name, attribute, form in FIGURES:
        sums[name] = form.write(sum(getattr(total, attribute) for total in totals))
    return sums


def _with(
    unmapped: Unmapped, counted: dict[str, str], figures: dict[str, str]
) -> Unmapped:
    data = {**counted, **unmapped.data.fields, **figures}
    return Unmapped(unmapped.envelope, UnmappedNode(data), unmapped.beside)


def kinds_of(clr_type: str, dialect: MessageDialect) -> frozenset[int]:
    """Return the kinds of visit that a clr_type is of. NationalFault."""
    if clr_type not in dialect.clearing:
        known = "、".join(dialect.clearing)
        raise NationalFault(
            f"input.data.clr_type：方言 {dialect.name} 没有清算类别 {clr_type}；可用 {known}"
        )
    return frozenset(int(kind) for kind in dialect.clearing[clr_type])


def _clr_type(total: pb.Total, dialect: MessageDialect) -> str:
    for clr_type, kinds in dialect.clearing.items():
        if VisitKind(total.visit_kind) in kinds:
            return clr_type
    raise NationalFault(
        f"totals：方言 {dialect.name} 没有就诊类别 {total.visit_kind} 的清算类别"
    )
