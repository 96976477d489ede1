"""Invented people and institutions: new ones for each case, so none meets another."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from operator import mul
from typing import Final, NamedTuple

from gongji.v1 import account_pb2, registry_pb2, types_pb2

from gongji_conformance.city import words
from gongji_conformance.city.chance import CHANCE
from gongji_conformance.city.described import PersonDescription
from gongji_conformance.city.requirements import Requirements
from gongji_conformance.city.stubs import CallRefused, Stubs, ask, new_id
from gongji_conformance.city.stubs import person as ref

AREAS: Final = tuple(f"34{city:02d}99" for city in range(1, 19))
"""Areas no identity card bears: whoever holds one is invented."""

_FIRST_BIRTHDAY: Final = date(1950, 1, 1)
# To the spring of 1999: all of an age to marry since the first rules.
_BIRTHDAYS: Final = 18_000
_SEQUENCES: Final = 999
# Weights and check digits of GB 11643.
_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK_DIGITS: Final = "10X98765432"
_ID_CARD: Final = "01"
# Tells no birth date: none speaks against what a case says of relations.
_PASSPORT: Final = "08"
_DESIGNATED: Final = "2015-01-01"
_NAMED: Final = "合规测试"
# Two, so that for every city one of them is elsewhere.
_ELSEWHERE: Final = ("340100", "340200")
_AreaAndDay = tuple[str, date]
_HOSPITAL: Final = types_pb2.INSTITUTION_KIND_HOSPITAL
_PHARMACY: Final = types_pb2.INSTITUTION_KIND_PHARMACY


class PopulationFault(Exception):  # noqa: N818 - neither the city's nor the case's fault
    """The server did not accept the invented people or places."""


@dataclass(
    frozen=True,
    slots=True,
)
class InventedPerson:
    """An invented person as registered."""

    person_no: str
    name: str
    certificate_number: str
    phone: str
    insured_place: str


People = dict[str, InventedPerson]
"""By their names in a case."""
Couple = tuple[InventedPerson, InventedPerson]


class Population:
    """The invented people and institutions of one city on one server."""

    def __init__(self, stubs: Stubs, area_code: str) -> None:
        self._stubs = stubs
        self.area_code = area_code
        self._requirements: dict[_AreaAndDay, Requirements] = {}
        self._codes = self._import_institutions(_institutions(area_code))

    def institution(self, place: str) -> str:
        """Return the code of the institution of that kind, e.g. "三级"."""
        return self._codes[_NAMED + place]

    def register_institution(self, code: str) -> None:
        """Register an institution, designated as ours are, unless there is one."""
        asked = registry_pb2.GetInstitutionRequest(code=code)
        found = ask(self._stubs.registry.GetInstitution, asked)
        if isinstance(found, CallRefused):
            like = self.institution("药店" if code.startswith("P") else "二级")
            known = registry_pb2.GetInstitutionRequest(code=like)
            institution = self._stubs.registry.GetInstitution(known).institution
            institution.code = code
            self._import_institutions([institution])

    def requirements(self, area_code: str, day: date) -> Requirements:
        """Return what the rules of a city require on a day."""
        key = area_code, day
        # Once a city and day: every application of a case needs them.
        if key not in self._requirements:
            self._requirements[key] = Requirements(self._stubs, area_code, day)
        return self._requirements[key]

    def register(
        self, described: Iterable[PersonDescription], certificate_type: str = _PASSPORT
    ) -> People:
        """Register new people with their balances, by name. PopulationFault.

        The certificate is an identity card if the birthday or no insurance is described.
        """
        rows = [(person, _invented(person)) for person in described]
        people = {invented.name: invented for _, invented in rows}
        self._import_persons(
            _registered(person, invented, people, certificate_type)
            for person, invented in rows
        )
        # A credit names a person, who must be registered before.
        for person, invented in rows:
            if person.balance:
                self._bring_forward(invented, person.balance)
        return people

    def one(
        self,
        standing: words.Standing = "在职",
        *,
        balance: int = 0,
        insured: str = "",
    ) -> InventedPerson:
        """Register one new person of this city with a balance in yuan."""
        person = PersonDescription(
            name=f"测试{standing}",
            insured=insured or self.area_code,
            as_=standing,
            balance=Decimal(balance),
        )
        return self.register([person], _ID_CARD)[person.name]

    def couple(self, *, giver: int = 0, member: int = 0) -> Couple:
        """Register two married employees of this city with balances in yuan."""
        people = self.register(
            [self._spouse("甲", "乙", giver), self._spouse("乙", "甲", member)],
            _ID_CARD,
        )
        return people["甲"], people["乙"]

    def _spouse(
        self,
        name: str,
        of: str,
        balance: int,
    ) -> PersonDescription:
        return PersonDescription(
            name=name,
            insured=self.area_code,
            as_="在职",
            balance=Decimal(balance),
            kin={of: "配偶"},
        )

    def tell_death(self, person: InventedPerson, died_on: date) -> str:
        """Import that one of a couple has died; return the import's id."""
        row = types_pb2.Person(
            person_no=person.person_no,
            certificate=types_pb2.Certificate(
                type=_ID_CARD, number=person.certificate_number
            ),
            name=person.name,
            phone=person.phone,
            insured_place=person.insured_place,
            died_on=str(died_on),
        )
        return self._import_persons([row])

    def _bring_forward(self, person: InventedPerson, balance: Decimal) -> None:
        """Credit a balance in yuan."""
        request = account_pb2.CreditRequest(
            request_id=new_id(),
            person=ref(person.person_no),
            brought_forward_fen=words.fen(balance),
        )
        self._stubs.accounts.Credit(request)

    def _import_persons(self, persons: Iterable[types_pb2.Person]) -> str:
        """Register people; return the import's id, "" if there are none."""
        rows = [registry_pb2.ImportPersonsRequest(person=person) for person in persons]
        if not rows:
            return ""
        header = registry_pb2.ImportPersonsRequest(header=_import_header())
        answer = self._stubs.registry.ImportPersons(iter([header, *rows]))
        _refuse_unless_all(answer.summary)
        return str(answer.summary.import_id)

    def _import_institutions(
        self, places: list[types_pb2.Institution]
    ) -> dict[str, str]:
        """Register institutions and return their codes by name."""
        header = registry_pb2.ImportInstitutionsRequest(header=_import_header())
        rows = [
            registry_pb2.ImportInstitutionsRequest(institution=place)
            for place in places
        ]
        answer = self._stubs.registry.ImportInstitutions(iter([header, *rows]))
        _refuse_unless_all(answer.summary)
        return {place.name: place.code for place in places}


