"""The chapters of the demo's day: the documents' own figures, in invented families."""

from __future__ import annotations

from typing import Final

from gongji.cli.demo.day import DAY, DemoDay
from gongji.cli.demo.elsewhere import StepsElsewhere, bill_elsewhere
from gongji.client.sandbox.applications import MARRIAGE, REGISTER
from gongji.rules.elsewhere import ClaimPaper
from gongji.v1 import binding_pb2, settlement_pb2

_AT_COUNTER = tuple(
    binding_pb2.Material(kind=kind, original=True, reference="demo/窗口验讫")
    for kind in (
        "holder_id_card",
        "holder_social_security_card",
        "member_identity",
        "household_register",
    )
)

_CHUZHOU_BINDINGS: Final = (
    # The first lacks the marriage certificate, the last two are one too many (C22) and
    # outside the pooling area (C27).
    ("CZ002", "10", "minip_wechat", ()),
    ("CZ002", "10", "minip_wechat", (MARRIAGE,)),
    ("CZ003", "51", "city_wechat", (REGISTER,)),
    ("CZ004", "52", "city_wechat", (REGISTER,)),
    ("CZ005", "20", "wanshitong", ()),
    ("CZ006", "30", "wanshitong", ()),
    ("CZ007", "20", "wanshitong", ()),
    ("CZ008", "30", "wanshitong", ()),
    ("AQ001", "71", "wanshitong", ()),
)
"""Members, relations, channels and materials of CZ001's applications."""

_CHUZHOU_BILLS: Final = (
    # At three levels before and after the deductible, and beyond the yearly cap.
    ("H34110000001", "1000"),
    ("H34110000002", "500"),
    ("H34110000003", "5000"),
    ("H34110000003", "100"),
)
"""Institutions and amounts in scope (yuan) of CZ001's bills."""


_SHANGHAI: Final = "310000"

_SHANGHAI_CLINIC: Final = "H31010000001"

_HEFEI_CLINIC: Final = "H34010000001"

_PAPERS: Final = tuple(paper.value for paper in ClaimPaper)
"""Kinds of the materials of a claim."""

_RETIRED: Final = "310/11/1/2015-01-01/2025-08-31;310/12/1/2025-09-01/"
"""CZ001's enrolments as the registry should have known them on the day."""


def chuzhou(day: DemoDay) -> None:
    """A family fills its account; bills meet deductible and cap."""
    day.heading("滁州 · 陈家（2025-09-30 10:00）")
    day.clock(f"{DAY} 10:00")
    for member, relation, channel, materials in _CHUZHOU_BINDINGS:
        day.bind("CZ001", member, relation, channel, materials)
    day.bindings()
    for institution, amount in _CHUZHOU_BILLS:
        day.settle("CZ001", institution, amount, use=settlement_pb2.ACCOUNT_USE_OWN)
    order = settlement_pb2.ACCOUNT_USE_CITY_ORDER
    day.settle("CZ003", "H34110000003", "1000", use=order)
    retired = day.settle(
        "CZ003", "H34110000001", "600", use=order, out_of_catalogue_fen=5000
    )
    day.bills()
    day.lines(retired)


def anqing(day: DemoDay) -> None:
    """Applications at once, under review across a holiday, and at the counter."""
    day.heading("安庆 · 方家（2025-09-30）")
    day.bind("AQ001", "AQ002", "10", "wanshitong", consent=True)
    day.bind("AQ001", "AQ004", "73", "minip_wechat", [REGISTER], consent=True)
    day.bind("AQ001", "AQ003", "52", "window", _AT_COUNTER, consent=True)
    # Out of the counter's hours, then at the bank within them.
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


def huangshan(day: DemoDay) -> None:
    """A family binds by the province's rules; opening wallets binds nobody (X14)."""
    day.heading("黄山 · 胡家（2025-09-30）")
    # The national app serves pairs of different areas only (A19).
    day.bind("HS001", "HS002", "10", "national_app", [MARRIAGE])
    day.bind("HS001", "HS002", "10", "minip_wechat", [MARRIAGE], consent=True)
    day.bindings()
    day.guide_cites("341000", "H")
    steps = StepsElsewhere(day)
    steps.open_wallet("胡样一开通医保钱包", "HS001", _SHANGHAI)
    steps.transfer("配偶未开通，转账", "HS001", "HS002", "500")
    steps.open_wallet("许样二开通医保钱包", "HS002", _SHANGHAI)
    sent = steps.transfer("再转 500 元", "HS001", "HS002", "500")
    steps.transfer("前一笔未接收，又转", "HS001", "HS002", "500")
    steps.accept("许样二接收", "HS002", sent)
    steps.transfer("转 2,000.01 元", "HS001", "HS002", "2000.01")
    steps.table("医保钱包")


