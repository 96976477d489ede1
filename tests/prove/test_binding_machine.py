"""The life of bindings against a plain model: a table of pairs and dates, no product code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from gongji.binding.review import RecordConsent, Review, Unbind
from gongji.binding.status import ShowBindings
from gongji.binding.submit import Submit
from gongji.binding.workdays import Workdays
from gongji.cities.city import Cities
from gongji.model.binding import (
    AgreementAccepted,
    Application,
    Binding,
    Consent,
    Material,
    MemberDetails,
)
from gongji.model.commands import Query
from gongji.model.people import Kin, Person
from gongji.model.refusals import IllegalTransition, NotEligible, Refusal
from gongji.registry.kinds import PERSONS
from gongji.rules.codes import SHANGHAI, BindingState, ConsentMethod, Purpose
from gongji.rules.hookspecs import CityRules
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)
from msgspec.structs import replace

from tests.scaffold.cities import shipped
from tests.scaffold.people import row_of
from tests.scaffold.world import World

if TYPE_CHECKING:
    from tests.prove.conftest import Effort

START = datetime(2025, 9, 29, 10, 0, tzinfo=SHANGHAI)
CHUZHOU, ANQING = "341100", "340800"
HOLDERS = {"C": CHUZHOU, "A": ANQING}
MEMBERS = 9
EXPIRES_AFTER = timedelta(days=30)
OPEN = {"consent", "review", "active"}
CLOSED = {"refused", "expired", "ended"}
STATES = {
    "consent": 1,
    "review": 2,
    "active": 3,
    "refused": 4,
    "expired": 5,
    "ended": 6,
}
MOST_OF_CHUZHOU = 6
"""Members a holder may bind; seven people use the account, the holder included."""

# When the third working day after a submission closes, read off the State Council's
# calendar by hand.
REVIEW_DUE = {
    date(2025, 9, 29): datetime(2025, 10, 10, 17, 0, tzinfo=SHANGHAI),
    date(2025, 9, 30): datetime(2025, 10, 11, 17, 0, tzinfo=SHANGHAI),
    date(2025, 10, 1): datetime(2025, 10, 11, 17, 0, tzinfo=SHANGHAI),
}


@dataclass
class Bound:
    """What the model knows of one binding."""

    pair: tuple[str, str]
    state: str
    expires: datetime

    @property
    def is_open(self) -> bool:
        """Return whether it waits or is in force."""
        return self.state in OPEN


def is_on_record(member: str) -> bool:
    """Return whether the registry knows a member as the holder's kin: every other one."""
    return int(member[1:]) % 2 == 0


