"""Records of purses (个人账户): balances, movements, entries, credits and premiums."""

from __future__ import annotations

from datetime import datetime
from typing import TypeAlias

from msgspec import Struct

from gongji.model.decided import DecidedBy, RuleRef
from gongji.model.people import Person
from gongji.model.wallet import WalletAccount
from gongji.rules.codes import (
    EntryKind,
    Scheme,
)


def has_purse(person: Person, account: Account | None) -> bool:
    """Return whether a person has a personal account."""
    # Whoever is, or ever was, an employee keeps the account, also in another scheme.
    return account is not None or any(
        e.scheme is Scheme.EMPLOYEE for e in person.enrolments
    )


# A movement in a purse is written as it always was: without `wallet`.
class PurseMovement(Struct, frozen=True, omit_defaults=True):
    """Money that moved in one purse, or in that person's wallet; negative is a charge."""

    purse: str
    fen: int
    balance_after_fen: int
    version_after: int
    wallet: bool = False

    @property
    def key(self) -> AccountKey:
        """Return where it moved."""
        return (WalletAccount if self.wallet else Account), self.purse


class Account(Struct, frozen=True):
    """A purse's balance (balc) and version; the version counts its entries."""

    person_no: str
    balance_fen: int = 0
    version: int = 0


AccountKey: TypeAlias = tuple[type[Account] | type[WalletAccount], str]
"""Kind and key of the record that holds a person's money: purse or wallet."""


class Entry(Struct, frozen=True, kw_only=True):
    """One posting of a balanced transaction (分录); never changed.

    `ledger_account` is `purse:P1`, `wallet:P1`, `fund:3411:310`, `cash` or
    `institution:H…`; balance and version stand on entries of purses and wallets only (0
    elsewhere). The postings of one transaction add up to 0.
    """

    transaction_id: str
    position: int
    ledger_account: str
    fen: int
    at: datetime
    kind: EntryKind | None
    balance_after_fen: int = 0
    version_after: int = 0
    reference: str = ""

    @property
    def key(self) -> str:
        """Return its own key: S…/002."""
        return f"{self.transaction_id}/{self.position:03d}"


class Credit(Struct, frozen=True):
    """One month's credit (划入) of one person, from the ledger account `source`.

    One taken back makes room for another in its place. `rules_digest` names the rules
    that decided it (`KeptRules`), None if it was decided before they were kept.
    `owed_fen` is what a correction could not take out of the purse, for it was spent.
    """

    credit_id: str
    person_no: str
    month: str
    fen: int
    source: str
    at: datetime
    taken_back_at: datetime | None = None
    taken_back_why: str = ""
    rules_digest: str | None = None
    owed_fen: int = 0
    corrected_at: datetime | None = None
    corrected_why: str | None = None

    @property
    def in_purse_fen(self) -> int:
        """Return what of it the purse was given and has not given back."""
        return self.fen + self.owed_fen


class BroughtForward(Struct, frozen=True):
    """The total (结转转入) of one person, year and batch; batch "" is single movements.

    `reference` is the transaction that opened it: later ones name it. A total is below
    0 only without a batch.
    """

    person_no: str
    year: int
    batch: str
    fen: int
    reference: str
    at: datetime

    @staticmethod
    def key_of(person_no: str, year: int, batch: str) -> str:
        """Return the key of a batch: P1/2025/default."""
        return f"{person_no}/{year}/{batch}"

    @property
    def key(self) -> str:
        """Return its own key."""
        return self.key_of(self.person_no, self.year, self.batch)


class FormerPremium(Struct, frozen=True, kw_only=True):
    """A premium that was refunded before its year was paid again."""

    premium_id: str
    holder: str
    fen: int
    paid_at: datetime
    rules: tuple[RuleRef, ...]
    decided_by: DecidedBy
    refunded_at: datetime
    refunded_why: str
    refunded_by: DecidedBy | None = None
    not_due: bool = False


class Premium(Struct, frozen=True, kw_only=True):
    """One member's resident premium (居民医保个人缴费) of one year, from the holder's purse.

    A refunded one (退费) makes room for another of that year, which keeps it in `former`.
    `refunded_by` says whose rules let it be refunded, None also if that was before they
    were kept; `not_due` that it was refunded, however late, because it had not been due.
    """

    premium_id: str
    holder: str
    member: str
    year: int
    fen: int
    paid_at: datetime
    rules: tuple[RuleRef, ...]
    decided_by: DecidedBy
    refunded_at: datetime | None = None
    refunded_why: str = ""
    refunded_by: DecidedBy | None = None
    not_due: bool = False
    former: tuple[FormerPremium, ...] = ()

    @staticmethod
    def key_of(member: str, year: int) -> str:
        """Return the key of a member's year, whoever pays: P1/2026."""
        return f"{member}/{year}"

    @property
    def key(self) -> str:
        """Return its own key."""
        return self.key_of(self.member, self.year)
