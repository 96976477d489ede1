"""A small world in memory for tests of decisions: two cities under the province's
rules, records, one clock."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import count
from types import SimpleNamespace
from typing import Any, TypeVar

import pytest
from gongji import Identity, NoFund, Ruled, Table, Timeline, hookimpl
from gongji.cities import anhui
from gongji.cities.city import Cities, City
from gongji.cities.loading import city_from
from gongji.model.account import Account
from gongji.model.binding import Binding
from gongji.model.commands import Decision, Query, Request
from gongji.model.decided import DecidedBy
from gongji.model.facts import Facts, Need
from gongji.model.people import Certificate, Enrolment, Institution, Person
from gongji.model.settlement import Accumulator, Bill, Settlement
from gongji.rules.codes import (
    SHANGHAI,
    AccountUse,
    BindingState,
    EnrolmentStatus,
    InstitutionKind,
    Purpose,
    Scheme,
    VisitKind,
    pooling_area,
)
from gongji.settlement.reverse import Reverse, Reversed
from gongji.settlement.settle import Quote, Settle
from gongji.store.schema import Schema
from gongji.store.seal import Vault
from msgspec.structs import replace as revised
from stdnum.cn import ric

R = TypeVar("R")
NOW = datetime(2025, 9, 30, 10, 0, tzinfo=SHANGHAI)
CHUZHOU, ANQING = "341100", "340800"

VAULT = Vault(bytes(32))
SCHEMA = Schema(VAULT)


class World:
    """Records by kind and key; each command is a batch of its own, refused commands
    leave only what they say."""

    def __init__(self, cities: Cities, now: datetime) -> None:
        self.cities, self.now = cities, now
        self.records: dict[tuple[type, str], Any] = {}
        self._serial = count(1)

    def add(self, *records: object) -> None:
        for record in records:
            self.records[type(record), SCHEMA.key_of(record)] = record

    def all(self, kind: type[R]) -> list[R]:
        return [record for (of, _), record in self.records.items() if of is kind]

    def settle(self, bill: Bill) -> Settlement:
        return self.do(Settle(self.request(), bill, self.cities))

    def quote(self, bill: Bill) -> Settlement:
        return self.decide(Quote(bill, self.cities)).answer

    def reverse(self, settlement_id: str = "", settle_request_id: str = "") -> Reversed:
        return self.do(
            Reverse(
                self.request("Reverse"),
                settlement_id,
                settle_request_id,
                "",
                self.cities,
            )
        )

    def facts(self, needs: Iterable[Need]) -> Facts:
        """What is stored for these needs."""
        facts = Facts(self.now, SCHEMA)
        self._load(facts, needs)
        return facts

    def decide(self, query: Query[R]) -> Decision[R]:
        """The decision over the facts it needs; nothing is written."""
        facts = self.facts(())
        while missing := [need for need in query.needs(facts) if not facts.has(need)]:
            self._load(facts, missing)
        return query.decide(facts)

    def _load(self, facts: Facts, needs: Iterable[Need]) -> None:
        for need in needs:
            of_kind = (
                (key, r) for (kind, key), r in self.records.items() if kind is need.kind
            )
            found = [r for key, r in of_kind if need.value == self._value(need, key, r)]
            facts.load(need.kind, need.index, [need.value], found)

    def _value(self, need: Need, key: str, record: object) -> str | None:
        return SCHEMA.indexes_of(record).get(need.index) if need.index else key

    def do(self, query: Query[R]) -> R:
        """The answer, its records written."""
        decision = self.decide(query)
        self.add(*decision.writes)
        return decision.answer

    def person(
        self, person_no: str, psn_type: str = "11", place: str = CHUZHOU, **changes: Any
    ) -> Person:
        """Adds an invented person, normally enrolled since 2020: 11… and 12… as
        employee, others as resident."""
        scheme = Scheme.EMPLOYEE if psn_type < "13" else Scheme.RESIDENT
        person = Person(
            person_no=person_no,
            certificate=Certificate("01", self.identity_number(len(self.all(Person)))),
            name="某某",
            phone="",
            insured_place=place,
            enrolments=(
                Enrolment(scheme, psn_type, EnrolmentStatus.NORMAL, date(2020, 1, 1)),
            ),
        )
        self.add(person := revised(person, **changes))
        return person

    def hospital(
        self, hosp_lv: int, place: str = CHUZHOU, **changes: Any
    ) -> Institution:
        """Adds a hospital of a national grade (2 is level 3, 5 level 2, 8 level 1, 11
        unranked); 0 adds a pharmacy."""
        pharmacy = hosp_lv == 0
        institution = Institution(
            code=f"{'P' if pharmacy else 'H'}{place}{hosp_lv:05d}",
            name="某药店" if pharmacy else "某医院",
            kind=InstitutionKind.PHARMACY if pharmacy else InstitutionKind.HOSPITAL,
            hosp_lv=hosp_lv,
            designated_from=date(2020, 1, 1),
        )
        self.add(institution := revised(institution, **changes))
        return institution

    def bind(
        self, holder: str, member: str, active_at: datetime, **changes: Any
    ) -> Binding:
        """Adds an active binding for visits."""
        binding = Binding(
            binding_id=f"B-{holder}-{member}",
            holder=holder,
            member=member,
            relation="10",
            purposes=frozenset({Purpose.VISIT}),
            channel="window",
            state=BindingState.ACTIVE,
            submitted_at=active_at,
            active_at=active_at,
            decided_by=DecidedBy(CHUZHOU, "x", "0", "0"),
        )
        self.add(binding := revised(binding, **changes))
        return binding

    def request(self, method: str = "Settle") -> Request:
        """A request with an id of its own."""
        return Request(str(uuid.UUID(int=next(self._serial))), "test", method)

    @staticmethod
    def identity_number(
        serial: int, area: str = "341199", born: str = "19800101"
    ) -> str:
        """An identity number of an area that does not exist, with a right check digit."""
        number = f"{area}{born}{serial:03d}"
        return number + ric.calc_check_digit(number + "0")

    @staticmethod
    def bill(
        patient: str, institution: Institution, in_scope_fen: int = 0, **changes: Any
    ) -> Bill:
        """An outpatient bill of today whose total is its parts'; no purse is asked unless said."""
        fields: dict[str, Any] = {
            "patient": patient,
            "institution_code": institution.code,
            "service_day": NOW.date(),
            "visit_kind": VisitKind.OUTPATIENT,
            "in_scope_fen": in_scope_fen,
            "account_use": AccountUse.NONE,
            **changes,
        }
        parts = (
            "out_of_catalogue_fen",
            "above_limit_fen",
            "first_selfpay_fen",
            "in_scope_fen",
        )
        fields.setdefault("total_fen", sum(fields.get(part, 0) for part in parts))
        return Bill(**fields)


