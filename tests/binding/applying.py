"""Applications for tests of binding: faultless by the city's own rules, so that a test
changes one thing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace as with_fields
from datetime import date, datetime
from functools import cache
from typing import Any

from gongji.binding.asked import rules_of_pair, turns
from gongji.binding.review import RecordConsent, Review, Unbind
from gongji.binding.submit import Submit
from gongji.binding.workdays import Workdays
from gongji.cities.city import Cities, City, DayRules, periods_of
from gongji.cities.loading import city_from
from gongji.model.binding import (
    AgreementAccepted,
    Application,
    Binding,
    Consent,
    Material,
    MemberDetails,
)
from gongji.model.people import Enrolment, Person
from gongji.rules.channels import MemberField
from gongji.rules.clauses import Timeline
from gongji.rules.codes import SHANGHAI, ConsentMethod, EnrolmentStatus, Purpose, Scheme
from gongji.rules.hookspecs import CityRules
from msgspec.structs import replace

from tests.scaffold.cities import shipped
from tests.scaffold.world import World

PHONE = "10000000000"
TUESDAY = datetime(2025, 9, 30, 10, 0, tzinfo=SHANGHAI)
"""The day before the National Day holiday; counters are open."""
PLACES = {"anqing": "340800", "huangshan": "341000", "chuzhou": "341100"}
ELSEWHERE = {"anqing": "341000", "huangshan": "340800", "chuzhou": "340800"}
"""Another city, by the city; Anqing and Huangshan agree to each other's people."""


@cache
def cities() -> Cities:
    """The installed cities."""
    return shipped()


def with_values(pinyin: str, overrides: Mapping[str, Timeline[Any]]) -> Cities:
    """The installed cities, one of them with other values of some hooks."""
    source = __import__(f"gongji_{pinyin}")
    changed = city_from(source, pinyin=pinyin, overrides=overrides)
    return Cities(
        tuple(changed if c.area_code == changed.area_code else c for c in cities().all)
    )


def answered(pinyin: str, hook: str) -> Any:
    """What a city answers on the day."""
    rules = cities().named(pinyin).rules(TUESDAY.date())
    return rules.value(getattr(CityRules, hook))


def answering(pinyin: str, **values: Any) -> Cities:
    """The installed cities, one of them with other values under the same clauses."""
    city = cities().named(pinyin)
    rules = city.rules(TUESDAY.date())
    ruled = {hook: rules.answer(getattr(CityRules, hook)) for hook in values}
    changed = {hook: (with_fields(ruled[hook], value=v),) for hook, v in values.items()}
    timelines = {**city.timelines, **changed}
    # As `city_from` would load it, but many times faster.
    periods = periods_of(timelines, lambda *_: False)
    another = with_fields(city, timelines=timelines, _periods=periods)
    return Cities(tuple(another if c is city else c for c in cities().all))


def enrolled(
    scheme: Scheme,
    psn_type: str = "11",
    status: EnrolmentStatus = EnrolmentStatus.NORMAL,
    until: date | None = None,
) -> tuple[Enrolment, ...]:
    """One enrolment since 2020."""
    return (Enrolment(scheme, psn_type, status, date(2020, 1, 1), until),)


class Applicants(World):
    """A world of the installed cities with a holder H and a member M of one of them,
    both employees."""

    member_checks: frozenset[str] = frozenset()
    """The identity checks of the member that the channel reports."""

    def __init__(
        self,
        pinyin: str = "chuzhou",
        *,
        now: datetime = TUESDAY,
        served: Cities | None = None,
        holder: Mapping[str, Any] | None = None,
        member: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(served or cities(), now)
        self.workdays = Workdays()
        self.person("H", **{"place": PLACES[pinyin], "phone": PHONE, **(holder or {})})
        self.person("M", **{"place": PLACES[pinyin], "phone": PHONE, **(member or {})})

    def get(self, person_no: str) -> Person:
        """Return a person of the world."""
        return self.record(Person, person_no)

    def application(
        self, channel: str, holder: str = "H", member: str = "M", **changes: Any
    ) -> Application:
        """Return an application for a spouse's visits, faultless but for these changes."""
        pair = self.get(holder), self.get(member)
        rules = rules_of_pair(*pair, self.now.date(), self.cities).rules
        application = Application(
            holder=holder,
            member=member,
            relation="10",
            purposes=frozenset({Purpose.VISIT}),
            channel=channel,
        )
        if all(channel in asked.value(CityRules.channels) for asked in turns(rules)):
            application = self._completed(application, rules)
        return replace(application, **changes)

    def _completed(self, application: Application, rules: DayRules) -> Application:
        """Return an application with all that its channel asks for."""
        channel = application.channel
        checks = rules.value(CityRules.identity_checks)[channel]
        fields = rules.value(CityRules.fields_asked)[channel]
        needs = rules.value(CityRules.materials)[channel]
        agreement = rules.value(CityRules.agreement)
        return replace(
            application,
            identity_checks=frozenset(check.value for check in checks),
            member_details=_details(self.get(application.member), fields),
            materials=tuple(
                Material(need.one_of[0].value, need.original, "附件") for need in needs
            ),
            agreement=AgreementAccepted(
                agreement_id=agreement.agreement_id,
                version=agreement.version,
                text_sha256="",
                at=self.now,
            ),
            consent=self.consent(),
        )

    def consent(self, method: ConsentMethod = ConsentMethod.OWN_ACCOUNT) -> Consent:
        """Return a consent given now."""
        return Consent(method, self.now, identity_checks=self.member_checks)

    def submit(self, application: Application) -> Binding:
        """Submit an application; return the binding as answered and stored."""
        return self.do(self.submission(application))

    def submission(self, application: Application) -> Submit:
        """The command."""
        request = self.request("SubmitBinding")
        return Submit(
            request=request,
            application=application,
            cities=self.cities,
            workdays=self.workdays,
        )

    def record_consent(
        self, binding_id: str, consent: Consent | None = None
    ) -> RecordConsent:
        """The command."""
        return RecordConsent(
            request=self.request("RecordConsent"),
            binding_id=binding_id,
            consent=consent or self.consent(),
            cities=self.cities,
            workdays=self.workdays,
        )

    def review(
        self, binding_id: str, *, approve: bool, reason_code: str = "", remark: str = ""
    ) -> Review:
        """The command."""
        return Review(
            request=self.request("ReviewBinding"),
            binding_id=binding_id,
            reviewer="审核员",
            approve=approve,
            reason_code=reason_code,
            remark=remark,
            cities=self.cities,
        )

    def unbind(self, binding_id: str, channel: str = "wanshitong") -> Unbind:
        """The command."""
        return Unbind(
            request=self.request("Unbind"),
            binding_id=binding_id,
            channel=channel,
            cities=self.cities,
            workdays=self.workdays,
        )

    @property
    def city(self) -> City:
        """The holder's city."""
        return self.cities.of(self.get("H").first_place)


def _details(member: Person, fields: frozenset[MemberField]) -> MemberDetails:
    registered = {
        MemberField.NAME: member.name,
        MemberField.CERTIFICATE_NUMBER: member.certificate.number,
        MemberField.PHONE: member.phone,
        MemberField.INSURED_PLACE: member.first_place,
    }
    return MemberDetails(**{field.value: registered[field] for field in fields})
