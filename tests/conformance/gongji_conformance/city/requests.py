"""Requests as a channel backend makes them, with what the city's rules require."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from gongji.v1 import binding_pb2, filing_pb2, settlement_pb2, wallet_pb2
from msgspec import UNSET, UnsetType

from gongji_conformance.city import words
from gongji_conformance.city.described import BillDescription, EnteredDetails
from gongji_conformance.city.population import InventedPerson
from gongji_conformance.city.requirements import Requirements
from gongji_conformance.city.stubs import new_id, stamp
from gongji_conformance.city.stubs import person as ref

EVIDENCE: Final = "conformance/1"
"""Reference to evidence that nobody needs to see."""
REVIEWER: Final = "conformance"
AS_REGISTERED: Final = EnteredDetails()


@dataclass(
    frozen=True,
    slots=True,
    kw_only=True,
)
class Wishes:
    """An application in the words of a case; what is unset follows the rules."""

    holder: InventedPerson
    member: InventedPerson
    relation: str
    channel: str
    now: datetime
    materials: Sequence[str] = ()
    consent: words.Consenting | UnsetType = UNSET
    member_checks: Sequence[str] = ()
    checks: Sequence[str] | UnsetType = UNSET
    purposes: Sequence[str] = ("就医购药",)
    agreement: str | UnsetType = UNSET
    details: EnteredDetails = AS_REGISTERED


def application(
    requirements: Requirements, wishes: Wishes
) -> binding_pb2.SubmitBindingRequest:
    """Return an application with all that the rules require and is not wished away."""
    request = binding_pb2.SubmitBindingRequest(
        request_id=new_id(),
        holder=ref(wishes.holder.person_no),
        member=ref(wishes.member.person_no),
        relation=words.relation(wishes.relation),
        purposes=[words.PURPOSES[purpose] for purpose in wishes.purposes],
        channel=wishes.channel,
        identity_checks=_checks(requirements, wishes),
        member_details=_details(wishes.member, wishes.details),
        materials=[_material(material) for material in wishes.materials],
    )
    if accepted := _agreement(requirements, wishes):
        request.agreement.CopyFrom(accepted)
    if not isinstance(wishes.consent, UnsetType):
        request.consent.CopyFrom(consent(wishes.now, wishes.consent))
        checks = [words.CHECKS[check] for check in wishes.member_checks]
        request.consent.identity_checks.extend(checks)
    return request


def _checks(requirements: Requirements, wishes: Wishes) -> list[str]:
    """Return the identity checks done, by default those required."""
    if isinstance(wishes.checks, UnsetType):
        return requirements.checks(wishes.channel)
    return [words.CHECKS[check] for check in wishes.checks]


def _agreement(
    requirements: Requirements, wishes: Wishes
) -> binding_pb2.AgreementAccepted | None:
    """Return the agreement accepted, by default the one required."""
    accepted = wishes.agreement
    if isinstance(accepted, UnsetType):
        accepted = requirements.agreement
    if not accepted:
        return None
    number, _, version = accepted.partition("@")
    return binding_pb2.AgreementAccepted(
        agreement_id=number,
        version=version,
        at=stamp(wishes.now),
    )


def consent(now: datetime, by: words.Consenting) -> binding_pb2.Consent:
    """Return the member's consent and how it was given."""
    method = words.CONSENTS[by]
    return binding_pb2.Consent(
        method=method,
        at=stamp(now),
        reference=EVIDENCE,
    )


def review(
    binding_id: str,
    verdict: binding_pb2.ReviewVerdict.ValueType,
    reason_code: str = "",
) -> binding_pb2.ReviewBindingRequest:
    """Return a reviewer's decision about a binding."""
    return binding_pb2.ReviewBindingRequest(
        request_id=new_id(),
        binding_id=binding_id,
        reviewer=REVIEWER,
        verdict=verdict,
        reason_code=reason_code,
    )


def area_of(institution: str) -> str:
    """Return the area an institution lies in: characters two to seven of its code."""
    return institution[1:7]


def filing(person_no: str, areas: Sequence[str], today: date) -> filing_pb2.FileRequest:
    """Return the request to file that somebody lives in some areas from today on."""
    return filing_pb2.FileRequest(
        request_id=new_id(),
        person=ref(person_no),
        kind=filing_pb2.FILING_KIND_LONG_TERM,
        areas=areas,
        since=str(today),
    )


def bill(
    described: BillDescription,
    patient: InventedPerson,
    institution: str,
    today: date,
    givers: Sequence[InventedPerson] = (),
) -> settlement_pb2.Bill:
    """Return a bill as a hospital or pharmacy sends it; its parts sum to its total."""
    day = today if isinstance(described.day, UnsetType) else described.day
    sent = settlement_pb2.Bill(
        patient=ref(patient.person_no),
        institution_code=institution,
        service_day=str(day),
        visit_kind=words.KINDS[described.visit_kind],
        in_scope_fen=words.fen(described.in_scope),
        first_selfpay_fen=words.fen(described.first_selfpay),
        above_limit_fen=words.fen(described.above_limit),
        out_of_catalogue_fen=words.fen(described.out_of_catalogue),
        account_use=words.USES[described.use],
        givers=[giver.person_no for giver in givers],
        inpatient_that_day=described.inpatient,
        residue=described.residue,
        residue_of=words.RESIDUES[described.residue_of],
        spending=words.SPENDING[described.spending],
        filing_no=described.filing,
    )
    in_catalogue_fen = sent.in_scope_fen + sent.first_selfpay_fen + sent.above_limit_fen
    sent.total_fen = in_catalogue_fen + sent.out_of_catalogue_fen
    return sent


def _details(
    member: InventedPerson, entered: EnteredDetails
) -> binding_pb2.MemberDetails:
    """Return what was typed of the member, by default as registered."""
    fields = {
        "name": member.name,
        "certificate_number": member.certificate_number,
        "phone": member.phone,
        "insured_place": member.insured_place,
    }
    for key in fields:
        text = getattr(entered, key)
        if not isinstance(text, UnsetType):
            fields[key] = text
    return binding_pb2.MemberDetails(**fields)


def _material(word: str) -> binding_pb2.Material:
    """Return a material by its name in a case."""
    kind, original = words.material(word)
    return binding_pb2.Material(
        kind=kind,
        original=original,
        reference=EVIDENCE,
    )


def wallet_opening(person_no: str) -> wallet_pb2.OpenWalletRequest:
    """Return the request to open a person's wallet, to be used in Shanghai."""
    return wallet_pb2.OpenWalletRequest(
        request_id=new_id(),
        person=ref(person_no),
        use_place="310100",
        phone="13800001234",
    )


def wallet_transfer(
    sender: str, receiver: str, fen: int = 100_00
) -> wallet_pb2.TransferRequest:
    """Return the request to transfer money to a spouse's wallet."""
    return wallet_pb2.TransferRequest(
        request_id=new_id(),
        sender=ref(sender),
        receiver=ref(receiver),
        relation="10",
        fen=fen,
    )


def totals(institution: str, day: str) -> settlement_pb2.ReconcileTotalsRequest:
    """Return the request to compare an institution's totals of a day."""
    return settlement_pb2.ReconcileTotalsRequest(
        institution_code=institution, from_day=day, to_day=day
    )


def details(institution: str, day: str) -> settlement_pb2.ReconcileDetailsRequest:
    """Return the header of an institution's details of a day."""
    header = settlement_pb2.ReconcileHeader(
        institution_code=institution, from_day=day, to_day=day
    )
    return settlement_pb2.ReconcileDetailsRequest(header=header)
