"""Whoever follows a way by its fields alone is accepted, and each condition's own way
meets that condition: over cities, channels, relations and what is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import combinations_with_replacement, cycle, product
from typing import Any, Final, TypeAlias

import pytest
from gongji.binding.kinship import SPOUSE, kind_of
from gongji.model.binding import Application, Binding, MemberDetails
from gongji.model.people import Certificate, Enrolment, Kin, Person
from gongji.model.refusals import CounterClosed, NotEligible
from gongji.rpc.constraints import enforce
from gongji.rpc.convert.binding import application_from
from gongji.rpc.convert.refusals import explanation_to
from gongji.rules.codenames import RELATION_NAMES
from gongji.rules.codes import (
    IDENTITY_CARD,
    SHANGHAI,
    BindingState,
    ConsentMethod,
    EnrolmentStatus,
    Purpose,
    Scheme,
)
from gongji.rules.hookspecs import CityRules
from gongji.v1 import binding_pb2 as pb
from gongji.v1 import types_pb2
from gongji_conformance.city.following import Follower
from google.protobuf.timestamp_pb2 import Timestamp
from msgspec.structs import replace

from tests.binding.applying import PLACES, TUESDAY, Applicants, cities, enrolled
from tests.prove.conftest import LONG

Fault = Callable[[Applicants, Application], Application]
"""Takes something from a faultless application, or from the facts behind it."""

HOLIDAY: Final = datetime(2025, 10, 1, 10, 0, tzinfo=SHANGHAI)


def of_form(**changes: Any) -> Fault:
    """Change the application."""
    return lambda _, application: replace(application, **changes)


def of_person(number: str, **changes: Any) -> Fault:
    """Change a person's row in the registry."""

    def fault(world: Applicants, application: Application) -> Application:
        world.add(replace(world.get(number), **changes))
        return application

    return fault


def born(day: str) -> Fault:
    """Have the member born on a day, by his certificate."""

    def fault(world: Applicants, application: Application) -> Application:
        member = world.get("M")
        number = world.identity_number(900, born=day)
        card = Certificate(IDENTITY_CARD, number)
        world.add(replace(member, certificate=card))
        details = application.member_details
        if details.certificate_number:
            details = replace(details, certificate_number=number)
        return replace(application, member_details=details)

    return fault


def consented(**changes: Any) -> Fault:
    """Change the consent that is there."""

    def fault(_: Applicants, application: Application) -> Application:
        consent = application.consent
        return replace(application, consent=consent and replace(consent, **changes))

    return fault


def agreed(**changes: Any) -> Fault:
    """Change the agreement that is accepted."""

    def fault(_: Applicants, application: Application) -> Application:
        agreement = application.agreement
        accepted = agreement and replace(agreement, **changes)
        return replace(application, agreement=accepted)

    return fault


def full_family(world: Applicants, application: Application) -> Application:
    """Have eight others bound already."""
    for number in range(8):
        world.person(f"B{number}", place=world.get("H").first_place)
        world.bind("H", f"B{number}", TUESDAY, binding_id=f"BB{number}")
    return application


def married_to_another(who: str) -> Fault:
    """Have one of the two bound to another spouse."""

    def fault(world: Applicants, application: Application) -> Application:
        world.person("X", place=world.get("H").first_place)
        holder, member = ("H", "X") if who == "H" else ("X", "M")
        world.bind(holder, member, TUESDAY, relation="10", binding_id="BX")
        return application

    return fault


def as_spouse(fault: Fault) -> Fault:
    """Apply as spouses, whatever the turn of relations."""
    return lambda world, application: fault(world, replace(application, relation="10"))


def bound(world: Applicants, application: Application) -> Application:
    """Have the two bound already."""
    world.bind("H", "M", TUESDAY, binding_id="BM")
    return application


def on_a_holiday(world: Applicants, application: Application) -> Application:
    """Come when counters are closed."""
    world.now = HOLIDAY
    return Applicants.application(
        world,
        application.channel,
        relation=application.relation,
        purposes=application.purposes,
    )


SPOUSE_X: Final = Kin("X", "10", "登记")

WRONG: Final = MemberDetails("王某某", "110101199001011237", "13900000000", "340100")

