"""The types of rules about money: plain frozen data.

Numbers are fen and basis points (ratio_bp, 10000 = 100 %); mappings are keyed by
scheme, level or standing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from itertools import chain
from typing import Final

from gongji.rules.binding import NO_LIMIT, NoLimit
from gongji.rules.clauses import Clause
from gongji.rules.codes import (
    Purpose,
    ResidueOf,
    Scheme,
    Spending,
    Standing,
    VisitKind,
)
from gongji.rules.money import Rounding

# --- what purses may pay --------------------------------------------------------------


class Use(Enum):
    """What a shared purse may pay (使用范围)."""

    OUTPATIENT = "outpatient"
    PHARMACY = "pharmacy"
    RESIDENT_PREMIUM = "resident_premium"


class BillPart(Enum):
    """The parts of a bill in the national decomposition, less what the fund pays of the first."""

    IN_SCOPE = "in_scope"
    FIRST_SELFPAY = "first_selfpay"
    ABOVE_LIMIT = "above_limit"
    OUT_OF_CATALOGUE = "out_of_catalogue"


ALL_PARTS: Final = frozenset(BillPart)


PURPOSE_USE: Final = {
    Purpose.VISIT: Use.OUTPATIENT,
    Purpose.RESIDENT_PREMIUM: Use.RESIDENT_PREMIUM,
}
"""The use a binding's purpose stands for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UsesClauses:
    """Which clause gives which part of `Uses`; the whole rule gives those left out.

    `uses` names the clauses of single uses; `aid_at` gives those it leaves out.
    """

    aid_at: tuple[Clause, ...] = ()
    uses: Mapping[Use, tuple[Clause, ...]] = field(default_factory=dict)
    aid_residue_of: tuple[Clause, ...] = ()
    aid_pays: tuple[Clause, ...] = ()
    own_pays: tuple[Clause, ...] = ()
    never: tuple[Clause, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Uses:
    """What purses may pay.

    aid_at    where a giver's purse may be used
    aid_pays  which parts of a bill a giver's purse may pay
    own_pays  which parts of a bill the patient's own purse may pay
    never     what no purse may pay
    aid_residue_of  of which care a giver's purse may pay what was left to pay
    clauses   which clause gives which of these
    """

    aid_at: frozenset[Use]
    aid_pays: frozenset[BillPart]
    # The patient's own purse may pay any part, unless a city says otherwise (T8).
    own_pays: frozenset[BillPart] = ALL_PARTS
    never: frozenset[Spending]
    # Aid is for outpatient visits (A10): an inpatient remainder needs a clause of its own.
    aid_residue_of: frozenset[ResidueOf] = frozenset({ResidueOf.CHRONIC})
    clauses: UsesClauses = UsesClauses()

    def opening(self, use: Use) -> tuple[Clause, ...]:
        """Return the clauses that say whether a giver's purse may be used so."""
        return self.clauses.uses.get(use, self.clauses.aid_at)


class PurseKind(Enum):
    """Whose purse (个人账户) pays."""

    OWN = "own"
    GIVERS = "givers"
    # It has no place in `PurseOrder`: `WalletTerms.after` says where it stands.
    WALLET = "wallet"


@dataclass(frozen=True, slots=True, kw_only=True)
class PurseOrder:
    """In which order purses are asked (扣款顺序), givers by the start of their bindings.

    Bindings of one instant go by their number. `order_clauses` give the order,
    `tie_clauses` that of bindings of one instant, `balance_clauses` that a giver's purse
    pays no more than it holds; the whole rule gives those left out.
    """

    order: tuple[PurseKind, ...]
    order_clauses: tuple[Clause, ...] = ()
    tie_clauses: tuple[Clause, ...] = ()
    balance_clauses: tuple[Clause, ...] = ()


# --- what the fund pays ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NoFund:
    """The fund pays nothing, under this clause: a rule like any other."""

    clause: Clause


@dataclass(frozen=True, slots=True)
class NotSettled(NoFund):
    """The fund pays nothing, and a bill of the scheme is refused, as `chosen_by` says."""

    chosen_by: Clause


@dataclass(frozen=True, slots=True, kw_only=True)
class BonusPoints:
    """Retired people's ratio as points above the active one (倾斜), in basis points."""

    above_active_bp: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TableClauses:
    """Which clause gives which figure of a table.

    A bill cites `always`, the `ratio` of its level, and `retired`, `unranked` and
    `pharmacy` if they apply. The guide cites each figure's own; the whole rule gives
    those left out.
    """

    always: tuple[Clause, ...]
    ratio: Mapping[int, tuple[Clause, ...]]
    retired: tuple[Clause, ...] = ()
    unranked: tuple[Clause, ...] = ()
    # The guide's alone: bills keep citing what they cited before these had names.
    deductible: tuple[Clause, ...] = ()
    cap: tuple[Clause, ...] = ()
    pharmacy: tuple[Clause, ...] = ()
    covers: tuple[Clause, ...] = ()
    rounding: tuple[Clause, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects:
    """How much the fund's part hangs on order and splitting (次序与拆分的影响); fen.

    The greatest over both standings and all levels, with the bills of `kit/check/extremes.py`:
    order_fen            between one order of two bills at two levels in a fresh year and the other
    splitting_loses_fen  by which equal visits, the deductible met, get less than one
                         bill of their sum
    splitting_gains_fen  by which they get more
    """

    order_fen: int
    splitting_loses_fen: int
    splitting_gains_fen: int


class Oddity(Enum):
    """What nobody expects of a table (反常待遇).

    It is declared with its clause, or `gongji check` objects.
    """

    RETIRED_BELOW_ACTIVE = "retired_below_active"
    LOWER_LEVEL_BELOW_HIGHER = "lower_level_below_higher"
    MARKED_BELOW_UNMARKED = "marked_below_unmarked"
    LIMIT_USED_UP_ELSEWHERE = "limit_used_up_elsewhere"
    UNUSUAL_FIGURE = "unusual_figure"


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A reimbursement table (门诊共济待遇) of one scheme; levels are 1, 2, 3.

    deductible_fen          起付标准 per level, within a natural year, topped up when a
                            higher level follows a lower
    deductible_year_max_fen most deductible a person bears in a natural year, all levels together
    ratio_bp                支付比例 of active people per level, at most 10000
    retired                 of retired people: points above the active ratio, or a ratio per level
    cap_fen                 年度支付限额 of the fund per standing
    visit_cap_fen           most the fund pays for one visit, per level
    unranked_as             level used for unranked institutions
    pharmacy                level used for pharmacies, or NoFund
    covers                  kinds of visit the table is for
    uncovered               the clause under which the fund pays nothing of other
                            outpatient kinds; `clauses.covers` if it is left out
    rounding                how the fund's share is brought to whole fen, once a visit
    clauses                 which clause gives which figure; a bill cites the whole
                            rule if it is left out
    effects                 what order and splitting of bills do to the fund's part;
                            `gongji check` recomputes it
    declared                oddities the city means, each with its clause;
                            `gongji check` objects to any other
    """

    deductible_fen: Mapping[int, int]
    deductible_year_max_fen: int | NoLimit = NO_LIMIT
    ratio_bp: Mapping[int, int]
    retired: BonusPoints | Mapping[int, int]
    cap_fen: Mapping[Standing, int | NoLimit]
    visit_cap_fen: Mapping[int, int | NoLimit]
    # No document ranks all institutions; the lowest level is the city's assumption (T5).
    unranked_as: int = 1
    pharmacy: int | NoFund
    covers: frozenset[VisitKind]
    uncovered: NoFund | None = None
    rounding: Rounding = Rounding.HALF_UP
    clauses: TableClauses | None = None
    effects: Effects | None = None
    declared: Mapping[Oddity, Clause] = field(default_factory=dict)

    def cited(
        self, standing: Standing, level: int, *, ranked: bool, pharmacy: bool = False
    ) -> tuple[Clause, ...]:
        """Return the clauses that decide a bill, none if the table names none.

        One that decides two parts stands twice.
        """
        if self.clauses is None:
            return ()
        clauses = self.clauses.always + self.clauses.ratio[level]
        if standing is Standing.RETIRED:
            clauses += self.clauses.retired
        if not ranked:
            clauses += self.clauses.unranked
        if pharmacy:
            clauses += self.clauses.pharmacy
        return clauses

    def ratio_of(self, standing: Standing, level: int) -> int:
        """Return the ratio in basis points for a standing and level."""
        if standing is Standing.ACTIVE:
            return self.ratio_bp[level]
        if isinstance(self.retired, BonusPoints):
            return self.ratio_bp[level] + self.retired.above_active_bp
        return self.retired[level]


class Situation(Enum):
    """Situations in which the fund pays nothing of a bill (不予支付)."""

    PAUSED = "paused"
    INPATIENT_THAT_DAY = "inpatient_that_day"
    RESIDUE = "residue"
    OUTSIDE_POLICY = "outside_policy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclusion:
    """One situation, the clause that excludes it, and whom the clause speaks of.

    `standings` tell employees apart; residents have the active one.
    """

    situation: Situation
    clause: Clause
    schemes: frozenset[Scheme] = frozenset(Scheme)
    standings: frozenset[Standing] = frozenset(Standing)

    def speaks_of(self, scheme: Scheme, standing: Standing) -> bool:
        """Return whether the clause is about the insured of a scheme and standing."""
        return scheme in self.schemes and standing in self.standings


class OperatorSets(Enum):
    """A figure no document gives.

    The operator sets it with a first day; until then asking for it is an error.
    """

    OPERATOR_SETS = "operator_sets"


OPERATOR_SETS: Final = OperatorSets.OPERATOR_SETS


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditClauses:
    """Which clause gives which part of `CreditTerms`; the whole rule gives those left out."""

    active: tuple[Clause, ...] = ()
    retired: tuple[Clause, ...] = ()
    employer: tuple[Clause, ...] = ()


class CreditDay(Enum):
    """Which day of a month decides its credit: standing, enrolment, base and rules."""

    FIRST = "first"
    LAST = "last"


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditTerms:
    """What is credited to a personal account each month (个人账户划入).

    active_ratio_bp         active people's share of their contribution base
    retired_fen             retired people's fixed amount
    employer_part_credited  whether the employer's contribution is credited as well
    clauses                 which clause gives which of these
    """

    active_ratio_bp: int
    retired_fen: int | OperatorSets
    employer_part_credited: bool = False
    clauses: CreditClauses = CreditClauses()

    def cited(self, standing: Standing) -> tuple[Clause, ...]:
        """Return the clauses that give a standing's credit, none if they are not named."""
        if standing is Standing.RETIRED:
            return self.clauses.retired
        return self.clauses.active

    @property
    def entitling(self) -> tuple[Clause, ...]:
        """The clauses that say who has a credit at all, none if one is not named."""
        cited = [self.cited(standing) for standing in Standing]
        return tuple(dict.fromkeys(chain.from_iterable(cited))) if all(cited) else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PremiumClauses:
    """Which clause gives which part of `PremiumTerms`; the whole rule gives those left out."""

    amounts: tuple[Clause, ...] = ()
    years: tuple[Clause, ...] = ()
    refund: tuple[Clause, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PremiumTerms:
    """What premiums of relatives may be paid from a purse, and given back (代缴).

    least_fen, most_fen       bounds of one person's premium of one year
    years_back, years_ahead   the years that may be paid, from this one
    refund_before_year        whether one is refunded until its year begins
    refund_days               days after payment until which it is refunded anyway
    clauses                   which clause gives which of these
    """

    least_fen: int
    most_fen: int
    years_back: int = 0
    years_ahead: int = 1
    refund_before_year: bool = True
    refund_days: int = 0
    clauses: PremiumClauses = PremiumClauses()


class Reversal(Enum):
    """Which settlements may be reversed (撤销)."""

    ANY = "any"
    LAST_FIRST = "last_first"
