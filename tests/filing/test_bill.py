"""Bills from elsewhere: held to their filing, paid at the insured city's ratio."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from random import Random
from typing import Any

import pytest
from gongji.cities.kept import KeepRules
from gongji.filing.make import EndFiling
from gongji.model.filing_refusals import (
    FilingNotForPlace,
    FilingNotForVisit,
    FilingNotFound,
    FilingNotOnDay,
    FilingOfAnother,
)
from gongji.model.refusals import CityNotServed, FilingRequired, Refusal
from gongji.model.settlement import Settlement
from gongji.rules.benefits import NoFund
from gongji.rules.channels import Procedure
from gongji.rules.clauses import Clause
from gongji.rules.codes import FilingKind, VisitKind
from gongji.rules.elsewhere import FilingTerms, FundElsewhere, OutOfArea
from gongji.settlement.recompute import Recompute

from tests.scaffold.people import ANQING, CHUZHOU, NOW
from tests.scaffold.world import NewWorld, World

TODAY = NOW.date()

TOMORROW = TODAY + timedelta(days=1)

SHANGHAI, BEIJING, HUANGSHAN = "310104", "110101", "341004"

NOT_PAID = NoFund(Clause.assumption("T-X1", "临时外出就医的普通门诊不予支付。"))

RULE = OutOfArea(
    filing_before_direct_settlement=True,
    procedure=Procedure(title="异地就医", steps=()),
    kinds={
        FilingKind.LONG_TERM: FilingTerms(),
        FilingKind.REFERRAL: FilingTerms(fund=FundElsewhere(factor_bp=90_00)),
        FilingKind.EMERGENCY: FilingTerms(fund=FundElsewhere(less_bp=10_00)),
        FilingKind.TEMPORARY: FilingTerms(fund=NOT_PAID),
    },
    exempt_areas=("32", "3301"),
    exempt_fund=FundElsewhere(factor_bp=80_00),
)


@pytest.fixture
def world(new_world: NewWorld) -> World:
    """P1 of Chuzhou, whose city pays by kind; a hospital of level 3 elsewhere."""
    world = new_world(out_of_area=RULE)
    world.person("P1")
    return world


def settled(world: World, place: str, **changes: Any) -> Settlement:
    """Settle P1's bill of 2,000.00 yuan at a level-3 hospital of a place."""
    return world.settle(world.bill("P1", world.hospital(2, place), 2000_00, **changes))


BAD: dict[str, tuple[dict[str, Any], type[Refusal]]] = {
    "another's": ({"person_no": "P2"}, FilingOfAnother),
    "made in another insured city": ({"area_code": ANQING}, FilingOfAnother),
    "from tomorrow on": ({"since": TOMORROW}, FilingNotOnDay),
    "until yesterday": ({"until": TODAY - timedelta(days=1)}, FilingNotOnDay),
    "ended from today on": ({"ended": TODAY, "ended_at": NOW}, FilingNotOnDay),
    "of another province": ({"areas": ("110000", "320000")}, FilingNotForPlace),
    "of another city": ({"areas": ("340800",)}, FilingNotForPlace),
}


@pytest.mark.parametrize("named", BAD)
def test_a_filing_that_does_not_cover_the_bill(world: World, named: str) -> None:
    """Of another person or city, on another day, for another place: each by its name."""
    changes, kind = BAD[named]
    number = world.filed(**{"person_no": "P1", **changes})
    with pytest.raises(kind) as refused:
        settled(world, HUANGSHAN, filing_no=number)
    assert "bill.filing_no" == refused.value.field
    assert refused.value.clauses
    assert [] == world.all(Settlement)


