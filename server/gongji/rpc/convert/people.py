"""People and institutions: messages to records and, masked, back."""

from __future__ import annotations

from gongji.model.normal import certificate_number
from gongji.model.people import Certificate, Enrolment, Institution, Kin, Person
from gongji.rpc.convert import mask
from gongji.rpc.convert.values import day_from, day_to, optional_day_from
from gongji.rules.codes import EnrolmentStatus, InstitutionKind, Scheme
from gongji.v1 import types_pb2 as pb


def certificate_from(message: pb.Certificate) -> Certificate:
    """Return a certificate, its number as it is kept: no blanks, capitals."""
    return Certificate(message.type, certificate_number(message.number))


def person_from(message: pb.Person) -> Person:
    """Return a person of the registry."""
    return Person(
        person_no=message.person_no,
        certificate=certificate_from(message.certificate),
        name=message.name,
        phone=message.phone,
        insured_place=message.insured_place,
        enrolments=tuple(_enrolment_from(e) for e in message.enrolments),
        contribution_base_fen=message.contribution_base_fen,
        kin=tuple(Kin(k.person_no, k.relation, k.source) for k in message.kin),
        died_on=optional_day_from(message.died_on),
    )


def person_to(person: Person) -> pb.Person:
    """Return a person for others to see: certificate, name and phone masked."""
    return pb.Person(
        person_no=person.person_no,
        certificate=pb.Certificate(
            type=person.certificate.type,
            number=mask.certificate(person.certificate.number),
        ),
        name=mask.name(person.name),
        phone=mask.phone(person.phone),
        insured_place=person.insured_place,
        enrolments=[_enrolment_to(e) for e in person.enrolments],
        contribution_base_fen=person.contribution_base_fen,
        kin=[
            pb.Kin(person_no=k.person_no, relation=k.relation, source=k.source)
            for k in person.kin
        ],
        died_on=day_to(person.died_on),
    )


def institution_from(message: pb.Institution) -> Institution:
    """Return a designated institution of the registry."""
    return Institution(
        code=message.code,
        name=message.name,
        kind=InstitutionKind(message.kind),
        hosp_lv=message.hosp_lv,
        designated_from=day_from(message.designated_from),
        designated_to=optional_day_from(message.designated_to),
    )


def _enrolment_from(message: pb.Enrolment) -> Enrolment:
    return Enrolment(
        scheme=Scheme(message.scheme),
        psn_type=message.psn_type,
        status=EnrolmentStatus(message.status),
        # `from` is a keyword of Python.
        since=day_from(getattr(message, "from")),
        until=optional_day_from(message.to),
    )


def _enrolment_to(enrolment: Enrolment) -> pb.Enrolment:
    message = pb.Enrolment(
        scheme=pb.Scheme.ValueType(enrolment.scheme),
        psn_type=enrolment.psn_type,
        status=pb.EnrolmentStatus.ValueType(enrolment.status),
        to=day_to(enrolment.until),
    )
    # `from` is a keyword of Python.
    setattr(message, "from", day_to(enrolment.since))
    return message
