"""The arithmetic of one bill: deductible → ratio → cap → purses → cash; whole fen in,
whole fen out, the parts sum.

Nothing here knows a city, a person or a day: what the rules grant comes in as a
`Benefit` and as `Purse`s.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from msgspec import Struct

from gongji.rules.benefits import BillPart, PurseKind, Table
from gongji.rules.binding import NO_LIMIT, NoLimit
from gongji.rules.codes import Standing
from gongji.rules.money import Rounding, share

PARTS = (
    BillPart.IN_SCOPE,
    BillPart.FIRST_SELFPAY,
    BillPart.ABOVE_LIMIT,
    BillPart.OUT_OF_CATALOGUE,
)
"""The order in which a purse pays the parts of a bill: in scope and first self-pay before the rest.

Assumption: aid is asked last, so the own purse spends itself first on what aid could pay too.
"""


class Benefit(Struct, frozen=True):
    """One row of a reimbursement table (待遇): what the fund pays at one level for one
    standing; fen, basis points."""

    deductible_fen: int
    year_max_fen: int | NoLimit
    ratio_bp: int
    cap_fen: int | NoLimit
    visit_cap_fen: int | NoLimit
    rounding: Rounding


class Used(Struct, frozen=True):
    """What the patient used up this year before the bill: deductible borne, paid by the fund."""

    deductible_fen: int = 0
    fund_fen: int = 0


class FundShare(Struct, frozen=True):
    """What one bill takes: deductible charged now (act_pay_dedc), paid by the fund (hifp_pay)."""

    deductible_fen: int = 0
    fund_fen: int = 0


class Owed(Struct, frozen=True):
    """What the patient owes of each part of a bill, in the order of `PARTS`; fen."""

    in_scope_fen: int
    first_selfpay_fen: int
    above_limit_fen: int
    out_of_catalogue_fen: int


class Purse(Struct, frozen=True):
    """A personal account that is asked: whose, what it holds, which parts of the bill
    it may pay."""

    owner: str
    kind: PurseKind
    balance_fen: int
    pays: frozenset[BillPart]


class Charge(Struct, frozen=True):
    """What one purse pays: `needed_fen` is what was left, when it was asked, of the
    parts it may pay."""

    purse: Purse
    needed_fen: int
    fen: int


def benefit_of(table: Table, level: int, standing: Standing) -> Benefit:
    """The row of a table for a level (1, 2, 3) and standing."""
    return Benefit(
        table.deductible_fen[level],
        table.deductible_year_max_fen,
        table.ratio_of(standing, level),
        table.cap_fen[standing],
        table.visit_cap_fen[level],
        table.rounding,
    )


def fund_share(in_scope_fen: int, benefit: Benefit, used: Used) -> FundShare:
    """The fund's part of a bill: deductible topped up within its yearly maximum, then
    ratio, visit cap and yearly cap.

    Adding one fen of in-scope cost raises the fund's part by nothing or by one fen.
    """
    deductible = min(in_scope_fen, max(0, benefit.deductible_fen - used.deductible_fen))
    if benefit.year_max_fen is not NO_LIMIT:
        deductible = min(deductible, max(0, benefit.year_max_fen - used.deductible_fen))
    fund = share(in_scope_fen - deductible, benefit.ratio_bp, benefit.rounding)
    if benefit.visit_cap_fen is not NO_LIMIT:
        fund = min(fund, benefit.visit_cap_fen)
    if benefit.cap_fen is not NO_LIMIT:
        fund = min(fund, max(0, benefit.cap_fen - used.fund_fen))
    return FundShare(deductible, fund)


def charge_purses(
    owed: Owed, purses: Iterable[Purse]
) -> tuple[tuple[Charge, ...], int]:
    """Asks purses in their order, each for the parts it may pay; what none pays is cash
    (second of the pair)."""
    left = [
        owed.in_scope_fen,
        owed.first_selfpay_fen,
        owed.above_limit_fen,
        owed.out_of_catalogue_fen,
    ]
    charges = []
    for purse in purses:
        places = _places(purse.pays)
        needed = sum([left[place] for place in places])
        paid = available = min(purse.balance_fen, needed)
        for place in places:
            taken = min(available, left[place])
            left[place] -= taken
            available -= taken
        charges.append(Charge(purse, needed, paid))
    return tuple(charges), sum(left)


@cache
def _places(parts: frozenset[BillPart]) -> tuple[int, ...]:
    """Where these parts stand in `PARTS`; there are sixteen sets at most."""
    return tuple(place for place, part in enumerate(PARTS) if part in parts)
