"""Families that fill in forms: what they know of themselves, and the world they live in."""

from __future__ import annotations

from datetime import date, datetime
from typing import Final

from gongji.binding.form import FormQuery, admit, form_of
from gongji.cities.city import Cities
from gongji.model.binding import Application, Binding
from gongji.model.people import Certificate, Kin, Mark, Person
from gongji.rpc.constraints import enforce
from gongji.rpc.convert.binding import application_from
from gongji.rpc.convert.form import form_to
from gongji.rules.codes import Scheme
from gongji.v1 import binding_pb2 as pb
from gongji.v1 import types_pb2
from gongji_conformance.city.form import Applicants as Known
from msgspec.structs import replace

from tests.binding.applying import TUESDAY, Applicants, enrolled

PHONE: Final = "10000000000"

_PASSPORT: Final = "08"
"""Tells no birth date: none speaks against a relation."""

BOTH_SCHEMES: Final = (*enrolled(Scheme.EMPLOYEE), *enrolled(Scheme.RESIDENT, "15"))
"""Enrolled for whatever a city may ask, and of age."""


class Family(Applicants):
    """A holder H and a member M who meet whatever can be met, where a query has them."""

    def __init__(
        self,
        query: FormQuery,
        *,
        on_record: bool = False,
        now: datetime = TUESDAY,
        served: Cities | None = None,
    ) -> None:
        super().__init__(now=now, served=served)
        self.query, self.on_record = query, on_record
        marks = tuple([Mark(kind, "", date(2020, 1, 1)) for kind in query.marks])
        kin = (Kin("M", query.relation, "登记"),) if on_record else ()
        self._settle("H", query.holder_city, marks=marks, kin=kin)
        self._settle("M", query.member_city)

    def _settle(
        self,
        number: str,
        place: str,
        marks: tuple[Mark, ...] = (),
        kin: tuple[Kin, ...] = (),
    ) -> None:
        person = replace(
            self.get(number),
            certificate=Certificate(_PASSPORT, f"X{number}0000001"),
            name=f"某{number}",
            phone=PHONE,
            first_place=place,
            enrolments=BOTH_SCHEMES,
            marks=marks,
            kin=kin,
        )
        self.add(person)

    def known(self, *, age: int | None = 40, consents: bool = True) -> Known:
        """Return what they type on a form."""
        holder, member = self.get("H"), self.get("M")
        answers = {
            "holder.certificate.type": holder.certificate.type,
            "holder.certificate.number": holder.certificate.number,
            "member.certificate.type": member.certificate.type,
            "member.certificate.number": member.certificate.number,
            "member_details.name": member.name,
            "member_details.phone": member.phone,
        }
        return Known(
            answers=answers,
            now=self.now,
            on_record=self.on_record,
            age=age,
            consents=consents,
        )

    def form(self) -> pb.DescribeFormResponse:
        """Return the form of their query. Refusal."""
        admitted = admit(self.query, self.cities, self.workdays, self.now)
        return form_to(form_of(admitted.scope))

    def send(self, request: pb.SubmitBindingRequest) -> Binding:
        """Submit what was filled in, as if it had come over the wire. Refusal."""
        enforce(request)
        holder, member = self._named(request.holder), self._named(request.member)
        application = application_from(request, holder.person_no, member.person_no)
        return self.decide(self.submission(application)).answer

    def _named(self, ref: types_pb2.PersonRef) -> Person:
        (person,) = [
            one
            for one in self.all(Person)
            if one.certificate.number == ref.certificate.number
        ]
        return person

    def apply(self) -> Binding:
        """Apply with no more than the query says. Refusal."""
        application = Application(
            holder="H",
            member="M",
            relation=self.query.relation,
            purposes=self.query.purposes,
            channel=self.query.channel,
        )
        return self.decide(self.submission(application)).answer
