"""3201 and 3202 beside our reconciliation: sums by scheme and clearing class, rows and
differences as files."""

from __future__ import annotations

from typing import Any

import pytest
from gongji.national import (
    HN,
    NationalFault,
    Unmapped,
    UnmappedNode,
    difference_line,
    from_national,
    line_of,
    reply_to,
    rows_from,
    statements,
    to_national,
)
from gongji.national.details import MEMOS
from gongji.rules.codes import VisitKind
from gongji.v1 import settlement_pb2 as pb
from gongji.v1 import types_pb2

from tests.national.messages import HOSPITAL, PATIENT, TOTALS, request


def total(
    kind: int, scheme: int = 310, day: str = "2025-09-30", **figures: int
) -> pb.Total:
    """Return a total of ours."""
    message = pb.Total(day=day, **figures)  # type: ignore[arg-type] # figures are int64 fields
    message.visit_kind = pb.VisitKind.ValueType(kind)
    message.scheme = types_pb2.Scheme.ValueType(scheme)
    return message


OURS = [
    total(11, total_fen=80_000, fund_fen=10_000, account_fen=70_000, count=1),
    total(
        13, day="2025-09-29", total_fen=20_000, fund_fen=0, account_fen=20_000, count=1
    ),
    total(41, total_fen=7, account_fen=7, count=1),
    total(11, 390, total_fen=9, account_fen=9, count=1),
]
"""1000.00, 100.00 and 900.00 of two settlements are employees' outpatient visits; the
others are not asked for."""


def compare(proto: list[pb.Total], **changes: Any) -> dict[str, Any]:
    """The stmtinfo that answers a 3201 when we hold these totals."""
    response = pb.ReconcileTotalsResponse(
        differences=[pb.TotalDifference(ours=entry) for entry in proto]
    )
    data = {**TOTALS, "fixmedins_setl_cnt": 2, **changes}
    info: dict[str, Any] = reply_to(response, request("3201", data))["output"][
        "stmtinfo"
    ]
    return info


def test_a_question_without_totals() -> None:
    """3201 asks us for all we have of the period; its own figures wait for the answer."""
    proto, unmapped = from_national(request("3201"))

    assert proto == pb.ReconcileTotalsRequest(
        institution_code=HOSPITAL,
        from_day="2025-09-30",
        to_day="2025-09-30",
        standing_only=True,
    )
    assert "1000.00" == unmapped.data.fields["medfee_sumamt"]


FLAGS = [("0", True), (0, True), ("1", False), (1, False), ("", False), (None, False)]


@pytest.mark.parametrize(("flag", "standing_only"), FLAGS)
def test_the_flag_of_refunds(flag: object, standing_only: bool) -> None:  # noqa: FBT001 - a row of a table
    """refd_setl_flag 0 asks for what stands, 1 for refunds too, as does a 3201 without
    it; each comes back as it was spelled."""
    message = request("3201", {**TOTALS, "refd_setl_flag": flag})

    proto, unmapped = from_national(message)

    assert standing_only == getattr(proto, "standing_only")  # noqa: B009 - of any message
    assert message == to_national(proto, unmapped)


def test_a_message_without_the_flag_of_refunds() -> None:
    """A 3201 that does not have the field asks for refunds too, and comes back without."""
    message = request("3201")
    del message["input"]["data"]["refd_setl_flag"]

    proto, unmapped = from_national(message)

    assert not getattr(proto, "standing_only")  # noqa: B009 - of any message
    assert message == to_national(proto, unmapped)


def test_an_unknown_flag_of_refunds() -> None:
    """A refd_setl_flag that is neither 0 nor 1 is refused by name, never taken for one."""
    with pytest.raises(NationalFault, match="refd_setl_flag 没有代码「2」；可用 0、1"):
        from_national(request("3201", {**TOTALS, "refd_setl_flag": "2"}))


def test_sums_that_agree() -> None:
    """The sum over days and kinds of one scheme and clearing class is compared: 0 平."""
    assert {"setl_optins": "341199", "stmt_rslt": "0", "stmt_rslt_dscr": ""} == compare(
        OURS
    )


DIFFER = [
    ("fee", {"medfee_sumamt": "1000.01"}, "medfee_sumamt 中心 1000.00，机构 1000.01"),
    ("fund", {"fund_pay_sumamt": "0"}, "fund_pay_sumamt 中心 100.00，机构 0.00"),
    ("account", {"acct_pay": 1}, "acct_pay 中心 900.00，机构 1.00"),
    ("count", {"fixmedins_setl_cnt": "3"}, "fixmedins_setl_cnt 中心 2，机构 3"),
    ("class", {"clr_type": "41"}, "medfee_sumamt 中心 0.07，机构 1000.00"),
    ("scheme", {"insutype": "390"}, "medfee_sumamt 中心 0.09，机构 1000.00"),
]


@pytest.mark.parametrize(
    ("changes", "problem"), [d[1:] for d in DIFFER], ids=[d[0] for d in DIFFER]
)
def test_sums_that_differ(changes: dict[str, Any], problem: str) -> None:
    """Any figure that differs by one is 1 不平, with both sides in words."""
    info = compare(OURS, **changes)

    assert "1" == info["stmt_rslt"]
    assert problem in info["stmt_rslt_dscr"]