class Families(RuleBasedStateMachine):
    """Two holders, nine people each of their city: Chuzhou has a limit of seven, Anqing
    asks for consent and review."""

    cities: Cities

    def __init__(self) -> None:
        super().__init__()
        self.world = World(self.cities, START)
        self.workdays = Workdays()
        self.bound: dict[str, Bound] = {}
        self.insured: dict[str, bool] = {}
        for holder, place in HOLDERS.items():
            members = [f"{holder}{number}" for number in range(MEMBERS)]
            for name in [holder, *members]:
                self.world.person(name, place=place)
                self.insured[name] = True
            on_record = filter(is_on_record, members)
            kin = tuple(Kin(member, "20", "登记") for member in on_record)
            self.world.add(replace(self.world.record(Person, holder), kin=kin))

    # --- the model --------------------------------------------------------------------

    def open_pairs(self, holder: str) -> list[tuple[str, str]]:
        """Return the pairs of a holder that take a place."""
        open_bindings = [bound for bound in self.bound.values() if bound.is_open]
        return [bound.pair for bound in open_bindings if bound.pair[0] == holder]

    def expected_submission(self, holder: str, member: str, *, consent: bool) -> str:
        """Return the state a submission should reach, or "refused"."""
        pairs = set(self.open_pairs(holder))
        is_full = holder == "C" and len(pairs) >= MOST_OF_CHUZHOU
        are_insured = self.insured[holder] and self.insured[member]
        if (holder, member) in pairs or is_full or not are_insured:
            return "refused"
        if holder == "C":
            return "active"
        if not consent:
            return "consent"
        return "active" if is_on_record(member) else "review"

    def expire(self) -> None:
        """Close the applications nobody answered in time."""
        for bound in self.bound.values():
            if bound.state in {"consent", "review"} and self.world.now >= bound.expires:
                bound.state = "expired"

    def both_insured(self, bound: Bound) -> bool:
        """Return whether what a binding rests on is there now."""
        return all(self.insured[person_no] for person_no in bound.pair)

    def state_shown(self, bound: Bound) -> BindingState:
        """Return the state a binding is shown in: a pause suspends it while it lasts."""
        if bound.state == "active" and not self.both_insured(bound):
            return BindingState.SUSPENDED
        return BindingState(STATES[bound.state])

    # --- the steps --------------------------------------------------------------------

    @rule(
        holder=st.sampled_from("CA"),
        number=st.integers(0, MEMBERS - 1),
        consent=st.booleans(),
    )
    def submit(self, holder: str, number: int, *, consent: bool) -> None:
        """Apply through Wanshitong; the pre-check says the same beforehand."""
        member, now = f"{holder}{number}", self.world.now
        expected = self.expected_submission(holder, member, consent=consent)
        command = self.submission(holder, member, consent=consent)
        foreseen = outcome_of(lambda: self.world.decide(command).answer)
        outcome = outcome_of(lambda: self.world.do(command))
        assert shown(foreseen) == shown(outcome)
        if isinstance(outcome, Refusal):
            assert ("refused", NotEligible) == (expected, type(outcome))
            return
        expires = now + EXPIRES_AFTER
        self.bound[outcome.binding_id] = Bound((holder, member), expected, expires)
        if expected == "review" and now.date() in REVIEW_DUE:
            assert REVIEW_DUE[now.date()] == outcome.review_due_at

    @rule(pick=st.integers(0, 10_000))
    def consent(self, pick: int) -> None:
        """Record the member's consent to some binding."""
        if not self.bound:
            return
        binding_id, bound = self.some_binding(pick)
        command = RecordConsent(
            request=self.world.request("RecordConsent"),
            binding_id=binding_id,
            consent=self.own_consent(),
            cities=self.cities,
            workdays=self.workdays,
        )
        self.move(
            command,
            bound,
            "consent",
            "active" if is_on_record(bound.pair[1]) else "review",
            asks_again=True,
        )

    @rule(pick=st.integers(0, 10_000), approve=st.booleans())
    def review(self, pick: int, *, approve: bool) -> None:
        """Decide as a reviewer on some binding."""
        if not self.bound:
            return
        binding_id, bound = self.some_binding(pick)
        command = Review(
            request=self.world.request("ReviewBinding"),
            binding_id=binding_id,
            reviewer="R1",
            approve=approve,
            reason_code="" if approve else "MATERIAL_MISSING",
            remark="",
            cities=self.cities,
        )
        state = "active" if approve else "refused"
        self.move(command, bound, "review", state, asks_again=approve)

    @rule(pick=st.integers(0, 10_000))
    def unbind(self, pick: int) -> None:
        """End some binding as its holder."""
        if not self.bound:
            return
        binding_id, bound = self.some_binding(pick)
        command = Unbind(
            request=self.world.request("Unbind"),
            binding_id=binding_id,
            channel="wanshitong",
            cities=self.cities,
            workdays=self.workdays,
        )
        self.move(command, bound, "active", "ended")

    @rule(who=st.sampled_from(["C", "A", "C0", "C3", "A1", "A2"]))
    def lose_or_regain_enrolment(self, who: str) -> None:
        """End somebody's enrolment by an import, or begin it anew.

        What rests on it is suspended while it is gone, and the same again after.
        """
        self.insured[who] = not self.insured[who]
        yesterday = self.world.now.date() - timedelta(days=1)
        last_day = None if self.insured[who] else yesterday
        person = self.world.record(Person, who)
        enrolment = replace(person.enrolments[0], until=last_day)
        row = row_of(replace(person, enrolments=(enrolment,)))
        self.world.imports(PERSONS, row)

    @rule(hours=st.sampled_from([1, 24, 24 * 10, 24 * 30]))
    def wait(self, hours: int) -> None:
        """Let time pass."""
        self.world.now += timedelta(hours=hours)
        self.expire()

    @invariant()
    def agrees(self) -> None:
        """Assert that every binding stands and ends where the model says.

        No family is overfull.
        """
        for binding_id, bound in self.bound.items():
            stored = self.world.record(Binding, binding_id)
            query = ShowBindings((stored,), self.cities)
            (binding,) = self.world.decide(query).answer
            assert self.state_shown(bound) == binding.state
            assert bound.pair == (binding.holder, binding.member)
            assert binding.history[-1].to_state is binding.state
            assert (bound.state in CLOSED) == (binding.closed_at is not None)
        assert len(self.open_pairs("C")) <= MOST_OF_CHUZHOU

    # --- helpers ----------------------------------------------------------------------

    def some_binding(self, pick: int) -> tuple[str, Bound]:
        """Return some binding and its id, closed ones too."""
        return list(self.bound.items())[pick % len(self.bound)]

    def move(
        self,
        command: Query[Any],
        bound: Bound,
        from_state: str,
        to_state: str,
        *,
        asks_again: bool = False,
    ) -> None:
        """Do what is allowed in one state only and leads to one other.

        A step that asks the conditions again is refused while one is not met.
        """
        outcome = outcome_of(lambda: self.world.do(command))
        if bound.state == from_state and asks_again and not self.both_insured(bound):
            assert isinstance(outcome, NotEligible)
        elif bound.state == from_state:
            assert not isinstance(outcome, Refusal)
            bound.state = to_state
        else:
            assert isinstance(outcome, IllegalTransition)

    def submission(self, holder: str, member: str, *, consent: bool) -> Submit:
        """Return the command that submits a faultless application."""
        return Submit(
            request=self.world.request("SubmitBinding"),
            application=self.application(holder, member, consent=consent),
            cities=self.cities,
            workdays=self.workdays,
        )

    def application(self, holder: str, member: str, *, consent: bool) -> Application:
        """Return what Wanshitong sends: all checks done, the form filled in.

        It holds a register in case the relation is not on record.
        """
        now = self.world.now
        rules = self.cities.of(HOLDERS[holder]).rules(now.date())
        terms = rules.value(CityRules.agreement)
        agreement = AgreementAccepted(terms.agreement_id, terms.version, "", now)
        return Application(
            holder=holder,
            member=member,
            # A stepchild: all of them were born on one day.
            relation="27",
            purposes=frozenset({Purpose.VISIT}),
            channel="wanshitong",
            identity_checks=frozenset({"real_name", "e_voucher", "face"}),
            member_details=details_of(self.world.record(Person, member)),
            materials=(Material("household_register", original=False, reference="r"),),
            agreement=agreement,
            consent=self.own_consent() if consent else None,
        )

    def own_consent(self) -> Consent:
        """Return the member's own consent, now."""
        return Consent(ConsentMethod.OWN_ACCOUNT, self.world.now)


def outcome_of(act: Callable[[], Any]) -> Any:
    """Return the answer, or the refusal."""
    try:
        return act()
    except Refusal as refused:
        return refused


def shown(outcome: Any) -> Any:
    """Return what somebody sees: the binding, or the conditions and the remedies."""
    if isinstance(outcome, Refusal):
        return outcome.conditions, outcome.metadata
    return outcome


def details_of(person: Person) -> MemberDetails:
    """Return what an applicant types about somebody."""
    number = person.certificate.number
    return MemberDetails(person.name, number, "10000000000", person.first_place)


@pytest.fixture
def machine() -> type[Families]:
    """Return the machine over the installed cities."""
    return type("Families", (Families,), {"cities": shipped()})


def test_bindings_live_as_the_model_says(
    machine: type[Families], effort: Effort
) -> None:
    """Whatever the order of steps, every binding stands where a plain table of pairs
    and dates puts it."""
    run_state_machine_as_test(machine, settings=effort(short=15, long=120, steps=40))
