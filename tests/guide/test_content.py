"""The guide: everything it says comes from the rules, cites its clauses, and follows
every change of a rule."""

from __future__ import annotations

import ast
import re
from collections import Counter
from dataclasses import fields, is_dataclass, replace
from datetime import date, time
from pathlib import Path
from typing import Any

import gongji_chuzhou
import pytest
from gongji import guide
from gongji.cities.adoption import Adoption
from gongji.cities.city import City
from gongji.cities.loading import city_from
from gongji.guide.page import Grid, Statement, statements_in
from gongji.model.refusals import NotInForce
from gongji.rules.benefits import (
    BillPart,
    CreditTerms,
    NoFund,
    Reversal,
    Table,
    Use,
    Uses,
    UsesClauses,
    Wallet,
)
from gongji.rules.binding import NO_LIMIT, FamilyLimit, GiverLimit, Scope, Unbinding
from gongji.rules.channels import (
    AtOnce,
    CounterHours,
    Note,
    Procedure,
    ReviewLatency,
    Step,
)
from gongji.rules.clauses import Candidate, Clause, Grade, Timeline, clauses_in, ruled
from gongji.rules.codes import Scheme, Spending, Standing
from gongji.rules.hookspecs import CityRules

from tests.guide.towns import CITIES, DAY, every_city, with_answers

WANSHITONG, MINI_PROGRAM, WINDOW = "皖事通APP", "安徽医保小程序", "线下窗口"
COMPARED = {
    # A28–A42: the cell of the source, and the clause it is
    ("办理时效", WANSHITONG): ("实时审核,即时生效", "A28"),
    ("办理时效", MINI_PROGRAM): ("1-3个工作日", "A29"),
    ("办理时效", WINDOW): ("即时办结", "A30"),
    ("操作便捷性", WANSHITONG): ("高(集成于常用政务平台)", "A31"),
    ("操作便捷性", MINI_PROGRAM): ("高(微信/支付宝入口便捷)", "A32"),
    ("操作便捷性", WINDOW): ("中(需现场排队)", "A33"),
    ("所需材料", WANSHITONG): ("仅需在线身份验证", "A34"),
    ("所需材料", MINI_PROGRAM): ("仅需在线身份验证", "A35"),
    ("所需材料", WINDOW): ("身份证、社保卡、关系证明原件", "A36"),
    ("适用人群", WANSHITONG): ("熟悉智能手机操作者", "A37"),
    ("适用人群", MINI_PROGRAM): ("各类用户", "A38"),
    ("适用人群", WINDOW): ("老年人、不熟悉线上操作者", "A39"),
    ("服务时间", WANSHITONG): ("24小时", "A40"),
    ("服务时间", MINI_PROGRAM): ("24小时", "A41"),
    ("服务时间", WINDOW): ("工作日9:00-17:00", "A42"),
}
MORE_THAN_THE_SOURCE = {
    "A28": "自动核验不能确认的转人工审核",
    "A34": "登记信息查不到",
    "A35": "登记信息查不到",
}
"""Cells that go on where X1 and X7 were settled between two clauses."""

NEW = Clause("N1", "试验条款", "试验")
OTHER = Clause("N2", "另一试验条款", "试验")


def part(text: str, heading: str) -> str:
    """What stands under a heading of the second order in a guide's Markdown."""
    return text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def compared(city: City) -> dict[tuple[str, str], Statement]:
    """The comparison of channels, by row and column."""
    section = next(
        s for s in guide.page(city, DAY).sections if s.heading == "办理渠道对比"
    )
    grid = next(block for block in section.blocks if isinstance(block, Grid))
    return {
        (row[0].text, name): cell
        for row in grid.rows
        for name, cell in zip(grid.head[1:], row[1:], strict=True)
    }


