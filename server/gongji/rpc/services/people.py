"""References to people, by number or certificate, resolved before a command is made."""

from __future__ import annotations

from gongji.model.people import Person
from gongji.model.refusals import CertificateChecksum, MalformedField, PersonNotFound
from gongji.registry.rows import problems_of_certificate
from gongji.rpc.convert.people import certificate_from
from gongji.store import Store
from gongji.v1 import types_pb2 as pb


class People:
    """The registry's people as requests name them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def number(self, ref: pb.PersonRef, field: str) -> str:
        """Return a person's number.

        CertificateChecksum, MalformedField, PersonNotFound with the field's path.
        """
        # A number is not looked up: the command itself does that, in its transaction.
        if ref.WhichOneof("by") == "person_no":
            return ref.person_no
        certificate = certificate_from(ref.certificate)
        for problem in problems_of_certificate(certificate):
            kind = (
                CertificateChecksum
                if problem.reason == CertificateChecksum.reason()
                else MalformedField
            )
            raise kind(f"{field}: {problem.message}", field=f"{field}.{problem.field}")
        number = await self._store.person_no_of(certificate)
        if number is None:
            raise PersonNotFound(f"{field}: 登记库中没有持此证件的人", field=field)
        return number

    async def known(self, ref: pb.PersonRef, field: str) -> Person:
        """Return a registered person. PersonNotFound with the field's path."""
        number = await self.number(ref, field)
        person = await self._store.get(Person, number)
        if person is None:
            raise PersonNotFound(
                f"{field}: 登记库中没有编号为 {number} 的人", field=field
            )
        return person