def test_a_filing_for_some_visits(new_world: NewWorld) -> None:
    """An emergency's filing covers emergencies, no ordinary visit (T83)."""
    world = new_world()
    world.person("P1")
    number = world.filed("P1", kind=FilingKind.EMERGENCY)
    with pytest.raises(FilingNotForVisit) as refused:
        settled(world, HUANGSHAN, filing_no=number)
    assert "T83" in [clause.id for clause in refused.value.clauses]
    emergency = {"visit_kind": VisitKind.EMERGENCY, "filing_no": number}
    assert 2000_00 == settled(world, HUANGSHAN, **emergency).bill.total_fen
    other = world.filed("P1", filing_no="F2", kind=FilingKind.LONG_TERM)
    for kind in (VisitKind.OUTPATIENT, VisitKind.EMERGENCY):
        assert settled(world, HUANGSHAN, visit_kind=kind, filing_no=other)


GOOD: dict[str, dict[str, Any]] = {
    "of the province": {"areas": ("340000",)},
    "of the city": {"areas": ("110000", "341000")},
    "of another county of the city": {"areas": ("341022",)},
    "of this day alone": {"since": TODAY, "until": TODAY},
    "ended from tomorrow on": {"ended": TOMORROW, "ended_at": NOW},
}


@pytest.mark.parametrize("named", GOOD)
def test_a_filing_that_covers_the_bill(world: World, named: str) -> None:
    """Its first and last day and every place within its areas count."""
    number = world.filed("P1", area_code="341199", **GOOD[named])
    assert settled(world, HUANGSHAN, filing_no=number).fund_fen


def test_no_filing_and_one_that_is_not_there(world: World) -> None:
    """Where a filing is needed none, and a number that none has, are refused."""
    with pytest.raises(FilingRequired):
        settled(world, HUANGSHAN)
    with pytest.raises(FilingNotFound):
        settled(world, HUANGSHAN, filing_no="F404")


def test_a_city_not_served_is_refused_by_name(new_world: NewWorld) -> None:
    """Nothing is forwarded: of whose insured city no rules are here no bill is settled."""
    world = new_world(out_of_area=RULE)
    world.person("P1", place=SHANGHAI)
    with pytest.raises(CityNotServed):
        settled(world, CHUZHOU, filing_no=world.filed("P1"))


# --- what the fund pays -----------------------------------------------------------------


def test_not_paid(world: World) -> None:
    """What the rule does not pay is cash, under the clause that says so."""
    number = world.filed("P1", kind=FilingKind.TEMPORARY)
    done = settled(world, HUANGSHAN, filing_no=number)
    assert (0, 2000_00) == (done.fund_fen, done.cash_fen)
    line = done.lines[0]
    assert ("no_fund.v1", ("T-X1",)) == (line.formula, line.rule.clauses)


def test_at_home_nobody_asks_for_a_filing(world: World) -> None:
    """A bill of the pooling area is paid as ever, whatever stands in its filing number."""
    done = settled(world, "341122", filing_no="F404")
    assert 50_00 == done.ratio_bp
    assert "home_ratio_bp" not in done.lines[0].inputs


RATIOS: dict[str, tuple[str, FilingKind | None, Decimal]] = {
    "as at home": (HUANGSHAN, FilingKind.LONG_TERM, Decimal("0.50")),
    "a factor": (HUANGSHAN, FilingKind.REFERRAL, Decimal("0.45")),
    "points": (BEIJING, FilingKind.EMERGENCY, Decimal("0.40")),
    "an exempt province": ("320104", None, Decimal("0.40")),
    "an exempt city": ("330106", None, Decimal("0.40")),
}


@pytest.mark.parametrize("named", RATIOS)
def test_the_ratio_of_the_insured_city(world: World, named: str) -> None:
    """The fund pays the insured city's ratio, changed as its rule says, and says so."""
    place, kind, ratio = RATIOS[named]
    number = ""
    if kind is not None:
        number = world.filed("P1", kind=kind, areas=("340000", "110000"))
    done = settled(world, place, filing_no=number)
    assert int(ratio * 10000) == done.ratio_bp
    # 800.00 yuan of deductible in a fresh year.
    assert int((2000 - 800) * ratio * 100) == done.fund_fen
    line = done.lines[0]
    assert ("参保地为 50%" in line.in_words) is (ratio != Decimal("0.50"))


