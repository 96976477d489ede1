"""What new-city writes passes `gongji check --strict`; what could not is refused in the
words of the questions."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from gongji.cities.city import City
from gongji.cities.loading import city_from
from gongji.kit.check.findings import passes
from gongji.kit.check.proof import prove
from gongji.kit.newcity import answers
from gongji.kit.newcity.answers import AnswerFault
from gongji.kit.newcity.policy import policy
from gongji.rules.benefits import Table
from gongji.rules.binding import NO_LIMIT, Identity
from gongji.rules.clauses import Timeline, ruled
from gongji.rules.codes import Scheme
from gongji.rules.hookspecs import hookimpl

from tests.kit.towns import TOWNS, said, town


def city_of(document: dict[str, Any]) -> City:
    """Return the city of these answers, as the generated module states it."""
    stated = policy(answers.read(document))
    named = stated.answers
    identity = Identity(area_code=named.area_code, name=named.name)
    hooks: dict[str, Any] = {"identity": identity}
    for rule in stated.rules:
        since = str(named.since)
        hooks[rule.hook] = ruled(
            rule.value, since=since, clauses=list(rule.clauses), why=rule.why
        )
    plugin = {hook: hookimpl(_answering(value)) for hook, value in hooks.items()}
    return city_from(SimpleNamespace(**plugin), pinyin=named.pinyin)


def _answering(value: Timeline[Any] | Identity) -> Any:
    return lambda: value


def chizhou(since: str = "2025-01-01", **groups: dict[str, Any]) -> dict[str, Any]:
    """Return answers of a town in one or two groups."""
    return town("chizhou", "池州市", "341700", since, **groups)


LEVEL_ODD = "低级别机构的统筹支付低于高级别机构"

# 累计最高400元 beside 200, 400, 400: what a city's document says, and never reached.
TOPPED_UP = said(
    deductible=[200, 400, 400],
    year_max=400,
    ratio=[60, 50, 50],
    retired=[70, 60, 60],
    cap=[4000, 5000],
)

HONEST = {
    # The fourth city's check is strict; a city of nothing of its own has no table.
    "residents and a counter": TOWNS["residents and a counter"],
    "caps a visit, none a year": TOWNS["caps a visit, none a year"],
    "a yearly deductible equal to the highest": chizhou(employee=TOPPED_UP),
    "caps a visit as high as the year's": chizhou(
        resident=said(deductible=0, ratio=50, cap=300, visit_cap=[200, 300, 400])
        | {"odd": {"is": [LEVEL_ODD]}}
    ),
    "all as the province, said again on its first day": chizhou(
        "2022-07-01",
        employee=said(cap=[2000, 3000]),
        binding=said(relations="近亲属", scope="全省", family_limit="不设限"),
    ),
}


@pytest.mark.parametrize("answered", HONEST.values(), ids=HONEST)
def test_passes_strictly(answered: dict[str, Any]) -> None:
    """The proof of the whole city has neither an error nor a warning."""
    assert passes(prove(city_of(answered)).findings, strict=True)


def test_limits_never_reached_leave_their_clauses() -> None:
    """A limit no bill can reach is not written; its clause is cited where it was."""
    rule = policy(answers.read(HONEST["a yearly deductible equal to the highest"]))
    table = rule.rules[0].value[Scheme.EMPLOYEE]
    year_max = rule.answers.by_key["employee.year_max"].clauses

    assert isinstance(table, Table)
    assert table.clauses
    assert (NO_LIMIT, year_max) == (
        table.deductible_year_max_fen,
        tuple(c for c in table.clauses.deductible if c in year_max),
    )
    assert set(year_max) <= set(rule.rules[0].constants[0].above["deductible_fen"])


REFUSED = {
    "employee（职工医保门诊待遇）：.*一级在职.*在 employee.odd 写": said(
        ratio=[50, 60, 70]
    ),
    "employee（职工医保门诊待遇）：.*退休.*在 employee.odd 写": said(
        ratio=[80, 75, 70], retired=[70, 65, 60]
    ),
    "employee（职工医保门诊待遇）：.*表中并无此情形": said(odd=[LEVEL_ODD]),
    "employee（职工医保门诊待遇）：.*各级数额都不起作用": said(
        deductible=[200, 400, 800], year_max=100
    ),
    "employee（职工医保门诊待遇）：.*年度限额为 0": said(cap=[0, 3000]),
    "employee（职工医保门诊待遇）：.*每次限额为 0": said(visit_cap=[300, 300, 0]),
}


@pytest.mark.parametrize(("told", "employee"), REFUSED.items(), ids=REFUSED)
def test_refused_by_the_question(told: str, employee: dict[str, Any]) -> None:
    """Answers that contradict themselves, or are odd and not said to be, make no project."""
    with pytest.raises(AnswerFault, match=told):
        policy(answers.read(chizhou(employee=employee)))
