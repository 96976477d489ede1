"""One message is answered as of one instant, and what is refused has asked for nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from gongji.national.edition import HUNAN
from gongji.national.forms import NationalFault
from gongji.rules.codes import SHANGHAI
from gongji.serve.national.exchanges import Exchanges
from gongji.serve.national.memory import Memory
from gongji.v1 import registry_pb2, types_pb2
from gongji.v1 import settlement_pb2 as pb

from tests.national.messages import PATIENT, TOTALS, request

LAST = datetime(2026, 12, 31, 23, 59, 59, tzinfo=SHANGHAI)


class NotingService:
    """Knows one person and notes what it is asked."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def registry(self, method: str, asked: Any) -> Any:
        """Return the person."""
        self.asked.append(asked)
        enrolment = types_pb2.Enrolment(scheme=types_pb2.SCHEME_EMPLOYEE)
        person = types_pb2.Person(person_no=PATIENT, enrolments=[enrolment])
        return registry_pb2.GetPersonResponse(person=person)

    def settlements(self, method: str, asked: Any) -> Any:
        """Return a year of which nothing is used."""
        self.asked.append(asked)
        year = pb.BenefitYear(scheme=types_pb2.SCHEME_EMPLOYEE)
        return pb.GetBenefitYearResponse(
            day=asked.day, year=asked.day[:4], benefits=[year]
        )

    accounts = registry

    def compare(self, requests: Any) -> Any:
        """Return nothing."""
        return iter(requests)


def midnight() -> Iterator[datetime]:
    """Yield the last second of a year, then the next year for ever."""
    yield LAST
    while True:
        yield LAST + timedelta(seconds=1)


def exchanges(service: NotingService, memory: Memory) -> Exchanges:
    """Return exchanges whose clock goes on at each look."""
    clock = midnight()
    return Exchanges(
        service=service, memory=memory, edition=HUNAN, clock=lambda: next(clock)
    )


def test_a_year_is_that_of_one_instant() -> None:
    """5206 at midnight asks of the day whose year and month it answers."""
    service = NotingService()
    with Memory(":memory:") as memory:
        message = request("5206", {"psn_no": PATIENT})
        answer: Any = exchanges(service, memory).answer(message)
    months = {(row["year"], row["cum_ym"]) for row in answer["output"]["cuminfo"]}
    (asked,) = service.asked
    assert {("2026", "202612")} == months
    assert "2026-12-31" == asked.day


@pytest.mark.parametrize(
    ("infno", "data", "told"),
    [
        ("5206", {"psn_no": PATIENT, "cum_ym": "202701"}, "cum_ym"),
        ("3201", {**TOTALS, "clr_type": "77"}, "clr_type"),
    ],
)
def test_what_is_refused_has_asked_nothing(
    infno: str, data: dict[str, Any], told: str
) -> None:
    """A month to come, or an unknown clr_type, is refused before anybody's data are read."""
    service = NotingService()
    with Memory(":memory:") as memory, pytest.raises(NationalFault, match=told):
        exchanges(service, memory).answer(request(infno, data))
    assert [] == service.asked
