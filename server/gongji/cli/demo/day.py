"""The calls a channel backend makes on the demo's day, and tables of the replies.

Every figure printed is what the server answered.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

import grpc

from gongji.cli.terminal import Terminal
from gongji.client import consequences, imports
from gongji.client.connection import RefusalInfo, refusal_of
from gongji.client.consequences import LateScope, MakingGood
from gongji.client.rows import FileOutcome
from gongji.client.sandbox.applications import Applications
from gongji.client.sandbox.requests import STATES
from gongji.rules import money
from gongji.rules.codes import SHANGHAI
from gongji.text.tables import CsvRow
from gongji.v1 import (
    account_pb2,
    account_pb2_grpc,
    binding_pb2,
    binding_pb2_grpc,
    city_pb2,
    city_pb2_grpc,
    sandbox_pb2,
    sandbox_pb2_grpc,
    settlement_pb2,
    settlement_pb2_grpc,
    types_pb2,
)

DAY: Final = "2025-09-30"

_PAYERS: Final = {
    settlement_pb2.PAYER_FUND: "统筹基金",
    settlement_pb2.PAYER_OWN_PURSE: "本人账户",
    settlement_pb2.PAYER_GIVER_PURSE: "共济账户",
    settlement_pb2.PAYER_CASH: "现金",
    settlement_pb2.PAYER_WALLET: "医保钱包",
}


class DemoDay:
    """One day in a sandbox: calls, and the tables printed of their replies."""

    def __init__(self, channel: grpc.Channel, terminal: Terminal) -> None:
        self._terminal = terminal
        self.channel = channel
        self._cities = city_pb2_grpc.CityServiceStub(channel)
        self._bindings = binding_pb2_grpc.BindingServiceStub(channel)
        self._settlements = settlement_pb2_grpc.SettlementServiceStub(channel)
        self._accounts = account_pb2_grpc.AccountServiceStub(channel)
        self._sandbox = sandbox_pb2_grpc.SandboxServiceStub(channel)
        self._applications = Applications(channel)
        sample = dict(imports.sample())
        self._people = self._applications.people
        self._institutions = {
            row.cells["code"]: row.cells["name"] for row in sample["institutions"]
        }
        self._rows: list[dict[str, str]] = []

    def clock(self, text: str) -> None:
        """Set the sandbox's clock, Shanghai time."""
        request = sandbox_pb2.SetClockRequest(request_id=new_id())
        request.now.FromDatetime(datetime.fromisoformat(text).replace(tzinfo=SHANGHAI))
        self._sandbox.SetClock(request)

    def heading(self, text: str) -> None:
        """Print a heading."""
        self._terminal.say(f"\n■ {text}")

    # --- bindings ---------------------------------------------------------------------

    def bind(
        self,
        holder: str,
        member: str,
        relation: str,
        channel: str,
        materials: Iterable[binding_pb2.Material] = (),
        *,
        consent: bool = False,
    ) -> str:
        """Apply for a binding as the channel would; return its id, "" if refused.

        The reply becomes a row of the next table.
        """
        request = self._applications.of(
            holder, member, relation, channel, materials, consent=consent
        )
        applied = {
            "渠道": channel,
            "授权人": self.name(holder),
            "使用人": self.name(member),
        }
        try:
            binding = self._bindings.SubmitBinding(request).binding
        except grpc.RpcError as error:
            self._rows.append(applied | refused(refusal_of(error)))
            return ""
        self._rows.append(applied | _accepted(binding))
        return str(binding.binding_id)

    def bindings(self) -> None:
        """Print the applications since the last table."""
        self.table("绑定", self._rows)
        self._rows = []

    def approve(self, binding_id: str) -> None:
        """Approve an application that waits for its review, and say what comes of it."""
        request = binding_pb2.ReviewBindingRequest(
            request_id=new_id(),
            binding_id=binding_id,
            reviewer="DEMO01",
            verdict=binding_pb2.REVIEW_VERDICT_APPROVE,
        )
        binding = self._bindings.ReviewBinding(request).binding
        there = binding.member_decided_by.area_code
        self._terminal.say(
            f"审核：{self.name(binding.member)} {STATES[binding.state]}，"
            f"同意的城市 {binding.decided_by.area_code}、{there}"
        )

    # --- bills ------------------------------------------------------------------------

    def settle(
        self, patient: str, institution: str, in_scope: str, *, use: int, **parts: int
    ) -> settlement_pb2.Settlement:
        """Settle an ordinary bill, `in_scope` in yuan and other `parts` in fen.

        The settlement becomes a row of the next table.
        """
        bill = bill_of(patient, institution, money.fen(in_scope), use, **parts)
        request = settlement_pb2.SettleRequest(request_id=new_id(), bill=bill)
        settled = self._settlements.Settle(request).settlement
        fund = settled.lines[0]
        self._rows.append(
            {
                "机构": self._institutions[institution],
                "就诊人": self.name(patient),
                "总额": money.yuan(settled.bill.total_fen),
                "起付线": money.yuan(settled.deductible_fen),
                "比例": money.percent(settled.ratio_bp) if settled.ratio_bp else "—",
                "统筹基金": money.yuan(settled.fund_fen),
                "本人账户": money.yuan(settled.account_fen - settled.aid_fen),
                "共济账户": money.yuan(settled.aid_fen),
                "现金": money.yuan(settled.cash_fen),
                "依据": cited(fund.rule.clauses),
            }
        )
        return settled

    def bills(self) -> None:
        """Print the bills since the last table."""
        self.table("结算", self._rows)
        self._rows = []

    def lines(self, settled: settlement_pb2.Settlement) -> None:
        """Print one settlement line by line: who pays each fen, under which clause."""
        rows = [
            {
                "金额": money.yuan(line.fen),
                "谁付": self._payer(line),
                "规则": line.rule.hook,
                "条款": cited(line.rule.clauses),
                "说明": line.in_words,
            }
            for line in settled.lines
        ]
        self.table("这一笔由谁支付、依据哪一条", rows)

    def _payer(self, line: settlement_pb2.Line) -> str:
        purse = f"({self.name(line.purse)})" if line.purse else ""
        return _PAYERS[line.payer] + purse

    def reverse(self, settlement_id: str) -> None:
        """Take a settlement back and print its refunds."""
        request = settlement_pb2.ReverseRequest(
            request_id=new_id(), settlement_id=settlement_id, why="演示撤销"
        )
        for refund in self._settlements.Reverse(request).refunds:
            amount = money.yuan(refund.fen)
            balance = money.yuan(refund.balance_after_fen)
            self._terminal.say(
                f"撤销：{amount} 元退回 {self.name(refund.purse)} 的账户，余额 {balance} 元"
            )

    # --- what is told late ------------------------------------------------------------

    def tell_late(self, person_no: str, **cells: str) -> str:
        """Import a person's row with other cells; return the import's id."""
        row = CsvRow(1, {**self._people[person_no], **cells})
        outcome = FileOutcome()
        imports.send(self.channel, "persons", [row], outcome, lambda: None)
        self._terminal.say(
            f"导入 {self.name(person_no)}的更正：写入 {outcome.written} 行"
        )
        return outcome.import_id

    def designate(self, **cells: str) -> None:
        """Import the row of an institution that the sample does not have."""
        row = CsvRow(1, {"designated_from": "2020-01-01", "designated_to": ""} | cells)
        imports.send(self.channel, "institutions", [row], FileOutcome(), lambda: None)

    def make_good(self, import_id: str) -> None:
        """Print what an import makes otherwise, then settle that again."""
        replies = [
            reply
            for reply in consequences.read(self.channel, LateScope(import_id))
            if reply.WhichOneof("message") != "progress"
        ]
        lines = [line for reply in replies for line in consequences.in_words(reply)]
        self.table("迟到的事实改变了什么", [{"说明": line} for line in lines])
        making_good = MakingGood(self.channel, "演示重新结算")
        done = [making_good.make_good(reply) for reply in replies]
        self.table("重新结算", [{"结果": one} for one in done if one])

    def settled(self, patient: str, month: str) -> None:
        """Print a patient's settlements and refunds of a month (本人结算)."""
        request = settlement_pb2.ListSettlementsRequest(
            patient=person_ref(patient), month=month
        )
        rows = [
            {
                "日期": f"{_at(row):%Y-%m-%d}",
                "就诊日": row.service_day,
                "类别": "退回" if row.refund else "结算",
                "总额": money.yuan(row.total_fen),
                "统筹基金": money.yuan(row.fund_fen),
                "本人账户": money.yuan(row.charged_fen),
                "现金": money.yuan(row.cash_fen),
            }
            for row in self._settlements.ListSettlements(request).rows
        ]
        self.table(f"{self.name(patient)}的结算（{month}）", rows)

    # --- enquiries --------------------------------------------------------------------

    def balances(self, title: str, people: Iterable[str]) -> None:
        """Print purses' balances."""
        rows = [
            {"账户": self.name(person), "余额": money.yuan(self._balance_fen(person))}
            for person in people
        ]
        self.table(title, rows)

    def _balance_fen(self, person_no: str) -> int:
        request = account_pb2.GetAccountRequest(person=person_ref(person_no))
        return self._accounts.GetAccount(request).balance_fen

    def spent(self, holder: str, month: str) -> list[settlement_pb2.SettlementRow]:
        """Print what a holder's purse paid for others in a month (共济消费查询)."""
        request = settlement_pb2.ListSettlementsRequest(
            holder=person_ref(holder), month=month
        )
        settlements = list(self._settlements.ListSettlements(request).rows)
        title = f"{self.name(holder)}的共济消费查询（{month}）"
        rows = [self._spent_row(settlement) for settlement in settlements]
        self.table(title, rows)
        return settlements

    def _spent_row(self, row: settlement_pb2.SettlementRow) -> dict[str, str]:
        at = _at(row)
        status = "已撤销" if row.reversed else "有效"
        return {
            "时间": f"{at:%Y-%m-%d %H:%M}",
            "使用人": self.name(row.patient),
            "机构": row.institution_name,
            "共济支付": money.yuan(row.charged_fen),
            "状态": "撤销退回" if row.refund else status,
        }

    def guide_cites(self, area_code: str, series: str) -> None:
        """Print the sentences of a city's guide that cite a series of clauses (H, say)."""
        request = city_pb2.GetGuideRequest(area_code=area_code, day=DAY)
        text = self._cities.GetGuide(request).text
        # Behind it stands what was not adopted, and why.
        said, _, _ = text.partition("\n## 尚未采用")
        sentence = re.compile(
            rf"(?:- |[0-9]+\. )?(.*?) \[([^]]*\b{series}\d[^]]*)\](〔省级〕)?"
        )
        found = map(sentence.fullmatch, said.replace("**", "").splitlines())
        rows = [{"内容": one[1], "依据": one[2]} for one in found if one]
        self.table("办理指南写明的", rows)

    def table(self, title: str, rows: Sequence[Mapping[str, str]]) -> None:
        """Print rows under their title."""
        self._terminal.table(title, rows, list(rows[0]) if rows else ())

    def name(self, person_no: str) -> str:
        """Return a sample person's name."""
        return self._people[person_no]["name"]

    def phone(self, person_no: str) -> str:
        """Return a sample person's phone."""
        return self._people[person_no]["phone"]


