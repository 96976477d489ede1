"""The proof of a city: shipped cities pass, every seeded fault is found, and
breakpoints say what every bill says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product

import pytest
from gongji import Oddity, Scheme, Situation, VisitKind
from gongji.cities import anhui
from gongji.cities.city import City
from gongji.kit.check.curve import (
    breakpoints,
    exact,
    faults,
    windows,
    worst_shortfall,
    years,
)
from gongji.kit.check.findings import LINTS, Finding, FindingKind, Severity, passes
from gongji.kit.check.proof import prove, prove_answers, prove_plugin
from gongji.kit.check.situations import situations
from gongji.kit.check.tables import prove_table
from gongji.rules.binding import NO_LIMIT, NoLimit
from gongji.rules.codes import EnrolmentStatus, Spending, Standing
from gongji.rules.money import FULL_BP, MAX_FEN, Rounding, share
from gongji.settlement import split
from gongji.settlement.split import FlatRow, FundShare, Used, benefit_of
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace as revised

from tests.kit.check.seeded import (
    GOOD,
    LOWER,
    SEEDS,
    UNSOWN,
    W1,
    Seed,
    exclusions,
    sown,
    table,
)
from tests.scaffold.cities import shipped

CITIES = shipped().all


# --- what is shipped ------------------------------------------------------------------


@pytest.mark.parametrize("city", CITIES, ids=lambda city: city.pinyin)
def test_shipped_cities(city: City) -> None:
    """A shipped city and its candidates are proved without a finding of any weight."""
    assert () == prove(city).findings


@pytest.mark.parametrize("city", CITIES, ids=lambda city: city.pinyin)
def test_candidates_are_proved(city: City) -> None:
    """Beside the rules in force every candidate for the fund's part is a period of its own."""
    candidates = [c for c in city.candidates if c.hook == "reimbursement"]
    proof = prove(city)

    assert (1 + len(candidates), 1 + len(candidates)) == (proof.periods, proof.tables)
    assert len(list(situations())) * proof.periods == proof.situations


def test_every_axis() -> None:
    """The situations are every combination of patient, status, institution, kind of
    visit and what excludes."""
    patients, institutions, excluding = 3, 5, 2 * 2 * len(Spending)
    expected = patients * 2 * institutions * len(VisitKind) * excluding
    enumerated = set(situations())

    assert expected == len(enumerated) == len(list(situations()))
    assert {EnrolmentStatus.NORMAL, EnrolmentStatus.PAUSED} == {
        s.status for s in enumerated
    }


# --- what is sown ---------------------------------------------------------------------


def test_the_good_city() -> None:
    """The city into which faults are sown has none, loaded or as bare answers."""
    assert () == prove(sown({})).findings
    assert () == prove_answers(UNSOWN).findings


def test_enough_is_sown() -> None:
    """At least twenty faults are sown, and every kind a table can have but the two only
    arithmetic can have."""
    of_plugins = set(list(FindingKind)[list(FindingKind).index(FindingKind.CLOCK) :])

    assert len(SEEDS) >= 20
    of_shapes = {
        FindingKind.MARKED_BELOW,
        FindingKind.LIMIT_ELSEWHERE,
        FindingKind.SPLITTING,
    }
    of_figures = {FindingKind.UNUSUAL, FindingKind.UNCITED}
    arithmetic = {FindingKind.CAP, FindingKind.ARITHMETIC}
    sown = {seed.kind for seed in SEEDS.values()}
    assert set(FindingKind) - of_plugins - of_shapes - of_figures - arithmetic == sown


@pytest.mark.parametrize("seed", SEEDS.values(), ids=SEEDS)
def test_seeded_fault(seed: Seed) -> None:
    """The fault is found by its kind, hook and day, with words that tell the situation
    and what to write."""
    findings = seed.findings()
    matches = [
        f
        for f in findings
        if (f.kind, f.hook, f.since) == (seed.kind, seed.hook, seed.since)
    ]
    texts = [f"{f.situation} {f.figures} {f.mend}" for f in matches]

    assert any(all(word in text for word in seed.words) for text in texts), findings
    assert passes(findings) is all(f.kind in LINTS for f in findings)


# --- what is declared, what passes ----------------------------------------------------