def two_cities(day: DemoDay) -> None:
    """Two cities agree or refuse; a wallet serves where one refuses."""
    day.heading("安庆与滁州、黄山 · 程家（2025-09-30）：一家两地，两地都同意才绑定")
    # Chuzhou binds nobody across pooling areas (C27), Huangshan does (A9).
    day.bind("AQ002", "CZ004", "52", "wanshitong", [REGISTER], consent=True)
    agreed = day.bind("AQ002", "HS003", "20", "wanshitong", [REGISTER], consent=True)
    day.bindings()
    day.approve(agreed)
    order = settlement_pb2.ACCOUNT_USE_CITY_ORDER
    settled = day.settle("HS003", "H34100000003", "100", use=order)
    day.bills()
    day.lines(settled)
    steps = StepsElsewhere(day)
    for person in ("AQ002", "CZ004"):
        steps.open_wallet(f"{day.name(person)}开通医保钱包", person, "341100")
    sent = steps.transfer("转给母亲 200 元", "AQ002", "CZ004", "200", relation="52")
    steps.accept(f"{day.name('CZ004')}接收", "CZ004", sent)
    steps.table("不绑定也能共济")


def evening(day: DemoDay) -> None:
    """What was spent, a reversal, and the balances before and after it."""
    day.heading("当晚 · 查询与撤销")
    day.clock(f"{DAY} 20:00")
    month = DAY[:7]
    people = ("AQ001", "AQ002")
    spent = day.spent("AQ001", month)
    day.balances("撤销前", people)
    day.reverse(spent[0].settlement_id)
    day.balances("撤销后", people)
    day.spent("AQ001", month)


def shanghai(day: DemoDay) -> None:
    """An emergency in Shanghai, in the holidays, is filed afterwards and settled."""
    day.heading("滁州 · 陈示五（2025-10-08）：上海急诊，事后补办备案")
    day.designate(code=_SHANGHAI_CLINIC, name="上海示例医院", kind="1", hosp_lv="2")
    bill = bill_elsewhere("CZ005", _SHANGHAI_CLINIC, "2025-10-03", "300")
    bill.visit_kind = settlement_pb2.VISIT_KIND_EMERGENCY
    bill.account_use = settlement_pb2.ACCOUNT_USE_OWN
    steps = StepsElsewhere(day)
    day.clock("2025-10-08 10:00")
    steps.settle("没有备案，直接结算", bill)
    bill.filing_no = steps.file_emergency(
        "急诊 5 日后补办", "CZ005", _SHANGHAI, "2025-10-03"
    )
    steps.settle("写上备案号，直接结算", bill)
    day.clock("2025-10-11 10:00")
    steps.file_emergency("急诊 8 日后才补办", "CZ006", _SHANGHAI, "2025-10-03")
    steps.table("异地急诊")


def paper(day: DemoDay) -> None:
    """Care in Hefei that was not filed is claimed on paper, and paid once (H6)."""
    day.heading("滁州 · 陈示六（2025-10-11）：合肥就医未备案，凭票据手工结算")
    day.designate(code=_HEFEI_CLINIC, name="合肥示例医院", kind="1", hosp_lv="2")
    bill = bill_elsewhere("CZ006", _HEFEI_CLINIC, "2025-10-03", "2000")
    steps = StepsElsewhere(day)
    steps.claim("只交票据", bill, "0340000001", _PAPERS[:1])
    claim_id = steps.claim("材料齐全，申报", bill, "0340000001", _PAPERS)
    steps.review("初审", claim_id, "0101")
    steps.decide("初审人自己复核", claim_id, "0101")
    steps.decide("另一人复核", claim_id, "0102")
    steps.claim("同一票据再次申报", bill, "0340000001", _PAPERS)
    steps.table("手工结算")


def late(day: DemoDay) -> None:
    """A retirement told three months late: what it changes is told and made good."""
    day.heading("滁州 · 陈家（2025-12-01）：退休迟报三个月")
    day.clock("2025-12-01 10:00")
    import_id = day.tell_late("CZ001", enrolments=_RETIRED)
    day.make_good(import_id)
    for month in (DAY[:7], "2025-12"):
        day.settled("CZ001", month)


CHAPTERS: Final = (
    chuzhou,
    anqing,
    huangshan,
    two_cities,
    evening,
    shanghai,
    paper,
    late,
)