def test_every_kind_is_cleared_once() -> None:
    """The clearing classes partition the kinds of visit."""
    cleared = [kind for kinds in HN.clearing.values() for kind in kinds]

    assert sorted(VisitKind) == sorted(cleared)


@pytest.mark.parametrize(("standing_only", "flag"), [(True, "0"), (False, "1")])
def test_our_totals_as_messages(standing_only: bool, flag: str) -> None:  # noqa: FBT001 - a row of a table
    """Our totals become one 3201 for each scheme and clearing class, figures summed
    over days and kinds, with the flag that says what they count."""
    totals = pb.ReconcileTotalsRequest(
        institution_code=HOSPITAL,
        from_day="2025-09-29",
        to_day="2025-09-30",
        totals=OURS,
        standing_only=standing_only,
    )
    envelope = {
        name: value
        for name, value in request("3201").items()
        if name not in {"input", "fixmedins_code"}
    }
    unmapped = Unmapped(UnmappedNode(envelope), UnmappedNode({"setl_optins": "341199"}))
    data = [message["input"]["data"] for message in statements(totals, unmapped, HN)]

    assert [
        ("310", "11", "1000.00", "2"),
        ("310", "41", "0.07", "1"),
        ("390", "11", "0.09", "1"),
    ] == [
        (d["insutype"], d["clr_type"], d["medfee_sumamt"], d["fixmedins_setl_cnt"])
        for d in data
    ]
    flags = {"refd_setl_flag", "fixmedins_refd_setl_flag"}
    assert {flag} == {d[name] for d in data for name in flags}


def test_rows() -> None:
    """A row of the file is a row of ours; the visit's id is kept."""
    ((row, unmapped),) = rows_from(
        [f"S1\tnull\t{PATIENT}\t-1000.00\t-100.00\t-900.00\t1\r\n"]
    )

    expected = {"total_fen": -100_000, "fund_fen": -10_000, "account_fen": -90_000}
    assert row == pb.ReconcileRow(
        settlement_id="S1", patient=PATIENT, refund=True, **expected
    )
    assert {"mdtrt_id": None} == unmapped.fields
    assert f"S1\tnull\t{PATIENT}\t-1000.00\t-100.00\t-900.00\t1" == line_of(row)


BAD_ROWS = [
    (
        "a column too few",
        f"S1\tV1\t{PATIENT}\t1\t1\t1",
        "第 2 行有 6 列，应为 7 列：setl_id、mdtrt_id",
    ),
    ("no amount", f"S1\tV1\t{PATIENT}\tx\t1\t1\t0", "第 2 行 medfee_sumamt 不是"),
    (
        "no settlement",
        f"null\tV1\t{PATIENT}\t1\t1\t1\t0",
        "缺少必填字段 第 2 行 setl_id",
    ),
    (
        "a flag of its own",
        f"S1\tV1\t{PATIENT}\t1\t1\t1\t2",
        "第 2 行 refd_setl_flag 没有代码「2」；可用 0、1",
    ),
]


@pytest.mark.parametrize(
    ("line", "problem"), [b[1:] for b in BAD_ROWS], ids=[b[0] for b in BAD_ROWS]
)
def test_bad_rows(line: str, problem: str) -> None:
    """A row that cannot be read is refused by number and column."""
    with pytest.raises(NationalFault, match=problem):
        list(rows_from([f"S1\tV1\t{PATIENT}\t1\t1\t1\t0", line]))


def test_differences() -> None:
    """A difference becomes a line of the answering file: our row, else theirs; what is
    not known is null."""
    reported = pb.ReconcileRow(
        settlement_id="S1", patient=PATIENT, total_fen=1, refund=True
    )
    proto = pb.ReconcileRow(
        settlement_id="S1", patient=PATIENT, total_fen=2, fund_fen=1, account_fen=1
    )
    missing_here = pb.ReconcileDetailsResponse(
        kind=pb.DIFFERENCE_KIND_MISSING_HERE, settlement_id="S1", theirs=reported
    )
    amount = pb.ReconcileDetailsResponse(
        kind=pb.DIFFERENCE_KIND_AMOUNT,
        settlement_id="S1",
        ours=proto,
        theirs=reported,
        msgid="M1",
    )

    assert (
        f"{PATIENT}\tnull\tS1\tnull\t1\t1\t中心无此结算\t0.01\t0.00\t0.00"
        == difference_line(missing_here)
    )
    line = difference_line(amount, mdtrt_id="V1")
    assert (
        f"{PATIENT}\tV1\tS1\tM1\t1\t0\t双方金额或人员不一致\t0.02\t0.01\t0.01" == line
    )


def test_every_difference_has_its_words() -> None:
    """Each kind of difference is in words."""
    assert set(pb.DifferenceKind.values()) - {pb.DIFFERENCE_KIND_UNSPECIFIED} == set(
        MEMOS
    )
