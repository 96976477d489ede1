"""The day of three families, told over the wire: every figure printed is what a server
of our own answered.

Real input: the documents' own figures and flows, on 2025-09-30 by the sandbox clock;
the people are invented.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import click
import grpc

from gongji.cli.terminal import Terminal
from gongji.client import imports
from gongji.client.connection import connect, refusal_of
from gongji.rules import money
from gongji.rules.codes import SHANGHAI
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

DAY = "2025-09-30"

_BINDING = ("渠道", "授权人", "使用人", "结果", "依据", "说明")

_BILL = (
    "机构",
    "就诊人",
    "总额",
    "起付线",
    "比例",
    "统筹基金",
    "本人账户",
    "共济账户",
    "现金",
    "依据",
)

_LINE = ("金额", "谁付", "规则", "条款", "说明")

_STATES = {
    binding_pb2.BINDING_STATE_AWAITING_CONSENT: "待使用人同意",
    binding_pb2.BINDING_STATE_UNDER_REVIEW: "审核中",
    binding_pb2.BINDING_STATE_ACTIVE: "已生效",
    binding_pb2.BINDING_STATE_ENDED: "已解绑",
}

_PAYERS = {
    settlement_pb2.PAYER_FUND: "统筹基金",
    settlement_pb2.PAYER_OWN_PURSE: "本人账户",
    settlement_pb2.PAYER_GIVER_PURSE: "共济账户",
    settlement_pb2.PAYER_CASH: "现金",
}

_MARRIAGE = binding_pb2.Material(
    kind="marriage_certificate", reference="demo/结婚证.jpg"
)

_REGISTER = binding_pb2.Material(kind="household_register", reference="demo/户口簿.jpg")

_AT_COUNTER = [
    binding_pb2.Material(kind=kind, original=True, reference="demo/窗口验讫")
    for kind in (
        "holder_id_card",
        "holder_social_security_card",
        "member_identity",
        "household_register",
    )
]


@click.command("demo")
@click.pass_obj
def demo_command(terminal: Terminal) -> None:
    """另起一个沙盒服务, 经网络讲述三个家庭的一天."""
    run(terminal)


def run(terminal: Terminal) -> None:
    """Starts a sandbox, tells the day, stops it. grpc.RpcError or OSError where the
    server does not come up."""
    with (
        tempfile.TemporaryDirectory(prefix="gongji-demo-") as data,
        _server(Path(data)) as address,
        connect(address) as channel,
    ):
        tell(channel, terminal)


def tell(channel: grpc.Channel, terminal: Terminal) -> None:
    """Tells the day to a sandbox that holds the sample population; grpc.RpcError where
    a call fails unexpectedly."""
    day = Day(channel, terminal)
    for part in (chuzhou, anqing, huangshan, evening):
        part(day)


@contextmanager
def _server(data: Path) -> Iterator[str]:
    """A server process on a free port of the loopback, with the sample population."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [sys.executable, "-m", "gongji", "serve", "--sandbox", "--sample"]
    log = data / "server.log"
    with log.open("wb") as out:
        server = subprocess.Popen(  # noqa: S603 - our own command
            [*command, "--address", address, "--data", str(data / "var")],
            stdout=out,
            stderr=out,
        )
    try:
        _until_loaded(server, address, log)
        yield address
    finally:
        server.terminate()
        server.wait(timeout=20)


def _until_loaded(
    server: subprocess.Popen[bytes], address: str, log: Path, patience_s: float = 60
) -> None:
    """Waits until the server answers; OSError with what it printed where it ended instead."""
    with connect(address) as channel:
        accounts = account_pb2_grpc.AccountServiceStub(channel)
        last = list(imports.sample())[-1][1][-1]["person_no"]
        for _ in range(int(patience_s * 10)):
            try:
                accounts.GetAccount(
                    account_pb2.GetAccountRequest(person=_ref(last)), timeout=1
                )
            except grpc.RpcError:
                if server.poll() is not None:
                    raise OSError(
                        f"服务未能启动:\n{log.read_text(encoding='utf-8')}"
                    ) from None
                time.sleep(0.1)
            else:
                return
    raise OSError(f"服务在 {patience_s:.0f} 秒内没有应答")