FAULTS: Final[Mapping[str, Fault]] = {
    "nothing": of_form(),
    "no checks": of_form(identity_checks=frozenset()),
    "no details": of_form(member_details=MemberDetails()),
    "wrong details": of_form(member_details=WRONG),
    "no proofs": of_form(materials=()),
    "no agreement": of_form(agreement=None),
    "an old agreement": agreed(version="0"),
    "agreed tomorrow": agreed(at=TUESDAY + timedelta(days=1)),
    "no consent": of_form(consent=None),
    "consented long ago": consented(at=TUESDAY - timedelta(days=9000)),
    "a guardian's consent": consented(method=ConsentMethod.GUARDIAN),
    "another check of the member": consented(identity_checks=frozenset({"face"})),
    "a child that consents": born("20150601"),
    "a member of no age": of_person("M", enrolments=enrolled(Scheme.EMPLOYEE)),
    "both purposes": of_form(purposes=frozenset(Purpose)),
    "premium only": of_form(purposes=frozenset({Purpose.RESIDENT_PREMIUM})),
    "a member elsewhere": of_person("M", first_place="340100"),
    "a member far away": of_person("M", first_place="320100"),
    "a resident holder": of_person("H", enrolments=enrolled(Scheme.RESIDENT, "15")),
    "a resident member": of_person("M", enrolments=enrolled(Scheme.RESIDENT, "15")),
    "a member who paused": of_person(
        "M", enrolments=enrolled(Scheme.EMPLOYEE, status=EnrolmentStatus.PAUSED)
    ),
    "a relation on record": of_person("H", kin=(Kin("M", "10", "登记"),)),
    "another spouse on record": as_spouse(of_person("H", kin=(SPOUSE_X,))),
    "the member's other spouse": as_spouse(of_person("M", kin=(SPOUSE_X,))),
    "bound to a spouse": as_spouse(married_to_another("H")),
    "the member bound to a spouse": as_spouse(married_to_another("M")),
    # Who moves into scope is bound again to whom he was.
    "far away, and bound to a spouse": as_spouse(
        lambda world, application: married_to_another("M")(
            world, of_person("M", first_place="320100")(world, application)
        )
    ),
    "a full family": full_family,
    "bound already": bound,
    "a closed counter": on_a_holiday,
}

KNOWN: Final = {
    "name": "name",
    "certificate_number": "certificate.number",
    "phone": "phone",
    "insured_place": "first_place",
}


def requested(application: Application) -> pb.SubmitBindingRequest:
    """Return an application as it comes over the wire."""
    details = application.member_details
    request = pb.SubmitBindingRequest(
        request_id="01890000-0000-7000-8000-000000000000",
        holder=types_pb2.PersonRef(person_no=application.holder),
        member=types_pb2.PersonRef(person_no=application.member),
        relation=application.relation,
        purposes=[types_pb2.Purpose.ValueType(p) for p in sorted(application.purposes)],
        channel=application.channel,
        identity_checks=sorted(application.identity_checks),
        member_details=pb.MemberDetails(
            **{name: getattr(details, name) for name in KNOWN}
        ),
    )
    for proof in application.materials:
        request.materials.add(
            kind=proof.kind, original=proof.original, reference=proof.reference
        )
    _write_evidence(application, request)
    return request


def _write_evidence(application: Application, request: pb.SubmitBindingRequest) -> None:
    if application.agreement is not None:
        request.agreement.agreement_id = application.agreement.agreement_id
        request.agreement.version = application.agreement.version
        request.agreement.at.FromDatetime(application.agreement.at)
    if (consent := application.consent) is not None:
        request.consent.method = pb.ConsentMethod.ValueType(consent.method)
        request.consent.member_of_age = consent.member_of_age
        request.consent.identity_checks.extend(sorted(consent.identity_checks))
        request.consent.at.FromDatetime(consent.at)