def _at(row: settlement_pb2.SettlementRow) -> datetime:
    # A refund is a row of its own, at the instant it was made.
    instant = row.reversed_at if row.refund else row.settled_at
    return instant.ToDatetime(tzinfo=SHANGHAI)


def _accepted(binding: binding_pb2.Binding) -> dict[str, str]:
    """Return result, clauses and remark of an accepted application."""
    latency = next(
        (rule for rule in binding.rules if rule.hook == "review_latency"),
        types_pb2.RuleRef(),
    )
    result = STATES[binding.state]
    if binding.HasField("review_due_at"):
        due = binding.review_due_at.ToDatetime(tzinfo=SHANGHAI)
        provisional = (
            "（暂定：放假安排尚未公布）" if binding.review_due_provisional else ""
        )
        result += f"，{due:%Y-%m-%d %H:%M} 前审毕{provisional}"
    assumption = types_pb2.CLAUSE_GRADE_ASSUMPTION
    assumed = any(clause.grade == assumption for clause in latency.clauses)
    clauses = cited(latency.clauses) + (" 〔推定〕" if assumed else "")
    return {"结果": result, "依据": clauses, "说明": binding.reason}


def refused(refusal: RefusalInfo) -> dict[str, str]:
    """Return result, clauses and remark of what was refused."""
    unmet = "；".join(condition.message for condition in refusal.conditions)
    clauses = "、".join(refusal.clauses)
    return {"结果": "拒绝", "依据": clauses, "说明": unmet or refusal.message}