def _import_header() -> registry_pb2.ImportHeader:
    return registry_pb2.ImportHeader(request_id=new_id())


def _refuse_unless_all(summary: registry_pb2.ImportSummary) -> None:
    """Raise PopulationFault if a row was refused."""
    if summary.refused:
        rows = [
            f"第 {error.row} 行 {error.field}：{error.message}"
            for error in summary.errors
        ]
        raise PopulationFault(f"登记库没有收下虚构的人员或机构：{'; '.join(rows)}")


def institution_code(area_code: str, place: str) -> str:
    """Return the code of a city's institution of that kind, e.g. "二级"."""
    at_home = _institutions(area_code)
    return next(one.code for one in at_home if one.name == _NAMED + place)


# --- people -----------------------------------------------------------------------


def certificate_number(born: date | None = None) -> str:
    """Return a new valid 18-digit identity number in an area that does not exist.

    An adult's if no birthday is given.
    """
    return _certificate_number(CHANCE.serial(), born)


def _certificate_number(serial: int, born: date | None) -> str:
    """Return the identity number of a serial number."""
    index, sequence = divmod(serial, _SEQUENCES)
    if born is None:
        index, days = divmod(index, _BIRTHDAYS)
        born = _FIRST_BIRTHDAY + timedelta(days=days)
    # A given birthday leaves only area and sequence to tell people apart.
    area = AREAS[index % len(AREAS)]
    first17 = f"{area}{born:%Y%m%d}{sequence + 1:03d}"
    return first17 + _check_digit(first17)