class Applying:
    """A world with a fault in it, and the application as it is sent."""

    def __init__(
        self, pinyin: str, channel: str, relation: str, names: tuple[str, ...]
    ) -> None:
        self.world = world = Applicants(pinyin)
        for number in ("H", "M"):
            # Tells no birth date: none speaks against a relation.
            card = Certificate("08", f"X{number}0000001")
            world.add(replace(world.get(number), certificate=card))
        application = world.application(channel, relation=relation)
        for name in dict.fromkeys(names):
            application = FAULTS[name](world, application)
        self.request = requested(application)

    def sent(self) -> Binding:
        """Submit it. Refusal."""
        enforce(self.request)
        application = application_from(self.request, "H", "M")
        return self.world.decide(self.world.submission(application)).answer

    def refused(self) -> pb.Explanation:
        """Return why it is refused; empty if it is accepted."""
        try:
            self.sent()
        except (NotEligible, CounterClosed) as refusal:
            return explanation_to(refusal)
        return pb.Explanation()

    def follow(self, steps: Any) -> None:
        """Do what the steps say."""
        for step in steps:
            self._prepare(step)
        now = Timestamp()
        now.FromDatetime(self.world.now)
        member = self.world.get("M")
        known = {
            f"member_details.{name}": _read(member, path)
            for name, path in KNOWN.items()
        }
        self.request = Follower(known, now).follow(steps, self.request)

    def _prepare(self, step: pb.Step) -> None:
        """Do of a step what is no matter of the application."""
        values = {field.path: field.value for field in step.fields}
        if step.action == pb.STEP_ACTION_WAIT:
            waited = step.not_before.ToDatetime(tzinfo=SHANGHAI)
            self.world.now = max(self.world.now, waited)
        elif step.action == pb.STEP_ACTION_UNBIND:
            self._unbind(step, values)
        elif step.action == pb.STEP_ACTION_REGISTER:
            for side, number in (("holder", "H"), ("member", "M")):
                self._register(side, number, values)

    def _unbind(self, step: pb.Step, values: Mapping[str, str]) -> None:
        side = "member" if "member" in values else "holder"
        bindings = [
            binding
            for binding in self.world.all(Binding)
            if binding.state is BindingState.ACTIVE
            and values.get("binding_id") in {None, binding.binding_id}
            and getattr(binding, side) in {"H", "M"}
            and kind_of(values.get("relation", binding.relation))
            == kind_of(binding.relation)
        ]
        assert len(bindings) >= max(1, step.count)
        for binding in bindings[: step.count or 1]:
            self.world.add(replace(binding, state=BindingState.ENDED))

    def _register(self, side: str, number: str, values: Mapping[str, str]) -> None:
        person = self.world.get(number)
        if place := values.get(f"{side}.insured_place"):
            person = replace(person, first_place=place, moves=())
        row = f"{side}.enrolments[]"
        if f"{row}.scheme" in values:
            person = self._enrolled(person, values[f"{row}.scheme"], values)
        if f"{side}.kin[].relation" in values:
            kin = [k for k in person.kin if kind_of(k.relation) != SPOUSE]
            person = replace(person, kin=tuple(kin))
        self.world.add(person)

    def _enrolled(self, person: Person, name: str, values: Mapping[str, str]) -> Person:
        scheme = Scheme[name.removeprefix("SCHEME_")]
        (status,) = [v for path, v in values.items() if path.endswith(".status")]
        new = Enrolment(
            scheme,
            "15" if scheme is Scheme.RESIDENT else "11",
            EnrolmentStatus[status.removeprefix("ENROLMENT_STATUS_")],
            self.world.now.date(),
        )
        others = [e for e in person.enrolments if e.scheme is not scheme]
        return replace(person, enrolments=(*others, new))


def _read(person: Any, path: str) -> str:
    for name in path.split("."):
        person = getattr(person, name)
    return str(person)


Scene: TypeAlias = tuple[str, str, str, tuple[str, ...]]
"""City, channel, relation and what is missing."""


def scenes(pinyin: str) -> Iterator[Scene]:
    """Yield each channel with each thing that may be missing, the relations in turn.

    In a long run with each two of them.
    """
    rules = cities().of(PLACES[pinyin]).rules(TUESDAY.date())
    channels = rules.value(CityRules.channels)
    admitted = sorted(rules.value(CityRules.relations).codes)
    relations = cycle(RELATION_NAMES if LONG else admitted)
    missing = (
        combinations_with_replacement(FAULTS, 2)
        if LONG
        else [(name,) for name in FAULTS]
    )
    for channel, names in product(channels, [*missing]):
        yield pinyin, channel, next(relations), names


Told: TypeAlias = tuple[int, str, str, str]
"""What tells a condition from others: code, path, value, sentence."""


def key(condition: pb.Condition) -> Told:
    """Return what tells a condition from others of its kind."""
    first = condition.fields[0]
    return condition.code, first.path, first.value, condition.message


def left_after(scene: Scene, way: pb.Way) -> list[Told]:
    """Return what is not met after a way is followed."""
    applying = Applying(*scene)
    applying.follow(way.steps)
    return [key(condition) for condition in applying.refused().conditions]


@pytest.mark.parametrize("pinyin", PLACES)
def test_who_follows_a_way_is_accepted(pinyin: str) -> None:
    """Each way told leads to a binding, and each way of a condition meets it; both by
    their fields alone."""
    done: set[int] = set()
    for turn, scene in enumerate(scenes(pinyin)):
        told = Applying(*scene).refused()
        for way in told.ways:
            assert (scene, []) == (scene, left_after(scene, way)), way
            done.update(step.action for step in way.steps)
        # In a short run those of every third scene.
        for condition in told.conditions if LONG or turn % 3 == 0 else ():
            for way in condition.ways:
                assert key(condition) not in left_after(scene, way), (scene, way)
    elsewhere = {pb.STEP_ACTION_UNSPECIFIED, pb.STEP_ACTION_BIND, pb.STEP_ACTION_WAIT}
    # What is done instead of a binding leads to none.
    elsewhere |= {pb.STEP_ACTION_OPEN_WALLET, pb.STEP_ACTION_TRANSFER}
    assert set(pb.StepAction.values()) - elsewhere <= done
