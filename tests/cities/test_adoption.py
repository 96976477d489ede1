"""What an operator lays over a city's rules."""

from __future__ import annotations

from datetime import date

from gongji.cities.adoption import (
    Adoption,
    RetiredCredit,
    with_adoptions,
    with_retired_credits,
)
from gongji.rules.benefits import OPERATOR_SETS, CreditTerms
from gongji.rules.clauses import Candidate, Clause, Grade, ruled

C = Clause("W1", "测试的条款。", "测试")
CITY = ruled(7, since="2022-07-01", clauses=[C]) + ruled(
    8, since="2026-01-01", clauses=[C]
)
CANDIDATE = Candidate(
    name="V2", hook="application_expiry", value=9, clauses=(C,), why_not="未经证实"
)


def _values(timeline: object) -> list[tuple[str, object]]:
    return [(str(v.since), v.value) for v in timeline]  # type: ignore[attr-defined] # a timeline


class TestAdoptions:
    """Candidates adopted from a day on."""

    def test_a_later_rule_of_the_city_still_stands(self) -> None:
        """An adoption holds from its day until the city's own next value."""
        adoption = Adoption("340200", "V2", date(2025, 1, 1))
        adopted = with_adoptions({"application_expiry": CITY}, (CANDIDATE,), [adoption])

        expected = [("2022-07-01", 7), ("2025-01-01", 9), ("2026-01-01", 8)]
        assert expected == _values(adopted["application_expiry"])


class TestRetiredCredits:
    """Figures set by the operator."""

    def test_a_new_figure_replaces_the_old_one_and_its_clause(self) -> None:
        """From its day on a new figure stands under its own clause alone, beside the city's."""
        terms = ruled(
            CreditTerms(active_ratio_bp=200, retired_fen=OPERATOR_SETS),
            since="2022-07-01",
            clauses=[C],
        )
        credits_ = [
            RetiredCredit(
                "340200",
                fen,
                since,
                Clause(f"运营方{fen}", "定额", "启动参数", Grade.OPERATOR),
            )
            for fen, since in ((70_00, date(2023, 1, 1)), (80_00, date(2024, 1, 1)))
        ]
        timeline = with_retired_credits(terms, reversed(credits_))

        assert [OPERATOR_SETS, 70_00, 80_00] == [v.value.retired_fen for v in timeline]
        assert [["W1"], ["W1", "运营方7000"], ["W1", "运营方8000"]] == [
            [c.id for c in v.clauses] for v in timeline
        ]
