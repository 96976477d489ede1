"""The bills every rule engine splits, the table they split them by, and how ours does it."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Final, NamedTuple, Protocol

from gongji.cities.city import Cities
from gongji.cities.loading import load_cities
from gongji.rules.benefits import PurseKind, Table
from gongji.rules.binding import NO_LIMIT, NoLimit
from gongji.rules.codes import Scheme, Standing
from gongji.rules.hookspecs import CityRules
from gongji.rules.money import Rounding
from gongji.settlement.split import (
    Owed,
    Purse,
    Used,
    benefit_of,
    charge_purses,
    fund_share,
)

AREA: Final = "341100"
DAY: Final = date(2025, 9, 30)
LEVELS: Final = (1, 2, 3)
COUNT: Final = 1_000


@dataclass(frozen=True, slots=True)
class Bill:
    """What decides a split; amounts in fen. A giver's purse may pay the first two parts only."""

    level: int
    standing: Standing
    in_scope: int
    first_selfpay: int
    other: int
    deductible_used: int
    fund_paid: int
    own_balance: int
    giver_balance: int


class Split(NamedTuple):
    """Who pays, in fen."""

    fund: int
    own: int
    aid: int
    cash: int


class Contender(Protocol):
    """Something that splits bills."""

    def split(self, bills: Sequence[Bill]) -> list[Split]:
        """Return the splits, in the order of the bills."""


class TableRow(NamedTuple):
    """What holds at one level for one standing; fen, basis points."""

    level: int
    standing: Standing
    deductible: int
    ratio: int
    cap: int


@cache
def table() -> Table:
    """Return the reimbursement table of a city on the day.

    TypeError if the fund pays nothing.
    """
    rules = load_cities().of(AREA).rules(DAY)
    table = rules.value(CityRules.reimbursement)[Scheme.EMPLOYEE]
    if not isinstance(table, Table):
        raise TypeError(table)
    return table


def rows() -> Iterator[TableRow]:
    """Yield the rows of the table for the other engines.

    ValueError if it has figures these are not given.
    """
    for standing in Standing:
        for level in LEVELS:
            benefit = benefit_of(table(), level, standing)
            limits = {benefit.year_max_fen, benefit.visit_cap_fen}
            if limits != {NO_LIMIT} or benefit.rounding is not Rounding.HALF_UP:
                raise ValueError(benefit)
            if isinstance(benefit.cap_fen, NoLimit):
                raise TypeError(benefit)
            yield TableRow(
                level,
                standing,
                benefit.deductible_fen,
                benefit.ratio_bp,
                benefit.cap_fen,
            )


def bills(count: int = COUNT) -> list[Bill]:
    """Return invented bills, some at every limit.

    Deductible met or not, fund used up or not, purses deep or nearly empty.
    """
    chance = random.Random(7)  # noqa: S311 - the same bills in every run
    return [
        Bill(
            level=chance.choice(LEVELS),
            standing=chance.choice(list(Standing)),
            in_scope=chance.randint(0, 400_000),
            first_selfpay=chance.randint(0, 5_000),
            other=chance.randint(0, 5_000),
            deductible_used=chance.choice((0, 80_000, chance.randint(0, 80_000))),
            fund_paid=chance.choice((0, 200_000, chance.randint(0, 200_000))),
            own_balance=chance.choice((0, chance.randint(0, 500_000))),
            giver_balance=chance.choice((0, chance.randint(0, 500_000))),
        )
        for _ in range(count)
    ]


class Gongji:
    """As the server does it: the city's rules on the day, the row, the fund, the purses."""

    def __init__(self, cities: Cities) -> None:
        self._cities = cities

    def split(self, bills: Sequence[Bill]) -> list[Split]:
        """Split one bill after the other."""
        return [self._one(bill) for bill in bills]

    def _one(self, bill: Bill) -> Split:
        rules = self._cities.of(AREA).rules(DAY)
        entry = rules.value(CityRules.reimbursement)[Scheme.EMPLOYEE]
        uses = rules.value(CityRules.uses)
        benefit = benefit_of(entry, bill.level, bill.standing)  # type: ignore[arg-type] # `table` has looked
        used = Used(bill.deductible_used, bill.fund_paid)
        paid = fund_share(bill.in_scope, benefit, used)
        owed = Owed(bill.in_scope - paid.fund_fen, bill.first_selfpay, 0, bill.other)
        purses = (
            Purse("P1", PurseKind.OWN, bill.own_balance, uses.own_pays),
            Purse("P2", PurseKind.GIVERS, bill.giver_balance, uses.aid_pays),
        )
        (own, aid), cash = charge_purses(owed, purses)
        return Split(paid.fund_fen, own.fen, aid.fen, cash)
