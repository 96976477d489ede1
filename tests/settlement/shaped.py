"""Shapes of benefits that cities write, with figures to try and not to ship."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from gongji.rules.benefits import NoFund
from gongji.rules.clauses import Clause
from gongji.rules.codes import Payer, VisitKind
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
    RowChange,
    Upto,
)

CLAUSE: Final = Clause("S1", "形状，供试。", "试验")

NOT_COVERED: Final = NoFund(Clause("S2", "不在支付范围。", "试验"))

STANDING: Final = Facet(of=FacetOf.STANDING, values=("active", "retired"))
LEVEL: Final = Facet(of=FacetOf.LEVEL, values=("1", "2", "3"))
CLASS: Final = Facet(of=FacetOf.CLASS, values=("community", ""))
AGE: Final = Facet(of=FacetOf.AGE, values=("0", "70"))
SIGNED: Final = Facet(of=FacetOf.MARK, mark="family_doctor", values=("signed", ""))
CHOSEN: Final = Facet(
    of=FacetOf.MARKED_HERE, mark="chosen", values=("here", "elsewhere", "")
)
TIER: Final = Facet(of=FacetOf.MARK, mark="tier", values=("one", "two", ""))

PER_VISIT: Final = Meter(of=Counted.BORNE, per=Period.VISIT)
COST_IN_YEAR: Final = Meter(of=Counted.IN_SCOPE)
PAID_IN_MONTH: Final = Meter(of=Counted.PAID, per=Period.MONTH)
BORNE_FROM_JULY: Final = Meter(of=Counted.BORNE, year_starts=7)


def row(*bands: Band | int, **more: Any) -> Row:
    """Return a row of these bands; a number is the ratio of one without end."""
    whole = [Band(band) if isinstance(band, int) else band for band in bands]
    return Row(bands=tuple(whole), clauses=(CLAUSE,), **more)


def borne(fen: int, on: Meter = BORNE_IN_YEAR) -> tuple[Upto, ...]:
    """Return a deductible alone."""
    return (Upto(fen, on),)


def benefit(
    facets: Mapping[str, Facet],
    cases: Sequence[tuple[Mapping[str, str], Row | NoFund]],
    **more: Any,
) -> Benefit:
    """Return a benefit; the values of a case are written with | between them."""
    return Benefit(
        facets=facets,
        cases=tuple([BenefitCase(when=when(**case), row=row) for case, row in cases]),
        pharmacy=NOT_COVERED,
        covers=frozenset({VisitKind.OUTPATIENT, VisitKind.TWO_DISEASES}),
        **more,
    )


def when(**values: str) -> dict[str, frozenset[str]]:
    """Return a condition: each facet's values with | between them."""
    return {name: frozenset(text.split("|")) for name, text in values.items()}


def banded(meter: Meter) -> Benefit:
    """Return 1800/1300 by standing; community 90 %, else 70, 85 or, from 70 on, 90 %, up
    to 20,000 yuan on a meter; then 60 and 80 %."""
    end = 20_000_00

    def bands(first: int, then: int, deductible: int) -> Row:
        return row(
            Band(first, end), Band(then), bands_on=meter, deductibles=borne(deductible)
        )

    facets = {"standing": STANDING, "class": CLASS, "age": AGE}
    return benefit(
        facets,
        [
            (
                {"standing": "active", "class": "community"},
                bands(90_00, 60_00, 1800_00),
            ),
            ({"standing": "active", "class": ""}, bands(70_00, 60_00, 1800_00)),
            (
                {"standing": "retired", "class": "community"},
                bands(90_00, 80_00, 1300_00),
            ),
            (
                {"standing": "retired", "class": "", "age": "0"},
                bands(85_00, 80_00, 1300_00),
            ),
            (
                {"standing": "retired", "class": "", "age": "70"},
                bands(90_00, 80_00, 1300_00),
            ),
        ],
    )


