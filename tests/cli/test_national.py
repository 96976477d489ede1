"""`gongji national convert`, and a hospital that speaks the national interface to a
running service."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import grpc
import pytest
from click.testing import Result
from gongji import national
from gongji.client.connection import connect, refusal_of
from gongji.rules.codes import SHANGHAI
from gongji.v1 import sandbox_pb2, sandbox_pb2_grpc
from gongji.v1 import settlement_pb2 as pb
from gongji.v1.settlement_pb2_grpc import SettlementServiceStub
from google.protobuf.json_format import MessageToDict
from google.protobuf.timestamp_pb2 import Timestamp

from tests.cli.command import StartSandbox, gongji
from tests.national.messages import (
    HOSPITAL,
    MSGID,
    PATIENT,
    SETTLE,
    TOTALS,
    request,
    settlement_reply,
)

Message = dict[str, Any]


def run(*arguments: str | Path, stdin: object = None) -> Result:
    """Convert; standard input is JSON unless it is text already."""
    if not isinstance(stdin, str | bytes):
        stdin = json.dumps(stdin, ensure_ascii=False)
    return gongji("national", "convert", *arguments, stdin=stdin)


class Hospital:
    """Sends national messages: converts each, calls the service, converts the reply."""

    def __init__(self, channel: grpc.Channel) -> None:
        self.stub = SettlementServiceStub(channel)

    def send(self, message: Message) -> Message:
        """Return the national reply."""
        return national.reply_to(self.call(message), message)

    def settle_info(self, message: Message) -> Message:
        """Return the amounts of the national reply."""
        info: Message = self.send(message)["output"]["setlinfo"]
        return info

    def call(self, message: Message) -> Any:
        """Return our reply."""
        ours, _ = national.from_national(message)
        calls: dict[type, Callable[[Any], Any]] = {
            pb.QuoteRequest: self.stub.Quote,
            pb.SettleRequest: self.stub.Settle,
            pb.ReverseRequest: self.stub.Reverse,
            pb.ReconcileTotalsRequest: self.stub.ReconcileTotals,
        }
        return calls[type(ours)](ours)

    def settled(self, number: int) -> Message:
        """Settle another visit; return its amounts."""
        return self.settle_info(request("2207", msgid=f"{MSGID[:-1]}{number}"))

    def take_back(self, settled: Message) -> None:
        """Reverse a settlement (2208)."""
        data = {"setl_id": settled["setl_id"], "mdtrt_id": "V1", "psn_no": PATIENT}
        self.send(request("2208", data, msgid=f"R{settled['setl_id'][-20:]}"))

    def totals(self, figures: Message, **changes: str) -> Message:
        """Return the stmtinfo that answers a 3201."""
        data = {**TOTALS, **figures, **changes}
        info: Message = self.send(request("3201", data))["output"]["stmtinfo"]
        return info


def set_clock(channel: grpc.Channel, at: datetime) -> None:
    now = Timestamp()
    now.FromDatetime(at)
    clock = sandbox_pb2.SetClockRequest(request_id=str(uuid.uuid4()), now=now)
    sandbox_pb2_grpc.SandboxServiceStub(channel).SetClock(clock)


@pytest.fixture
def target(serving: StartSandbox) -> str:
    """A sandbox with the sample population, on 2025-09-30."""
    address = serving()
    with connect(address) as channel:
        set_clock(channel, datetime(2025, 9, 30, 10, 0, 1, tzinfo=SHANGHAI))
    return address


COUNTED = (
    ("0", "2025-09-30", "2025-10-01", (0,), 0),
    ("0", "2025-09-30", "2025-09-30", (0,), 0),
    ("0", "2025-10-01", "2025-10-01", (), 0),
    ("1", "2025-09-30", "2025-10-01", (0,), 2),
    ("1", "2025-09-30", "2025-09-30", (0, 2), 1),
)
"""Of three visits on 09-30, the second taken back that day, the third on the next: the
flag and days asked for, whose amounts count, and how many were refunded in those days."""


def stated(rows: Sequence[Message], refunds: int) -> Message:
    """Return a 3201's figures: these amounts, and refunds with their settlements counted."""

    def summed(name: str) -> str:
        return str(sum(Decimal(row[name]) for row in rows))

    names = ("medfee_sumamt", "fund_pay_sumamt", "acct_pay")
    figures = {name: summed(name) for name in names}
    return {**figures, "fixmedins_setl_cnt": str(len(rows) + 2 * refunds)}


