"""The types of rules about the medical insurance wallet (医保钱包): plain frozen data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time

from gongji.rules.benefits import ALL_PARTS, BillPart, PurseKind
from gongji.rules.binding import NoLimit
from gongji.rules.channels import Procedure
from gongji.rules.clauses import Clause


@dataclass(frozen=True, slots=True, kw_only=True)
class Wallet:
    """The medical insurance wallet (医保钱包): how to open it, and whether that binds."""

    procedure: Procedure
    binds: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletClauses:
    """Which clause gives which part of `WalletTerms`; the whole rule gives those left out."""

    number: tuple[Clause, ...] = ()
    amount: tuple[Clause, ...] = ()
    hours: tuple[Clause, ...] = ()
    waiting: tuple[Clause, ...] = ()
    returning: tuple[Clause, ...] = ()
    receiver: tuple[Clause, ...] = ()
    relation: tuple[Clause, ...] = ()
    alive: tuple[Clause, ...] = ()
    paying: tuple[Clause, ...] = ()
    place: tuple[Clause, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletTerms:
    """How money comes into a wallet (医保钱包转账), and what it pays; times are Shanghai's.

    transfers_a_day  most transfers of one wallet on one civil day, whatever becomes of them
    most_fen         most of one transfer
    closed_from      from this time of day on none is made, past midnight
    closed_until     until this time, which is open again
    one_at_a_time    whether none is made while one waits for its receiver
    returns_at       the time of the next civil day at which money that was not accepted
                     goes back; at this very instant it goes back
    pays             which parts of a bill a wallet pays, of those an own purse may pay
    after            the purses that are asked before the wallet
    clauses          which clause gives which of these
    """

    transfers_a_day: int | NoLimit
    most_fen: int | NoLimit
    closed_from: time
    closed_until: time
    returns_at: time
    one_at_a_time: bool = True
    pays: frozenset[BillPart] = ALL_PARTS
    after: frozenset[PurseKind] = frozenset({PurseKind.OWN, PurseKind.GIVERS})
    clauses: WalletClauses = WalletClauses()

    def open_at(self, at: time) -> bool:
        """Return whether transfers are made at a time of day."""
        first, last = self.closed_until, self.closed_from
        # Open from morning to evening, or, if closed within the day, around that.
        return first <= at < last if first < last else not last <= at < first
