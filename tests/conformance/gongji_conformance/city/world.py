"""Invented people and places: fresh for each case, so that nothing a case leaves behind is seen by another."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from gongji.v1 import account_pb2, registry_pb2, types_pb2

from gongji_conformance.cases.case import Person
from gongji_conformance.city import words
from gongji_conformance.city.asked import Asked
from gongji_conformance.city.chance import CHANCE
from gongji_conformance.city.wire import Wire, new_id
from gongji_conformance.city.wire import person as ref

AREAS: Final = tuple(f"34{city:02d}99" for city in range(1, 19))
"""Areas no identity card bears: whoever holds one is invented."""

_FIRST_BIRTHDAY: Final = date(1950, 1, 1)
_BIRTHDAYS: Final = 20_000
_SEQUENCES: Final = 999
_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK_DIGITS: Final = "10X98765432"
_DESIGNATED: Final = "2015-01-01"
_NAMED: Final = "合规测试"
_ELSEWHERE: Final = ("340100", "340200")


class WorldFault(Exception):  # noqa: N818 - neither the city's nor the case's fault
    """The server did not take the invented people or places."""


@dataclass(frozen=True, slots=True)
class Someone:
    """An invented person as the registry holds him."""

    person_no: str
    name: str
    certificate_number: str
    phone: str
    insured_place: str


class World:
    """The people and institutions of one city on one server."""

    def __init__(self, wire: Wire, area_code: str) -> None:
        self._wire = wire
        self.area_code = area_code
        self._asked: dict[tuple[str, date], Asked] = {}
        self._codes = self._import_institutions(_institutions(area_code))

    def institution(self, place: str) -> str:
        """Code of the institution of that kind, e.g. "三级"."""
        return self._codes[_NAMED + place]

    def asked(self, area_code: str, day: date) -> Asked:
        """What the rules of a city ask on a day; looked up once."""
        if (area_code, day) not in self._asked:
            self._asked[area_code, day] = Asked(self._wire, area_code, day)
        return self._asked[area_code, day]

    def people(self, invented: Iterable[Person]) -> dict[str, Someone]:
        """Registers new people under their names in the case, with the balances they bring. WorldFault."""
        rows = {person.name: (person, _someone(person)) for person in invented}
        numbers = {name: someone.person_no for name, (_, someone) in rows.items()}
        self._import_persons(_registered(person, someone, numbers) for person, someone in rows.values())
        for person, someone in rows.values():
            if person.balance:
                self._bring_forward(someone, person.balance)
        return {name: someone for name, (_, someone) in rows.items()}

    def one(self, standing: words.Standing = "在职", *, balance: int = 0, insured: str = "") -> Someone:
        """One new person of this city with a balance in yuan."""
        invented = Person(
            name=f"测试{standing}", insured=insured or self.area_code, as_=standing, balance=Decimal(balance)
        )
        return self.people([invented])[invented.name]

    def couple(self, *, giver: int = 0, member: int = 0) -> tuple[Someone, Someone]:
        """Two employees of this city whom the registry knows as married, with balances in yuan."""
        area = self.area_code
        first = Person(name="甲", insured=area, as_="在职", balance=Decimal(giver), kin={"乙": "配偶"})
        second = Person(name="乙", insured=area, as_="在职", balance=Decimal(member), kin={"甲": "配偶"})
        found = self.people([first, second])
        return found["甲"], found["乙"]

    def _bring_forward(self, someone: Someone, balance: Decimal) -> None:
        request = account_pb2.CreditRequest(
            request_id=new_id(), person=ref(someone.person_no), brought_forward_fen=words.fen(balance)
        )
        self._wire.accounts.Credit(request)

    def _import_persons(self, persons: Iterable[types_pb2.Person]) -> None:
        header = registry_pb2.ImportPersonsRequest(header=registry_pb2.ImportHeader(request_id=new_id()))
        rows = [registry_pb2.ImportPersonsRequest(person=person) for person in persons]
        if rows:
            _all_taken(self._wire.registry.ImportPersons(iter([header, *rows])).summary)

    def _import_institutions(self, places: list[types_pb2.Institution]) -> dict[str, str]:
        """Codes by name."""
        header = registry_pb2.ImportInstitutionsRequest(header=registry_pb2.ImportHeader(request_id=new_id()))
        rows = [registry_pb2.ImportInstitutionsRequest(institution=place) for place in places]
        _all_taken(self._wire.registry.ImportInstitutions(iter([header, *rows])).summary)
        return {place.name: place.code for place in places}


def certificate_number(born: date | None = None) -> str:
    """A new valid 18-digit number in an area that does not exist; of an adult where no birthday is given."""
    return _certificate_number(CHANCE.serial(), born)


def _certificate_number(serial: int, born: date | None) -> str:
    rest, sequence = divmod(serial, _SEQUENCES)
    area, day = divmod(rest, _BIRTHDAYS)
    birthday = born or _FIRST_BIRTHDAY + timedelta(days=day)
    area = area if born is None else rest  # a given birthday leaves only area and sequence to tell people apart
    first17 = f"{AREAS[area % len(AREAS)]}{birthday:%Y%m%d}{sequence + 1:03d}"
    weighed = sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, first17, strict=True))
    return first17 + _CHECK_DIGITS[weighed % 11]


def _someone(person: Person) -> Someone:
    serial = CHANCE.serial()
    return Someone(
        f"GC{serial}", person.name, _certificate_number(serial, person.born), f"1{serial:010d}", person.insured
    )


def _registered(person: Person, someone: Someone, numbers: dict[str, str]) -> types_pb2.Person:
    return types_pb2.Person(
        person_no=someone.person_no,
        certificate=types_pb2.Certificate(type="01", number=someone.certificate_number),
        name=someone.name,
        phone=someone.phone,
        insured_place=someone.insured_place,
        enrolments=[_enrolment(person)] if person.as_ in words.ENROLMENTS else [],
        contribution_base_fen=words.fen(person.base),
        kin=[
            types_pb2.Kin(person_no=numbers[name], relation=words.relation(relation), source=_NAMED)
            for name, relation in person.kin.items()
        ],
        died_on=str(person.died or ""),
    )


def _enrolment(person: Person) -> types_pb2.Enrolment:
    scheme, psn_type = words.ENROLMENTS[person.as_]
    message = types_pb2.Enrolment(
        scheme=scheme, psn_type=psn_type, status=words.STATUSES[person.status], to=str(person.until or "")
    )
    setattr(message, "from", str(person.since))  # a word of Python's own
    return message


def _institutions(area_code: str) -> list[types_pb2.Institution]:
    """One of each kind in the city, and one elsewhere."""
    hospital, pharmacy = types_pb2.INSTITUTION_KIND_HOSPITAL, types_pb2.INSTITUTION_KIND_PHARMACY
    elsewhere = next(area for area in _ELSEWHERE if area[:4] != area_code[:4])
    rows = [
        ("一级", hospital, 9, area_code, ""),
        ("二级", hospital, 6, area_code, ""),
        ("三级", hospital, 2, area_code, ""),
        ("未定级", hospital, 11, area_code, ""),
        ("药店", pharmacy, 0, area_code, ""),
        ("已取消定点", hospital, 2, area_code, "2024-12-31"),
        ("外地三级", hospital, 2, elsewhere, ""),
    ]
    return [
        types_pb2.Institution(
            code=f"{'P' if kind == pharmacy else 'H'}{area}9990{number}",
            name=_NAMED + name,
            kind=kind,
            hosp_lv=grade,
            designated_from=_DESIGNATED,
            designated_to=until,
        )
        for number, (name, kind, grade, area, until) in enumerate(rows)
    ]


def _all_taken(summary: registry_pb2.ImportSummary) -> None:
    if summary.refused:
        told = "; ".join(f"第 {e.row} 行 {e.field}: {e.message}" for e in summary.errors)
        raise WorldFault(f"登记库没有收下虚构的人员或机构: {told}")
