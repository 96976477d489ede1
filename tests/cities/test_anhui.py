"""The province answers every question, so that a silent city still has an answer."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Any

import pluggy
import pytest
from gongji.cities import anhui, guards
from gongji.cities.anhui import assumptions as t
from gongji.cities.anhui import clauses as c
from gongji.cities.anhui import paying
from gongji.rules.benefits import (
    ALL_PARTS,
    OPERATOR_SETS,
    BillPart,
    NoFund,
    PurseKind,
    Reversal,
    Situation,
    Use,
)
from gongji.rules.binding import CLOSE, NO_LIMIT, NotOffered, Scope, offered
from gongji.rules.channels import Across, AtOnce
from gongji.rules.clauses import Clause, Grade
from gongji.rules.codes import Purpose, Scheme, Standing, VisitKind
from gongji.rules.hookspecs import DATED_HOOKS, PROJECT, CityRules

if TYPE_CHECKING:
    whole: CityRules = anhui
    """mypy's proof that the baseline answers the whole contract with the right types."""


def province() -> pluggy.PluginManager:
    """A manager that knows the province only."""
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(CityRules)
    manager.register(anhui)
    manager.check_pending()
    return manager


PROVINCE = province()


def value_of(hook: str) -> Any:
    """The one value of a dated hook."""
    ((ruled,),) = getattr(PROVINCE.hook, hook)()
    return ruled.value


def test_a_number_is_one_clause() -> None:
    """No two clauses of the province bear one number and say different things."""
    answers = {hook: getattr(PROVINCE.hook, hook)()[0] for hook in DATED_HOOKS}
    assert list(guards.problems_of_numbers(answers)) == []


@pytest.mark.parametrize("hook", DATED_HOOKS)
def test_every_dated_hook_is_answered(hook: str) -> None:
    """Each dated hook gives one value since 2022-07-01, of the declared type."""
    ((ruled,),) = getattr(PROVINCE.hook, hook)()
    assert date(2022, 7, 1) == ruled.since
    assert list(guards.problems_of_timeline(hook, (ruled,))) == []


def test_the_province_is_no_city() -> None:
    """The baseline never says which city it is, and has no candidates."""
    assert PROVINCE.hook.identity() == []
    assert PROVINCE.hook.candidates() == [()]


@pytest.mark.parametrize(
    ("hook", "expected"),
    [
        pytest.param("relations", CLOSE, id="close relatives may be bound (A9)"),
        pytest.param(
            "scope", Scope.PROVINCE, id="the whole province is one scope (A9)"
        ),
        pytest.param(
            "family_limit", NO_LIMIT, id="the number of people is not limited (X6)"
        ),
        pytest.param(
            "giver_limit",
            NO_LIMIT,
            id="the number of givers is not limited (assumption)",
        ),
        pytest.param(
            "application_expiry",
            30,
            id="an unanswered application expires after 30 days (assumption)",
        ),
        pytest.param(
            "reversal", Reversal.ANY, id="any settlement may be reversed (assumption)"
        ),
    ],
)
def test_single_values(hook: str, expected: object) -> None:
    """The province's single values are those its clauses say."""
    assert expected == value_of(hook)


def test_purses_are_asked_own_first() -> None:
    """The own purse comes before the givers', by an assumption that says so."""
    (ruled,) = anhui.purse_order()
    assert ruled.value.order == (PurseKind.OWN, PurseKind.GIVERS)
    assert Grade.ASSUMPTION is ruled.clauses[0].grade
    assert ruled.against == (c.S40,)


def test_aid_pays_compliant_costs_only() -> None:
    """Aid pays in-scope and first self-pay cost, at hospitals and pharmacies; the own
    purse any part (A10, A11)."""
    (ruled,) = anhui.uses()
    assert frozenset({Use.OUTPATIENT, Use.PHARMACY}) == ruled.value.aid_at
    assert (
        frozenset({BillPart.IN_SCOPE, BillPart.FIRST_SELFPAY}) == ruled.value.aid_pays
    )
    assert ruled.value.own_pays == ALL_PARTS


