"""Applications and bindings between the wire and the model."""

from __future__ import annotations

from gongji.model.binding import (
    AgreementAccepted,
    Application,
    Binding,
    BindingEvent,
    Consent,
    Material,
    MemberDetails,
)
from gongji.rpc.convert.values import Sources, decided_by, instant_from, instant_to
from gongji.rules.codes import ConsentMethod, Purpose
from gongji.v1 import binding_pb2 as pb
from gongji.v1 import types_pb2


def application_from(
    message: pb.SubmitBindingRequest, holder: str, member: str
) -> Application:
    """An application of two people named by their numbers."""
    details = message.member_details
    return Application(
        holder=holder,
        member=member,
        relation=message.relation,
        purposes=frozenset(Purpose(p) for p in message.purposes),
        channel=message.channel,
        identity_checks=frozenset(message.identity_checks),
        member_details=MemberDetails(
            details.name,
            details.certificate_number.upper(),
            details.phone,
            details.insured_place,
        ),
        materials=tuple(
            Material(m.kind, m.original, m.reference, m.sha256)
            for m in message.materials
        ),
        agreement=_agreement_from(message.agreement)
        if message.HasField("agreement")
        else None,
        consent=consent_from(message.consent) if message.HasField("consent") else None,
    )


def consent_from(message: pb.Consent) -> Consent:
    """The member's consent."""
    return Consent(
        ConsentMethod(message.method), instant_from(message.at), message.reference
    )


def binding_to(binding: Binding, sources: Sources) -> pb.Binding:
    """A binding with its evidence, its rules in full and its history."""
    return pb.Binding(
        binding_id=binding.binding_id,
        holder=binding.holder,
        member=binding.member,
        relation=binding.relation,
        purposes=[types_pb2.Purpose.ValueType(p) for p in sorted(binding.purposes)],
        channel=binding.channel,
        state=pb.BindingState.ValueType(binding.state),
        submitted_at=instant_to(binding.submitted_at),
        review_due_at=instant_to(binding.review_due_at),
        review_due_provisional=binding.review_due_provisional,
        active_at=instant_to(binding.active_at),
        closed_at=instant_to(binding.closed_at),
        reason=binding.reason,
        materials=[
            pb.Material(
                kind=m.kind, original=m.original, reference=m.reference, sha256=m.sha256
            )
            for m in binding.materials
        ],
        agreement=_agreement_to(binding.agreement) if binding.agreement else None,
        consent=_consent_to(binding.consent) if binding.consent else None,
        rules=[sources.rule(binding.decided_by.area_code, r) for r in binding.rules],
        decided_by=decided_by(binding.decided_by),
        history=[_event_to(e) for e in binding.history],
    )


def _agreement_from(message: pb.AgreementAccepted) -> AgreementAccepted:
    return AgreementAccepted(
        message.agreement_id,
        message.version,
        message.text_sha256,
        instant_from(message.at),
    )


def _agreement_to(agreement: AgreementAccepted) -> pb.AgreementAccepted:
    return pb.AgreementAccepted(
        agreement_id=agreement.agreement_id,
        version=agreement.version,
        text_sha256=agreement.text_sha256,
        at=instant_to(agreement.at),
    )


def _consent_to(consent: Consent) -> pb.Consent:
    method = pb.ConsentMethod.ValueType(consent.method)
    return pb.Consent(
        method=method, at=instant_to(consent.at), reference=consent.reference
    )


def _event_to(event: BindingEvent) -> pb.BindingEvent:
    return pb.BindingEvent(
        at=instant_to(event.at),
        from_state=pb.BindingState.ValueType(event.from_state or 0),
        to_state=pb.BindingState.ValueType(event.to_state),
        who=event.who,
        channel=event.channel,
        why=event.why,
    )