VISIT = {
    "medfee_sumamt": "1000.00",
    "act_pay_dedc": "800.00",
    "fund_pay_sumamt": "100.00",
    "acct_pay": "900.00",
    "psn_cash_pay": "0.00",
    "pool_prop_selfpay": "0.5000",
}
"""Amounts of the visit."""

FUND_DETAIL = {
    "fund_pay_type": "310102",
    "inscp_scp_amt": "1000.00",
    "crt_payb_lmt_amt": "2000.00",
    "fund_payamt": "100.00",
}


def only(names: Iterable[str], message: Message) -> Message:
    """Return these fields of a message."""
    return {name: message[name] for name in names}


class TestOverTheWire:
    """2206, 2207, 2208, 2601, 3201 and 3202 against a running service."""

    def test_a_visit(self, target: str) -> None:
        """A visit is quoted and settled with the same amounts, I1-I5 hold in both
        replies, and the balance is given."""
        with connect(target) as channel:
            hospital = Hospital(channel)
            quoted = hospital.settle_info(request("2206"))
            reply = hospital.send(request("2207"))
        settled = reply["output"]["setlinfo"]

        assert VISIT == only(VISIT, settled)
        assert VISIT == only(VISIT, quoted)
        assert "5100.00" == settled["balc"]
        assert MSGID == settled["medins_setl_id"]
        assert "2025-09-30 10:00:01" == settled["setl_time"]
        assert "setl_id" not in quoted
        (detail,) = reply["output"]["setldetail"]
        assert FUND_DETAIL == only(FUND_DETAIL, detail)
        assert reply == national.to_national(*national.from_national(reply))

    def test_a_message_sent_twice(self, target: str) -> None:
        """The same msgid again is a replay with the same reply; other content under it
        is refused."""
        with connect(target) as channel:
            hospital = Hospital(channel)
            first = hospital.call(request("2207"))
            again = hospital.call(request("2207"))
            with pytest.raises(grpc.RpcError) as refused:
                hospital.call(request("2207", {**SETTLE, "acct_used_flag": "0"}))

        assert (False, True) == (first.receipt.replayed, again.receipt.replayed)
        assert first.settlement == again.settlement
        assert "REQUEST_ID_REUSED" == refusal_of(refused.value).reason

    def test_taken_back_by_its_id(self, target: str) -> None:
        """2208 answers with the amounts taken back, pdn_cash_pay among them, and the
        balance restored."""
        with connect(target) as channel:
            hospital = Hospital(channel)
            settled = hospital.settle_info(request("2207"))
            data = {"setl_id": settled["setl_id"], "mdtrt_id": "V1", "psn_no": PATIENT}
            reversed_ = hospital.settle_info(request("2208", data, msgid="M2"))

        expected = {
            "medfee_sumamt": "1000.00",
            "hifp_pay": "100.00",
            "acct_pay": "900.00",
            "pdn_cash_pay": "0.00",
            "balc": "6000.00",
            "medins_setl_id": "M2",
        }
        assert expected == only(expected, reversed_)

    def test_taken_back_by_its_message(self, target: str) -> None:
        """2601 finds the settlement by omsgid though its reply was lost; one that never
        came is refused ever after."""
        with connect(target) as channel:
            hospital = Hospital(channel)
            lost = hospital.call(request("2207")).settlement.settlement_id
            reversed_ = hospital.call(request("2601", msgid="M2")).settlement
            never = {"psn_no": PATIENT, "omsgid": "M8", "oinfno": "2207"}
            with pytest.raises(grpc.RpcError) as unknown:
                hospital.call(request("2601", never, msgid="M3"))
            with pytest.raises(grpc.RpcError) as late:
                hospital.call(request("2207", msgid="M8"))

        assert lost == reversed_.settlement_id
        assert "2601 冲正" == reversed_.reversed_why
        assert "SETTLEMENT_NOT_FOUND" == refusal_of(unknown.value).reason
        assert "ORIGINAL_REVERSED" == refusal_of(late.value).reason

    def test_books_compared(self, target: str) -> None:
        """3201 says 平 to the true totals and 不平 to others; 3202 finds the row the
        institution did not send."""
        with connect(target) as channel:
            hospital = Hospital(channel)
            settled = hospital.settle_info(request("2207"))
            replies = [
                hospital.send(request("3201", {**TOTALS, "acct_pay": paid}))
                for paid in ("900.00", "899.99")
            ]
            header, _ = national.from_national(request("3202"))
            assert isinstance(header, pb.ReconcileDetailsRequest)
            (missing,) = hospital.stub.ReconcileDetails(iter([header]))

        results = [reply["output"]["stmtinfo"]["stmt_rslt"] for reply in replies]
        assert ["0", "1"] == results
        assert national.request_id_of(HOSPITAL, MSGID) == missing.settle_request_id
        expected = [
            PATIENT,
            "null",
            settled["setl_id"],
            MSGID,
            "1",
            "0",
            "机构未上传此结算",
            "1000.00",
            "100.00",
            "900.00",
        ]
        assert expected == national.difference_line(missing).split("\t")

    def test_totals_by_the_flag_of_refunds(self, target: str) -> None:
        """refd_setl_flag 0 is 平 to what stands of the days asked for, whenever the rest
        was taken back; 1 to each settlement and refund, each on its own day."""
        with connect(target) as channel:
            hospital = Hospital(channel)
            rows = [hospital.settled(number) for number in range(3)]
            hospital.take_back(rows[1])
            set_clock(channel, datetime(2025, 10, 1, 9, tzinfo=SHANGHAI))
            hospital.take_back(rows[2])
            results = {
                (flag, first, last): hospital.totals(
                    stated([rows[n] for n in counted], refunds),
                    stmt_begndate=first,
                    stmt_enddate=last,
                    refd_setl_flag=flag,
                    fixmedins_refd_setl_flag=flag,
                )
                for flag, first, last, counted, refunds in COUNTED
            }

        expected = {"setl_optins": "341199", "stmt_rslt": "0", "stmt_rslt_dscr": ""}
        assert dict.fromkeys(results, expected) == results

    def test_by_the_command(self, target: str, tmp_path: Path) -> None:
        """A file converted by the command, settled, and converted back with `--request`
        is the reply."""
        path = tmp_path / "2207.json"
        path.write_text(json.dumps(request("2207")), encoding="utf-8")
        ours, _ = national.undocumented(json.loads(run(path).output))
        assert isinstance(ours, pb.SettleRequest)
        with connect(target) as channel:
            response = SettlementServiceStub(channel).Settle(ours)
        document = {"kind": "SettleResponse", "message": MessageToDict(response)}
        reply = run("-", "--request", path, stdin=document)

        assert national.reply_to(response, request("2207")) == json.loads(reply.output)


