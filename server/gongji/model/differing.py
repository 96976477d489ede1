"""Which dated values of a record differ between two revisions, in Chinese.

Names, certificates, phones, birth dates, relatives and the values of marks are never
repeated: that they differ is all that is said.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import date, timedelta
from functools import lru_cache, partial
from typing import Any, Final

from gongji.model.people import Enrolment, Institution, InstitutionGrade, Kin, Person
from gongji.rules.codes import EnrolmentStatus, InstitutionKind, Scheme, Standing
from gongji.rules.days import next_day
from gongji.rules.money import yuan
from gongji.rules.terms import TERMS

_GRADES: Final[Mapping[int, str]] = {
    1: "三级特等",
    2: "三级甲等",
    3: "三级乙等",
    4: "三级丙等",
    5: "二级甲等",
    6: "二级乙等",
    7: "二级丙等",
    8: "一级甲等",
    9: "一级乙等",
    10: "一级丙等",
    11: "无等级",
    12: "三级未定等",
    13: "二级未定等",
    14: "一级未定等",
}
"""The national grades of hospitals (hosp_lv)."""


def differences(before: Any, after: Any) -> tuple[str, ...]:
    """Return what differs between two revisions of a person or an institution."""
    if isinstance(before, Person) and isinstance(after, Person):
        return tuple(_of_persons(before, after))
    return _between_institutions(before, after)


# One correction may be told with a hundred thousand settlements.
@lru_cache(maxsize=64)
def _between_institutions(before: Institution, after: Institution) -> tuple[str, ...]:
    return tuple(_of_institutions(before, after))


def _of_persons(before: Person, after: Person) -> Iterator[str]:
    for scheme in Scheme:
        yield from _stepwise(
            f"{TERMS[Scheme][scheme]}参保",
            _enrolment_days(before, after),
            partial(_enrolled, before, scheme),
            partial(_enrolled, after, scheme),
        )
    yield from _stepwise(
        "参保地",
        [place.since for p in (before, after) for place in p.place_history],
        before.place_on,
        after.place_on,
    )
    yield from _of_bases(before, after)
    yield from _of_marks(before, after)
    if before.died_on != after.died_on:
        yield f"死亡日期：{after.died_on or '无登记'}（原{before.died_on or '无登记'}）"
    if before.born != after.born:
        yield "出生日期：有更正"
    if _kin(before) != _kin(after):
        yield "亲属关系：有更正"


def _of_bases(before: Person, after: Person) -> Iterator[str]:
    yield from _stepwise(
        "缴费基数",
        [base.since for p in (before, after) for base in p.base_history],
        lambda day: f"{yuan(before.base_on(day))} 元",
        lambda day: f"{yuan(after.base_on(day))} 元",
    )


def _of_marks(before: Person, after: Person) -> Iterator[str]:
    marks = (*before.marks, *after.marks)
    days = [day for m in marks for day in _bounds(m.since, m.until)]
    for kind in sorted({mark.kind for mark in marks}):
        yield from _stepwise(
            f"标识 {kind}",
            days,
            partial(_marked, before, kind),
            partial(_marked_now, before, after, kind),
        )


def _of_institutions(before: Institution, after: Institution) -> Iterator[str]:
    both = (before, after)
    yield from _stepwise(
        "医院等级",
        [grade.since for i in both for grade in i.grade_history],
        lambda day: _grade(before.grade_on(day)),
        lambda day: _grade(after.grade_on(day)),
    )
    yield from _stepwise(
        "定点资格",
        [
            day
            for i in both
            for window in i.designations
            for day in _bounds(window.since, window.until)
        ],
        lambda day: _designated(before, day),
        lambda day: _designated(after, day),
    )


def _stepwise(
    name: str,
    days: Iterable[date],
    before: Callable[[date], str],
    after: Callable[[date], str],
) -> Iterator[str]:
    """Yield each time in which a value differs: 2025-09-01至2025-09-30 …."""
    steps = sorted({date.min, *days})
    pending: tuple[str, str] | None = None
    since = date.min
    for day in steps:
        pair = (before(day), after(day))
        if pair == pending:
            continue
        if pending is not None:
            yield _told(name, since, day - timedelta(days=1), pending)
        pending, since = (pair, day) if pair[0] != pair[1] else (None, day)
    if pending is not None:
        yield _told(name, since, None, pending)


def _told(name: str, since: date, until: date | None, pair: tuple[str, str]) -> str:
    before, after = pair
    if until is not None:
        first = "" if since == date.min else str(since)
        time = f"{first}至{until}"
    else:
        time = "一直是" if since == date.min else f"{since}起"
    return f"{name}：{time} {after}（原{before}）"


def _bounds(since: date, until: date | None) -> Iterator[date]:
    """Yield the first day of a time, and the first one after it."""
    yield since
    following = None if until is None else next_day(until)
    if following is not None:
        yield following


def _enrolment_days(*persons: Person) -> list[date]:
    enrolments = [e for person in persons for e in person.enrolments]
    return [day for e in enrolments for day in _bounds(e.since, e.until)]


def _enrolled(person: Person, scheme: Scheme, day: date) -> str:
    enrolment = person.enrolled(day, scheme)
    return "未参保" if enrolment is None else _enrolment(enrolment)


def _enrolment(enrolment: Enrolment) -> str:
    words = TERMS[EnrolmentStatus][enrolment.status]
    if enrolment.scheme is Scheme.EMPLOYEE:
        words += f"、{TERMS[Standing][enrolment.standing]}"
    if enrolment.insured_place:
        words += f"、参保地 {enrolment.insured_place}"
    return words


def _marked(person: Person, kind: str, day: date) -> str:
    return "有" if person.marks_on(day, kind) else "无"


def _marked_now(before: Person, after: Person, kind: str, day: date) -> str:
    values = [{m.value for m in p.marks_on(day, kind)} for p in (before, after)]
    # The value itself may be an illness.
    other = all(values) and values[0] != values[1]
    return "有，取值有更正" if other else _marked(after, kind, day)


def _grade(grade: InstitutionGrade) -> str:
    if grade.kind is InstitutionKind.PHARMACY:
        return "零售药店"
    named = _GRADES.get(grade.hosp_lv, "无等级")
    return f"{named}、类别 {grade.care_class}" if grade.care_class else named


def _designated(institution: Institution, day: date) -> str:
    return "定点" if institution.designated_on(day) else "非定点"


def _kin(person: Person) -> Collection[Kin]:
    return frozenset(person.kin)