@pytest.mark.parametrize(
    ("cell", "expected"),
    COMPARED.items(),
    ids=[number for _, number in COMPARED.values()],
)
def test_comparison_of_anqing(cell: tuple[str, str], expected: tuple[str, str]) -> None:
    """Anqing's table is the source's, cell by cell, and each cell cites the clause it is."""
    text, number = expected
    shown = compared(CITIES["anqing"])[cell]
    own, _, more = shown.text.partition("; ")
    cited = {clause.id for clause in shown.clauses}
    of_cells = {other for _, other in COMPARED.values()}

    assert text == own
    assert bool(more) == (number in MORE_THAN_THE_SOURCE)
    assert more.startswith(MORE_THAN_THE_SOURCE.get(number, ""))
    assert {number} == cited & of_cells


def test_rows_of_the_comparison() -> None:
    """The source's rows come first and in its order; what is checked and asked follows."""
    rows = list(dict.fromkeys(row for row, _ in compared(CITIES["anqing"])))

    assert rows == [
        "办理时效",
        "操作便捷性",
        "所需材料",
        "适用人群",
        "服务时间",
        "身份核验",
        "填报信息",
        "受理范围",
    ]


def test_silent_rows_are_left_out() -> None:
    """A city whose documents compare no ease of use has no such row, and every channel
    under its own name."""
    cells = compared(CITIES["chuzhou"])
    channels = CITIES["chuzhou"].rules(DAY).value(CityRules.channels).values()

    assert {"办理时效", "所需材料", "服务时间", "身份核验", "填报信息"} == {
        row for row, _ in cells
    }
    assert [channel.name for channel in channels] == list(
        dict.fromkeys(name for _, name in cells)
    )


V1 = CITIES["chuzhou"].rules(DAY).value(CityRules.reimbursement)[Scheme.EMPLOYEE]
assert isinstance(V1, Table)

CHANGES: dict[str, tuple[str, str, Timeline[Any], str, str]] = {
    "family limit": (
        "chuzhou",
        "family_limit",
        ruled(
            FamilyLimit(people=8, counting_holder=True),
            since="2022-07-01",
            clauses=[NEW],
        ),
        "最多7人(含授权人本人)",
        "最多8人(含授权人本人)",
    ),
    "giver limit": (
        "anqing",
        "giver_limit",
        ruled(GiverLimit(givers=2), since="2022-07-01", clauses=[NEW]),
        "一名使用人的授权人数: 不设限",
        "一名使用人的授权人数: 最多由2名授权人共济",
    ),
    "scope": (
        "chuzhou",
        "scope",
        ruled(Scope.PROVINCE, since="2022-07-01", clauses=[NEW]),
        "参保地须在同一医保统筹区内",
        "参保地须在本省内",
    ),
    "deductible": (
        "chuzhou",
        "reimbursement",
        ruled(
            {
                Scheme.EMPLOYEE: replace(
                    V1,
                    deductible_fen={1: 10000, 2: 20000, 3: 76543},
                    cap_fen={Standing.ACTIVE: 150000, Standing.RETIRED: NO_LIMIT},
                    visit_cap_fen={1: NO_LIMIT, 2: NO_LIMIT, 3: 33300},
                ),
                Scheme.RESIDENT: NoFund(NEW),
            },
            since="2022-07-01",
            clauses=[NEW],
        ),
        "| 三级 | 800元 | 50% | 55% |",
        "| 三级 | 765.43元 | 50% | 55% | 333元 |",
    ),
    "unbinding": (
        "chuzhou",
        "unbinding",
        ruled(
            Unbinding(procedure=Procedure(title="解绑", steps=(Step(text="去窗口"),))),
            since="2022-07-01",
            clauses=[NEW],
        ),
        "“已绑定家庭成员”选项",
        "1. 去窗口 [N1]",
    ),
    "expiry": (
        "anqing",
        "application_expiry",
        ruled(45, since="2022-07-01", clauses=[NEW]),
        "申请提交后30天无人答复",
        "申请提交后45天无人答复, 申请失效。 [N1]",
    ),
    "crediting": (
        "chuzhou",
        "account_crediting",
        ruled(
            CreditTerms(active_ratio_bp=250, retired_fen=7050),
            since="2022-07-01",
            clauses=[NEW],
        ),
        "缴费基数的2%",
        "缴费基数的2.5%",
    ),
    "reversal": (
        "anqing",
        "reversal",
        ruled(Reversal.LAST_FIRST, since="2022-07-01", clauses=[NEW]),
        "任何一笔结算均可撤销",
        "须从最近一笔结算起依次撤销",
    ),
    "wallet": (
        "huangshan",
        "wallet",
        ruled(
            Wallet(procedure=Procedure(title="开通", steps=()), binds=True),
            since="2022-07-01",
            clauses=[NEW],
        ),
        "开通医保钱包不绑定任何人",
        "开通即绑定共济关系",
    ),
    "note": (
        "anqing",
        "notes",
        ruled(
            (Note(heading="异地就医", clause=NEW),), since="2022-07-01", clauses=[NEW]
        ),
        "### 怎么选渠道",
        "- 试验条款 [N1]",
    ),
}