def test_a_declared_oddity() -> None:
    """An oddity the city declares is shown with its clause and forbids nothing, also strictly."""
    declared = replace(LOWER, declared={Oddity.RETIRED_BELOW_ACTIVE: W1})
    findings = list(prove_table(declared, Scheme.EMPLOYEE, ""))

    assert [(FindingKind.RETIRED_BELOW, Severity.DECLARED, "依 W1 声明")] == [
        (f.kind, f.severity, f.mend) for f in findings
    ]
    assert passes(findings, strict=True)


def test_another_oddity_is_not_declared() -> None:
    """Declaring one oddity does not excuse the other."""
    odd = replace(
        GOOD,
        ratio_bp={1: 55_00, 2: 60_00, 3: 50_00},
        declared={Oddity.RETIRED_BELOW_ACTIVE: W1},
    )
    weights = {(f.kind, f.severity) for f in prove_table(odd, Scheme.EMPLOYEE, "")}

    assert {
        (FindingKind.LEVEL_BELOW, Severity.ERROR),
        (FindingKind.INERT, Severity.WARNING),
    } == weights


def test_warnings_forbid_only_strictly() -> None:
    """A lint lets a city serve unless the check is strict; an error never does."""
    lint, fault = (
        Finding(kind, "", "", "", "", "")
        for kind in (FindingKind.INERT, FindingKind.GAP)
    )

    assert [True, False, False] == [
        passes([lint]),
        passes([lint], strict=True),
        passes([lint, fault]),
    ]


def test_a_reissued_value() -> None:
    """The same value under new clauses is no duplicate if the city says why."""
    seed = SEEDS["a value is told again from a later day"]
    before, after = seed.answers["family_limit"]
    explained = sown({"family_limit": (before, replace(after, why="重新发文"))})

    assert () == prove(explained).findings


def test_a_plugin_that_cannot_be_read() -> None:
    """Answers that are no answers are left to the guards."""

    class Odd:
        def reimbursement(self) -> object:
            return 1.5

    assert None is prove_plugin(Odd())
    assert None is prove_plugin(object())


def test_a_later_table_is_proved_on_its_day() -> None:
    """Each period is proved by itself: a fault of the second does not stand against the first."""
    findings = prove(sown(table("2024-01-01", retired=LOWER.retired))).findings

    assert {"2024-01-01"} == {f.since for f in findings}


def test_one_finding_for_many_situations() -> None:
    """What is missing is told once, with the number of situations it leaves without a rule."""
    exclusions_left = [
        e for e in anhui.exclusions()[0].value if e.situation is not Situation.RESIDUE
    ]
    findings = prove(sown(exclusions(*exclusions_left))).findings

    assert [True, True] == ["种情形" in f.situation for f in findings]


# --- arithmetic -----------------------------------------------------------------------


def _franchise(in_scope: int, benefit: FlatRow, used: Used) -> FundShare:
    """Once above the deductible the whole bill counts."""
    deductible = max(0, benefit.deductible_fen - used.deductible_fen)
    return _capped(
        0
        if in_scope <= deductible
        else share(in_scope, benefit.ratio_bp, benefit.rounding),
        benefit,
        used,
    )


def _capped(fund: int, benefit: FlatRow, used: Used) -> FundShare:
    cap = (
        MAX_FEN
        if isinstance(benefit.cap_fen, NoLimit)
        else max(0, benefit.cap_fen - used.fund_fen)
    )
    return FundShare(0, min(fund, cap))


def _changed(
    change: Callable[[FundShare, int], FundShare],
) -> Callable[[int, FlatRow, Used], FundShare]:
    real = split.fund_share
    return lambda in_scope, benefit, used: change(
        real(in_scope, benefit, used), in_scope
    )


Split = Callable[[int, FlatRow, Used], FundShare]
SLIPS: dict[str, tuple[Split, set[FindingKind]]] = {
    "a deductible that opens the whole bill": (
        _franchise,
        {FindingKind.CLIFF, FindingKind.ARITHMETIC},
    ),
    "a fen too much": (
        _changed(lambda part, _: revised(part, fund_fen=part.fund_fen + 1)),
        {FindingKind.CAP, FindingKind.OUT_OF_SCOPE, FindingKind.ARITHMETIC},
    ),
    "nothing once the cap is reached": (
        _changed(lambda part, _: revised(part, fund_fen=part.fund_fen % 2000_00)),
        {FindingKind.DROP},
    ),
    "the deductible is charged and paid": (
        _changed(lambda part, in_scope: revised(part, deductible_fen=in_scope)),
        {FindingKind.OUT_OF_SCOPE},
    ),
}


