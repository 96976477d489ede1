"""The events of a leaf: what its rows say happened, whatever has become of them since."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from gongji.account.ledger import person_of_purse
from gongji.binding.status import BY_FACTS
from gongji.model.account import Entry, FormerPremium, Premium
from gongji.model.binding import Binding, BindingEvent
from gongji.model.claim import Claim
from gongji.model.event import (
    BindingChange,
    ClaimChange,
    CreditChange,
    Event,
    EventKind,
    FilingChange,
    PremiumChange,
    SettlementChange,
    TransferChange,
)
from gongji.model.filing import Filing
from gongji.model.settlement import Settlement
from gongji.model.wallet import WalletTransfer
from gongji.rules.codes import BindingState, ClaimState, EntryKind, TransferState

T = TypeVar("T")

_STARTS: Final[Mapping[str, tuple[EventKind, frozenset[BindingState | None]]]] = {
    "SubmitBinding": (EventKind.BINDING_SUBMITTED, frozenset({None})),
    "RecordConsent": (
        EventKind.BINDING_CONSENTED,
        frozenset({BindingState.AWAITING_CONSENT}),
    ),
    "ReviewBinding": (
        EventKind.BINDING_REVIEWED,
        frozenset({BindingState.UNDER_REVIEW}),
    ),
}
"""What each method that moves a binding on is told as, and from which states it does."""

_SETTLEMENTS: Final = {
    "Settle": EventKind.SETTLED,
    "Reverse": EventKind.REVERSED,
    "Resettle": EventKind.RESETTLED,
}

_CREDITS: Final = frozenset(
    {
        EntryKind.CREDIT,
        EntryKind.BROUGHT_FORWARD,
        EntryKind.CREDIT_TAKEN_BACK,
        EntryKind.BROUGHT_FORWARD_CORRECTED,
        EntryKind.CREDIT_CORRECTED,
    }
)


FILINGS: Final[Mapping[str, EventKind]] = {
    "File": EventKind.FILED,
    "EndFiling": EventKind.FILING_ENDED,
}
"""As what each method of filings is told."""

CLAIMS: Final[Mapping[str, tuple[EventKind, frozenset[ClaimState]]]] = {
    "SubmitClaim": (EventKind.CLAIM_SUBMITTED, frozenset({ClaimState.SUBMITTED})),
    "ReviewClaim": (
        EventKind.CLAIM_REVIEWED,
        frozenset({ClaimState.REVIEWED, ClaimState.RETURNED}),
    ),
    "DecideClaim": (
        EventKind.CLAIM_DECIDED,
        frozenset({ClaimState.PAID, ClaimState.REFUSED}),
    ),
    "WithdrawClaim": (EventKind.CLAIM_WITHDRAWN, frozenset({ClaimState.WITHDRAWN})),
}
"""As what each method of claims is told, and the states it leads to."""

TRANSFERS: Final[Mapping[str, tuple[EventKind, TransferState]]] = {
    "Transfer": (EventKind.TRANSFER_SENT, TransferState.WAITING),
    "AcceptTransfer": (EventKind.TRANSFER_ACCEPTED, TransferState.ACCEPTED),
    "DeclineTransfer": (EventKind.TRANSFER_DECLINED, TransferState.DECLINED),
    "ReturnTransfer": (EventKind.TRANSFER_RETURNED, TransferState.RETURNED),
}
"""As what each method of transfers is told, the service's own too, and the state after."""


class LeafRows(Struct, frozen=True):
    """What a leaf wrote: by which method, when, where, and the rows as they are now."""

    what: str
    at: datetime
    area_code: str
    bindings: Sequence[Binding] = ()
    settlements: Sequence[Settlement] = ()
    entries: Sequence[Entry] = ()
    premiums: Sequence[Premium] = ()
    filings: Sequence[Filing] = ()
    claims: Sequence[Claim] = ()
    transfers: Sequence[WalletTransfer] = ()


def events_of(written: LeafRows) -> Iterator[Event]:
    """Yield the events of a leaf, those of one record in their order."""
    for binding in written.bindings:
        yield from _of_binding(written, binding)
    if written.what in _SETTLEMENTS:
        yield from _of_settlements(written)
    for entry in written.entries:
        yield from _of_entry(written, entry)
    for premium in written.premiums:
        yield from _of_premium(written, premium)
    for filing in written.filings:
        yield _of_filing(written, filing)
    for claim in written.claims:
        yield from _of_claim(written, claim)
    for transfer in written.transfers:
        yield _of_transfer(written, transfer)


