"""Third step of a bill, its arithmetic: deductible, ratio, caps, purses, cash.

Whole fen in, whole fen out, and the parts sum. Nothing here knows a city, a person or
a day: what the rules grant comes in as a `FlatRow` and as `Purse`s.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum
from functools import cache
from operator import itemgetter

from msgspec import Struct

from gongji.model.account import Account, AccountKey
from gongji.model.settlement import Bill
from gongji.model.wallet import WalletAccount
from gongji.rules.benefits import BillPart, PurseKind, Table
from gongji.rules.binding import NO_LIMIT, NoLimit
from gongji.rules.codes import Standing
from gongji.rules.money import Rounding, least_for, share

PARTS = (
    BillPart.IN_SCOPE,
    BillPart.FIRST_SELFPAY,
    BillPart.ABOVE_LIMIT,
    BillPart.OUT_OF_CATALOGUE,
)
"""The order in which a purse pays the parts of a bill: in scope and first self-pay first.

Assumption: aid comes last, so the own purse spends itself first on what aid could pay too.
"""


class FlatRow(Struct, frozen=True):
    """A row of a reimbursement table (待遇): what the fund pays at one level and standing.

    Amounts are fen, the ratio basis points.
    """

    deductible_fen: int
    year_max_fen: int | NoLimit
    ratio_bp: int
    cap_fen: int | NoLimit
    visit_cap_fen: int | NoLimit
    rounding: Rounding


class Used(Struct, frozen=True):
    """What the patient used up this year before the bill: deductible, paid by the fund."""

    deductible_fen: int = 0
    fund_fen: int = 0


class FundShare(Struct, frozen=True):
    """What one bill takes: deductible (act_pay_dedc), paid by the fund (hifp_pay)."""

    deductible_fen: int = 0
    fund_fen: int = 0


class Owed(Struct, frozen=True):
    """What the patient owes of each part of a bill, in the order of `PARTS`; fen."""

    in_scope_fen: int
    first_selfpay_fen: int
    above_limit_fen: int
    out_of_catalogue_fen: int

    @classmethod
    def after(cls, bill: Bill, paid: FundShare, further_fen: int = 0) -> Owed:
        """Return what is owed of a bill after the fund and further payers have paid."""
        return cls(
            bill.in_scope_fen - paid.fund_fen - further_fen,
            bill.first_selfpay_fen,
            bill.above_limit_fen,
            bill.out_of_catalogue_fen,
        )


class Purse(Struct, frozen=True):
    """An account or wallet to be charged: its owner, balance, and parts it may pay."""

    owner: str
    kind: PurseKind
    balance_fen: int
    pays: frozenset[BillPart]

    @property
    def key(self) -> AccountKey:
        """Return where its money is."""
        kind = WalletAccount if self.kind is PurseKind.WALLET else Account
        return kind, self.owner


class Charge(Struct, frozen=True):
    """What one purse pays; `needed_fen` is what was still owed of the parts it may pay."""

    purse: Purse
    needed_fen: int
    fen: int


def benefit_of(table: Table, level: int, standing: Standing) -> FlatRow:
    """Return the row of a table for a level (1, 2, 3) and standing."""
    return FlatRow(
        table.deductible_fen[level],
        table.deductible_year_max_fen,
        table.ratio_of(standing, level),
        table.cap_fen[standing],
        table.visit_cap_fen[level],
        table.rounding,
    )


def fund_share(in_scope_fen: int, benefit: FlatRow | None, used: Used) -> FundShare:
    """Return the fund's part of a bill; nothing without a benefit.

    The deductible is topped up within its yearly maximum; then ratio, visit cap and
    yearly cap. One fen more in scope raises the fund's part by nothing or by one fen.
    """
    if benefit is None:
        return FundShare()
    remaining = benefit.deductible_fen - used.deductible_fen
    deductible = min(in_scope_fen, max(0, remaining))
    if benefit.year_max_fen is not NO_LIMIT:
        remaining = benefit.year_max_fen - used.deductible_fen
        deductible = min(deductible, max(0, remaining))
    above_deductible = in_scope_fen - deductible
    fund = share(above_deductible, benefit.ratio_bp, benefit.rounding)
    if benefit.visit_cap_fen is not NO_LIMIT:
        fund = min(fund, benefit.visit_cap_fen)
    if benefit.cap_fen is not NO_LIMIT:
        remaining = benefit.cap_fen - used.fund_fen
        fund = min(fund, max(0, remaining))
    return FundShare(deductible, fund)


class StepKind(Enum):
    """Why the fund pays as it does over a stretch of the amount in scope."""

    DEDUCTIBLE = "deductible"
    RATIO = "ratio"
    VISIT_LIMIT = "visit_limit"
    YEAR_LIMIT = "year_limit"
    LIMIT = "limit"
    NO_FUND = "no_fund"


class FundStep(Struct, frozen=True):
    """A stretch of the amount in scope over which the fund pays one ratio.

    It ends with `until_fen`, None if it has no end, where the fund has paid `fund_fen`.
    """

    kind: StepKind
    until_fen: int | None
    ratio_bp: int = 0
    fund_fen: int = 0


def fund_steps(benefit: FlatRow | None, used: Used) -> Iterator[FundStep]:
    """Yield how the fund pays as the amount in scope grows: the curve of `fund_share`."""
    if benefit is None:
        yield FundStep(StepKind.NO_FUND, None)
        return
    left = deductible_left(benefit, used)
    if left:
        yield FundStep(StepKind.DEDUCTIBLE, left)
    limits = _limits(benefit, used)
    if not limits or not benefit.ratio_bp:
        yield FundStep(StepKind.RATIO, None, benefit.ratio_bp)
        return
    # If both come to the same fen, the visit's is named, as in the lines of a bill.
    kind, most = min(limits, key=itemgetter(1))
    if most:
        needed = least_for(most, benefit.ratio_bp, benefit.rounding)
        yield FundStep(StepKind.RATIO, left + needed, benefit.ratio_bp, most)
    yield FundStep(kind, None, fund_fen=most)


def deductible_left(benefit: FlatRow, used: Used) -> int:
    """Return what of the deductible the next bill bears first, in fen."""
    return fund_share(benefit.deductible_fen, benefit, used).deductible_fen


def _limits(benefit: FlatRow, used: Used) -> list[tuple[StepKind, int]]:
    """Return the limits there are, with what they leave to the next bill in fen."""
    limits = []
    if benefit.visit_cap_fen is not NO_LIMIT:
        limits.append((StepKind.VISIT_LIMIT, benefit.visit_cap_fen))
    if benefit.cap_fen is not NO_LIMIT:
        left = max(0, benefit.cap_fen - used.fund_fen)
        limits.append((StepKind.YEAR_LIMIT, left))
    return limits


def charge_purses(
    owed: Owed, purses: Iterable[Purse]
) -> tuple[tuple[Charge, ...], int]:
    """Return what each purse pays, in order, and the cash that none of them pays."""
    unpaid = [
        owed.in_scope_fen,
        owed.first_selfpay_fen,
        owed.above_limit_fen,
        owed.out_of_catalogue_fen,
    ]
    charges = []
    for purse in purses:
        places = _places(purse.pays)
        # hot path: a list is quicker than a generator for so few.
        needed = sum([unpaid[place] for place in places])
        paid = available = min(purse.balance_fen, needed)
        for place in places:
            fen = min(available, unpaid[place])
            unpaid[place] -= fen
            available -= fen
        charges.append(Charge(purse, needed, paid))
    return tuple(charges), sum(unpaid)


# There are sixteen sets of parts at most, so the cache never grows.
@cache
def _places(parts: frozenset[BillPart]) -> tuple[int, ...]:
    return tuple([place for place, part in enumerate(PARTS) if part in parts])
