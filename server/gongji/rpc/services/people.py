"""References to people, by number or certificate, resolved before a command is made."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from msgspec import Struct

from gongji.access.identity import SUBJECT_KEY
from gongji.access.rights import AccessScope
from gongji.model.commands import Decision
from gongji.model.facts import Facts, Need, by_key
from gongji.model.people import Certificate, Person
from gongji.model.refusals import (
    CertificateChecksum,
    MalformedField,
    PersonNotFound,
    SubjectRequired,
)
from gongji.model.subject import NO_SUCH_PERSON
from gongji.registry.rows import problems_of_certificate
from gongji.rpc.calls import current_call, current_permit
from gongji.rpc.convert.people import certificate_from
from gongji.rpc.services.guessing import LookUps
from gongji.rpc.services.parties import show_party
from gongji.rules.codes import Scheme
from gongji.store import Store
from gongji.v1 import types_pb2 as pb


class PlaceOf(Struct, frozen=True):
    """Ask where a person is insured on a day, without one today; "" if nobody knows."""

    person_no: str
    day: date | None
    scheme: Scheme | None = None

    def needs(self, _: Facts) -> Iterator[Need]:
        """Return the person."""
        yield by_key(Person, self.person_no)

    def decide(self, facts: Facts) -> Decision[str]:
        """Return the area code."""
        person = facts.get(Person, self.person_no)
        day = self.day or facts.today
        return Decision(person.place_on(day, self.scheme) if person else "")


class People:
    """The registry's people as requests name them, and who may act for them.

    Each is noted as looked at.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._look_ups = LookUps(store)

    async def number(self, ref: pb.PersonRef, field: str) -> str:
        """Return a person's number.

        CertificateChecksum, MalformedField, PersonNotFound with the field's path;
        SubjectRequired by certificate if the caller does not say what for,
        GuessingPaused.
        """
        # A number is not looked up: the command itself does that, in its transaction.
        if ref.WhichOneof("by") == "person_no":
            current_call().accesses.note(ref.person_no)
            return ref.person_no
        permit = current_permit()
        if permit.guessing is not None and permit.subject.purpose is None:
            raise SubjectRequired(
                f"{field}：按证件查人须以元数据 {SUBJECT_KEY} 说明用途", field=field
            )
        number = await self.found(ref.certificate, field)
        if number is None:
            raise PersonNotFound(f"{field}：登记库中没有持此证件的人", field=field)
        current_call().accesses.note(number)
        return number

    async def found(self, message: pb.Certificate, field: str) -> str | None:
        """Return the number of who has a certificate, None if nobody.

        CertificateChecksum, MalformedField; GuessingPaused.
        """
        certificate = certificate_from(message)
        _refuse_malformed(certificate, field)
        return await self._look_ups.number_of(certificate)

    async def number_or_nobody(self, ref: pb.PersonRef, field: str) -> str:
        """Return a number, nobody's if there is none and the caller acts for a person.

        Whether there is such a person is not told before it is asked for whom.
        """
        try:
            return await self.number(ref, field)
        except PersonNotFound:
            if current_permit().bound_by(AccessScope.SUBJECT):
                return NO_SUCH_PERSON
            raise

    async def own(
        self,
        ref: pb.PersonRef,
        field: str,
        day: date | None = None,
        scheme: Scheme | None = None,
    ) -> str:
        """Return the number of a person that is the caller's own. As `number`; Denied."""
        number = await self.number(ref, field)
        await self.require_own(number, day=day, scheme=scheme)
        return number

    async def require_own(
        self, *numbers: str, day: date | None = None, scheme: Scheme | None = None
    ) -> None:
        """Show that one of some people is the caller's own. Denied.

        One is of its cities, on a day or today, in a scheme if one is said; and if the
        caller acts for a person, for one of them.
        """
        await show_party(self._store, *numbers)
        permit = current_permit()
        # Most callers are not bound by it: no look-up for those.
        if permit.bound_by(AccessScope.CITY):
            places = [PlaceOf(number, day, scheme) for number in numbers]
            permit.city(*[await self._store.ask(place) for place in places])

    async def known(self, ref: pb.PersonRef, field: str) -> Person:
        """Return a registered person of the caller's cities. PersonNotFound; as `own`."""
        number = await self.own(ref, field)
        person = await self._store.get(Person, number)
        if person is None:
            raise PersonNotFound(
                f"{field}：登记库中没有编号为 {number} 的人", field=field
            )
        return person


def _refuse_malformed(certificate: Certificate, field: str) -> None:
    """Refuse a certificate that cannot be one. CertificateChecksum, MalformedField."""
    for problem in problems_of_certificate(certificate):
        kind = (
            CertificateChecksum
            if problem.reason == CertificateChecksum.reason()
            else MalformedField
        )
        raise kind(f"{field}：{problem.message}", field=f"{field}.{problem.field}")
