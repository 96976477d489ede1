"""The life of bindings against a second, plainer telling of it: a table of pairs and
dates, no core code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from gongji.binding.life import as_of
from gongji.binding.review import RecordConsent, Review, Unbind
from gongji.binding.submit import Submit
from gongji.binding.workdays import Workdays
from gongji.cities.city import Cities
from gongji.cities.loading import load_cities
from gongji.model.binding import (
    AgreementAccepted,
    Application,
    Binding,
    Consent,
    Material,
    MemberDetails,
)
from gongji.model.people import Kin, Person
from gongji.model.refusals import IllegalTransition, NotEligible, Refusal
from gongji.registry.imports import ImportPersons, UpsertPersons
from gongji.rules.codes import SHANGHAI, ConsentMethod, Purpose
from gongji.rules.hookspecs import CityRules
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)
from msgspec.structs import replace

from tests.scaffold.world import VAULT

START = datetime(2025, 9, 29, 10, 0, tzinfo=SHANGHAI)
CHUZHOU, ANQING = "341100", "340800"
HOLDERS = {"C": CHUZHOU, "A": ANQING}
MEMBERS = 9
EXPIRES_AFTER = timedelta(days=30)
# closes of the third working day after a submission, read off the State Council's
# calendar by hand
WORKDAY_CLOSES = {
    date(2025, 9, 29): datetime(2025, 10, 10, 17, 0, tzinfo=SHANGHAI),
    date(2025, 9, 30): datetime(2025, 10, 11, 17, 0, tzinfo=SHANGHAI),
    date(2025, 10, 1): datetime(2025, 10, 11, 17, 0, tzinfo=SHANGHAI),
}


@dataclass
class Told:
    """What the model knows of one binding."""

    pair: tuple[str, str]
    state: str
    expires: datetime


class Families(RuleBasedStateMachine):
    """Two holders, nine people each of their city: Chuzhou has a limit of seven, Anqing
    wants consent and review."""

    cities: Cities
    new_world: Callable[..., Any]

    def __init__(self) -> None:
        super().__init__()
        self.world = self.new_world(cities=self.cities, now=START)
        self.workdays = Workdays()
        self.told: dict[str, Told] = {}
        self.insured: dict[str, bool] = {}
        for holder, place in HOLDERS.items():
            names = [holder, *(f"{holder}{n}" for n in range(MEMBERS))]
            for name in names:
                self.world.person(name, place=place)
                self.insured[name] = True
            known = tuple(
                Kin(f"{holder}{n}", "20", "登记") for n in range(0, MEMBERS, 2)
            )
            self.world.add(replace(self.world.records[Person, holder], kin=known))

    # --- the model --------------------------------------------------------------------

    def open_of(self, holder: str) -> list[Told]:
        """Bindings of a holder that take a place."""
        return [
            t
            for t in self.told.values()
            if t.pair[0] == holder and t.state in {"consent", "review", "active"}
        ]

    def expected_submission(self, holder: str, member: str, *, consent: bool) -> str:
        """The state a submission should reach, or "refused"."""
        pairs = {t.pair for t in self.open_of(holder)}
        full = holder == "C" and len(pairs) >= 6
        if (
            (holder, member) in pairs
            or full
            or not (self.insured[holder] and self.insured[member])
        ):
            return "refused"
        if holder == "C":
            return "active"
        if not consent:
            return "consent"
        return "active" if int(member[1:]) % 2 == 0 else "review"

    def expire(self) -> None:
        """Applications nobody answered in time."""
        for told in self.told.values():
            if told.state in {"consent", "review"} and self.world.now >= told.expires:
                told.state = "expired"

    # --- the steps --------------------------------------------------------------------

    @rule(
        holder=st.sampled_from("CA"),
        number=st.integers(0, MEMBERS - 1),
        consent=st.booleans(),
    )
    def submit(self, holder: str, number: int, *, consent: bool) -> None:
        """Applies through Wanshitong; the pre-check says the same beforehand."""
        member = f"{holder}{number}"
        command = Submit(
            request=self.world.request("SubmitBinding"),
            application=self.application(holder, member, consent=consent),
            cities=self.cities,
            workdays=self.workdays,
        )
        expected = self.expected_submission(holder, member, consent=consent)
        foreseen = self.outcome(lambda: self.world.decide(command).answer)
        happened = self.outcome(lambda: self.world.do(command))
        assert self.told_to_citizen(foreseen) == self.told_to_citizen(happened)
        if isinstance(happened, Refusal):
            assert ("refused", NotEligible) == (expected, type(happened))
            return
        self.told[happened.binding_id] = Told(
            (holder, member), expected, self.world.now + EXPIRES_AFTER
        )
        if expected == "review" and self.world.now.date() in WORKDAY_CLOSES:
            assert WORKDAY_CLOSES[self.world.now.date()] == happened.review_due_at

    @rule(pick=st.integers(0, 10_000))
    def consent(self, pick: int) -> None:
        """The member consents to some binding."""
        told = self.any_binding(pick)
        if told is None:
            return
        command = RecordConsent(
            request=self.world.request("RecordConsent"),
            binding_id=told[0],
            consent=self.given(),
            cities=self.cities,
            workdays=self.workdays,
        )
        recorded = int(told[1].pair[1][1:]) % 2 == 0
        self.move(command, told[1], "consent", "active" if recorded else "review")

    @rule(pick=st.integers(0, 10_000), approve=st.booleans())
    def review(self, pick: int, *, approve: bool) -> None:
        """A reviewer decides on some binding."""
        told = self.any_binding(pick)
        if told is None:
            return
        reason = "" if approve else "MATERIAL_MISSING"
        command = Review(
            request=self.world.request("ReviewBinding"),
            binding_id=told[0],
            reviewer="R1",
            approve=approve,
            reason_code=reason,
            remark="",
        )
        self.move(command, told[1], "review", "active" if approve else "refused")

    @rule(pick=st.integers(0, 10_000))
    def unbind(self, pick: int) -> None:
        """The holder ends some binding."""
        told = self.any_binding(pick)
        if told is None:
            return
        command = Unbind(
            request=self.world.request("Unbind"),
            binding_id=told[0],
            channel="wanshitong",
            cities=self.cities,
        )
        self.move(command, told[1], "active", "ended")

    @rule(who=st.sampled_from(["C", "A", "C0", "C3", "A1", "A2"]))
    def lose_or_regain_enrolment(self, who: str) -> None:
        """An import ends somebody's enrolment, or begins it anew; what rested on it
        closes in the same commit."""
        person = self.world.records[Person, who]
        now = self.world.now.date()
        self.insured[who] = not self.insured[who]
        last_day = None if self.insured[who] else now - timedelta(days=1)
        changed = replace(
            person, enrolments=(replace(person.enrolments[0], until=last_day),)
        )
        self.world.do(
            ImportPersons(UpsertPersons((changed,), VAULT.lookup), self.cities)
        )
        for told in self.told.values():
            if (
                not self.insured[who]
                and who in told.pair
                and told.state in {"consent", "review", "active"}
            ):
                told.state = "ended" if told.state == "active" else "expired"

    @rule(hours=st.sampled_from([1, 24, 24 * 10, 24 * 30]))
    def wait(self, hours: int) -> None:
        """Time passes."""
        self.world.now += timedelta(hours=hours)
        self.expire()

    @invariant()
    def agrees(self) -> None:
        """Every binding stands where the model says, its history ends there, and no
        family is overfull."""
        words = {
            "consent": 1,
            "review": 2,
            "active": 3,
            "refused": 4,
            "expired": 5,
            "ended": 6,
        }
        for binding_id, told in self.told.items():
            binding = as_of(self.world.records[Binding, binding_id], self.world.now)
            assert (words[told.state], told.pair) == (
                binding.state,
                (binding.holder, binding.member),
            )
            assert binding.history[-1].to_state is binding.state
            assert (told.state in {"refused", "expired", "ended"}) == (
                binding.closed_at is not None
            )
        assert len(self.open_of("C")) <= 6

    # --- helpers ----------------------------------------------------------------------

    def any_binding(self, pick: int) -> tuple[str, Told] | None:
        """Some binding, closed ones too."""
        return list(self.told.items())[pick % len(self.told)] if self.told else None

    def move(self, command: Any, told: Told, from_state: str, to_state: str) -> None:
        """A command is allowed in one state only and leads to one other."""
        happened = self.outcome(lambda: self.world.do(command))
        if told.state == from_state:
            assert not isinstance(happened, Refusal)
            told.state = to_state
        else:
            assert isinstance(happened, IllegalTransition)

    def outcome(self, act: Callable[[], Any]) -> Any:
        """The answer, or the refusal."""
        try:
            return act()
        except Refusal as refused:
            return refused

    def told_to_citizen(self, outcome: Any) -> Any:
        """What somebody is told: the binding, or the conditions and the ways that would help."""
        return (
            (outcome.conditions, outcome.metadata)
            if isinstance(outcome, Refusal)
            else outcome
        )

    def application(self, holder: str, member: str, *, consent: bool) -> Application:
        """What Wanshitong sends: all checks done, form filled in, a register in case
        the relation is not on record."""
        rules = self.cities.of(HOLDERS[holder]).rules(self.world.now.date())
        terms = rules.value(CityRules.agreement)
        person = self.world.records[Person, member]
        return Application(
            holder=holder,
            member=member,
            relation="20",
            purposes=frozenset({Purpose.VISIT}),
            channel="wanshitong",
            identity_checks=frozenset({"real_name", "e_voucher", "face"}),
            member_details=MemberDetails(
                person.name,
                person.certificate.number,
                "10000000000",
                person.insured_place,
            ),
            materials=(Material("household_register", original=False, reference="r"),),
            agreement=AgreementAccepted(
                terms.agreement_id, terms.version, "", self.world.now
            ),
            consent=self.given() if consent else None,
        )

    def given(self) -> Consent:
        """The member's own consent, now."""
        return Consent(ConsentMethod.OWN_ACCOUNT, self.world.now)


@pytest.fixture
def machine(new_world: Callable[..., Any]) -> type[Families]:
    """The machine over the installed cities."""
    cities = load_cities()

    def world(*, cities: Cities, now: datetime) -> Any:
        return type(new_world())(cities, now)

    return type(
        "Families", (Families,), {"cities": cities, "new_world": staticmethod(world)}
    )


def test_bindings_live_as_the_model_says(
    machine: type[Families], effort: Callable[..., Any]
) -> None:
    """Whatever the order of steps, every binding stands where a plain table of pairs
    and dates puts it."""
    run_state_machine_as_test(machine, settings=effort(short=15, long=120, steps=40))
