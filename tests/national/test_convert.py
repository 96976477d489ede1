"""Requests and replies between the national interface and ours: what they become, and
what is refused by name."""

from __future__ import annotations

import json
from typing import Any

import pytest
from gongji.national import (
    NationalFault,
    Unmapped,
    UnmappedNode,
    from_national,
    refused,
    reply_to,
    request_id_of,
    to_national,
    undocumented,
)
from gongji.v1 import settlement_pb2 as pb
from gongji.v1 import types_pb2

from tests.national.messages import (
    CORRECTION,
    HOSPITAL,
    MSGID,
    PATIENT,
    SETTLE,
    TOTALS,
    request,
    settlement_reply,
)


def settle(**changes: Any) -> pb.SettleRequest:
    """The request that a 2207 with these changes of its data becomes."""
    proto, _ = from_national(request("2207", {**SETTLE, **changes}))
    assert isinstance(proto, pb.SettleRequest)
    return proto


def test_a_bill() -> None:
    """2207 becomes Settle, 2206 Quote of the same bill; the request id follows from
    sender and msgid."""
    bill = pb.Bill(
        patient=types_pb2.PersonRef(person_no=PATIENT),
        institution_code=HOSPITAL,
        service_day="2025-09-30",
        visit_kind=pb.VISIT_KIND_OUTPATIENT,
        scheme=types_pb2.SCHEME_EMPLOYEE,
        total_fen=100_000,
        in_scope_fen=100_000,
        account_use=pb.ACCOUNT_USE_CITY_ORDER,
        msgid=MSGID,
        insured_place="341102",
        evidence=pb.VisitEvidence(type=pb.EVIDENCE_TYPE_E_VOUCHER, number="token"),
    )

    assert (
        pb.SettleRequest(request_id=request_id_of(HOSPITAL, MSGID), bill=bill)
        == settle()
    )
    assert pb.QuoteRequest(bill=bill) == from_national(request("2206"))[0]


def test_reversals() -> None:
    """2208 reverses by setl_id; 2601 by the request id that omsgid had; each under its
    own id, the patient checked."""
    patient = types_pb2.PersonRef(person_no=PATIENT)
    by_id, _ = from_national(request("2208", msgid="M2"))
    by_message, _ = from_national(request("2601", msgid="M3"))

    assert by_id == pb.ReverseRequest(
        request_id=request_id_of(HOSPITAL, "M2"),
        settlement_id="S1",
        why="2208 门诊结算撤销",
        patient=patient,
    )
    assert by_message == pb.ReverseRequest(
        request_id=request_id_of(HOSPITAL, "M3"),
        settle_request_id=settle().request_id,
        why="2601 冲正",
        patient=patient,
    )


def test_request_ids_are_stable() -> None:
    """The derivation never changes: a message retried after an upgrade is still a
    replay. Senders do not share ids."""
    assert "62f8c6df-8172-5c39-9a9a-ec6ba26cd952" == request_id_of(HOSPITAL, MSGID)
    assert request_id_of("H34110000002", MSGID) != request_id_of(HOSPITAL, MSGID)


SAID = {
    "gongji": {
        "service_day": "2025-09-29",
        "givers": ["CZ002"],
        "inpatient_that_day": True,
        "filing_no": "F1",
    }
}


@pytest.mark.parametrize(
    "slot", [json.dumps(SAID), SAID], ids=["as text", "as an object"]
)
def test_what_2207_cannot_say(slot: object) -> None:
    """What the interface has no field for is said in exp_content."""
    bill = settle(exp_content=slot).bill

    assert ("2025-09-29", ["CZ002"], True, "F1") == (
        bill.service_day,
        list(bill.givers),
        bill.inpatient_that_day,
        bill.filing_no,
    )


def test_ours_is_said_beside_what_stands_there() -> None:
    """Ours that 2207 has no field for is written into exp_content, beside what others
    put there, and read again."""
    proto, unmapped = from_national(
        request("2207", {**SETTLE, "exp_content": '{"his": {"x": 1.50}}'})
    )
    assert isinstance(proto, pb.SettleRequest)
    proto.bill.residue = True
    proto.bill.spending = pb.SPENDING_MEDICAL
    written = to_national(proto, unmapped)

    expected = (
        '{"his":{"x":1.50},"gongji":{"residue":true,"spending":"SPENDING_MEDICAL"}}'
    )
    assert expected == written["input"]["data"]["exp_content"]
    assert proto == from_national(written)[0]


