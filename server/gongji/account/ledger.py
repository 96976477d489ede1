"""Accounts and balanced entries: a settlement, a reversal or a credit becomes postings
that add up to 0; pure.

Purses, fund and cash are charged with a minus, the institution receives with a plus; a
reversal is the mirror image. A correction is a new transaction that names the old one
in `reference`; entries are never changed.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct

from gongji.model.account import Account, Entry, PurseMovement
from gongji.model.facts import Facts
from gongji.model.settlement import Bill, Settlement
from gongji.rules.codes import EntryKind, Scheme, pooling_area

CASH = "cash"

BROUGHT_FORWARD = "brought_forward"
"""Where balances of another system came from."""


class Inconsistent(AssertionError):  # noqa: N818 - what it says of the books
    """The books would not balance: a fault of this program, never an answer to a caller."""


class Posting(Struct, frozen=True):
    """One side of a transaction before it becomes an entry; only a purse's has a kind
    and a movement."""

    ledger_account: str
    fen: int
    kind: EntryKind | None = None
    movement: PurseMovement | None = None


def purse_account(person_no: str) -> str:
    """The ledger account of a purse: purse:P1."""
    return f"purse:{person_no}"


def fund_account(area_code: str, scheme: Scheme) -> str:
    """The ledger account of a pooled fund (统筹基金): fund:3411:310."""
    return f"fund:{pooling_area(area_code)}:{int(scheme)}"


def premium_account(area_code: str) -> str:
    """Where active employees' credits come from, their own premiums (个人缴费): premium:3411."""
    return f"premium:{pooling_area(area_code)}"


def resident_premium_account(area_code: str) -> str:
    """Where premiums of the resident scheme (居民医保个人缴费) go: premium:3411:390."""
    return f"premium:{pooling_area(area_code)}:{int(Scheme.RESIDENT)}"


def moved(account: Account, fen: int) -> tuple[Account, PurseMovement]:
    """The account after `fen` moved (negative is a charge) and the movement; nothing
    moved leaves the version alone.

    Inconsistent where the purse would fall below 0.
    """
    after = Account(
        account.person_no, account.balance_fen + fen, account.version + (fen != 0)
    )
    if after.balance_fen < 0:
        msg = f"purse of {account.person_no} would fall to {after.balance_fen} fen"
        raise Inconsistent(msg)
    return after, PurseMovement(
        account.person_no, fen, after.balance_fen, after.version
    )


def move_all(
    facts: Facts, moves: Iterable[tuple[str, int]]
) -> tuple[tuple[Account, ...], tuple[PurseMovement, ...]]:
    """The accounts and movements after fen moved in each of these purses; each purse
    may stand there once."""
    done = [
        moved(facts.get(Account, purse) or Account(purse), fen) for purse, fen in moves
    ]
    return tuple(account for account, _ in done), tuple(
        movement for _, movement in done
    )


def settlement_entries(settlement: Settlement, at: datetime) -> tuple[Entry, ...]:
    """The transaction of a settlement; its id is the settlement's."""
    bill = settlement.bill
    postings = [
        *_payers(settlement, -1),
        *(_purse(m, _charge_kind(bill, m)) for m in settlement.movements),
        Posting(f"institution:{bill.institution_code}", bill.total_fen),
    ]
    return balanced(settlement.settlement_id, postings, at, settlement.settlement_id)


def reversal_entries(
    transaction_id: str,
    settlement: Settlement,
    refunds: Iterable[PurseMovement],
    at: datetime,
) -> tuple[Entry, ...]:
    """The mirror image of a settlement's transaction; refunds name the settlement they correct."""
    postings = [
        *_payers(settlement, 1),
        *(_purse(m, EntryKind.REFUND) for m in refunds),
        Posting(
            f"institution:{settlement.bill.institution_code}",
            -settlement.bill.total_fen,
        ),
    ]
    return balanced(transaction_id, postings, at, settlement.settlement_id)


def purse_entries(
    transaction_id: str,
    movement: PurseMovement,
    *,
    other: str,
    kind: EntryKind,
    at: datetime,
    reference: str,
) -> tuple[Entry, ...]:
    """The transaction of one purse with one `other` account: a credit, its taking back,
    a premium."""
    return balanced(
        transaction_id,
        [Posting(other, -movement.fen), _purse(movement, kind)],
        at,
        reference,
    )


def balanced(
    transaction_id: str, postings: Iterable[Posting], at: datetime, reference: str
) -> tuple[Entry, ...]:
    """Entries of one transaction as its postings stand, without those of 0.
    Inconsistent unless they sum to 0."""
    posted = [p for p in postings if p.fen]
    if over := sum([p.fen for p in posted]):
        msg = f"transaction {transaction_id} is out of balance by {over} fen"
        raise Inconsistent(msg)
    return tuple(
        [
            Entry(
                transaction_id=transaction_id,
                position=position,
                ledger_account=p.ledger_account,
                fen=p.fen,
                at=at,
                kind=p.kind,
                balance_after_fen=p.movement.balance_after_fen if p.movement else 0,
                version_after=p.movement.version_after if p.movement else 0,
                reference=reference,
            )
            for position, p in enumerate(posted)
        ]
    )


def _payers(settlement: Settlement, sign: int) -> tuple[Posting, Posting]:
    return (
        Posting(
            fund_account(settlement.area_code, settlement.scheme),
            sign * settlement.fund_fen,
        ),
        Posting(CASH, sign * settlement.cash_fen),
    )


def _purse(movement: PurseMovement, kind: EntryKind) -> Posting:
    return Posting(purse_account(movement.purse), movement.fen, kind, movement)


def _charge_kind(bill: Bill, movement: PurseMovement) -> EntryKind:
    return (
        EntryKind.OWN_CHARGE if movement.purse == bill.patient else EntryKind.AID_CHARGE
    )
