"""What records say of one another, handed on to whoever adds it up.

purse     balances of purses and wallets, and the entries that made them
hold      transfers, the entries of what they hold, and the wallets that name them
booked    a transaction's entries, and the settlement they are of
decided   what was decided for whom, to be decided again
year      what accumulated, and the settlements that did
owner     a person or institution and its former revisions
exists    who names a record, and whether it is there
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from gongji.account import ledger
from gongji.model.account import (
    Account,
    BroughtForward,
    Credit,
    Entry,
    FormerPremium,
    Premium,
)
from gongji.model.commands import RequestRecord
from gongji.model.evidence import SpentToken
from gongji.model.ids import CALLER
from gongji.model.people import Institution, Person
from gongji.model.revisions import InstitutionRevision, PersonRevision
from gongji.model.settlement import (
    Accumulator,
    MeterReading,
    SettledDay,
    SettledMessage,
    Settlement,
)
from gongji.model.wallet import WalletAccount, WalletTransfer
from gongji.rules.codes import TransferState, pooling_area
from gongji.settlement.settle import SETTLE, settlement_id_in
from gongji.store.table import micros
from gongji.verify.segments import Output

_WITH_BALANCE: Final = (ledger.purse_account(""), ledger.wallet_account(""))
"""Prefixes of the ledger accounts that have a balance."""

_HOLD: Final = ledger.hold_account("")


def emit(output: Output, record: Any) -> None:
    """Hand on what a record says of others."""
    # hot path: once for each row.
    say = _SAY.get(type(record))
    if say is not None:
        say(output, record)


def _account(output: Output, account: Account) -> None:
    purse = ledger.purse_account(account.person_no)
    balance = (account.version, account.balance_fen)
    output.put("purse", purse, (purse, "account", *balance))


def _wallet(output: Output, wallet: WalletAccount) -> None:
    account = ledger.wallet_account(wallet.person_no)
    balance = (wallet.version, wallet.balance_fen)
    output.put("purse", account, (account, "account", *balance))
    for transfer_id in wallet.held:
        hold = ledger.hold_account(transfer_id)
        output.put("hold", hold, (hold, "wallet", wallet.person_no))


def _transfer(output: Output, transfer: WalletTransfer) -> None:
    key, fen, ended_at = transfer.transfer_id, transfer.fen, transfer.ended_at
    purse = ledger.purse_account(transfer.sender)
    sent = (micros(transfer.sent_at), purse, -fen)
    output.put("booked", key, (key, "wallet_transfer", *sent))
    accepted = transfer.state is TransferState.ACCEPTED
    to = ledger.wallet_account(transfer.receiver) if accepted else purse
    ended = (micros(ended_at) if ended_at else 0, to, fen)
    output.put("reference", key, (key, "wallet_transfer", *ended))
    hold = ledger.hold_account(key)
    sender = "" if ended_at else transfer.sender
    output.put("hold", hold, (hold, "transfer", fen, sender))


def _brought_forward(output: Output, brought: BroughtForward) -> None:
    purse = ledger.purse_account(brought.person_no)
    output.put("purse", purse, (purse, "brought", brought.fen))


def _entry(output: Output, entry: Entry) -> None:
    # hot path: four of ten rows of a settlement.
    at = micros(entry.at)
    account, transaction = entry.ledger_account, entry.transaction_id
    posting = _posting(entry)
    output.put("booked", transaction, (transaction, "entry", at, posting))
    if account.startswith(_WITH_BALANCE):
        output.put("purse", account, (account, "entry", at, posting))
    elif account.startswith(_HOLD):
        output.put("hold", account, (account, "entry", entry.fen))
    reference = entry.reference
    if reference and reference != transaction:
        moved = (transaction, at, account, entry.fen)
        output.put("reference", reference, (reference, "entry", *moved))


def _posting(entry: Entry) -> tuple[int, str, int, int, int, int]:
    """Return what of an entry its transaction decides."""
    return (
        entry.position,
        entry.ledger_account,
        entry.fen,
        0 if entry.kind is None else int(entry.kind),
        entry.balance_after_fen,
        entry.version_after,
    )


def _settlement(output: Output, settlement: Settlement) -> None:
    key, at = settlement.settlement_id, settlement.settled_at
    # A quote has none, and is not stored.
    if at is None:
        return
    entries = ledger.settlement_entries(settlement, at)
    postings = [_posting(entry) for entry in entries]
    output.put("booked", key, (key, "settlement", micros(at), postings))
    mirrored = [(entry.ledger_account, -entry.fen) for entry in entries]
    if settlement.reversed_at:
        back = micros(settlement.reversed_at)
        output.put("reference", key, (key, "settlement", back, mirrored))
    else:
        output.put("reference", key, (key, "settlement", 0, mirrored))
        _accumulated(output, settlement)
    _decided(output, settlement.bill.patient, "settlement", key)
    _there(output, "settlement", key)
    _of_day(output, settlement)
    _of_request(output, settlement)


def _decided(output: Output, person_no: str, table: str, key: str) -> None:
    output.put("decided", person_no, (person_no, table, key))


def _accumulated(output: Output, settlement: Settlement) -> None:
    for meter, fen in settlement.meters_added.items():
        output.put("meter", meter, (meter, "settlement", fen))
    year = settlement.accumulator_key
    share = (settlement.deductible_fen, settlement.fund_fen)
    if any(share):
        output.put("year", year, (year, "settlement", *share))


def _of_day(output: Output, settlement: Settlement) -> None:
    """Hand on which day and which other settlements one names."""
    area = pooling_area(settlement.area_code)
    day = SettledDay.key_of(area, settlement.bill.service_day)
    _named(output, "settled_day", day)
    for other in filter(None, (settlement.replaces, settlement.replaced_by)):
        _named(output, "settlement", other)


def _of_request(output: Output, settlement: Settlement) -> None:
    """Hand on that a settlement's request and message are remembered."""
    # One that was settled again is of the request that did so, under an id of its own.
    if settlement.replaces:
        return
    key = settlement.request_key
    if key:
        _named(output, "request", key)
    if settlement.bill.msgid and CALLER in key:
        caller = key.partition(CALLER)[2]
        message = SettledMessage.key_of(settlement.bill, caller)
        _named(output, "settled_message", message)