def cited(clauses: Iterable[types_pb2.Clause]) -> str:
    """Return the ids of clauses."""
    return "、".join(clause.id for clause in clauses)


def bill_of(
    patient: str, institution: str, in_scope_fen: int, use: int, **parts: int
) -> settlement_pb2.Bill:
    """Return a bill of the day."""
    # Codes of pharmacies begin with P, as the national ones do.
    pharmacy = institution.startswith("P")
    bill = settlement_pb2.Bill(
        patient=person_ref(patient),
        institution_code=institution,
        service_day=DAY,
        visit_kind=settlement_pb2.VISIT_KIND_PHARMACY
        if pharmacy
        else settlement_pb2.VISIT_KIND_OUTPATIENT,
        total_fen=in_scope_fen + sum(parts.values()),
        in_scope_fen=in_scope_fen,
        spending=settlement_pb2.SPENDING_MEDICAL,
        **parts,  # type: ignore[arg-type] # parts of the bill by name
    )
    bill.account_use = use  # type: ignore[assignment] # one of the enum's numbers
    return bill


def person_ref(person_no: str) -> types_pb2.PersonRef:
    """Return a person by number."""
    return types_pb2.PersonRef(person_no=person_no)


def new_id() -> str:
    """Return the id of a new request."""
    return str(uuid.uuid4())