FROM_JULY: Final = benefit(
    {}, [({}, row(70_00, deductibles=borne(500_00, BORNE_FROM_JULY)))]
)

CHOSEN_POINT: Final = benefit(
    {"chosen": CHOSEN},
    [({"chosen": "here"}, row(65_00)), ({"chosen": "elsewhere|"}, NOT_COVERED)],
)

BY_MONTH: Final = benefit({}, [({}, row(80_00, limits=(Upto(300_00, PAID_IN_MONTH),)))])

SIGNING: Final = benefit(
    {"standing": STANDING, "class": CLASS, "level": LEVEL, "signed": SIGNED},
    [
        (
            {"standing": standing, "class": care, "level": levels},
            row(ratio, deductibles=borne(deductible)),
        )
        for standing, deductible in (("active", 600_00), ("retired", 200_00))
        for care, levels, ratio in (
            ("community", "1|2|3", 86_00),
            ("", "1|2", 80_00),
            ("", "3", 76_00),
        )
    ],
    changes=(
        RowChange(when=when(standing="retired"), ratio_more_bp=6_00),
        RowChange(when=when(signed="signed"), deductible_less_fen=300_00),
    ),
)

EACH_VISIT: Final = benefit(
    {"level": LEVEL},
    [
        ({"level": "1"}, row(60_00, deductibles=borne(20_00, PER_VISIT))),
        ({"level": "2"}, row(60_00, deductibles=borne(40_00, PER_VISIT))),
        (
            {"level": "3"},
            row(
                50_00,
                deductibles=borne(90_00, PER_VISIT),
                limits=(Upto(1300_00, PAID_IN_YEAR),),
            ),
        ),
    ],
    splitting=CLAUSE,
)

TIERS: Final = benefit(
    {"tier": TIER, "chosen": CHOSEN},
    [
        ({"tier": "one|two", "chosen": "here"}, row(75_00)),
        ({"tier": "one|two", "chosen": "elsewhere|"}, NOT_COVERED),
        ({"tier": ""}, NOT_COVERED),
    ],
)


def _cost(fen: int) -> Row:
    return row(60_00, limits=(Upto(fen, COST_IN_YEAR),))


ON_COST: Final = benefit(
    {
        "visit": Facet(of=FacetOf.VISIT, values=("two_diseases", "")),
        "signed": SIGNED,
    },
    [
        ({"visit": "", "signed": ""}, _cost(1200_00)),
        ({"visit": "", "signed": "signed"}, _cost(1800_00)),
        ({"visit": "two_diseases"}, _cost(2000_00)),
    ],
)

LEVEL_NOT_COVERED: Final = benefit(
    {"level": LEVEL},
    [
        ({"level": "3"}, NOT_COVERED),
        ({"level": "1|2"}, row(55_00, deductibles=borne(100_00))),
    ],
)

AT_MOST_400: Final = benefit(
    {"standing": STANDING, "level": LEVEL},
    [
        ({"level": "1"}, row(60_00, deductibles=borne(200_00))),
        ({"level": "2|3"}, row(50_00, deductibles=borne(400_00))),
    ],
    changes=(RowChange(when=when(standing="retired"), ratio_more_bp=10_00),),
)

AFTER_THE_LIMIT: Final = benefit(
    {},
    [({}, row(50_00, limits=(Upto(100_00, PAID_IN_YEAR),)))],
    then=(
        Further(
            payer=Payer.LARGE_AMOUNT,
            benefit=benefit({}, [({}, row(80_00, deductibles=borne(300_00)))]),
        ),
        Further(
            payer=Payer.CIVIL_SERVANT,
            benefit=benefit(
                {"civil": Facet(of=FacetOf.MARK, mark="civil", values=("yes", ""))},
                [({"civil": "yes"}, row(50_00)), ({"civil": ""}, NOT_COVERED)],
            ),
        ),
    ),
)
