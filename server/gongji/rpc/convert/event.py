"""Events as messages."""

from __future__ import annotations

from gongji.event.feed import Told
from gongji.model.event import (
    BindingChange,
    ClaimChange,
    CreditChange,
    Event,
    FilingChange,
    PremiumChange,
    SettlementChange,
    TransferChange,
)
from gongji.rpc.convert.values import instant_to
from gongji.v1 import account_pb2, binding_pb2, claim_pb2, wallet_pb2
from gongji.v1 import event_pb2 as pb


def told_to(told: Told, cursor: str) -> pb.WatchResponse:
    """Return what is told, with its sealed cursor."""
    if told.event is None:
        return pb.WatchResponse(cursor=cursor)
    return pb.WatchResponse(cursor=cursor, event=_event_to(told.event))


def _event_to(event: Event) -> pb.Event:
    message = pb.Event(kind=pb.EventKind.ValueType(event.kind), at=instant_to(event.at))
    match event.what:
        case BindingChange() as change:
            message.binding.CopyFrom(_binding_to(change))
        case SettlementChange() as change:
            message.settlement.CopyFrom(_settlement_to(change))
        case CreditChange() as change:
            message.credit.CopyFrom(_credit_to(change))
        case PremiumChange() as change:
            message.premium.CopyFrom(_premium_to(change))
        case FilingChange() as change:
            message.filing.filing_no = change.filing_no
            message.filing.person_no = change.person_no
        case ClaimChange() as change:
            message.claim.CopyFrom(_claim_to(change))
        case TransferChange() as change:
            message.transfer.CopyFrom(_transfer_to(change))
    return message


def _binding_to(change: BindingChange) -> pb.BindingChange:
    return pb.BindingChange(
        binding_id=change.binding_id,
        holder=change.holder,
        member=change.member,
        from_state=binding_pb2.BindingState.ValueType(change.from_state or 0),
        to_state=binding_pb2.BindingState.ValueType(change.to_state),
        why=change.why,
    )


def _settlement_to(change: SettlementChange) -> pb.SettlementChange:
    return pb.SettlementChange(
        settlement_id=change.settlement_id,
        patient=change.patient,
        institution_code=change.institution_code,
        purse=change.purse,
        charged_fen=change.charged_fen,
        replaces=change.replaces,
    )


def _credit_to(change: CreditChange) -> pb.CreditChange:
    return pb.CreditChange(
        person_no=change.person_no,
        entry_kind=account_pb2.EntryKind.ValueType(change.entry_kind),
        fen=change.fen,
        version_after=change.version_after,
    )


def _premium_to(change: PremiumChange) -> pb.PremiumChange:
    return pb.PremiumChange(
        premium_id=change.premium_id,
        holder=change.holder,
        member=change.member,
        year=str(change.year),
        fen=change.fen,
    )


def _claim_to(change: ClaimChange) -> pb.ClaimChange:
    return pb.ClaimChange(
        claim_id=change.claim_id,
        patient=change.patient,
        state=claim_pb2.ClaimState.ValueType(change.state),
        why=change.why,
    )


def _transfer_to(change: TransferChange) -> pb.TransferChange:
    return pb.TransferChange(
        transfer_id=change.transfer_id,
        sender=change.sender,
        receiver=change.receiver,
        fen=change.fen,
        state=wallet_pb2.TransferState.ValueType(change.state),
    )
