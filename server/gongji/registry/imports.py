"""Write what an import changed, and close the bindings that lose their ground by it.

An import that ends an enrolment, moves a person or reports a death closes, in the same
commit, every binding (绑定) that rested on it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic

from msgspec import Struct
from msgspec.structs import replace

from gongji.binding.case import Case
from gongji.binding.eligibility import (
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
from gongji.model.registry import (
    InstitutionRow,
    PersonRow,
    institution_after,
    person_after,
)
from gongji.model.revisions import R, superseding
from gongji.registry.rows import (
    CERTIFICATE_TAKEN,
    Problem,
    RowProblem,
    problems_of,
    problems_of_institution,
)
from gongji.rules.codes import OPEN_STATES

_SIDES = {"holder": "member", "member": "holder"}

GROUNDS = (alive, holder_enrolled, member_enrolled, in_scope)
"""The conditions a binding goes on resting on after it was made."""


class Upserted(Struct, frozen=True):
    """How many rows were written, and how many were stored already.

    A row with problems is neither.
    """

    written: int
    unchanged: int
    problems: tuple[RowProblem, ...] = ()

    @property
    def refused(self) -> int:
        """Return how many rows were left out."""
        return len({p.row for p in self.problems})


class ImportPersons(Struct, frozen=True):
    """Write persons, and close every open binding that no longer rests on its grounds."""

    upsert: UpsertPersons
    cities: Cities

    def needs(self, facts: Facts) -> Iterator[Need]:
        """Return what the upsert needs; then bindings, and the people at their other ends."""
        yield from self.upsert.needs(facts)
        for person in self.upsert.persons:
            for side, other in _SIDES.items():
                bindings = Need(Binding, side, person.person_no)
                yield bindings
                if not facts.has(bindings):
                    continue
                for binding in facts.where(Binding, side, person.person_no):
                    yield by_key(Person, getattr(binding, other))

    def decide(self, facts: Facts) -> Decision[Upserted]:
        """Decide the rows to write, and the bindings they close."""
        decision = self.upsert.decide(facts)
        persons = (record for record in decision.writes if isinstance(record, Person))
        changed = {person.person_no: person for person in persons}
        ended = tuple(self._ended(changed, facts))
        return Decision(decision.answer, decision.writes + ended)

    def _ended(self, changed: Mapping[str, Person], facts: Facts) -> Iterator[Binding]:
        for binding in _bindings_of(changed, facts):
            current = as_of(binding, facts.now)
            if current.state not in OPEN_STATES:
                continue
            holder = _person(binding.holder, changed, facts)
            member = _person(binding.member, changed, facts)
            if holder is None or member is None:
                continue
            lost = self._lost_ground(current, holder, member, facts)
            if lost:
                yield closed(current, facts.now, who="import", why=lost)

    def _lost_ground(
        self, binding: Binding, holder: Person, member: Person, facts: Facts
    ) -> str:
        """Return which ground the binding has lost, in Chinese; "" while it stands."""
        try:
            city = self.cities.of(holder.place_on(facts.today))
        except CityNotServed as refusal:
            return refusal.message
        lost = ""
        rules = city.rules(facts.today)
        application = application_of(binding)
        # One purpose that still stands carries the binding.
        for purpose in sorted(binding.purposes):
            case = Case(
                application=replace(application, purposes=frozenset({purpose})),
                holder=holder,
                member=member,
                rules=rules,
                today=facts.today,
                of_holder=(),
                of_member=(),
            )
            lost = "; ".join(_unmet(case))
            if not lost:
                return ""
        return lost


def _unmet(case: Case) -> Iterator[str]:
    for ground in GROUNDS:
        for unmet in ground(case):
            yield unmet.condition.message


def _person(
    person_no: str, changed: Mapping[str, Person], facts: Facts
) -> Person | None:
    """Return the person as imported, else as stored."""
    return changed.get(person_no) or facts.get(Person, person_no)


def _bindings_of(changed: Mapping[str, Person], facts: Facts) -> list[Binding]:
    # By id: a binding between two people of one import is found from both sides.
    bindings = {
        binding.binding_id: binding
        for person_no in changed
        for side in _SIDES
        for binding in facts.where(Binding, side, person_no)
    }
    return list(bindings.values())


class UpsertPersons(Struct, frozen=True):
    """Write the persons of whom rows say something new.

    `digest` gives the value of the index `cert` for a certificate.
    """

    persons: tuple[PersonRow, ...]
    digest: Callable[[Certificate], str]
    import_id: str = ""

    def needs(self, _: Facts) -> Iterator[Need]:
        """Return each person, and those with the same certificate."""
        for person in self.persons:
            yield by_key(Person, person.person_no)
            yield Need(Person, "cert", self.digest(person.certificate))

    def decide(self, facts: Facts) -> Decision[Upserted]:
        """Decide the rows to write, a later row of one person over an earlier one."""
        changes: _Changes[Person] = _Changes()
        owners: dict[Certificate, str] = {}
        for number, row in enumerate(self.persons):
            problems = problems_of(row, facts.today)
            if self._taken(row, owners, changes, facts):
                problems.append(_TAKEN)
            if not problems:
                owners[row.certificate] = row.person_no
            known = facts.get(Person, row.person_no)
            known = changes.latest.get(row.person_no, known)
            changes.take(
                number,
                key=row.person_no,
                record=person_after(known, row, facts.now, self.import_id),
                stored=known,
                problems=problems,
            )
        return changes.decision()

    def _taken(
        self,
        row: PersonRow,
        owners: Mapping[Certificate, str],
        changes: _Changes[Person],
        facts: Facts,
    ) -> bool:
        """Return whether another person holds the certificate.

        A holder may be stored and not changed since, or stand in an earlier row.
        """
        digest = self.digest(row.certificate)
        stored_holders = facts.where(Person, "cert", digest)
        holders = {holder.person_no: holder for holder in stored_holders}
        owner = owners.get(row.certificate)
        if owner is not None:
            holders[owner] = changes.latest[owner]
        holders.pop(row.person_no, None)
        for person_no, stored in holders.items():
            holder = changes.latest.get(person_no, stored)
            # An earlier row may have given that person another certificate.
            if holder.certificate == row.certificate:
                return True
        return False


_TAKEN = Problem("certificate", CERTIFICATE_TAKEN, "该证件已登记在另一人员编号之下")


class UpsertInstitutions(Struct, frozen=True):
    """Write the institutions of which rows say something new."""

    institutions: tuple[InstitutionRow, ...]
    import_id: str = ""

    def needs(self, _: Facts) -> Iterator[Need]:
        """Return each institution."""
        return (by_key(Institution, i.code) for i in self.institutions)

    def decide(self, facts: Facts) -> Decision[Upserted]:
        """Decide the rows to write."""
        changes: _Changes[Institution] = _Changes()
        for number, row in enumerate(self.institutions):
            known = facts.get(Institution, row.code)
            known = changes.latest.get(row.code, known)
            changes.take(
                number,
                key=row.code,
                record=institution_after(known, row, facts.now, self.import_id),
                stored=known,
                problems=problems_of_institution(row, facts.today),
            )
        return changes.decision()


class _Changes(Generic[R]):
    """Collects what an import changes, row by row."""

    def __init__(self) -> None:
        self.latest: dict[str, R] = {}
        self._changed: list[Any] = []
        self._written = 0
        self._unchanged = 0
        self._problems: list[RowProblem] = []

    def take(
        self,
        row: int,
        *,
        key: str,
        record: R,
        stored: R | None,
        problems: list[Problem],
    ) -> None:
        """Take one row: note its problems, or write it if it says something new."""
        if problems:
            for problem in problems:
                self._problems.append(RowProblem(row, problem))
            return
        if record == stored:
            self._unchanged += 1
        else:
            self._written += 1
            self._changed += superseding(record, stored)
        self.latest[key] = record

    def decision(self) -> Decision[Upserted]:
        """Return the counts, and every new revision with the former one it supersedes."""
        answer = Upserted(
            written=self._written,
            unchanged=self._unchanged,
            problems=tuple(self._problems),
        )
        return Decision(answer, tuple(self._changed))