@pytest.mark.parametrize(
    ("pinyin", "hook", "timeline", "before", "after"), CHANGES.values(), ids=CHANGES
)
def test_a_changed_rule_changes_the_guide(
    pinyin: str, hook: str, timeline: Timeline[Any], before: str, after: str
) -> None:
    """Change a rule value and the guide says the new one, no longer the old one."""
    changed = guide.markdown(with_answers(pinyin, **{hook: timeline}), DAY)

    assert before in guide.markdown(CITIES[pinyin], DAY)
    assert before not in changed
    assert after in changed


def test_changed_hours_and_review() -> None:
    """Other hours and another span of review show in the table, in the reasons and in
    the review section."""
    city = CITIES["anqing"]
    channels = city.rules(DAY).value(CityRules.channels)
    reviews = city.rules(DAY).value(CityRules.review_latency)
    window = replace(
        channels["window"], hours=CounterHours(opens=time(8, 30), closes=time(16))
    )
    five_days = ReviewLatency(at_once=AtOnce.NEVER, working_days=5)
    changed = with_answers(
        "anqing",
        channels=ruled(
            {**channels, "window": window},
            since="2022-07-01",
            clauses=[NEW],
        ),
        review_latency=ruled(
            {**reviews, "minip_wechat": five_days},
            since="2022-07-01",
            clauses=[NEW],
        ),
    )
    cells, text = compared(changed), guide.markdown(changed, DAY)

    assert cells["服务时间", WINDOW].text == "工作日8:30-16:00"
    assert (
        (cells["办理时效", MINI_PROGRAM].text)
        == "安徽医保公共服务小程序(微信): 5个工作日; 安徽医保公共服务小程序(支付宝): 1-3个工作日"
    )
    assert "只在工作日8:30-16:00受理" in part(text, "绑定不成功的原因")
    assert "安徽医保公共服务小程序(微信): 5个工作日" in part(text, "审核与生效")


def literals(path: Path) -> list[tuple[int, str]]:
    """String literals of a module with their lines, parts of f-strings among them,
    docstrings left out."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    docstrings = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    return [
        (node.lineno, node.value)
        for node in nodes
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in docstrings
    ]


MODULES = sorted(Path(guide.__file__).parent.glob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_templates_hold_no_figures(path: Path) -> None:
    """No string of the guide's templates holds a digit of any script, nor a Chinese
    numeral before a unit of policy."""
    figures = re.compile(
        r"\d|[零一二两三四五六七八九十百千万几]+(元|天|个工作日|个月|小时|人(?!本)|%|点)"
    )

    assert [found for found in literals(path) if figures.search(found[1])] == []


def test_the_frame_holds_no_words() -> None:
    """The HTML template holds style and placeholders; of text two words of the page's own."""
    frame = (Path(guide.__file__).parent / "page.html.jinja").read_text(
        encoding="utf-8"
    )

    assert {"目录", "注意"} == set(re.findall(r"[\u4e00-\u9fff]+", frame))