class Day:
    """One demo day: the calls a channel backend makes, and the tables it prints of the answers."""

    def __init__(self, channel: grpc.Channel, terminal: Terminal) -> None:
        self.terminal = terminal
        self._cities = city_pb2_grpc.CityServiceStub(channel)
        self._bindings = binding_pb2_grpc.BindingServiceStub(channel)
        self._settlements = settlement_pb2_grpc.SettlementServiceStub(channel)
        self._accounts = account_pb2_grpc.AccountServiceStub(channel)
        self._sandbox = sandbox_pb2_grpc.SandboxServiceStub(channel)
        self._people = {
            row["person_no"]: row
            for kind, rows in imports.sample()
            if kind == "persons"
            for row in rows
        }
        self._institutions = {
            row["code"]: row["name"]
            for kind, rows in imports.sample()
            if kind == "institutions"
            for row in rows
        }
        self._rows: list[dict[str, str]] = []

    def clock(self, text: str) -> None:
        """Sets the sandbox clock, Shanghai time."""
        request = sandbox_pb2.SetClockRequest(request_id=_id())
        request.now.FromDatetime(datetime.fromisoformat(text).replace(tzinfo=SHANGHAI))
        self._sandbox.SetClock(request)

    def heading(self, text: str) -> None:
        """A heading."""
        self.terminal.say(f"\n■ {text}")

    def rule(self, area_code: str, hook: str) -> Any:
        """The value of one rule on the day, as the service tells programs."""
        city = self._cities.GetCity(
            city_pb2.GetCityRequest(area_code=area_code, day=DAY)
        )
        return next(json.loads(r.value_json) for r in city.rules if r.hook == hook)

    def name(self, person_no: str) -> str:
        """A sample person's name."""
        return self._people[person_no]["name"]

    def bind(
        self,
        holder: str,
        member: str,
        relation: str,
        channel: str,
        materials: Sequence[binding_pb2.Material] = (),
        *,
        consent: bool = False,
    ) -> str:
        """Applies for a binding as the channel would, notes the row, returns the id or ""."""
        city, person = self._people[holder]["insured_place"], self._people[member]
        agreement = self.rule(city, "agreement")
        request = binding_pb2.SubmitBindingRequest(
            request_id=_id(),
            holder=_ref(holder),
            member=_ref(member),
            relation=relation,
            purposes=[types_pb2.PURPOSE_VISIT],
            channel=channel,
            identity_checks=self.rule(city, "identity_checks").get(channel, []),
            member_details=binding_pb2.MemberDetails(
                name=person["name"],
                certificate_number=person["cert_no"],
                phone=person["phone"],
                insured_place=person["insured_place"],
            ),
            materials=materials,
            agreement=binding_pb2.AgreementAccepted(
                agreement_id=agreement["agreement_id"], version=agreement["version"]
            ),
        )
        request.agreement.at.CopyFrom(
            self._sandbox.GetClock(sandbox_pb2.GetClockRequest()).now
        )
        if consent:
            request.consent.method = binding_pb2.CONSENT_METHOD_OWN_ACCOUNT
            request.consent.at.CopyFrom(request.agreement.at)
        row = {
            "渠道": channel,
            "授权人": self.name(holder),
            "使用人": self.name(member),
        }
        try:
            binding = self._bindings.SubmitBinding(request).binding
        except grpc.RpcError as error:
            refused = refusal_of(error)
            said = "; ".join(c.message for c in refused.conditions) or refused.message
            self._rows.append(
                row | {"结果": "拒绝", "依据": "、".join(refused.clauses), "说明": said}
            )
            return ""
        self._rows.append(row | _told(binding))
        return str(binding.binding_id)

    def bindings(self) -> None:
        """Prints the applications since the last table."""
        self.terminal.table("绑定", self._rows, _BINDING)
        self._rows = []

    def settle(
        self, patient: str, institution: str, in_scope: str, *, use: int, **more: Any
    ) -> settlement_pb2.Settlement:
        """Settles an ordinary bill, notes the row, returns the settlement."""
        bill = _bill(patient, institution, in_scope, use, **more)
        settled = self._settlements.Settle(
            settlement_pb2.SettleRequest(request_id=_id(), bill=bill)
        ).settlement
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
                "依据": "、".join(c.id for c in fund.rule.clauses),
            }
        )
        return settled

    def bills(self) -> None:
        """Prints the bills since the last table."""
        self.terminal.table("结算", self._rows, _BILL)
        self._rows = []

    def lines(self, settled: settlement_pb2.Settlement) -> None:
        """Prints one settlement line by line: who pays each fen, under which clause."""
        rows = [
            {
                "金额": money.yuan(line.fen),
                "谁付": _PAYERS[line.payer]
                + (f"({self.name(line.purse)})" if line.purse else ""),
                "规则": line.rule.hook,
                "条款": "、".join(c.id for c in line.rule.clauses),
                "说明": line.in_words,
            }
            for line in settled.lines
        ]
        self.terminal.table("这一笔由谁支付、依据哪一条", rows, _LINE)

    def balance(self, person_no: str) -> int:
        """A purse's balance in fen."""
        return self._accounts.GetAccount(
            account_pb2.GetAccountRequest(person=_ref(person_no))
        ).balance_fen

    def balances(self, title: str, people: Iterable[str]) -> None:
        """Prints purses' balances."""
        rows = [
            {"账户": self.name(p), "余额": money.yuan(self.balance(p))} for p in people
        ]
        self.terminal.table(title, rows, ("账户", "余额"))

    def spent(self, holder: str, month: str) -> list[settlement_pb2.SettlementRow]:
        """Prints 共济消费查询 of a month for a holder, returns the rows."""
        request = settlement_pb2.ListSettlementsRequest(
            holder=_ref(holder), month=month
        )
        found = list(self._settlements.ListSettlements(request).rows)
        rows = [
            {
                "时间": r.settled_at.ToDatetime(tzinfo=SHANGHAI).strftime(
                    "%Y-%m-%d %H:%M"
                ),
                "使用人": self.name(r.patient),
                "机构": r.institution_name,
                "共济支付": money.yuan(r.charged_fen),
                "状态": "已撤销" if r.reversed else "有效",
            }
            for r in found
        ]
        self.terminal.table(
            f"{self.name(holder)}的共济消费查询({month})",
            rows,
            ("时间", "使用人", "机构", "共济支付", "状态"),
        )
        return found

    def reverse(self, settlement_id: str) -> None:
        """Takes a settlement back and says where the money went."""
        request = settlement_pb2.ReverseRequest(
            request_id=_id(), settlement_id=settlement_id, why="演示撤销"
        )
        for refund in self._settlements.Reverse(request).refunds:
            back, after = money.yuan(refund.fen), money.yuan(refund.balance_after_fen)
            self.terminal.say(
                f"撤销: {back} 元退回 {self.name(refund.purse)} 的账户, 余额 {after} 元"
            )

    def guide_says(self, area_code: str, word: str) -> None:
        """Prints the guide's own sentence about something."""
        guide = self._cities.GetGuide(
            city_pb2.GetGuideRequest(area_code=area_code, day=DAY)
        ).text
        for line in guide.splitlines():
            if word in line and "不" in line and not line.startswith(("|", "#")):
                self.terminal.say(f"指南: {line.lstrip('- ')}")
                return