def _of_binding(written: LeafRows, binding: Binding) -> Iterator[Event]:
    # A binding comes from each state once, so that its history tells what this call did
    # even if several were made in one instant.
    for change in binding.history:
        if change.at == written.at and (kind := _kind_of(written.what, change)):
            what = BindingChange(
                binding.binding_id,
                binding.holder,
                binding.member,
                change.from_state,
                change.to_state,
                change.why,
            )
            people = (binding.holder, binding.member)
            area_code = binding.decided_by.area_code
            yield Event(kind, change.at, what, people, area_code)


def _kind_of(what: str, change: BindingEvent) -> EventKind | None:
    """Return as what a change of state is told by the leaf of a method; None if it is not."""
    kind, states = _STARTS.get(what, (None, frozenset()))
    if change.from_state in states:
        return kind
    # A new binding ends for good those that a fact had ended.
    superseded = kind is not None and change.who == BY_FACTS
    ended = change.to_state is BindingState.ENDED
    return (
        EventKind.BINDING_ENDED if ended and (superseded or what == "Unbind") else None
    )


def _of_settlements(written: LeafRows) -> Iterator[Event]:
    replaced = {one.replaces for one in written.settlements}
    for settlement in written.settlements:
        # Of one that is settled again the new one is told, which names it.
        if settlement.settlement_id in replaced:
            continue
        again = written.what == "Resettle" and settlement.settled_at == written.at
        made = written.what == "Settle" or again
        replaces = settlement.replaces if again else ""
        for person_no, what in _told_of(settlement, replaces, made=made):
            yield Event(
                _SETTLEMENTS[written.what],
                written.at,
                what,
                (person_no,),
                settlement.area_code,
                settlement.bill.settled_at_institution,
            )


def _told_of(
    settlement: Settlement, replaces: str, *, made: bool
) -> Iterator[tuple[str, SettlementChange]]:
    """Yield who is told what of a settlement made or taken back: the patient, each giver."""
    bill = settlement.bill
    whole = SettlementChange(
        settlement.settlement_id,
        bill.patient,
        bill.institution_code,
        replaces=replaces,
    )
    yield bill.patient, whole
    for movement in settlement.movements:
        if movement.purse != bill.patient:
            charged = -movement.fen if made else movement.fen
            yield (
                movement.purse,
                replace(whole, purse=movement.purse, charged_fen=charged),
            )


def _of_entry(written: LeafRows, entry: Entry) -> Iterator[Event]:
    person_no = person_of_purse(entry.ledger_account)
    if person_no and entry.kind in _CREDITS:
        what = CreditChange(person_no, entry.kind, entry.fen, entry.version_after)
        yield Event(EventKind.CREDITED, entry.at, what, (person_no,), written.area_code)


def _of_premium(written: LeafRows, premium: Premium) -> Iterator[Event]:
    # One that was refunded makes room for the next, which keeps it.
    ones: list[Premium | FormerPremium] = [*premium.former, premium]
    paid = written.what == "PayPremium"
    for one in ones:
        if (one.paid_at if paid else one.refunded_at) == written.at:
            yield Event(
                EventKind.PREMIUM_PAID if paid else EventKind.PREMIUM_REFUNDED,
                written.at,
                PremiumChange(
                    one.premium_id, one.holder, premium.member, premium.year, one.fen
                ),
                (one.holder, premium.member),
                one.decided_by.area_code,
            )


def _of_filing(written: LeafRows, filing: Filing) -> Event:
    what = FilingChange(filing.filing_no, filing.person_no)
    area_code = filing.decided_by.area_code
    kind = FILINGS[written.what]
    return Event(kind, written.at, what, (filing.person_no,), area_code)


def _of_claim(written: LeafRows, claim: Claim) -> Iterator[Event]:
    # A claim comes to each state once: what was done with it since tells the step.
    kind, states = CLAIMS[written.what]
    for step in claim.history:
        if step.at == written.at and step.state in states:
            patient = claim.bill.patient
            what = ClaimChange(claim.claim_id, patient, step.state, step.why)
            area_code = claim.decided_by.area_code
            yield Event(kind, step.at, what, (patient,), area_code)


def _of_transfer(written: LeafRows, transfer: WalletTransfer) -> Event:
    kind, state = TRANSFERS[written.what]
    what = TransferChange(
        transfer.transfer_id,
        transfer.sender,
        transfer.receiver,
        transfer.fen,
        state,
    )
    people = (transfer.sender, transfer.receiver)
    area_code = transfer.decided_by.area_code
    return Event(kind, written.at, what, people, area_code)


def by_table(
    keys: Iterable[tuple[str, ...]], read: Callable[[str], bool]
) -> dict[str, list[str]]:
    """Return the keys of rows that were written, not removed, by the tables that are read."""
    found: dict[str, list[str]] = {}
    for table, key, *removed in keys:
        if not removed and read(table):
            found.setdefault(table, []).append(key)
    return found