def _check_digit(first17: str) -> str:
    """Return the check digit of GB 11643."""
    digits = map(int, first17)
    weighed = sum(map(mul, _WEIGHTS, digits))
    return _CHECK_DIGITS[weighed % 11]


def _invented(person: PersonDescription) -> InventedPerson:
    """Return a new person of this description."""
    serial = CHANCE.serial()
    return InventedPerson(
        person_no=f"GC{serial}",
        name=person.name,
        certificate_number=_certificate_number(serial, person.born),
        phone=f"1{serial:010d}",
        insured_place=person.insured,
    )


def _registered(
    person: PersonDescription,
    invented: InventedPerson,
    people: People,
    certificate_type: str,
) -> types_pb2.Person:
    """Return a person as imported."""
    number = invented.certificate_number
    # Nothing else tells the age of who is not insured.
    dated = person.born or person.as_ not in words.ENROLMENTS
    return types_pb2.Person(
        person_no=invented.person_no,
        certificate=types_pb2.Certificate(
            type=_ID_CARD if dated else certificate_type,
            number=number,
        ),
        name=invented.name,
        phone=invented.phone,
        insured_place=invented.insured_place,
        enrolments=_enrolments(person),
        contribution_base_fen=words.fen(person.base),
        kin=[_kin(people[name], relation) for name, relation in person.kin.items()],
        died_on=str(person.died or ""),
        marks=[_mark(kind, person.since) for kind in person.marks],
    )


def _mark(kind: words.Mark, since: date) -> types_pb2.Mark:
    mark = types_pb2.Mark(kind=words.MARKS[kind])
    # `from` is a keyword of Python's and cannot be written as an argument.
    setattr(mark, "from", str(since))
    return mark


def _kin(relative: InventedPerson, relation: str) -> types_pb2.Kin:
    return types_pb2.Kin(
        person_no=relative.person_no,
        relation=words.relation(relation),
        source=_NAMED,
    )


def _enrolments(person: PersonDescription) -> list[types_pb2.Enrolment]:
    """Return the enrolment of a standing, none for the uninsured."""
    if person.as_ not in words.ENROLMENTS:
        return []
    scheme, psn_type = words.ENROLMENTS[person.as_]
    enrolment = types_pb2.Enrolment(
        scheme=scheme,
        psn_type=psn_type,
        status=words.STATUSES[person.status],
        to=str(person.until or ""),
    )
    # `from` is a keyword of Python's and cannot be written as an argument.
    setattr(enrolment, "from", str(person.since))
    return [enrolment]


# --- institutions -----------------------------------------------------------------


class _Place(NamedTuple):
    """One kind of institution: name in cases, kind, hosp_lv, last designated day."""

    name: str
    kind: types_pb2.InstitutionKind.ValueType
    hosp_lv: int
    designated_to: str = ""


_AT_HOME: Final = (
    _Place("一级", _HOSPITAL, 9),
    _Place("二级", _HOSPITAL, 6),
    _Place("三级", _HOSPITAL, 2),
    _Place("未定级", _HOSPITAL, 11),
    _Place("药店", _PHARMACY, 0),
    _Place("已取消定点", _HOSPITAL, 2, "2024-12-31"),
)
_AWAY: Final = _Place("外地三级", _HOSPITAL, 2)


def _institutions(area_code: str) -> list[types_pb2.Institution]:
    """Return one of each kind in the city, and one elsewhere."""
    first, second = _ELSEWHERE
    elsewhere = second if first[:4] == area_code[:4] else first
    institutions = [
        _institution(place, area_code, number) for number, place in enumerate(_AT_HOME)
    ]
    institutions.append(_institution(_AWAY, elsewhere, len(_AT_HOME)))
    return institutions


def _institution(
    place: _Place,
    area: str,
    number: int,
) -> types_pb2.Institution:
    """Return an institution as imported."""
    letter = "P" if place.kind == _PHARMACY else "H"
    return types_pb2.Institution(
        code=f"{letter}{area}9990{number}",
        name=_NAMED + place.name,
        kind=place.kind,
        hosp_lv=place.hosp_lv,
        designated_from=_DESIGNATED,
        designated_to=place.designated_to,
    )