def chuzhou(day: Day) -> None:
    """A family that fills its account, and bills at three levels before and after
    deductible and cap."""
    day.heading("滁州 · 陈家(2025-09-30 10:00)")
    day.clock(f"{DAY} 10:00")
    day.bind("CZ001", "CZ002", "10", "minip_wechat")
    day.bind("CZ001", "CZ002", "10", "minip_wechat", [_MARRIAGE])
    day.bind("CZ001", "CZ003", "51", "city_wechat", [_REGISTER])
    day.bind("CZ001", "CZ004", "52", "city_wechat", [_REGISTER])
    for child, relation in (("CZ005", "20"), ("CZ006", "30"), ("CZ007", "20")):
        day.bind("CZ001", child, relation, "wanshitong")
    day.bind("CZ001", "CZ008", "30", "wanshitong")
    day.bind("CZ001", "AQ001", "71", "wanshitong")
    day.bindings()
    own = settlement_pb2.ACCOUNT_USE_OWN
    for institution, amount in (
        ("H34110000001", "1000"),
        ("H34110000002", "500"),
        ("H34110000003", "5000"),
        ("H34110000003", "100"),
    ):
        day.settle("CZ001", institution, amount, use=own)
    day.settle(
        "CZ003", "H34110000003", "1000", use=settlement_pb2.ACCOUNT_USE_CITY_ORDER
    )
    retired = day.settle(
        "CZ003",
        "H34110000001",
        "600",
        use=settlement_pb2.ACCOUNT_USE_CITY_ORDER,
        out_of_catalogue_fen=5000,
    )
    day.bills()
    day.lines(retired)


