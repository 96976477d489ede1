"""Requests as a channel backend would make them: what the city's rules ask for, as the service tells programs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Final

from gongji.v1 import binding_pb2, settlement_pb2
from msgspec import UNSET, UnsetType

from gongji_conformance.cases.case import Bill, Details
from gongji_conformance.city import words
from gongji_conformance.city.asked import Asked
from gongji_conformance.city.wire import new_id, stamp
from gongji_conformance.city.wire import person as ref
from gongji_conformance.city.world import Someone

EVIDENCE: Final = "conformance/1"
"""Reference to evidence that nobody needs to see."""


def application(
    asked: Asked,
    holder: Someone,
    member: Someone,
    relation: str,
    channel: str,
    *,
    now: datetime,
    materials: Iterable[str] = (),
    consent: words.Consenting | UnsetType = UNSET,
    checks: Sequence[str] | None = None,
    purposes: Sequence[str] = ("就医购药",),
    agreement: str | UnsetType = UNSET,
    details: Details | None = None,
) -> binding_pb2.SubmitBindingRequest:
    """An application with everything the rules ask for, but for what is said here."""
    done = asked.checks(channel) if checks is None else [words.CHECKS[check] for check in checks]
    request = binding_pb2.SubmitBindingRequest(
        request_id=new_id(),
        holder=ref(holder.person_no),
        member=ref(member.person_no),
        relation=words.relation(relation),
        purposes=[words.PURPOSES[purpose] for purpose in purposes],
        channel=channel,
        identity_checks=done,
        member_details=_details(member, details or Details()),
        materials=[_material(material) for material in materials],
    )
    if accepted := asked.agreement if isinstance(agreement, UnsetType) else agreement:
        number, _, version = accepted.partition("@")
        request.agreement.MergeFrom(binding_pb2.AgreementAccepted(agreement_id=number, version=version, at=stamp(now)))
    if not isinstance(consent, UnsetType):
        request.consent.CopyFrom(consented(now, consent))
    return request


def consented(now: datetime, by: words.Consenting) -> binding_pb2.Consent:
    """The member's consent and how it was given."""
    return binding_pb2.Consent(method=words.CONSENTS[by], at=stamp(now), reference=EVIDENCE)


def bill(
    told: Bill, patient: Someone, institution: str, today: date, givers: Sequence[Someone] = ()
) -> settlement_pb2.Bill:
    """A bill as a hospital or pharmacy sends it; its total is the sum of its parts."""
    at_pharmacy = told.at == "药店"
    kind = ("药店购药" if at_pharmacy else "普通门诊") if isinstance(told.kind, UnsetType) else told.kind
    made = settlement_pb2.Bill(
        patient=ref(patient.person_no),
        institution_code=institution,
        service_day=str(today if isinstance(told.day, UnsetType) else told.day),
        visit_kind=words.KINDS[kind],
        in_scope_fen=words.fen(told.in_scope),
        first_selfpay_fen=words.fen(told.first_selfpay),
        above_limit_fen=words.fen(told.above_limit),
        out_of_catalogue_fen=words.fen(told.out_of_catalogue),
        account_use=words.USES[told.use],
        givers=[giver.person_no for giver in givers],
        inpatient_that_day=told.inpatient,
        residue=told.residue,
        spending=words.SPENDING[told.spending],
        filing_no=told.filing,
    )
    made.total_fen = made.in_scope_fen + made.first_selfpay_fen + made.above_limit_fen + made.out_of_catalogue_fen
    return made


def _details(member: Someone, said: Details) -> binding_pb2.MemberDetails:
    registered = {
        "name": member.name,
        "certificate_number": member.certificate_number,
        "phone": member.phone,
        "insured_place": member.insured_place,
    }
    typed = {key: getattr(said, key) for key in registered}
    return binding_pb2.MemberDetails(
        **{key: registered[key] if isinstance(text, UnsetType) else text for key, text in typed.items()}
    )


def _material(word: str) -> binding_pb2.Material:
    kind, original = words.material(word)
    return binding_pb2.Material(kind=kind, original=original, reference=EVIDENCE)
