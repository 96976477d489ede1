"""Balanced entries (分录): a settlement, a reversal or a credit as postings that add up to 0.

Purses, fund and cash are charged with a minus, the institution receives with a plus; a
reversal is the mirror image. A correction is a new transaction that names the old one
in `reference`; entries are never changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from gongji.model.account import Account, AccountKey, Entry, PurseMovement
from gongji.model.facts import Facts
from gongji.model.settlement import Bill, Settlement
from gongji.model.wallet import WalletAccount
from gongji.rules.codes import FURTHER_PAYERS, EntryKind, Scheme, pooling_area

CASH = "cash"

_PURSE = "purse:"

_WALLET = "wallet:"

_PREFIXES: Final[Mapping[type, str]] = {Account: _PURSE, WalletAccount: _WALLET}

AnyAccount = TypeVar("AnyAccount", bound=Account | WalletAccount)

BROUGHT_FORWARD = "brought_forward"
"""The ledger account that balances of another system come from."""


class Inconsistent(AssertionError):  # noqa: N818 - what it says of the books
    """The books would not balance: a fault of this program, never an answer to a caller."""


class Posting(Struct, frozen=True):
    """One side of a transaction before it becomes an entry.

    Only a purse's posting has a kind and a movement.
    """

    ledger_account: str
    fen: int
    kind: EntryKind | None = None
    movement: PurseMovement | None = None


def purse_account(person_no: str) -> str:
    """Return the ledger account of a purse: purse:P1."""
    return f"{_PURSE}{person_no}"


def person_of_purse(ledger_account: str) -> str:
    """Return whose purse a ledger account is; "" if it is none: purse:P1 is of P1."""
    is_purse = ledger_account.startswith(_PURSE)
    return ledger_account.removeprefix(_PURSE) if is_purse else ""


def wallet_account(person_no: str) -> str:
    """Return the ledger account of a wallet (医保钱包): wallet:P1."""
    return f"{_WALLET}{person_no}"


def ledger_account_of(key: AccountKey) -> str:
    """Return the ledger account of a purse or a wallet."""
    kind, person_no = key
    return f"{_PREFIXES[kind]}{person_no}"


def hold_account(transfer_id: str) -> str:
    """Return where a transfer's money is held until it has an end: hold:T…."""
    return f"hold:{transfer_id}"


def fund_account(area_code: str, scheme: Scheme) -> str:
    """Return the ledger account of a pooled fund (统筹基金): fund:3411:310."""
    return f"fund:{pooling_area(area_code)}:{int(scheme)}"


def premium_account(area_code: str) -> str:
    """Return the source of active employees' credits (个人缴费): premium:3411."""
    return f"premium:{pooling_area(area_code)}"


def resident_premium_account(area_code: str) -> str:
    """Return the payee of resident premiums (居民医保个人缴费): premium:3411:390."""
    return f"premium:{pooling_area(area_code)}:{int(Scheme.RESIDENT)}"


def owed_account(person_no: str) -> str:
    """Return what a person owes of credits that were too high: owed:P1."""
    return f"owed:{person_no}"


def account_of(facts: Facts, person_no: str) -> Account:
    """Return the stored account of a person, an empty one if there is none."""
    return facts.get(Account, person_no) or Account(person_no)


def at_key(facts: Facts, key: AccountKey) -> Account | WalletAccount:
    """Return a stored purse, an empty one if there is none, or a wallet. Inconsistent."""
    kind, person_no = key
    if kind is Account:
        return account_of(facts, person_no)
    wallet = facts.get(WalletAccount, person_no)
    if wallet is None:
        msg = f"wallet of {person_no} is missing"
        raise Inconsistent(msg)
    return wallet


def moved(account: AnyAccount, fen: int) -> tuple[AnyAccount, PurseMovement]:
    """Return the purse or wallet after `fen` moved, and the movement; negative is a charge.

    Inconsistent if it would fall below 0.
    """
    after = replace(
        account,
        balance_fen=account.balance_fen + fen,
        # The version counts entries, and a movement of 0 makes none.
        version=account.version + (fen != 0),
    )
    movement = PurseMovement(
        purse=account.person_no,
        fen=fen,
        balance_after_fen=after.balance_fen,
        version_after=after.version,
        wallet=isinstance(account, WalletAccount),
    )
    if after.balance_fen < 0:
        named = ledger_account_of(movement.key)
        msg = f"{named} would fall to {after.balance_fen} fen"
        raise Inconsistent(msg)
    return after, movement


