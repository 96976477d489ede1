"""The guide says all that its rules say, and nothing that stands in its templates."""

from __future__ import annotations

import ast
import re
from datetime import date
from pathlib import Path

import gongji_chuzhou
import pytest
from gongji import guide
from gongji.cities.adoption import Adoption
from gongji.cities.city import City
from gongji.cities.loading import city_from
from gongji.model.refusals import NotInForce
from gongji.rules.channels import Step
from gongji.rules.clauses import Candidate
from gongji.rules.hookspecs import CityRules

from tests.guide.towns import (
    CITIES,
    DAY,
    every_city,
    part,
)


def literals(path: Path) -> list[tuple[int, str]]:
    """Return the string literals of a module but its docstrings, with their lines."""
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


@pytest.mark.parametrize(
    "path",
    MODULES,
    ids=lambda path: path.stem,
)
def test_templates_hold_no_figures(path: Path) -> None:
    """No string of the guide's templates holds a digit of any script, nor a Chinese
    numeral before a unit of policy."""
    figures = re.compile(
        r"\d|[零一二两三四五六七八九十百千万几]+(元|天|个工作日|个月|小时|人(?!本)|%|点)"
    )

    texts = literals(path)

    assert [(line, text) for line, text in texts if figures.search(text)] == []


def test_the_frame_holds_no_words() -> None:
    """The HTML template holds style and placeholders; of text the page's own words only:
    how to read it, never what is decided."""
    template = Path(guide.__file__).with_name("page.html.jinja")
    frame = template.read_text(encoding="utf-8")

    words = {"目录", "注意", "左右滑动", "共", "列", "供经办核对", "未展开的从略"}
    words.add("算一算统筹基金付多少")
    assert words == set(re.findall(r"[\u4e00-\u9fff]+", frame))


@every_city
def test_contradictions_are_told(city: City) -> None:
    """Every contradiction settled is section with its clash, and with the reason and the
    clauses against it."""
    section = part(guide.markdown(city, DAY), "来源矛盾与取舍")

    for _, answer in city.rules(DAY).all():
        for clash in answer.settles:
            assert f"- {clash.id} {clash.clash}" in section
            assert f"- 理由：{answer.why}" in section


@every_city
def test_steps_and_enquiries_are_told(city: City) -> None:
    """Every step with its caution, of channels and of enquiries, stands in the guide in
    its own words."""
    text = guide.markdown(city, DAY)
    rules = city.rules(DAY)
    steps: list[Step] = []
    for channel in rules.value(CityRules.channels).values():
        steps += channel.steps
    for procedure in rules.value(CityRules.enquiries):
        steps += procedure.steps

    for step in steps:
        line = rf"^\d\. {re.escape(step.text)}.*{re.escape(step.caution)}"
        assert re.search(line, text, re.MULTILINE)


@every_city
def test_candidates_are_told(city: City) -> None:
    """Revisions nobody adopted are section apart, with what is known against them."""
    section = part(guide.markdown(city, DAY), "尚未采用的候选修订")

    for candidate in city.candidates:
        assert f"- {candidate.name}（" in section
        assert candidate.why_not in section


def adoptable() -> Candidate:
    """Some candidate table of Chuzhou."""
    return next(c for c in CITIES["chuzhou"].candidates if c.hook == "reimbursement")


def test_an_adopted_candidate_moves_into_the_guide() -> None:
    """Once adopted, a revision is the rule from its day on and no longer listed as a candidate."""
    candidate = adoptable()
    adoption = Adoption("341100", candidate.name, date(2025, 1, 1))
    city = city_from(
        gongji_chuzhou,
        adopt=[adoption],
    )
    text = guide.markdown(city, DAY)

    assert f"采用的候选修订：{candidate.name}@2025-01-01" in text
    assert f"- {candidate.name}（" not in part(text, "尚未采用的候选修订")
    assert "〔未证实〕" in part(text, "门诊费用统筹基金怎么付")
    assert "| 二级 | 800元 |" in guide.markdown(city, date(2024, 12, 31))
    assert "| 二级 | 800元 |" not in text


def test_causes_of_failure_of_chuzhou() -> None:
    """The causes the document names (C28, C29) stand among the reasons the conditions give."""
    section = part(guide.markdown(CITIES["chuzhou"], DAY), "绑定不成功的原因")

    assert "- 没有参保或不在同一医保统筹区内 [C28]" in section
    assert "- 绑定的家庭成员信息不准确或缺少必要材料 [C29]" in section
    assert "- 家庭账户人数已满：最多7人（含授权人本人）。 [C22]" in section


def test_wallet_of_huangshan() -> None:
    """Huangshan's guide says that the wallet binds nobody (H2)."""
    section = part(guide.markdown(CITIES["huangshan"], DAY), "医保钱包")

    assert "开通医保钱包不绑定任何人" in section
    assert "H2" in section


@every_city
def test_before_the_first_rule(city: City) -> None:
    """There is no guide for a day before the first rule."""
    with pytest.raises(NotInForce):
        guide.markdown(city, date(2022, 6, 30))