@every_city
def test_every_statement_is_cited(city: City) -> None:
    """Every line and paragraph above the sources ends with its clauses; what the
    province says is marked so."""
    text = (
        guide.markdown(city, DAY)
        .partition("\n## ")[2]
        .partition("\n## 尚未采用")[0]
        .partition("\n## 来源矛盾")[0]
    )
    lines = [
        line
        for line in text.splitlines()[1:]
        if line and not line.startswith(("#", "|"))
    ]
    uncited = [
        line
        for line in lines
        if not re.search(r"\[[^\]]*[A-Z][^\]]*\](〔省级〕)?$", line)
    ]

    assert uncited == []


@every_city
def test_provincial_answers_are_marked(city: City) -> None:
    """A statement is marked provincial exactly where the city did not answer."""
    text = guide.markdown(city, DAY)
    marked = (
        "- 扣款顺序: " in text
        and re.search(r"- 扣款顺序: [^\n]*〔省级〕\n", text) is not None
    )

    assert city.rules(DAY).provincial("purse_order") == marked
    assert city.rules(DAY).provincial("relations") == bool(
        re.search(r"- 亲属范围: [^\n]*〔省级〕\n", text)
    )


@every_city
def test_assumptions_are_marked(city: City) -> None:
    """Wherever an assumption is cited its mark stands right behind its number."""
    text = guide.markdown(city, DAY).partition("\n## 依据\n")[0]
    cited = [
        clause
        for section in guide.page(city, DAY).sections
        for statement in statements_in(section)
        for clause in statement.clauses
    ]
    assumed = {clause.id for clause in cited if clause.grade is Grade.ASSUMPTION}

    assert assumed
    for number in assumed:
        assert re.search(rf"[\[、]{re.escape(number)}〔推定〕", text)
        assert not re.search(rf"[\[、]{re.escape(number)}(?!〔推定〕)[、\]–]", text)


@every_city
def test_all_clauses_stand_at_the_end(city: City) -> None:
    """Every clause any value of the day rests on or was weighed against stands in full,
    with source and grade."""
    sources = part(guide.markdown(city, DAY), "依据")
    weighed = {c for _, answer in city.rules(DAY).all() for c in clauses_in(answer)}
    weighed |= {c for candidate in city.candidates for c in clauses_in(candidate)}

    assert weighed
    for clause in weighed:
        shown = clause.text.replace("|", " · ")
        assert re.search(
            rf"^\| {clause.id} \| {re.escape(shown)} \| .+ \| .+ \|$",
            sources,
            re.MULTILINE,
        )


@every_city
def test_contradictions_are_told(city: City) -> None:
    """Every contradiction settled is told with its clash, and with the reason and the
    clauses against it."""
    told = part(guide.markdown(city, DAY), "来源矛盾与取舍")

    for _, answer in city.rules(DAY).all():
        for clash in answer.settles:
            assert f"- {clash.id} {clash.clash}" in told
            assert f"- 理由: {answer.why}" in told


@every_city
def test_steps_and_enquiries_are_told(city: City) -> None:
    """Every step with its caution, of channels and of enquiries, stands in the guide in
    its own words."""
    text, rules = guide.markdown(city, DAY), city.rules(DAY)
    steps = [
        step
        for channel in rules.value(CityRules.channels).values()
        for step in channel.steps
    ]
    steps += [
        step
        for procedure in rules.value(CityRules.enquiries)
        for step in procedure.steps
    ]

    for step in steps:
        assert re.search(
            rf"^\d\. {re.escape(step.text)}.*{re.escape(step.caution)}",
            text,
            re.MULTILINE,
        )


@every_city
def test_candidates_are_told(city: City) -> None:
    """Revisions nobody adopted are told apart, with what is known against them."""
    told = part(guide.markdown(city, DAY), "尚未采用的候选修订")

    for candidate in city.candidates:
        assert f"- {candidate.name}(" in told
        assert candidate.why_not in told