def city(area_code: str, name: str, **overrides: Timeline[Any]) -> City:
    """A city that answers as the province does, but for these hooks."""

    @hookimpl
    def identity() -> Identity:
        return Identity(area_code=area_code, name=name)

    return city_from(
        SimpleNamespace(identity=identity), pinyin=name, overrides=overrides
    )


def rule(hook: str, value: object) -> Timeline[Any]:
    """The province's rule with another value under the same clauses; a timeline stays as it is."""
    if isinstance(value, tuple) and value and isinstance(value[0], Ruled):
        return value
    return (replace(getattr(anhui, hook)()[0], value=value),)


def employee_table(changes: Mapping[str, Any]) -> Mapping[Scheme, Table | NoFund]:
    """The province's tables with these changes to that of employees."""
    tables = dict(anhui.reimbursement()[0].value)
    return tables | {Scheme.EMPLOYEE: replace(tables[Scheme.EMPLOYEE], **changes)}


NewWorld = Callable[..., World]


@pytest.fixture(scope="session")
def new_world() -> NewWorld:
    """Makes a world on 2025-09-30: 滁州市 and 安庆市 as the province rules.

    Keywords named as hooks give 滁州市's own values or timelines; `table` changes its
    table for employees.
    """
    plain = {
        code: city(code, name)
        for code, name in ((CHUZHOU, "滁州市"), (ANQING, "安庆市"))
    }

    def made(
        now: datetime = NOW, table: Mapping[str, Any] | None = None, **values: object
    ) -> World:
        if table:
            values["reimbursement"] = employee_table(table)
        own = {hook: rule(hook, value) for hook, value in values.items()}
        chuzhou = city(CHUZHOU, "滁州市", **own) if own else plain[CHUZHOU]
        return World(Cities((plain[ANQING], chuzhou)), now)

    return made


@pytest.fixture(scope="session")
def family(new_world: NewWorld) -> NewWorld:
    """Makes P1 (50 yuan), bound by P2 of Anqing (20, earlier) and P3 (300, later), the
    year's deductible behind P1.

    There is a hospital of level 3 and a pharmacy; keywords as for `new_world`.
    """

    def made(**values: Any) -> World:
        world = new_world(**values)
        world.person("P1")
        world.person("P2", "12", ANQING)
        world.person("P3")
        world.add(
            Account("P1", 50_00, 1), Account("P2", 20_00, 1), Account("P3", 300_00, 1)
        )
        world.add(
            Accumulator(
                "P1", Scheme.EMPLOYEE, pooling_area(CHUZHOU), NOW.year, 800_00, 0
            )
        )
        world.bind("P3", "P1", NOW - timedelta(days=1))
        world.bind("P2", "P1", NOW - timedelta(days=2))
        world.hospital(2)
        world.hospital(0)
        return world

    return made