MALFORMED = [
    (
        "an unknown transaction",
        {"infno": "2304"},
        {},
        "infno 2304 不在此转换；可用 2206、2207、2208、2601、3201、3202",
    ),
    ("no sender", {"fixmedins_code": ""}, {}, "缺少必填字段 fixmedins_code"),
    ("no id", {"msgid": None}, {}, "缺少必填字段 msgid"),
    ("no input", {"input": None}, {}, "input 应为 JSON 对象"),
    (
        "a time that is none",
        {"inf_time": "2025-09-30"},
        {},
        "inf_time 应写作 yyyy-MM-dd HH:mm:ss",
    ),
    ("no patient", {}, {"psn_no": ""}, "缺少必填字段 input.data.psn_no（人员编号）"),
    (
        "no account flag",
        {},
        {"acct_used_flag": ""},
        "缺少必填字段 input.data.acct_used_flag",
    ),
    (
        "an account flag of its own",
        {},
        {"acct_used_flag": "3"},
        "input.data.acct_used_flag 没有代码「3」；可用 0、1、2",
    ),
    (
        "a scheme not settled here",
        {},
        {"insutype": "340"},
        "input.data.insutype 没有代码「340」；可用 310、390",
    ),
    ("a kind not known", {}, {"med_type": "99"}, "input.data.med_type 没有代码「99」"),
    (
        "no amount",
        {},
        {"inscp_scp_amt": "x"},
        "input.data.inscp_scp_amt 不是以元为单位",
    ),
    (
        "our section misread",
        {},
        {"exp_content": '{"gongji": {"givers": 1}}'},
        "input.data.exp_content.gongji.givers 应为列表",
    ),
    (
        "our section misspelt",
        {},
        {"exp_content": '{"gongji": {"giver": []}}'},
        "没有字段 giver；可用 service_day",
    ),
    ("our section broken off", {}, {"exp_content": '{"gongji": {'}, "不是可读的 JSON"),
]


@pytest.mark.parametrize(
    ("envelope", "data", "problem"),
    [m[1:] for m in MALFORMED],
    ids=[m[0] for m in MALFORMED],
)
def test_malformed_requests(
    envelope: dict[str, Any], data: dict[str, Any], problem: str
) -> None:
    """What cannot be read is refused with the field's path and what would do."""
    message = {**request("2207", {**SETTLE, **data}), **envelope}

    with pytest.raises(NationalFault) as error:
        from_national(message)
    assert problem in str(error.value)


OTHERS: list[tuple[str, Any, str]] = [
    ("a list", [], "报文应为一个 JSON 对象"),
    ("neither request nor reply", {}, "既无 infno 也无 infcode"),
    (
        "a refusal",
        {"infcode": -1, "err_msg": "余额不足"},
        "对方没有受理：infcode -1，余额不足",
    ),
    ("a reply that says nothing", {"infcode": 0, "output": {}}, "认不出是哪种答复"),
    (
        "a correction of a correction",
        request("2601", {**CORRECTION, "oinfno": "2208"}),
        "oinfno 2208 不能在此冲正",
    ),
    (
        "a reply without the patient's part",
        settlement_reply(psn_part_amt=None),
        "缺少必填字段 output.setlinfo.psn_part",
    ),
]


@pytest.mark.parametrize(
    ("message", "problem"), [o[1:] for o in OTHERS], ids=[o[0] for o in OTHERS]
)
def test_other_malformed_messages(message: object, problem: str) -> None:
    """Other messages that cannot be read are refused as clearly."""
    with pytest.raises(NationalFault, match=problem):
        from_national(message)


def test_ours_that_the_interface_cannot_say() -> None:
    """What would be lost on the way is refused by name instead."""
    proto, unmapped = from_national(request("2208"))
    assert isinstance(proto, pb.ReverseRequest)
    proto.validate_only = True
    proto.why = "患者退号"
    with pytest.raises(
        NationalFault, match="2208 报文说不出 why、validate_only 的取值"
    ):
        to_national(proto, unmapped)

    bill, unmapped = from_national(request("2207"))
    assert isinstance(bill, pb.SettleRequest)
    bill.request_id = "8c2f0b52-3a0e-4a41-8c5b-0a3c33b35a11"
    with pytest.raises(
        NationalFault, match=r"说不出 request_id 的取值.*须由 fixmedins_code 与 msgid"
    ):
        to_national(bill, unmapped)
    with pytest.raises(
        NationalFault, match="SettleRequest 应写作 2207，kept 中的 infno 是 2206"
    ):
        to_national(
            bill,
            Unmapped(
                UnmappedNode({**unmapped.envelope.fields, "infno": "2206"}),
                unmapped.data,
            ),
        )
    with pytest.raises(
        NationalFault,
        match=r"国家报文必填的 input\.data\.psn_setlway（个人结算方式）没有给出",
    ):
        to_national(bill, Unmapped())
    with pytest.raises(NationalFault, match="ReconcileRow 没有对应的国家报文"):
        to_national(pb.ReconcileRow(), Unmapped())