def move_all(
    facts: Facts, moves: Iterable[tuple[AccountKey, int]]
) -> tuple[tuple[Account | WalletAccount, ...], tuple[PurseMovement, ...]]:
    """Return the accounts and movements after fen moved in these purses and wallets."""
    # Each at most once: a second move would not see the first.
    accounts = []
    movements = []
    for key, fen in moves:
        account, movement = moved(at_key(facts, key), fen)
        accounts.append(account)
        movements.append(movement)
    return tuple(accounts), tuple(movements)


def settlement_entries(settlement: Settlement, at: datetime) -> tuple[Entry, ...]:
    """Return the transaction of a settlement; its id is the settlement's."""
    bill = settlement.bill
    postings = [
        *_payers(settlement, -1),
        *[purse_posting(m, _charge_kind(bill, m)) for m in settlement.movements],
        _payee(settlement, 1),
    ]
    return balanced(settlement.settlement_id, postings, at, settlement.settlement_id)


def reversal_entries(
    transaction_id: str,
    settlement: Settlement,
    refunds: Iterable[PurseMovement],
    at: datetime,
) -> tuple[Entry, ...]:
    """Return the mirror image of a settlement's transaction, naming the settlement."""
    postings = [
        *_payers(settlement, 1),
        *[purse_posting(refund, _refund_kind(refund)) for refund in refunds],
        _payee(settlement, -1),
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
    """Return the transaction of one purse with one `other` ledger account."""
    postings = [
        Posting(other, -movement.fen),
        purse_posting(movement, kind),
    ]
    return balanced(transaction_id, postings, at, reference)


def balanced(
    transaction_id: str, postings: Iterable[Posting], at: datetime, reference: str
) -> tuple[Entry, ...]:
    """Return the entries of one transaction in order, without those of 0.

    Inconsistent unless they sum to 0.
    """
    posted = [p for p in postings if p.fen]
    over = sum([p.fen for p in posted])
    if over:
        msg = f"transaction {transaction_id} is out of balance by {over} fen"
        raise Inconsistent(msg)
    # hot path: a list is quicker than a generator for the three or four entries.
    entries = [
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
    return tuple(entries)


def claimant_account(person_no: str) -> str:
    """Return who receives what the fund pays of a claim (手工结算): claimant:P1."""
    return f"claimant:{person_no}"


def _payers(settlement: Settlement, sign: int) -> tuple[Posting, ...]:
    fund = fund_account(settlement.area_code, settlement.scheme)
    # The cash of a claim was paid to the institution before, and moves no more.
    cash_fen = 0 if settlement.bill.claim_id else settlement.cash_fen
    return (
        Posting(fund, sign * settlement.fund_fen),
        *_further(settlement, sign),
        Posting(CASH, sign * cash_fen),
    )


def _further(settlement: Settlement, sign: int) -> list[Posting]:
    """Return what further payers pay: large_amount:3411:310."""
    # hot path: of most cities nobody pays after the fund.
    if not settlement.further_fen:
        return []
    area = pooling_area(settlement.area_code)
    return [
        Posting(
            f"{line.payer.name.lower()}:{area}:{int(settlement.scheme)}",
            sign * line.fen,
        )
        for line in settlement.lines
        if line.payer in FURTHER_PAYERS
    ]


def _payee(settlement: Settlement, sign: int) -> Posting:
    """Return what the institution receives; of a claim, what the person does."""
    bill = settlement.bill
    if bill.claim_id:
        return Posting(claimant_account(bill.patient), sign * settlement.funds_fen)
    return Posting(f"institution:{bill.institution_code}", sign * bill.total_fen)


def purse_posting(movement: PurseMovement, kind: EntryKind) -> Posting:
    """Return the posting of a movement in a purse or wallet."""
    return Posting(
        ledger_account=ledger_account_of(movement.key),
        fen=movement.fen,
        kind=kind,
        movement=movement,
    )


def _charge_kind(bill: Bill, movement: PurseMovement) -> EntryKind:
    if movement.wallet:
        return EntryKind.WALLET_CHARGE
    if movement.purse == bill.patient:
        return EntryKind.OWN_CHARGE
    return EntryKind.AID_CHARGE


def _refund_kind(movement: PurseMovement) -> EntryKind:
    return EntryKind.WALLET_REFUND if movement.wallet else EntryKind.REFUND