def paid(bills: list[int], factor: int, less: int) -> list[int]:
    """Return what the fund pays of bills in their order, in fen: a second model.

    800 yuan of deductible and 2,000 yuan of limit a year, half of the rest at home.
    """
    # The interface states a ratio with four decimals.
    at_home = (Decimal("0.5") * factor / 10000).quantize(
        Decimal("0.0001"), ROUND_HALF_UP
    )
    ratio = max(Decimal(0), at_home - Decimal(less) / 10000)
    deductible_left, limit_left = Decimal(800), Decimal(2000)
    each = []
    for fen in bills:
        deductible = min(Decimal(fen) / 100, deductible_left)
        part = (Decimal(fen) / 100 - deductible) * ratio
        part = min(part.quantize(Decimal("0.01"), ROUND_HALF_UP), limit_left)
        deductible_left -= deductible
        limit_left -= part
        each.append(int(part * 100))
    return each


@pytest.mark.parametrize("change", [(90_00, 0), (0, 0), (33_33, 7_77), (100_00, 60_00)])
def test_paid_as_the_insured_city_says(
    new_world: NewWorld, change: tuple[int, int]
) -> None:
    """Against a second model: deductible, ratio, cap and what was used are the insured
    city's, wherever the hospital is."""
    factor, less = change
    fund = FundElsewhere(factor_bp=factor, less_bp=less)
    kinds = {FilingKind.LONG_TERM: FilingTerms(fund=fund)}
    world = new_world(out_of_area=replace(RULE, kinds=kinds))
    hospitals = [world.hospital(2, far) for far in (HUANGSHAN, SHANGHAI, BEIJING)]
    chance = Random(factor)  # noqa: S311 - invented bills
    for name in (f"P{number}" for number in range(40)):
        world.person(name)
        number = world.filed(name, areas=("340000", "310000", "110000"))
        bills = [chance.randint(1, 5_000_00) for _ in range(chance.randint(1, 4))]
        settled = [
            world.settle(
                world.bill(name, chance.choice(hospitals), fen, filing_no=number)
            )
            for fen in bills
        ]
        assert paid(bills, factor, less) == [one.fund_fen for one in settled]


# --- later ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", list(FilingKind))
@pytest.mark.parametrize("hours", [0, 1])
def test_decided_again_after_its_end(
    world: World, kind: FilingKind, hours: int
) -> None:
    """What was settled under a filing stands: decided again it is equal, as then and now,
    though the filing was ended since, at that very instant or later."""
    world.do(KeepRules(world.cities))
    number = world.filed("P1", kind=kind, area_code=CHUZHOU)
    done = settled(world, HUANGSHAN, filing_no=number)
    world.now = NOW + timedelta(hours=hours)
    request = world.request("EndFiling")
    world.do(EndFiling(request, filing_no=number, from_day=TODAY))
    again = world.do(Recompute(done.settlement_id, world.cities))
    assert (True, True) == (again.as_then.equal, again.as_now.equal)
    with pytest.raises(FilingNotOnDay):
        settled(world, HUANGSHAN, filing_no=number)


def test_a_bill_of_before_filings_were_kept(new_world: NewWorld) -> None:
    """Its number was taken at its word: by rules that look numbers up it is what it was."""
    before = OutOfArea(
        filing_before_direct_settlement=True,
        procedure=Procedure(title="异地就医", steps=()),
    )
    old = new_world(out_of_area=before)
    old.person("P1")
    old.do(KeepRules(old.cities))
    done = settled(old, HUANGSHAN, filing_no="whatever was written")
    now = new_world(out_of_area=RULE)
    again = old.do(Recompute(done.settlement_id, now.cities))
    assert again.as_then.equal
    assert again.as_now.settlement is not None
    assert done.fund_fen == again.as_now.settlement.fund_fen
