"""Applications and bindings: messages to records and back."""

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
from gongji.model.decided import DecidedBy
from gongji.model.normal import certificate_number
from gongji.rpc.convert.subject import subject_to
from gongji.rpc.convert.values import Sources, decided_by_to, instant_from, instant_to
from gongji.rules.codes import ConsentMethod, Purpose
from gongji.v1 import binding_pb2 as pb
from gongji.v1 import types_pb2


def application_from(
    message: pb.SubmitBindingRequest, holder: str, member: str
) -> Application:
    """Return an application of two people given by number."""
    details = message.member_details
    agreement = consent = None
    if message.HasField("agreement"):
        agreement = _agreement_from(message.agreement)
    if message.HasField("consent"):
        consent = consent_from(message.consent)
    return Application(
        holder=holder,
        member=member,
        relation=message.relation,
        purposes=frozenset(Purpose(p) for p in message.purposes),
        channel=message.channel,
        identity_checks=frozenset(message.identity_checks),
        member_details=MemberDetails(
            details.name,
            # Sent again as …x or …X, the request is the same.
            certificate_number(details.certificate_number),
            details.phone,
            details.insured_place,
        ),
        materials=tuple(
            Material(m.kind, m.original, m.reference, m.sha256)
            for m in message.materials
        ),
        agreement=agreement,
        consent=consent,
    )


def consent_from(message: pb.Consent) -> Consent:
    """Return the member's consent."""
    return Consent(
        ConsentMethod(message.method),
        instant_from(message.at),
        message.reference,
        message.member_of_age,
        frozenset(message.identity_checks),
    )


def binding_to(binding: Binding, sources: Sources) -> pb.Binding:
    """Return a binding with its evidence, its rules in full and its history."""
    area_code = binding.decided_by.area_code
    message = pb.Binding(
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
        rules=[sources.rule_to(area_code, rule) for rule in binding.rules],
        decided_by=decided_by_to(binding.decided_by),
        history=[_event_to(event) for event in binding.history],
    )
    _write_evidence(binding, message)
    if binding.member_decided_by is not None:
        _write_other_city(binding, binding.member_decided_by, sources, message)
    return message


def _write_other_city(
    binding: Binding, decided: DecidedBy, sources: Sources, message: pb.Binding
) -> None:
    """Write what the member's city decided."""
    rules = [sources.rule_to(decided.area_code, r) for r in binding.member_rules]
    message.member_rules.extend(rules)
    message.member_decided_by.CopyFrom(decided_by_to(decided))


def _write_evidence(binding: Binding, message: pb.Binding) -> None:
    """Write what was handed in, accepted and consented to."""
    message.materials.extend(map(_material_to, binding.materials))
    if binding.agreement is not None:
        message.agreement.CopyFrom(_agreement_to(binding.agreement))
    if binding.consent is not None:
        message.consent.CopyFrom(_consent_to(binding.consent))
    if binding.consented_by is not None:
        message.consented_by.CopyFrom(subject_to(binding.consented_by))


def _agreement_from(message: pb.AgreementAccepted) -> AgreementAccepted:
    return AgreementAccepted(
        message.agreement_id,
        message.version,
        message.text_sha256,
        instant_from(message.at),
    )


def _material_to(material: Material) -> pb.Material:
    return pb.Material(
        kind=material.kind,
        original=material.original,
        reference=material.reference,
        sha256=material.sha256,
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
        method=method,
        at=instant_to(consent.at),
        reference=consent.reference,
        member_of_age=consent.member_of_age,
        identity_checks=sorted(consent.identity_checks),
    )


def _event_to(event: BindingEvent) -> pb.BindingEvent:
    return pb.BindingEvent(
        at=instant_to(event.at),
        # The first event comes from no state.
        from_state=pb.BindingState.ValueType(event.from_state or 0),
        to_state=pb.BindingState.ValueType(event.to_state),
        who=event.who,
        channel=event.channel,
        why=event.why,
    )