def adoptable() -> Candidate:
    """Some candidate table of Chuzhou."""
    return next(c for c in CITIES["chuzhou"].candidates if c.hook == "reimbursement")


def test_an_adopted_candidate_moves_into_the_guide() -> None:
    """Once adopted, a revision is the rule from its day on and no longer listed as a candidate."""
    candidate = adoptable()
    city = city_from(
        gongji_chuzhou, adopt=[Adoption("341100", candidate.name, date(2025, 1, 1))]
    )
    text = guide.markdown(city, DAY)

    assert f"采用的候选修订: {candidate.name}@2025-01-01" in text
    assert f"- {candidate.name}(" not in part(text, "尚未采用的候选修订")
    assert "〔未证实〕" in part(text, "门诊费用统筹基金怎么付")
    assert "| 二级 | 800元 |" in guide.markdown(city, date(2024, 12, 31))
    assert "| 二级 | 800元 |" not in text


def reworded(part: Any) -> Any:
    """Return a rule value whose clauses all say nothing but their number."""
    if isinstance(part, Clause):
        return replace(part, text=part.id)
    if isinstance(part, dict):
        return {key: reworded(value) for key, value in part.items()}
    if isinstance(part, tuple):
        return tuple(reworded(value) for value in part)
    if is_dataclass(part) and not isinstance(part, type):
        return replace(
            part,
            **{
                field.name: reworded(getattr(part, field.name))
                for field in fields(part)
            },
        )
    return part


@every_city
def test_clauses_are_cited_by_reference(city: City) -> None:
    """Which clauses a statement cites does not hang on what the clauses say."""
    timelines = city.timelines.items()
    answers = {hook: reworded(timeline) for hook, timeline in timelines}
    other = with_answers(city.pinyin, **answers)

    assert citations_of(city) == citations_of(other)


def citations_of(city: City) -> Counter[tuple[str, ...]]:
    """Return how often each set of clauses is cited; a note may stand elsewhere."""
    return Counter(
        tuple(clause.id for clause in statement.clauses)
        for section in guide.page(city, DAY).sections
        for statement in statements_in(section)
        if statement.clauses
    )


def test_a_part_without_clauses_rests_on_the_whole_rule() -> None:
    """A part cites the clauses named for it; all of the rule's if none are."""
    uses = Uses(
        aid_at=frozenset({Use.PHARMACY}),
        aid_pays=frozenset({BillPart.IN_SCOPE}),
        never=frozenset({Spending.FITNESS}),
        clauses=UsesClauses(never=(OTHER,)),
    )
    city = with_answers(
        "anqing",
        uses=ruled(uses, since="2022-07-01", clauses=[NEW, OTHER]),
    )
    lines = part(guide.markdown(city, DAY), "共济用途与使用范围")

    assert "- 共济账户可用于: 定点零售药店购药。 [N1、N2]" in lines
    assert "- 任何个人账户都不得用于: 体育健身。 [N2]" in lines


def test_causes_of_failure_of_chuzhou() -> None:
    """The causes the document names (C28, C29) stand among the reasons the conditions give."""
    told = part(guide.markdown(CITIES["chuzhou"], DAY), "绑定不成功的原因")

    assert "- 没有参保或不在同一医保统筹区内 [C28]" in told
    assert "- 绑定的家庭成员信息不准确或缺少必要材料 [C29]" in told
    assert "- 家庭账户人数已满: 最多7人(含授权人本人)。 [C22]" in told


def test_wallet_of_huangshan() -> None:
    """Huangshan's guide says that the wallet binds nobody (H2)."""
    told = part(guide.markdown(CITIES["huangshan"], DAY), "医保钱包")

    assert "开通医保钱包不绑定任何人" in told
    assert "H2" in told


@every_city
def test_before_the_first_rule(city: City) -> None:
    """There is no guide for a day before the first rule."""
    with pytest.raises(NotInForce):
        guide.markdown(city, date(2022, 6, 30))
