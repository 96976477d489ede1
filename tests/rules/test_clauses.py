"""What a rule rests on: no value without a day and a clause, every clause found however
deep it lies."""

from __future__ import annotations

from datetime import date

import pytest
from gongji.rules.benefits import BonusPoints, Exclusion, NoFund, Situation
from gongji.rules.clauses import Clause, Contradiction, Grade, Ruled, clauses_in, ruled

C22 = Clause("C22", "最多7人,包括授权人本人。", "网页第33行")
A15 = Clause("A15", "共济额度不超过余额。", "网页第15行")
X6 = Contradiction("X6", "7人与不限人数")


def test_one_value() -> None:
    """`ruled` writes a timeline of one value with everything that was said about it."""
    timeline = ruled(
        7,
        since="2022-07-01",
        clauses=[C22],
        against=[A15],
        why="X6：写明人数",
        settles=[X6],
    )

    assert (
        Ruled(7, date(2022, 7, 1), (C22,), (A15,), "X6：写明人数", (X6,)),
    ) == timeline


def test_a_value_that_changed() -> None:
    """Two values of one rule are two timelines added."""
    timeline = ruled(7, since="2022-07-01", clauses=[C22]) + ruled(
        9, since="2026-01-01", clauses=[A15]
    )

    assert [(date(2022, 7, 1), 7), (date(2026, 1, 1), 9)] == [
        (r.since, r.value) for r in timeline
    ]


def test_no_value_without_a_clause() -> None:
    """Who has no document says so by `Clause.assumption`."""
    with pytest.raises(ValueError, match="没有条款依据"):
        ruled(7, since="2022-07-01", clauses=[])


@pytest.mark.parametrize(
    ("day", "why"),
    [
        ("2022-7-1", "须写作 YYYY-MM-DD"),
        ("20230501", "须写作 YYYY-MM-DD"),
        ("2023-W18-1", "须写作 YYYY-MM-DD"),
        ("", "须写作 YYYY-MM-DD"),
        ("2022", "须写作 YYYY-MM-DD"),
        ("2022-02-30", "日历上没有 2022-02-30"),
    ],
)
def test_no_value_without_a_day(day: str, why: str) -> None:
    """A day that is none, or is written otherwise, is refused in Chinese."""
    with pytest.raises(ValueError, match=f"^规则值的 since：.*{why}"):
        ruled(7, since=day, clauses=[C22])


def test_assumption() -> None:
    """An assumption names itself, so that every reply resting on it shows it."""
    clause = Clause.assumption("T1", "四舍五入到分。")

    assert (clause.grade, clause.source) == (Grade.ASSUMPTION, "推定，无文件依据")


NESTED: dict[str, tuple[object, set[str]]] = {
    "a clause itself": (C22, {"C22"}),
    "a rule's own and those against it": (
        ruled(7, since="2022-07-01", clauses=[C22], against=[A15]),
        {"C22", "A15"},
    ),
    "inside a value": (NoFund(A15), {"A15"}),
    "inside a mapping and a tuple": (
        {310: (Exclusion(situation=Situation.PAUSED, clause=C22),)},
        {"C22"},
    ),
    "inside a set": (frozenset({C22, A15}), {"C22", "A15"}),
    "nowhere": (BonusPoints(above_active_bp=500), set()),
}


@pytest.mark.parametrize(("thing", "expected"), NESTED.values(), ids=NESTED)
def test_clauses_in(thing: object, expected: set[str]) -> None:
    """Every clause reachable from a value is found."""
    assert expected == {clause.id for clause in clauses_in(thing)}


@pytest.mark.parametrize("day", ["2026-02-30", "2026/11/21", "20261121", "去年"])
def test_verified_on_is_a_day(day: str) -> None:
    """The day a clause was held against its source is a day, written YYYY-MM-DD, or is left out."""
    with pytest.raises(ValueError, match=r"^条款 C1 的 verified_on：日"):
        Clause("C1", "一句话", "一个来源", verified_on=day)
    assert "" == Clause("C1", "一句话", "一个来源").verified_on
