"""The proof of benefits of any shape: the good ones pass, and each fault is named."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from gongji.kit.check.findings import Finding, FindingKind
from gongji.kit.check.proof import prove
from gongji.kit.check.shaped import prove_benefit, shortfall
from gongji.rules.benefits import NoFund, Oddity
from gongji.rules.clauses import ruled
from gongji.rules.codes import Payer, Scheme
from gongji.rules.shape_problems import problems_of_benefit
from gongji.rules.shapes import (
    BORNE_IN_YEAR,
    PAID_IN_YEAR,
    Band,
    Benefit,
    BenefitCase,
    Counted,
    Facet,
    FacetOf,
    Further,
    Meter,
    Period,
    Row,
    Upto,
)
from gongji.settlement.rows import exact_share
from hypothesis import given
from hypothesis import strategies as st

from tests.kit.check.seeded import sown
from tests.settlement import shaped
from tests.settlement.shaped import CLAUSE, benefit, row
from tests.settlement.test_rows import rows

GOOD = {
    "bands on payment": shaped.banded(PAID_IN_YEAR),
    "bands on cost": shaped.banded(shaped.COST_IN_YEAR),
    "from July": shaped.FROM_JULY,
    "a chosen point": shaped.CHOSEN_POINT,
    "by month": shaped.BY_MONTH,
    "signing": shaped.SIGNING,
    "each visit": shaped.EACH_VISIT,
    "tiers": shaped.TIERS,
    "on cost": replace(
        shaped.ON_COST, declared={Oddity.LIMIT_USED_UP_ELSEWHERE: CLAUSE}
    ),
    "a level not covered": shaped.LEVEL_NOT_COVERED,
    "at most 400": shaped.AT_MOST_400,
    "further payers": shaped.AFTER_THE_LIMIT,
}


def found(one: Benefit, scheme: Scheme = Scheme.EMPLOYEE) -> list[Finding]:
    return list(prove_benefit(one, scheme, "2025-01-01"))


@pytest.mark.parametrize("good", GOOD.values(), ids=GOOD)
def test_the_good_ones_pass(good: Benefit) -> None:
    """Nothing is wrong with them, as the guards and as the proof judge; a city may answer so."""
    assert [] == list(problems_of_benefit(good))
    assert [] == [f for f in found(good) if not f.declared]
    value = {Scheme.EMPLOYEE: good, Scheme.RESIDENT: shaped.NOT_COVERED}
    clauses = [CLAUSE, shaped.NOT_COVERED.clause]
    city = sown({"reimbursement": ruled(value, since="2022-07-01", clauses=clauses)})
    assert [] == [f for f in prove(city).findings if not f.declared]


def by_standing(active: int, retired: int) -> Benefit:
    return benefit(
        {"standing": shaped.STANDING},
        [
            ({"standing": "active"}, row(active)),
            ({"standing": "retired"}, row(retired)),
        ],
    )


BY_MARK = benefit(
    {"signed": shaped.SIGNED},
    [({"signed": "signed"}, row(50_00)), ({"signed": ""}, row(60_00))],
)

WRONG = {
    "retired people get less": (by_standing(60_00, 59_99), FindingKind.RETIRED_BELOW),
    "whoever signs gets less": (BY_MARK, FindingKind.MARKED_BELOW),
    "level 1 is not covered, level 3 is": (
        benefit(
            {"level": shaped.LEVEL},
            [({"level": "1|2"}, shaped.NOT_COVERED), ({"level": "3"}, row(50_00))],
        ),
        FindingKind.LEVEL_BELOW,
    ),
    "one row uses up another's limit": (shaped.ON_COST, FindingKind.LIMIT_ELSEWHERE),
    "a deductible of each visit without a clause": (
        replace(shaped.EACH_VISIT, splitting=None),
        FindingKind.SPLITTING,
    ),
    "splitting declared for nothing": (
        replace(shaped.FROM_JULY, splitting=CLAUSE),
        FindingKind.INERT,
    ),
    "an oddity declared for nothing": (
        replace(shaped.FROM_JULY, declared={Oddity.MARKED_BELOW_UNMARKED: CLAUSE}),
        FindingKind.INERT,
    ),
}


@pytest.mark.parametrize(("wrong", "kind"), WRONG.values(), ids=WRONG)
def test_each_fault_is_named_once(wrong: Benefit, kind: FindingKind) -> None:
    """One finding a sentence, however many rows have the fault."""
    assert [kind] == [finding.kind for finding in found(wrong)]


def test_what_is_declared_is_told_and_no_error() -> None:
    """An oddity the city takes upon a clause is told as declared."""
    declared = replace(
        by_standing(60_00, 50_00), declared={Oddity.RETIRED_BELOW_ACTIVE: CLAUSE}
    )
    [finding] = found(declared)
    assert finding.declared
    assert "依 S1 声明" == finding.mend


def test_residents_have_no_standing() -> None:
    """Of residents nobody asks whether the retired get less."""
    assert [] == found(by_standing(60_00, 50_00), Scheme.RESIDENT)


@given(one=rows(), other=rows(), x=st.integers(0, 8000))
def test_a_shortfall_is_found_if_there_is_one(one: Row, other: Row, x: int) -> None:
    """If some bill of a fresh year pays less by one row than by another, one such is found."""
    mine, others = (Fraction(*exact_share(x, row, {})) for row in (one, other))
    if mine < others:
        below = shortfall(one, other)
        assert below is not None
        at, read = below.in_scope_fen, below.read
        assert Fraction(*exact_share(at, one, read)) < Fraction(
            *exact_share(at, other, read)
        )


MONTH = Meter(of=Counted.PAID, per=Period.MONTH)

ANY = benefit({}, [({}, row(50_00))])


def with_row(**changes: Any) -> Benefit:
    return benefit({}, [({}, replace(row(50_00), **changes))])


IMPOSSIBLE = {
    "no row": (
        benefit({"level": shaped.LEVEL}, [({"level": "1|2"}, row(1))]),
        "没有一行",
    ),
    "two rows": (
        benefit({"level": shaped.LEVEL}, [({}, row(1)), ({"level": "1"}, row(2))]),
        "有 2 行",
    ),
    "no band": (with_row(bands=()), "至少一段"),
    "more than all": (with_row(bands=(Band(100_01),)), "超过 100%"),
    "bands that fall": (
        with_row(bands=(Band(1, 5), Band(2, 4), Band(3)), bands_on=PAID_IN_YEAR),
        "递增",
    ),
    "a last band that ends": (with_row(bands=(Band(1, 5),)), "最后一段"),
    "bands on nothing": (with_row(bands=(Band(1, 5), Band(2))), "bands_on"),
    "a band never left": (
        with_row(bands=(Band(0, 5), Band(2)), bands_on=PAID_IN_YEAR),
        "到不了",
    ),
    "one band that counts": (with_row(bands_on=PAID_IN_YEAR), "不写 bands_on"),
    "a deductible on payment": (
        with_row(deductibles=(Upto(1, PAID_IN_YEAR),)),
        "起付标准按",
    ),
    "a limit on what is borne": (
        with_row(limits=(Upto(1, BORNE_IN_YEAR),)),
        "支付限额按",
    ),
    "two limits on one meter": (
        with_row(limits=(Upto(1, MONTH), Upto(2, MONTH))),
        "只写一次",
    ),
    "a month that starts in July": (
        with_row(limits=(Upto(1, replace(MONTH, year_starts=7)),)),
        "year_starts",
    ),
    "a standing left out": (
        benefit(
            {"who": Facet(of=FacetOf.STANDING, values=("active",))}, [({}, row(1))]
        ),
        "须恰好区分",
    ),
    "a mark without its absence": (
        benefit(
            {"signed": Facet(of=FacetOf.MARK, mark="m", values=("yes",))},
            [({}, row(1))],
        ),
        "其余的",
    ),
    "a mark that is not named": (
        benefit({"signed": Facet(of=FacetOf.MARK, values=("yes", ""))}, [({}, row(1))]),
        "mark",
    ),
    "ages that fall": (
        benefit({"age": Facet(of=FacetOf.AGE, values=("70", "0"))}, [({}, row(1))]),
        "从 0 起递增",
    ),
    "a visit there is not": (
        benefit({"v": Facet(of=FacetOf.VISIT, values=("walk", ""))}, [({}, row(1))]),
        "没有医疗类别 walk",
    ),
    "a condition on nothing": (benefit({}, [({"x": "1"}, row(1))]), "没有声明的 x"),
    "a value there is not": (
        benefit({"level": shaped.LEVEL}, [({"level": "4"}, row(1))]),
        "没有取值 4",
    ),
    "the fund after the fund": (
        replace(ANY, then=(Further(payer=Payer.FUND, benefit=ANY),)),
        "其后的支付方须为",
    ),
    "a payer twice": (
        replace(ANY, then=(Further(payer=Payer.MEDICAL_AID, benefit=ANY),) * 2),
        "只写一次",
    ),
    "a level there is not": (replace(ANY, unranked_as=4), "级别 1、2 或 3"),
}


@pytest.mark.parametrize(("impossible", "said"), IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_what_nobody_can_mean_is_refused(impossible: Benefit, said: str) -> None:
    """The guards say what is wrong, in Chinese, before a city is loaded."""
    assert any(said in problem for problem in problems_of_benefit(impossible))


def test_too_many_cases_are_refused() -> None:
    """Each case is unfolded and proved when a city is loaded."""
    many = Facet(of=FacetOf.AGE, values=tuple(map(str, range(100))))
    huge = Benefit(
        facets={"a": many, "b": many},
        cases=(BenefitCase(row=row(1)),),
        pharmacy=NoFund(CLAUSE),
        covers=frozenset(),
    )
    assert ["共 10000 种情形，至多 4096 种"] == list(problems_of_benefit(huge))