FILES = {
    "a request": request("2207"),
    "a reply": settlement_reply(),
    "a reversal": request("2208"),
    "totals": request("3201"),
}


class TestCommand:
    """`gongji national convert` as people type it."""

    @pytest.mark.parametrize("message", FILES.values(), ids=FILES)
    def test_there_and_back(self, message: Message) -> None:
        """What the command wrote, it turns back into the message it read; the content
        says which way."""
        document = run("-", stdin=message).output
        assert message == json.loads(run("-", stdin=document).output)

    def test_rows_there_and_back(self) -> None:
        """A file of rows becomes one document a line, and the file again."""
        rows = (
            f"S1\tV1\t{PATIENT}\t1000.00\t100\t900\t0\n"
            f"S1\tnull\t{PATIENT}\t-1000.00\t-100.00\t-900.00\t1\n"
        )
        written = run("-", stdin=rows).output

        assert 2 == len(written.splitlines())
        assert rows == run("-", stdin=written).output

    def test_differences_with_their_visits(self, tmp_path: Path) -> None:
        """Differences become the answering file; the visit's id is found in the rows
        the institution sent."""
        rows = tmp_path / "rows.txt"
        rows.write_text(f"S1\tV1\t{PATIENT}\t0.01\t0\t0.01\t0\n", encoding="utf-8")
        row = {
            "settlement_id": "S1",
            "patient": PATIENT,
            "total_fen": "1",
            "account_fen": "1",
        }
        message = {
            "kind": "DIFFERENCE_KIND_MISSING_HERE",
            "settlement_id": "S1",
            "theirs": row,
        }
        document = {"kind": "ReconcileDetailsResponse", "message": message}

        result = run("-", "--request", rows, stdin=document)
        expected = f"{PATIENT}\tV1\tS1\tnull\t1\t0\t中心无此结算\t0.01\t0.00\t0.01\n"
        assert expected == result.output

    def test_our_totals(self) -> None:
        """Totals of ours become a list of 3201."""
        total = {
            "day": "2025-09-30",
            "scheme": "SCHEME_EMPLOYEE",
            "visit_kind": "VISIT_KIND_PHARMACY",
            "total_fen": 1,
        }
        document = json.loads(run("-", stdin=request("3201")).output)
        document["message"]["totals"] = [total]

        (message,) = json.loads(run("-", stdin=document).output)
        data = message["input"]["data"]
        assert ("41", "0.01") == (data["clr_type"], data["medfee_sumamt"])

    def test_identities_only(self) -> None:
        """Only the identities are checked; no message is printed."""
        result = run("-", "--identities-only", stdin=settlement_reply())
        assert "恒等式 I1-I5 成立（HN）\n" == result.output

    MISTAKES: ClassVar[dict[str, tuple[object, str]]] = {
        "nothing": ("", "标准输入 是空文件"),
        "no text": (b"{\xff\xff}", "标准输入 第 1 行不是 UTF-8、GB18030 或 UTF-16"),
        "broken JSON": ('{"infno": ', "报文 不是可读的 JSON：第 1 行"),
        "an unknown transaction": (
            {"infno": "1101"},
            "infno 1101 不在此转换；可用 2206",
        ),
        "a broken identity": (
            settlement_reply(hifp_pay="1"),
            "I2：fund_pay_sumamt 3106.54 ≠ hifp_pay 1.00 = 1.00",
        ),
        "a row too short": ("S1\tV1\n", "第 1 行有 2 列，应为 7 列"),
        "no document": ({"kind": "Bill"}, "kind 不认识「Bill」"),
        "rows mixed": (
            '{"kind":"ReconcileRow"}\n{"kind":"Bill"}\n',
            "国家报文必填的 setl_id（结算ID）没有给出",
        ),
    }

    @pytest.mark.parametrize(("stdin", "message"), MISTAKES.values(), ids=MISTAKES)
    def test_a_sentence_and_no_traceback(self, stdin: object, message: str) -> None:
        """A mistake ends with one sentence and exit code 1."""
        result = run("-", stdin=stdin)

        assert 1 == result.exit_code
        assert message in result.output
        assert 1 == len(result.output.splitlines())

    def test_a_direction_that_cannot_be(self) -> None:
        """A requested direction is taken: a national message is no document of ours."""
        result = run("-", "--to-national", stdin=request("2207"))
        assert "kind 不认识「」" in result.output
        document = run("-", stdin=request("2207")).output
        result = run("-", "--from-national", stdin=document)
        assert "既无 infno 也无 infcode" in result.output