def test_members_of_both_schemes_for_visits() -> None:
    """Both schemes are admitted for visits (A9); no premium is offered (T45)."""
    (ruled,) = anhui.member_terms()
    terms = offered(ruled.value)
    assert {Purpose.VISIT} == set(terms)
    assert {Scheme.EMPLOYEE, Scheme.RESIDENT} == terms[Purpose.VISIT].schemes
    assert NotOffered(paying.T45) == ruled.value[Purpose.RESIDENT_PREMIUM]


def test_channels_agree_across_hooks() -> None:
    """Every hook that answers per channel speaks of the channels declared; the national
    app goes across areas only."""
    (channels,) = anhui.channels()
    expected = {"wanshitong", "minip_wechat", "minip_alipay", "national_app", "window"}
    for hook in ("channels", *guards.CHANNEL_HOOKS):
        assert expected == set(value_of(hook))
    across = {
        number
        for number, channel in channels.value.items()
        if channel.across is Across.ONLY_ACROSS_AREAS
    }
    assert {"national_app"} == across


def test_review_takes_at_most_three_working_days() -> None:
    """No channel of the province promises anything at once (A27)."""
    (ruled,) = anhui.review_latency()
    expected = {(AtOnce.NEVER, 3, 1)}
    assert expected == {
        (r.at_once, r.working_days, r.earliest_working_days)
        for r in ruled.value.values()
    }


def test_residents_and_pharmacies_get_no_fund() -> None:
    """That the fund pays nothing is a rule with its clause; pharmacy bills are covered
    so that they are settled."""
    (ruled,) = anhui.reimbursement()
    table = ruled.value[Scheme.EMPLOYEE]
    assert NoFund(t.T14) == ruled.value[Scheme.RESIDENT]
    assert not isinstance(table, NoFund)
    assert NoFund(t.T6) == table.pharmacy
    assert (
        frozenset({VisitKind.OUTPATIENT, VisitKind.REGISTRATION, VisitKind.PHARMACY})
        == table.covers
    )


ACTIVE, RETIRED = Standing.ACTIVE, Standing.RETIRED


def test_exclusions_stand_in_the_order_of_the_document() -> None:
    """Paused, inpatient that day, residue, outside policy: C63 to C66 for employees."""
    (ruled,) = anhui.exclusions()
    of_active = [e for e in ruled.value if e.speaks_of(Scheme.EMPLOYEE, ACTIVE)]
    expected = list(zip(Situation, ("C63", "C64", "C65", "C66"), strict=True))
    assert expected == [(e.situation, e.clause.id) for e in of_active]


def test_employees_clauses_decide_nothing_of_others() -> None:
    """C63 speaks of active employees, C64 to C66 of employees; others have assumptions."""
    (ruled,) = anhui.exclusions()
    of_retired = [e for e in ruled.value if e.speaks_of(Scheme.EMPLOYEE, RETIRED)]
    of_residents = [e for e in ruled.value if e.speaks_of(Scheme.RESIDENT, ACTIVE)]
    expected = list(zip(Situation, ("T41", "C64", "C65", "C66"), strict=True))
    assert expected == [(e.situation, e.clause.id) for e in of_retired]
    assert [(s, "T42") for s in Situation] == [
        (e.situation, e.clause.id) for e in of_residents
    ]


def test_retired_credit_is_the_operators() -> None:
    """Active people get 2 % of their base; no document gives the retired figure (C55, C56)."""
    (ruled,) = anhui.account_crediting()
    assert ruled.value.active_ratio_bp == 200
    assert OPERATOR_SETS is ruled.value.retired_fen


def test_assumptions_say_so() -> None:
    """Every clause numbered T… is graded an assumption, and nothing else in the baseline is."""
    clauses = [v for v in vars(c).values() if isinstance(v, Clause)]
    numbered = {v.id for v in clauses if re.match(r"T\d", v.id)}
    assert numbered == {v.id for v in clauses if v.grade is Grade.ASSUMPTION}
