"""Bindings that lose their ground: an import that ends an enrolment, moves a person or
reports a death closes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Generic

from msgspec import Struct
from msgspec.structs import replace

from gongji.binding.eligibility import (
    Case,
    alive,
    holder_enrolled,
    in_scope,
    member_enrolled,
)
from gongji.binding.life import application_of, as_of, closed
from gongji.cities.city import Cities
from gongji.model.binding import Binding
from gongji.model.commands import Decision
from gongji.model.facts import Facts, Need, by_key
from gongji.model.people import Certificate, Institution, Person
from gongji.model.refusals import CityNotServed
from gongji.registry.rows import (
    CERTIFICATE_TAKEN,
    Problem,
    RowProblem,
    T,
    problems_of,
    problems_of_institution,
)
from gongji.rules.codes import OPEN_STATES, SHANGHAI

GROUNDS = (alive, holder_enrolled, member_enrolled, in_scope)
"""The conditions a binding goes on resting on after it was made."""


class ImportPersons(Struct, frozen=True):
    """Writes persons and closes, in the same commit, every open binding that no longer
    rests on its grounds."""

    upsert: UpsertPersons
    cities: Cities

    def needs(self, facts: Facts) -> Iterator[Need]:
        """What the upsert needs, the bindings of everyone imported, and the people at
        their other ends."""
        yield from self.upsert.needs(facts)
        for person in self.upsert.persons:
            for side, other in (("holder", "member"), ("member", "holder")):
                yield (bindings := Need(Binding, side, person.person_no))
                if facts.has(bindings):
                    yield from (
                        by_key(Person, getattr(b, other))
                        for b in facts.where(Binding, side, person.person_no)
                    )

    def decide(self, facts: Facts) -> Decision[Upserted]:
        """The rows to write, and the bindings they close."""
        decision = self.upsert.decide(facts)
        changed = {record.person_no: record for record in decision.writes}
        ended = tuple(self._ended(changed, facts))
        return Decision(decision.answer, decision.writes + ended)

    def _ended(self, changed: Mapping[str, Person], facts: Facts) -> Iterable[Binding]:
        touched = {
            b.binding_id: b
            for person_no in changed
            for side in ("holder", "member")
            for b in facts.where(Binding, side, person_no)
        }
        for binding in touched.values():
            current = as_of(binding, facts.now)
            if current.state not in OPEN_STATES:
                continue
            holder = changed.get(binding.holder) or facts.get(Person, binding.holder)
            member = changed.get(binding.member) or facts.get(Person, binding.member)
            if (
                holder is not None
                and member is not None
                and (why := self._lost(current, holder, member, facts.now))
            ):
                yield closed(current, facts.now, who="import", why=why)

    def _lost(
        self, binding: Binding, holder: Person, member: Person, now: datetime
    ) -> str:
        """Which ground the binding has lost; empty while it stands. A purpose that
        still stands carries it."""
        try:
            rules = self.cities.of(holder.insured_place).rules(
                now.astimezone(SHANGHAI).date()
            )
        except CityNotServed as gone:
            return gone.message
        lost = ""
        for purpose in sorted(binding.purposes):
            case = Case(
                application=replace(
                    application_of(binding), purposes=frozenset({purpose})
                ),
                holder=holder,
                member=member,
                rules=rules,
                today=now.astimezone(SHANGHAI).date(),
                of_holder=(),
                of_member=(),
            )
            unmet = [u.condition.message for ground in GROUNDS for u in ground(case)]
            if not unmet:
                return ""
            lost = "; ".join(unmet)
        return lost


class Upserted(Struct, frozen=True):
    """How many rows were written and how many were there already; a row with problems
    is neither."""

    written: int
    unchanged: int
    problems: tuple[RowProblem, ...] = ()

    @property
    def refused(self) -> int:
        """How many rows were left out."""
        return len({p.row for p in self.problems})


class UpsertPersons(Struct, frozen=True):
    """Writes the persons that are new or changed; `digest` gives the value of the index
    `cert` for a certificate."""

    persons: tuple[Person, ...]
    digest: Callable[[Certificate], str]

    def needs(self, _: Facts) -> Iterator[Need]:
        """Each person, and whoever holds the same certificate."""
        for person in self.persons:
            yield by_key(Person, person.person_no)
            yield Need(Person, "cert", self.digest(person.certificate))

    def decide(self, facts: Facts) -> Decision[Upserted]:
        """The rows to write, a later row of one person over an earlier one."""
        changes: _Changes[Person] = _Changes()
        owners: dict[Certificate, str] = {}
        for row, person in enumerate(self.persons):
            problems = problems_of(person)
            if self._taken(person, owners, changes, facts):
                problems.append(
                    Problem(
                        "certificate",
                        CERTIFICATE_TAKEN,
                        "该证件已登记在另一人员编号之下",
                    )
                )
            if not problems:
                owners[person.certificate] = person.person_no
            changes.take(
                row,
                person.person_no,
                person,
                facts.get(Person, person.person_no),
                problems,
            )
        return changes.decision()

    def _taken(
        self,
        person: Person,
        owners: dict[Certificate, str],
        changes: _Changes[Person],
        facts: Facts,
    ) -> bool:
        """Whether somebody else holds the certificate: before this import and still, or
        since an earlier row of it."""
        holders = {
            h.person_no: h
            for h in facts.where(Person, "cert", self.digest(person.certificate))
        }
        if owner := owners.get(person.certificate):
            holders[owner] = changes.latest[owner]
        holders.pop(person.person_no, None)
        return any(
            changes.latest.get(no, h).certificate == person.certificate
            for no, h in holders.items()
        )


class UpsertInstitutions(Struct, frozen=True):
    """Writes the institutions that are new or changed."""

    institutions: tuple[Institution, ...]

    def needs(self, _: Facts) -> Iterator[Need]:
        """Each institution."""
        return (by_key(Institution, i.code) for i in self.institutions)

    def decide(self, facts: Facts) -> Decision[Upserted]:
        """The rows to write."""
        changes: _Changes[Institution] = _Changes()
        for row, institution in enumerate(self.institutions):
            stored = facts.get(Institution, institution.code)
            changes.take(
                row,
                institution.code,
                institution,
                stored,
                problems_of_institution(institution),
            )
        return changes.decision()


class _Changes(Generic[T]):
    """What an import has done so far, row by row."""

    def __init__(self) -> None:
        self.latest: dict[str, T] = {}
        self._changed: dict[str, T] = {}
        self._written = self._unchanged = 0
        self._problems: list[RowProblem] = []

    def take(
        self, row: int, key: str, record: T, stored: T | None, problems: list[Problem]
    ) -> None:
        """One row: its problems are noted, or it is written where it says something new."""
        if problems:
            self._problems += [RowProblem(row, problem) for problem in problems]
            return
        if self.latest.get(key, stored) == record:
            self._unchanged += 1
        else:
            self._written += 1
            self._changed[key] = record
        self.latest[key] = record

    def decision(self) -> Decision[Upserted]:
        """Counts, and the last state of every record that changed."""
        told = Upserted(self._written, self._unchanged, tuple(self._problems))
        return Decision(told, tuple(self._changed.values()))