def answer(**changes: Any) -> pb.SettleResponse:
    """What Settle answers to a bill in scope: 100.00 from the fund, 900.00 from purses,
    200.00 of it a giver's."""
    settlement = pb.Settlement(
        settlement_id="S1",
        bill=settle().bill,
        scheme=types_pb2.SCHEME_EMPLOYEE,
        fund_fen=10_000,
        patient_part_fen=90_000,
        account_fen=90_000,
        aid_fen=20_000,
        movements=[
            pb.PurseMovement(purse=PATIENT, fen=-70_000, balance_after_fen=1),
            pb.PurseMovement(purse="CZ002", fen=-20_000, balance_after_fen=2),
        ],
    )
    settlement.MergeFrom(pb.Settlement(**changes))
    return pb.SettleResponse(settlement=settlement)


def test_a_reply_made_here() -> None:
    """Every field of setlinfo is written; empty numbers are "0", all other empties "";
    acct_pay contains the aid."""
    reply = reply_to(answer(), request("2207"))
    info = reply["output"]["setlinfo"]

    assert ("900.00", "200.00", "0.01", MSGID, "V1") == (
        info["acct_pay"],
        info["acct_mulaid_pay"],
        info["balc"],
        info["medins_setl_id"],
        info["mdtrt_id"],
    )
    assert {"0"} == {
        info[name] for name in ("hifob_pay", "hosp_part_amt", "age", "oth_pay")
    }
    assert {""} == {info[name] for name in ("psn_name", "clr_type", "setl_time")}
    assert (0, "", 30) == (
        reply["infcode"],
        reply["err_msg"],
        len(reply["inf_refmsgid"]),
    )
    assert "20250930100000000" == reply["refmsg_time"] == reply["respond_time"]
    assert reply == to_national(*from_national(reply))


def test_a_reply_to_another_request() -> None:
    """An answer goes back only to the message it answers."""
    with pytest.raises(
        NationalFault, match=f"答复的是另一笔：请求的 msgid 为 M9，答复的为 {MSGID}"
    ):
        reply_to(answer(), request("2207", msgid="M9"))
    with pytest.raises(NationalFault, match="SettleResponse 不是 2206 的答复"):
        reply_to(answer(), request("2206"))
    with pytest.raises(NationalFault, match="请求的 setl_id 为 S1，答复的为 S2"):
        reply_to(
            pb.ReverseResponse(settlement=pb.Settlement(settlement_id="S2")),
            request("2208"),
        )


def test_a_reply_that_does_not_add_up() -> None:
    """An answer of ours that breaks an identity never reaches the hospital."""
    with pytest.raises(NationalFault, match=r"I1：.*（HN）"):
        reply_to(answer(fund_fen=10_001), request("2207"))


def test_a_correction_answers_nothing() -> None:
    """2601 has no output."""
    assert {} == reply_to(pb.ReverseResponse(), request("2601"))["output"]


def test_a_refusal_made_here() -> None:
    """A refusal says why in at most 200 characters, and whether it is cut, also to a
    request that cannot be read."""
    reply = refused({"infno": "2304"}, "不" * 300)

    assert (-1, "不" * 199 + "…", {}) == (
        reply["infcode"],
        reply["err_msg"],
        reply["output"],
    )


DOCUMENTS: list[tuple[str, Any, str]] = [
    ("no kind", {"message": {}}, "kind 不认识「」；可用 Quote"),
    ("an unknown kind", {"kind": "Bill"}, "kind 不认识「Bill」"),
    (
        "an unknown field",
        {"kind": "QuoteRequest", "message": {"bil": {}}},
        "message 没有字段「bil」；可用 bill",
    ),
    (
        "a message that is none",
        {"kind": "QuoteRequest", "message": 1},
        "message 应为 JSON 对象",
    ),
    (
        "kept that is none",
        {"kind": "QuoteRequest", "message": {}, "kept": []},
        "kept 的写法不对",
    ),
]


@pytest.mark.parametrize(
    ("value", "problem"), [d[1:] for d in DOCUMENTS], ids=[d[0] for d in DOCUMENTS]
)
def test_documents_that_are_none(value: object, problem: str) -> None:
    """What is no document of this conversion is refused."""
    with pytest.raises(NationalFault, match=problem):
        undocumented(value)


def test_totals_need_a_class_we_know() -> None:
    """A clearing class the dialect does not know is refused with the list."""
    with pytest.raises(NationalFault, match="没有清算类别 99915；可用 11、14、21、41"):
        reply_to(
            pb.ReconcileTotalsResponse(),
            request("3201", {**TOTALS, "clr_type": "99915"}),
        )
