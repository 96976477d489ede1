"""File care elsewhere (异地就医备案), and end a filing, by the rules of the insured city."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace as replace_rule
from datetime import date, datetime, timedelta
from typing import Final

from msgspec.structs import replace

from gongji.cities.city import Cities, City, DayRules
from gongji.model.commands import Command, Decision
from gongji.model.facts import Facts, Need, by_key
from gongji.model.filing import Filing
from gongji.model.filing_refusals import (
    FilingEnded,
    FilingNotFound,
    FilingNotNeeded,
    FilingNotOffered,
    FilingTooLate,
    FilingTooShort,
)
from gongji.model.ids import derived_id
from gongji.model.people import Person, alive_on
from gongji.model.refusals import MalformedField, NotEnrolled, PersonNotFound
from gongji.rules.clauses import Clause
from gongji.rules.codes import (
    EnrolmentStatus,
    FilingKind,
    Scheme,
    pooling_area,
)
from gongji.rules.days import months_later
from gongji.rules.elsewhere import FilingTerms
from gongji.rules.hookspecs import CityRules
from gongji.rules.terms import TERMS

_INSURED: Final = (EnrolmentStatus.NORMAL, EnrolmentStatus.PAUSED)


class File(Command[Filing], frozen=True, kw_only=True):
    """File that a person is treated in some areas from a day on; `until` None: unsaid.

    It is filed where the person is insured in `scheme`, so that bills of it are covered.
    """

    answer_type = Filing

    wire = (("person_no", "person"),)

    person_no: str
    kind: FilingKind
    areas: tuple[str, ...]
    since: date
    until: date | None
    scheme: Scheme | None = None
    cities: Cities

    def __post_init__(self) -> None:
        if len(set(self.areas)) < len(self.areas):
            raise MalformedField("areas：同一地区只写一次", field="areas")
        if self.until is not None and self.until < self.since:
            raise MalformedField(
                f"until：最后一日 {self.until} 早于第一日 {self.since}", field="until"
            )

    def needs(self, _: Facts) -> Iterator[Need]:
        """Return the person."""
        yield by_key(Person, self.person_no)

    def decide(self, facts: Facts) -> Decision[Filing]:
        """Decide the filing by the rules of today.

        PersonNotFound, CityNotServed, NotInForce, FilingNotOffered, NotEnrolled,
        FilingNotNeeded, FilingTooLate, FilingTooShort.
        """
        person = facts.get(Person, self.person_no)
        if person is None:
            raise PersonNotFound(
                f"没有人员编号为 {self.person_no} 的参保人", field="person"
            )
        city = self.cities.of(person.place_on(self.since, self.scheme))
        rules = city.rules(facts.today)
        terms = self._terms(rules, city)
        self._refuse_not_insured(person, terms.clauses)
        self._refuse_home(city, terms.clauses)
        self._refuse_late(terms, facts.today)
        filing = self._filing(terms, rules, city, facts.now)
        return Decision(filing, creates=(filing,))

    def _filing(
        self, terms: FilingTerms, rules: DayRules, city: City, now: datetime
    ) -> Filing:
        """Return the filing. FilingTooShort."""
        return Filing(
            # Of the request: sent twice, it names one filing.
            filing_no=derived_id("Y", self.request.key),
            person_no=self.person_no,
            kind=self.kind,
            areas=self.areas,
            since=self.since,
            until=self._until(terms),
            area_code=city.area_code,
            filed_at=now,
            rule=rules.ref(CityRules.out_of_area, *terms.clauses),
            decided_by=city.decided_by,
        )

    def _terms(self, rules: DayRules, city: City) -> FilingTerms:
        """Return the terms of the kind, with clauses. FilingNotOffered."""
        answer = rules.answer(CityRules.out_of_area)
        terms = answer.value.kinds.get(self.kind)
        if terms is None:
            kinds = "、".join(TERMS[FilingKind][kind] for kind in answer.value.kinds)
            raise FilingNotOffered(
                f"{city.name}不办理{TERMS[FilingKind][self.kind]}备案；"
                f"可办理：{kinds or '无，异地就医的费用可以手工结算'}",
                field="kind",
                clauses=answer.clauses,
            )
        return terms if terms.clauses else replace_rule(terms, clauses=answer.clauses)

    def _refuse_not_insured(self, person: Person, clauses: tuple[Clause, ...]) -> None:
        insured = alive_on(person, self.since) and any(
            enrolment.covers(self.since)
            and enrolment.status in _INSURED
            and self.scheme in (None, enrolment.scheme)
            for enrolment in person.enrolments
        )
        if not insured:
            raise NotEnrolled(
                f"备案的第一日 {self.since} 没有参保", field="since", clauses=clauses
            )

    def _refuse_home(self, city: City, clauses: tuple[Clause, ...]) -> None:
        for place, area in enumerate(self.areas):
            # A whole province may be named, though one's own city lies in it.
            if pooling_area(area) == pooling_area(city.area_code):
                raise FilingNotNeeded(
                    f"{area} 在参保地{city.name}的统筹区内，就医无须备案；请去掉该地区",
                    field=f"areas[{place}]",
                    clauses=clauses,
                )

    def _refuse_late(self, terms: FilingTerms, today: date) -> None:
        earliest = today - timedelta(days=terms.late_days)
        if self.since < earliest:
            kind = TERMS[FilingKind][self.kind]
            raise FilingTooLate(
                f"{kind}备案不能早于 {earliest} 生效，得到 {self.since}；"
                "更早的异地费用可以手工结算",
                field="since",
                clauses=terms.clauses,
                earliest=str(earliest),
            )

    def _until(self, terms: FilingTerms) -> date | None:
        """Return the last day. FilingTooShort."""
        if not terms.least_months:
            return self.until
        least = months_later(self.since, terms.least_months)
        if self.until is not None and self.until < least:
            kind = TERMS[FilingKind][self.kind]
            raise FilingTooShort(
                f"{kind}备案至少 {terms.least_months} 个月，最后一日不早于 {least}；"
                "不写 until 即到该日，以后可以提前终止",
                field="until",
                clauses=terms.clauses,
                least=str(least),
            )
        return self.until or least


class EndFiling(Command[Filing], frozen=True, kw_only=True):
    """End a filing from a day on, which it does not cover any more."""

    answer_type = Filing

    filing_no: str
    from_day: date

    def needs(self, _: Facts) -> Iterator[Need]:
        """Return the filing."""
        yield by_key(Filing, self.filing_no)

    def decide(self, facts: Facts) -> Decision[Filing]:
        """Decide it. FilingNotFound, MalformedField for a day gone by, FilingEnded."""
        filing = facts.get(Filing, self.filing_no)
        if filing is None:
            raise filing_not_found("filing_no")
        if self.from_day < facts.today:
            # What was settled under it stands.
            raise MalformedField(
                f"from_day：只能自今日 {facts.today} 或以后终止，得到 {self.from_day}",
                field="from_day",
            )
        last = filing.last_day
        if last is not None and last < self.from_day:
            raise FilingEnded(
                f"该备案至 {last} 为止，到 {self.from_day} 已不再有效",
                field="from_day",
                last=str(last),
            )
        ended = replace(filing, ended=self.from_day, ended_at=facts.now)
        return Decision(ended, (ended,))


def filing_not_found(field: str) -> FilingNotFound:
    """Return the refusal of a number that no filing has; it is not repeated."""
    return FilingNotFound(
        "没有这一编号的异地就医备案；请填写办理备案时得到的编号", field=field
    )