def _there(output: Output, table: str, key: str) -> None:
    output.put("exists", key, (table, key, True))


def _named(output: Output, table: str, key: str) -> None:
    output.put_once("exists", key, (table, key, False))


def _accumulator(output: Output, accumulator: Accumulator) -> None:
    key = accumulator.key
    used = (accumulator.deductible_used_fen, accumulator.fund_paid_fen)
    output.put("year", key, (key, "accumulator", *used))


def _meter_reading(output: Output, reading: MeterReading) -> None:
    output.put("meter", reading.meter_id, (reading.meter_id, "reading", reading.fen))


def _settled_day(output: Output, day: SettledDay) -> None:
    _there(output, "settled_day", day.key)


def _message(output: Output, message: SettledMessage) -> None:
    _there(output, "settled_message", message.message_id)
    _named(output, "settlement", message.settlement_id)


def _spent(output: Output, token: SpentToken) -> None:
    _named(output, "settlement", token.settlement_id)


def _request(output: Output, request: RequestRecord) -> None:
    _there(output, "request", request.key)
    if request.method == SETTLE and not (request.refusal or request.tombstone):
        _named(output, "settlement", settlement_id_in(request))


def _credit(output: Output, credit: Credit) -> None:
    standing = credit.taken_back_at is None
    key = credit.credit_id
    purse = ledger.purse_account(credit.person_no)
    owed = ledger.owed_account(credit.person_no)
    due = [(purse, credit.in_purse_fen), (owed, -credit.owed_fen)] if standing else []
    output.put("reference", key, (key, "credit", purse, owed, due))
    _decided(output, credit.person_no, "credit", key)


def _premium(output: Output, premium: Premium) -> None:
    _decided(output, premium.member, "premium", premium.key)
    every: tuple[Premium | FormerPremium, ...] = (premium, *premium.former)
    for one in every:
        key, at = one.premium_id, one.refunded_at
        purse = ledger.purse_account(one.holder)
        paid = (micros(one.paid_at), purse, -one.fen)
        output.put("booked", key, (key, "premium", *paid))
        back = (micros(at) if at else 0, purse, one.fen)
        output.put("reference", key, (key, "premium", *back))


def _person(output: Output, person: Person) -> None:
    _revised(output, "person", person.person_no, person.revision, former=False)


def _person_revision(output: Output, revision: PersonRevision) -> None:
    person = revision.record
    _revised(output, "person", person.person_no, person.revision, former=True)


def _institution(output: Output, place: Institution) -> None:
    _revised(output, "institution", place.code, place.revision, former=False)


def _institution_revision(output: Output, revision: InstitutionRevision) -> None:
    place = revision.record
    _revised(output, "institution", place.code, place.revision, former=True)


def _revised(
    output: Output, table: str, owner: str, revision: int, *, former: bool
) -> None:
    output.put("owner", owner, (table, owner, former, revision))


_SAY: Final[dict[type, Callable[[Output, Any], None]]] = {
    Account: _account,
    Accumulator: _accumulator,
    BroughtForward: _brought_forward,
    Credit: _credit,
    Entry: _entry,
    MeterReading: _meter_reading,
    Institution: _institution,
    InstitutionRevision: _institution_revision,
    Person: _person,
    PersonRevision: _person_revision,
    Premium: _premium,
    RequestRecord: _request,
    SettledDay: _settled_day,
    SettledMessage: _message,
    SpentToken: _spent,
    Settlement: _settlement,
    WalletAccount: _wallet,
    WalletTransfer: _transfer,
}
