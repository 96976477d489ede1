"""People and institutions: messages to records and, masked, back."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from datetime import date
from typing import Final, TypeVar

from gongji.access.fields import PersonField
from gongji.model.normal import certificate_number
from gongji.model.people import (
    BaseSince,
    Certificate,
    Designation,
    Enrolment,
    GradeSince,
    Institution,
    InstitutionGrade,
    Kin,
    Mark,
    Person,
    PlaceSince,
)
from gongji.model.refusals import MalformedField
from gongji.model.registry import InstitutionRow, PersonRow
from gongji.model.staging import AppliedImport
from gongji.rpc.convert import mask
from gongji.rpc.convert.values import (
    day_from,
    day_to,
    instant_to,
    optional_day_from,
)
from gongji.rules.codes import EnrolmentStatus, InstitutionKind, Scheme
from gongji.v1 import registry_pb2
from gongji.v1 import types_pb2 as pb

M = TypeVar("M")


def certificate_from(message: pb.Certificate) -> Certificate:
    """Return a certificate, its number as it is kept: no blanks, capitals."""
    return Certificate(message.type, certificate_number(message.number))


def person_row_from(message: pb.Person) -> PersonRow:
    """Return a row of an import of persons."""
    return PersonRow(
        person_no=message.person_no,
        certificate=certificate_from(message.certificate),
        name=message.name,
        phone=message.phone,
        insured_place=message.insured_place,
        insured_places=tuple(map(_place_from, message.insured_places)),
        base_fen=message.contribution_base_fen,
        bases=tuple(map(_base_from, message.contribution_bases)),
        enrolments=tuple(map(_enrolment_from, message.enrolments)),
        kin=tuple(map(_kin_from, message.kin)),
        marks=tuple(map(_mark_from, message.marks)),
        died_on=optional_day_from(message.died_on),
        born_on=optional_day_from(message.born_on),
    )


def person_to(person: Person, day: date, fields: Container[PersonField]) -> pb.Person:
    """Return these fields of a person for others to see, never the birth day.

    Certificate, name and phone are masked; the insured place and the contribution base
    are those of the day.
    """
    message = pb.Person(person_no=person.person_no)
    for field, write in _WRITTEN.items():
        if field in fields:
            write(person, day, message)
    return message


def _write_certificate(person: Person, _: date, message: pb.Person) -> None:
    message.certificate.type = person.certificate.type
    message.certificate.number = mask.certificate(person.certificate.number)


def _write_name(person: Person, _: date, message: pb.Person) -> None:
    message.name = mask.name(person.name)


def _write_phone(person: Person, _: date, message: pb.Person) -> None:
    message.phone = mask.phone(person.phone)


def _write_places(person: Person, day: date, message: pb.Person) -> None:
    message.insured_place = person.place_on(day)
    message.insured_places.extend(_places_to(person))


def _write_enrolments(person: Person, _: date, message: pb.Person) -> None:
    message.enrolments.extend(map(_enrolment_to, person.enrolments))


def _write_bases(person: Person, day: date, message: pb.Person) -> None:
    message.contribution_base_fen = person.base_on(day)
    message.contribution_bases.extend(_bases_to(person))


def _write_kin(person: Person, _: date, message: pb.Person) -> None:
    message.kin.extend(map(_kin_to, person.kin))


def _write_death(person: Person, _: date, message: pb.Person) -> None:
    message.died_on = day_to(person.died_on)


def _write_marks(person: Person, _: date, message: pb.Person) -> None:
    message.marks.extend(map(_mark_to, person.marks))


_WRITTEN: Final[Mapping[PersonField, Callable[[Person, date, pb.Person], None]]] = {
    PersonField.CERTIFICATE: _write_certificate,
    PersonField.NAME: _write_name,
    PersonField.PHONE: _write_phone,
    PersonField.INSURED_PLACE: _write_places,
    PersonField.ENROLMENTS: _write_enrolments,
    PersonField.CONTRIBUTION_BASE: _write_bases,
    PersonField.KIN: _write_kin,
    PersonField.DIED_ON: _write_death,
    PersonField.MARKS: _write_marks,
}
"""How each field comes into the message; what is not shown is never read."""


def _places_to(person: Person) -> list[pb.PlaceSince]:
    if not person.moves:
        return []
    # Whole, so that what is answered here can be imported there.
    return [
        _since(pb.PlaceSince(insured_place=place.area_code), place.since)
        for place in person.place_history
    ]


def _bases_to(person: Person) -> list[pb.ContributionBaseSince]:
    if not person.bases:
        return []
    return [
        _since(pb.ContributionBaseSince(fen=base.fen), base.since)
        for base in person.base_history
    ]


def institution_row_from(message: pb.Institution) -> InstitutionRow:
    """Return a row of an import of institutions. MalformedField if it has no kind."""
    first = Designation(
        day_from(message.designated_from), optional_day_from(message.designated_to)
    )
    further = (
        Designation(day_from(_first(time)), optional_day_from(time.to))
        for time in message.further_designations
    )
    return InstitutionRow(
        code=message.code,
        name=message.name,
        grade=_grade_from(message),
        grades=tuple(
            GradeSince(
                InstitutionGrade(
                    InstitutionKind(change.kind), change.hosp_lv, change.care_class
                ),
                day_from(_first(change)),
            )
            for change in message.grades
        ),
        designations=(first, *further),
    )


def _grade_from(message: pb.Institution) -> InstitutionGrade | None:
    """Return the kind and grade said without a day, None if grades say it.

    MalformedField if there is no kind.
    """
    if not message.kind:
        if message.grades and not message.hosp_lv:
            return None
        raise MalformedField("kind：必填", field="kind")
    return InstitutionGrade(
        InstitutionKind(message.kind), message.hosp_lv, message.care_class
    )


def institution_to(institution: Institution, day: date) -> pb.Institution:
    """Return an institution with its kind and grade of the day."""
    grade = institution.grade_on(day)
    grades = institution.grade_history if institution.grades else ()
    return pb.Institution(
        code=institution.code,
        name=institution.name,
        kind=pb.InstitutionKind.ValueType(grade.kind),
        hosp_lv=grade.hosp_lv,
        care_class=grade.care_class,
        designated_from=day_to(institution.designated_from),
        designated_to=day_to(institution.designated_to),
        grades=[_grade_to(change) for change in grades],
        further_designations=[
            _since(pb.Designation(to=day_to(time.until)), time.since)
            for time in institution.further_designations
        ],
    )


def revision_to(record: Person | Institution) -> registry_pb2.Revision:
    """Return which revision of a record this is."""
    return registry_pb2.Revision(
        number=record.revision,
        known_from=instant_to(record.known_from),
        import_id=record.import_id,
    )


def import_to(applied: AppliedImport, *, merging: bool) -> registry_pb2.AppliedImport:
    """Return an import that was applied."""
    return registry_pb2.AppliedImport(
        import_id=applied.import_id,
        registry=_REGISTRIES[applied.registry],
        applied_at=instant_to(applied.at),
        received=applied.received,
        written=applied.written,
        unchanged=applied.unchanged,
        refused=applied.refused,
        merging=merging,
    )


_REGISTRIES: Final = {
    "person": registry_pb2.REGISTRY_PERSONS,
    "institution": registry_pb2.REGISTRY_INSTITUTIONS,
}


def _grade_to(change: GradeSince) -> pb.GradeSince:
    message = pb.GradeSince(
        kind=pb.InstitutionKind.ValueType(change.grade.kind),
        hosp_lv=change.grade.hosp_lv,
        care_class=change.grade.care_class,
    )
    return _since(message, change.since)


def _first(message: object) -> str:
    # `from` is a keyword of Python.
    day: str = getattr(message, "from")
    return day


def _since(message: M, day: date | None) -> M:
    # `from` is a keyword of Python.
    setattr(message, "from", day_to(day))
    return message


def _place_from(message: pb.PlaceSince) -> PlaceSince:
    return PlaceSince(message.insured_place, day_from(_first(message)))


def _base_from(message: pb.ContributionBaseSince) -> BaseSince:
    return BaseSince(message.fen, day_from(_first(message)))


def _kin_from(message: pb.Kin) -> Kin:
    return Kin(
        person_no=message.person_no,
        relation=message.relation,
        source=message.source,
        since=optional_day_from(_first(message)),
        until=optional_day_from(message.to),
    )


def _kin_to(kin: Kin) -> pb.Kin:
    message = pb.Kin(
        person_no=kin.person_no,
        relation=kin.relation,
        source=kin.source,
        to=day_to(kin.until),
    )
    return _since(message, kin.since)


def _mark_from(message: pb.Mark) -> Mark:
    return Mark(
        kind=message.kind,
        value=message.value,
        since=day_from(_first(message)),
        until=optional_day_from(message.to),
    )


def _mark_to(mark: Mark) -> pb.Mark:
    message = pb.Mark(kind=mark.kind, value=mark.value, to=day_to(mark.until))
    return _since(message, mark.since)


def _enrolment_from(message: pb.Enrolment) -> Enrolment:
    return Enrolment(
        scheme=Scheme(message.scheme),
        psn_type=message.psn_type,
        status=EnrolmentStatus(message.status),
        since=day_from(_first(message)),
        until=optional_day_from(message.to),
        insured_place=message.insured_place,
    )


def _enrolment_to(enrolment: Enrolment) -> pb.Enrolment:
    message = pb.Enrolment(
        scheme=pb.Scheme.ValueType(enrolment.scheme),
        psn_type=enrolment.psn_type,
        status=pb.EnrolmentStatus.ValueType(enrolment.status),
        to=day_to(enrolment.until),
        insured_place=enrolment.insured_place,
    )
    return _since(message, enrolment.since)
