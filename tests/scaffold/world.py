"""A small world in memory for tests of decisions: cities, records and one clock."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import count
from typing import Any, Protocol, TypeAlias, TypeVar, Unpack

from gongji.cities.city import Cities
from gongji.model.account import Account, Entry
from gongji.model.binding import Binding
from gongji.model.commands import Decision, Query, Request
from gongji.model.facts import Facts, Need
from gongji.model.judging import Counts
from gongji.model.people import Institution, Person
from gongji.model.settlement import Bill, Settlement
from gongji.registry.imports import Apply, Examine
from gongji.registry.kinds import Registry
from gongji.rules.codes import EntryKind
from gongji.settlement.reverse import Reverse, Reversed
from gongji.settlement.settle import Quote, Settle
from gongji.store.schema import Schema
from gongji.store.seal import Vault

from tests.scaffold import people
from tests.scaffold.people import (
    CHUZHOU,
    NOW,
    BillChanges,
    BindingChanges,
    FilingChanges,
    InstitutionChanges,
    PersonChanges,
)

R = TypeVar("R")

Posted: TypeAlias = tuple[str, int, EntryKind | None]
"""Ledger account, fen and kind of an entry."""

VAULT = Vault(bytes(32))

SCHEMA = Schema(VAULT)


class World:
    """Records by kind and key; each command is a batch of its own.

    A refused command leaves only what it says.
    """

    bill = staticmethod(people.bill)
    identity_number = staticmethod(people.identity_number)

    def __init__(self, cities: Cities, now: datetime) -> None:
        self.cities = cities
        self.now = now
        self.records: dict[tuple[type, str], object] = {}
        self._serial = count(1)

    def add(self, *records: object) -> None:
        """Store records, each in place of the one with its key."""
        for record in records:
            self.records[type(record), SCHEMA.key_of(record)] = record

    def record(self, kind: type[R], key: str) -> R:
        """Return the record of that key. KeyError."""
        record = self.records[kind, key]
        assert isinstance(record, kind)
        return record

    def all(self, kind: type[R]) -> list[R]:
        """Return the records of a kind, in the order they were first stored."""
        return [record for record in self.records.values() if isinstance(record, kind)]

    def balances(self) -> dict[str, int]:
        """Return the balance of each account there is, in fen."""
        return {a.person_no: a.balance_fen for a in self.all(Account)}

    def posted(self, transaction_id: str = "") -> list[Posted]:
        """Return ledger account, fen and kind of the entries, of one transaction or all."""
        return [
            (entry.ledger_account, entry.fen, entry.kind)
            for entry in self.all(Entry)
            if transaction_id in {"", entry.transaction_id}
        ]

    def facts(self, needs: Iterable[Need]) -> Facts:
        """Return what is stored for these needs."""
        facts = Facts(self.now, SCHEMA)
        self._load(facts, needs)
        return facts

    def decide(self, query: Query[R]) -> Decision[R]:
        """Decide over the facts a query needs; nothing is written."""
        facts = self.facts(())
        while missing := [need for need in query.needs(facts) if not facts.has(need)]:
            self._load(facts, missing)
        return query.decide(facts)

    def do(self, query: Query[R]) -> R:
        """Return the answer, its records written."""
        decision = self.decide(query)
        self.add(*decision.records)
        return decision.answer

    def imports(self, registry: Registry, *rows: Any) -> None:
        """Import rows, all of which are right, in one commit."""
        examine = Examine(registry, VAULT.lookup, rows)
        judged = self.decide(examine).answer
        places = frozenset(range(len(rows)))
        self.do(Apply(str(uuid.uuid4()), examine, judged, places, Counts()))

    def settle(self, bill: Bill) -> Settlement:
        """Settle a bill under a request of its own."""
        return self.do(Settle(self.request(), bill, self.cities))

    def quote(self, bill: Bill) -> Settlement:
        """Quote a bill."""
        return self.decide(Quote(bill, self.cities)).answer

    def reverse(self, settlement_id: str = "", settle_request_id: str = "") -> Reversed:
        """Take a settlement back, by its id or its request's."""
        request = self.request("Reverse")
        return self.do(
            Reverse(request, settlement_id, settle_request_id, "", self.cities)
        )

    def visit(
        self, patient: str, in_scope_fen: int, **changes: Unpack[BillChanges]
    ) -> Bill:
        """Return a bill at the world's first institution (`people.bill`)."""
        institution = self.all(Institution)[0]
        return people.bill(patient, institution, in_scope_fen, **changes)

    def request(self, method: str = "Settle") -> Request:
        """Return a request with an id of its own."""
        return Request(str(uuid.UUID(int=next(self._serial))), "test", method)

    def person(
        self,
        person_no: str,
        psn_type: str = "11",
        place: str = CHUZHOU,
        **changes: Unpack[PersonChanges],
    ) -> Person:
        """Add an invented person (`people.person`)."""
        serial = len(self.all(Person))
        person = people.person(person_no, serial, psn_type, place, **changes)
        self.add(person)
        return person

    def hospital(
        self,
        hosp_lv: int,
        place: str = CHUZHOU,
        **changes: Unpack[InstitutionChanges],
    ) -> Institution:
        """Add an invented institution (`people.institution`); 0 is a pharmacy."""
        institution = people.institution(hosp_lv, place, **changes)
        self.add(institution)
        return institution

    def filed(self, person_no: str, **changes: Unpack[FilingChanges]) -> str:
        """Add an invented filing (`people.filing`), and return its number."""
        filing = people.filing(person_no, **changes)
        self.add(filing)
        return filing.filing_no

    def bind(
        self,
        holder: str,
        member: str,
        active_at: datetime,
        **changes: Unpack[BindingChanges],
    ) -> Binding:
        """Add an active binding for visits (`people.binding`)."""
        binding = people.binding(holder, member, active_at, **changes)
        self.add(binding)
        return binding

    def _load(self, facts: Facts, needs: Iterable[Need]) -> None:
        for need in needs:
            matches = [
                record
                for (kind, key), record in self.records.items()
                if kind is need.kind and need.value == _value(need, key, record)
            ]
            facts.load(need.kind, need.index, [need.value], matches)


def _value(need: Need, key: str, record: object) -> str | None:
    """Return a record's value in the index of a need, its key for index ""."""
    return SCHEMA.indexes_of(record).get(need.index) if need.index else key


class NewWorld(Protocol):
    """Makes a world in which 滁州市 has values or timelines of its own.

    Keywords are named as hooks; `table` changes its table for employees.
    """

    def __call__(
        self,
        now: datetime = NOW,
        table: Mapping[str, Any] | None = None,
        **values: object,
    ) -> World: ...

    def __hash__(self) -> int: ...