@pytest.mark.parametrize(("slip", "kinds"), SLIPS.values(), ids=SLIPS)
def test_the_real_split_is_proved(
    monkeypatch: pytest.MonkeyPatch, slip: Split, kinds: set[FindingKind]
) -> None:
    """What is proved is the split that settles bills: a slip in it is found in a table
    without fault."""
    monkeypatch.setattr(split, "fund_share", slip)
    found_kinds = {f.kind for f in prove_table(GOOD, Scheme.EMPLOYEE, "")}

    assert kinds <= found_kinds


def test_the_cap_is_reached_by_rounding() -> None:
    """At active level 3 the cap is reached at 4,799.99, a fen before the breakpoint,
    and that fen is looked at."""
    row = benefit_of(GOOD, 3, Standing.ACTIVE)
    looked_at = {x for window in windows(row, Used()) for x in window}

    assert 4800_00 in breakpoints(row, Used())
    assert {4799_98, 4799_99, 4800_00, 4800_01} <= looked_at
    assert [1999_99, 2000_00] == [
        split.fund_share(x, row, Used()).fund_fen for x in (4799_98, 4799_99)
    ]


@pytest.mark.parametrize("rounding", Rounding)
def test_rounding_by_the_fen(rounding: Rounding) -> None:
    """For every ratio up to 100 % a fen more raises the rounded share by nothing or one
    whole fen."""
    steps = {
        share(n + 1, ratio, rounding) - share(n, ratio, rounding)
        for ratio in range(FULL_BP + 1)
        for n in range(40)
    }

    assert {0, 1} == steps


@settings(deadline=None)
@given(st.integers(0, MAX_FEN), st.integers(0, FULL_BP), st.sampled_from(Rounding))
def test_rounding_repeats(amount: int, ratio: int, rounding: Rounding) -> None:
    """The share of 100 yuan more is the ratio more in fen, so what holds for one period
    holds for every amount."""
    before = share(amount, ratio, rounding)

    assert before + ratio == share(amount + FULL_BP, ratio, rounding)
    assert 0 <= share(amount + 1, ratio, rounding) - before <= 1


small = st.integers(0, 7)
limit: st.SearchStrategy[int | NoLimit] = small | st.just(NO_LIMIT)
ratios = st.sampled_from([0, 20_00, 33_33, 50_00, 55_00, 99_99, FULL_BP])
benefits = st.builds(
    FlatRow, small, limit, ratios, limit, limit, st.sampled_from(Rounding)
)


def bills() -> Iterator[tuple[int, Used]]:
    """Every bill up to 40 fen after every year in which 0 to 8 fen have been borne and paid."""
    for borne, paid in product(range(9), range(9)):
        yield from ((in_scope, Used(borne, paid)) for in_scope in range(40))


@settings(max_examples=40, deadline=None)
@given(benefits, benefits)
def test_breakpoints_decide_the_order(row: FlatRow, other: FlatRow) -> None:
    """If no breakpoint shows a row below another, no bill does; if one does, the bill
    is really below."""
    at = worst_shortfall(row, other, years([row, other]))
    if at is not None:
        assert exact(at.in_scope_fen, row, at.used) < exact(
            at.in_scope_fen, other, at.used
        )
    else:
        assert all(exact(x, row, used) >= exact(x, other, used) for x, used in bills())


@settings(max_examples=40, deadline=None)
@given(benefits)
def test_every_bill_of_a_lawful_row(row: FlatRow) -> None:
    """A row without a fault at its breakpoints has none at any bill: the split is the
    curve, rounded."""
    assert [] == list(faults(row, years([row])))
    half = FULL_BP // 2 if row.rounding is Rounding.HALF_UP else 0
    assert all(
        (exact(x, row, used) + half) // FULL_BP
        == split.fund_share(x, row, used).fund_fen
        for x, used in bills()
    )
