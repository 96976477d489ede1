"""Which case of a benefit a visit is: the value of each facet, on the day of the visit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Final

from gongji.model.people import Person
from gongji.rules.shapes import Benefit, Facet, FacetOf
from gongji.rules.unfolding import Values
from gongji.settlement.admission import InsuredVisit

HERE: Final = "here"

ELSEWHERE: Final = "elsewhere"

HOME: Final = "home"


def case_of(benefit: Benefit, visit: InsuredVisit, level: int) -> Values:
    """Return the value of each facet, "" of one whose answer is none of its values."""
    return tuple([_value(facet, visit, level) for facet in benefit.facets.values()])


def _value(facet: Facet, visit: InsuredVisit, level: int) -> str:
    if facet.of is FacetOf.AGE:
        return _age(facet, visit.patient, visit.bill.service_day)
    if facet.of is FacetOf.CATEGORY:
        return _beginning(facet, visit.enrolment.psn_type)
    of_level = facet.of is FacetOf.LEVEL
    answer = str(level) if of_level else _ANSWERS[facet.of](facet, visit)
    return answer if answer in facet.values else ""


def _age(facet: Facet, patient: Person, day: date) -> str:
    """Return the greatest age that the patient has completed; the least if none is known."""
    # Without a birth date nobody is older than the first band, as the manual says.
    reached, *later = facet.values
    for years in later:
        if patient.younger_than(int(years), day) is False:
            reached = years
    return reached


def _beginning(facet: Facet, psn_type: str) -> str:
    """Return the longest value with which a psn_type begins."""
    begun = [value for value in facet.values if value and psn_type.startswith(value)]
    return max(begun, key=len, default="")


def _mark(facet: Facet, visit: InsuredVisit) -> str:
    marks = visit.patient.marks_on(visit.bill.service_day, facet.mark)
    # Of several the one that began last counts.
    return max(marks, key=lambda mark: mark.since).value if marks else ""


def _marked_here(facet: Facet, visit: InsuredVisit) -> str:
    marks = visit.patient.marks_on(visit.bill.service_day, facet.mark)
    if not marks:
        return ""
    code = visit.bill.institution_code
    return HERE if any(mark.value == code for mark in marks) else ELSEWHERE


_ANSWERS: Final[Mapping[FacetOf, Callable[[Facet, InsuredVisit], str]]] = {
    FacetOf.STANDING: lambda _, visit: visit.enrolment.standing.value,
    FacetOf.CLASS: lambda _, visit: visit.grade.care_class,
    FacetOf.MARK: _mark,
    FacetOf.MARKED_HERE: _marked_here,
    FacetOf.VISIT: lambda _, visit: visit.bill.visit_kind.name.lower(),
    FacetOf.ELSEWHERE: lambda _, visit: ELSEWHERE if visit.elsewhere else HOME,
}
"""What each facet asks of a visit; ages, categories and levels are asked otherwise."""