def anqing(day: Day) -> None:
    """At once, three working days later across the holiday, the counter in and out of
    hours, a resident's bill."""
    day.heading("安庆 · 方家(2025-09-30)")
    day.bind("AQ001", "AQ002", "10", "wanshitong", consent=True)
    day.bind("AQ001", "AQ004", "73", "minip_wechat", [_REGISTER], consent=True)
    day.bind("AQ001", "AQ003", "52", "window", _AT_COUNTER, consent=True)
    day.clock(f"{DAY} 17:00")
    day.bind("AQ001", "AQ005", "20", "window", _AT_COUNTER, consent=True)
    day.clock(f"{DAY} 15:00")
    day.bind("AQ001", "AQ005", "20", "bank", _AT_COUNTER, consent=True)
    day.bindings()
    order = settlement_pb2.ACCOUNT_USE_CITY_ORDER
    settled = day.settle(
        "AQ003",
        "H34080000003",
        "260",
        use=order,
        first_selfpay_fen=2000,
        out_of_catalogue_fen=1500,
    )
    day.settle("AQ002", "P34080000001", "120", use=order)
    day.bills()
    day.lines(settled)


def huangshan(day: Day) -> None:
    """A family binds by the province's rules; the national app is for pairs of
    different areas only."""
    day.heading("黄山 · 胡家(2025-09-30)")
    day.bind("HS001", "HS002", "10", "national_app", [_MARRIAGE])
    day.bind("HS001", "HS002", "10", "minip_wechat", [_MARRIAGE], consent=True)
    day.bindings()
    day.guide_says("341000", "钱包")


def evening(day: Day) -> None:
    """What was spent, a reversal, balances before and after."""
    day.heading("当晚 · 查询与撤销")
    day.clock(f"{DAY} 20:00")
    people = ("AQ001", "AQ002")
    found = day.spent("AQ001", DAY[:7])
    day.balances("撤销前", people)
    day.reverse(found[0].settlement_id)
    day.balances("撤销后", people)
    day.spent("AQ001", DAY[:7])


def _told(binding: binding_pb2.Binding) -> dict[str, str]:
    """Result, clauses and remark of an accepted application."""
    latency = next(
        (r for r in binding.rules if r.hook == "review_latency"), types_pb2.RuleRef()
    )
    result = _STATES[binding.state]
    if binding.HasField("review_due_at"):
        due = binding.review_due_at.ToDatetime(tzinfo=SHANGHAI)
        result += f", {due:%Y-%m-%d %H:%M} 前审毕" + (
            "(暂按周末推算)" if binding.review_due_provisional else ""
        )
    assumed = any(c.grade == types_pb2.CLAUSE_GRADE_ASSUMPTION for c in latency.clauses)
    clauses = "、".join(c.id for c in latency.clauses) + (
        " 〔推定〕" if assumed else ""
    )
    return {"结果": result, "依据": clauses, "说明": binding.reason}


def _bill(
    patient: str, institution: str, in_scope: str, use: int, **more: int
) -> settlement_pb2.Bill:
    in_scope_fen = money.fen(in_scope)
    kind = (
        settlement_pb2.VISIT_KIND_PHARMACY
        if institution[0] == "P"
        else settlement_pb2.VISIT_KIND_OUTPATIENT
    )
    bill = settlement_pb2.Bill(
        patient=_ref(patient),
        institution_code=institution,
        service_day=DAY,
        visit_kind=kind,
        total_fen=in_scope_fen + sum(more.values()),
        in_scope_fen=in_scope_fen,
        spending=settlement_pb2.SPENDING_MEDICAL,
        **more,  # type: ignore[arg-type] # parts of the bill by name
    )
    bill.account_use = use  # type: ignore[assignment] # one of the enum's numbers
    return bill


def _ref(person_no: str) -> types_pb2.PersonRef:
    return types_pb2.PersonRef(person_no=person_no)


def _id() -> str:
    return str(uuid.uuid4())
