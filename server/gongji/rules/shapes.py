"""A benefit of any shape (待遇): one row a case, deductibles, bands and limits on meters.

`Table` is the short way to write the common case. Whatever it cannot say is written as
rows: each case of the declared facets has exactly one (`rules.unfolding`).

One row pays, of an amount in scope, in this order:

    deductible  the least that is left of its deductibles
    bands       each part above it at the ratio of its band
    limits      at most what is left of each
    rounding    once, to whole fen

Nothing can be written by which a greater bill pays less.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, TypeAlias

from gongji.rules.benefits import NoFund, Oddity
from gongji.rules.binding import NO_LIMIT, NoLimit
from gongji.rules.clauses import Clause
from gongji.rules.codes import Payer, VisitKind
from gongji.rules.money import FULL_BP, Rounding


class Counted(Enum):
    """What a meter counts (累计什么)."""

    BORNE = "borne"
    """The deductible that was borne (起付标准)."""
    IN_SCOPE = "in_scope"
    """The cost in scope of policy, the deductible's part included (政策范围内费用)."""
    PAID = "paid"
    """What this payer paid (支付)."""


class Period(Enum):
    """After which time a meter begins anew."""

    VISIT = "visit"
    DAY = "day"
    MONTH = "month"
    YEAR = "year"


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """What is counted, and until when.

    per          after which time it begins anew
    group        its name; rows that name one group count together
    year_starts  the month in which its year begins
    """

    of: Counted
    per: Period = Period.YEAR
    group: str = ""
    year_starts: int = 1


BORNE_IN_YEAR: Final = Meter(of=Counted.BORNE)
"""What a table's deductibles count on."""

PAID_IN_YEAR: Final = Meter(of=Counted.PAID)
"""What a table's yearly limits count on."""


@dataclass(frozen=True, slots=True)
class Upto:
    """A deductible or a limit: both are so many fen on a meter."""

    fen: int
    on: Meter


@dataclass(frozen=True, slots=True)
class Band:
    """The ratio (basis points) up to so many fen on the meter of a row's bands."""

    ratio_bp: int
    upto: int | NoLimit = NO_LIMIT


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What a payer pays in one case.

    deductibles  borne first: the least that is left of them
    bands        from the lowest on; the last has no end
    bands_on     the meter on which they end, needed if there are several
    limits       on what is paid, or on the cost in scope
    clauses      that give it; a bill cites them
    """

    bands: tuple[Band, ...]
    deductibles: tuple[Upto, ...] = ()
    bands_on: Meter | None = None
    limits: tuple[Upto, ...] = ()
    rounding: Rounding = Rounding.HALF_UP
    clauses: tuple[Clause, ...] = ()


class FacetOf(Enum):
    """What of a case a facet asks."""

    STANDING = "standing"
    """active or retired."""
    LEVEL = "level"
    """1, 2 or 3."""
    CLASS = "class"
    """The class of institution (机构类别): names of `InstitutionClass`."""
    AGE = "age"
    """The age from which: 0 first; the greatest that the patient has completed."""
    CATEGORY = "category"
    """The beginning of psn_type (人员类别)."""
    MARK = "mark"
    """The value of a dated mark of the patient (签约, 档次 …), "" without."""
    MARKED_HERE = "marked_here"
    """Whether a mark names this institution (选点): here, elsewhere, or "" without."""
    VISIT = "visit"
    """The kind of visit (医疗类别): names of `VisitKind`."""
    ELSEWHERE = "elsewhere"
    """home, or elsewhere in another pooling area (异地)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facet:
    """A question about a case with finitely many answers.

    `values` are all that are told apart; of MARK and MARKED_HERE `mark` is the kind. An
    answer that is none of them counts as "", which must then be one.
    """

    of: FacetOf
    values: tuple[str, ...]
    mark: str = ""


When: TypeAlias = Mapping[str, frozenset[str]]
"""For which values of which facets, by name; a facet that is left out may be any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BenefitCase:
    """The row of some cases, or that nothing is paid in them."""

    row: Row | NoFund
    when: When = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RowChange:
    """What is otherwise in some cases: rows of them are changed when they are unfolded.

    A deductible never falls below 0, nor does a ratio leave 0 to 100 %. A factor changes
    a ratio before points do.
    """

    when: When
    deductible_less_fen: int = 0
    deductible_more_fen: int = 0
    ratio_factor_bp: int = FULL_BP
    ratio_more_bp: int = 0
    ratio_less_bp: int = 0
    limit_more_fen: int = 0
    clauses: tuple[Clause, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Further:
    """Who pays of what was left in scope (大额、公务员补助、大病、救助), by the same rules."""

    payer: Payer
    benefit: Benefit


@dataclass(frozen=True, slots=True, kw_only=True)
class Benefit:
    """A benefit of one scheme, of any shape.

    facets       the questions that choose a row, by name
    cases        exactly one row for each combination of their values
    changes      adjustments, in order
    then         who pays of the rest, in order
    unranked_as, pharmacy, covers, uncovered, declared  as of `Table`
    splitting    the clause by which a visit that is split may be paid otherwise without
                 bound, as with a deductible for each visit
    """

    facets: Mapping[str, Facet]
    cases: tuple[BenefitCase, ...]
    changes: tuple[RowChange, ...] = ()
    then: tuple[Further, ...] = ()
    unranked_as: int = 1
    pharmacy: int | NoFund
    covers: frozenset[VisitKind]
    uncovered: NoFund | None = None
    splitting: Clause | None = None
    declared: Mapping[Oddity, Clause] = field(default_factory=dict)
