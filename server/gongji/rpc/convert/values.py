"""Days, instants, clauses and receipts between the wire and the model; what every
service's conversion is built of.

Requests arrive here checked by constraints.py: nothing below refuses.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any, Final

from google.protobuf.timestamp_pb2 import Timestamp

from gongji.cities.city import Cities
from gongji.model.commands import Answer
from gongji.model.decided import DecidedBy, RuleRef
from gongji.rules.clauses import Clause, Grade
from gongji.rules.codes import SHANGHAI, pooling_area
from gongji.v1 import types_pb2 as pb

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_DAY: Final = timedelta(days=1)

_GRADES: Final = {
    Grade.DOCUMENT: pb.CLAUSE_GRADE_DOCUMENT,
    Grade.OFFICIAL: pb.CLAUSE_GRADE_OFFICIAL,
    Grade.UNCONFIRMED: pb.CLAUSE_GRADE_UNCONFIRMED,
    Grade.OPERATOR: pb.CLAUSE_GRADE_OPERATOR,
    Grade.ASSUMPTION: pb.CLAUSE_GRADE_ASSUMPTION,
}


def day_from(text: str) -> date:
    """YYYY-MM-DD → day."""
    return date.fromisoformat(text)


def optional_day_from(text: str) -> date | None:
    """YYYY-MM-DD → day; empty → None."""
    return date.fromisoformat(text) if text else None


def day_to(day: date | None) -> str:
    """Day → YYYY-MM-DD; None → empty."""
    return day.isoformat() if day else ""


def instant_from(stamp: Timestamp) -> datetime:
    """Timestamp → aware datetime in Shanghai, whole microseconds."""
    return (
        _EPOCH + timedelta(seconds=stamp.seconds, microseconds=stamp.nanos // 1000)
    ).astimezone(SHANGHAI)


def instant_to(at: datetime | None) -> Timestamp | None:
    """Aware datetime → Timestamp; None stays absent."""
    if at is None:
        return None
    stamp = Timestamp()
    write_instant(at, stamp)
    return stamp


def write_instant(at: datetime, stamp: Timestamp) -> None:
    """Aware datetime into a Timestamp of a reply."""
    since = at - _EPOCH
    stamp.seconds = since.days * 86400 + since.seconds
    stamp.nanos = since.microseconds * 1000


def start_of(day: date) -> datetime:
    """The first instant of a Shanghai day."""
    return datetime.combine(day, time(), SHANGHAI)


def end_of(day: date) -> datetime:
    """The first instant after a Shanghai day; the calendar's last day ends it."""
    return (
        start_of(day + _DAY)
        if day < date.max
        else datetime.max.replace(tzinfo=SHANGHAI)
    )


def span_of_month(month: str) -> tuple[date, date]:
    """YYYY-MM → its first and last day."""
    first = date.fromisoformat(month + "-01")
    later = first.replace(day=28) + 4 * _DAY if first < date(9999, 12, 1) else None
    return first, later.replace(day=1) - _DAY if later else date.max


def receipt(request_id: str, answer: Answer[Any]) -> pb.Receipt:
    """What a mutating call answers beside its result."""
    return pb.Receipt(
        request_id=request_id, replayed=answer.replayed, at=instant_to(answer.at)
    )


@lru_cache(maxsize=256)
def decided_by(by: DecidedBy) -> pb.DecidedBy:
    """Whose rules decided; made once for each city and version."""
    return pb.DecidedBy(
        area_code=by.area_code,
        plugin=by.plugin,
        plugin_version=by.plugin_version,
        core_version=by.core_version,
        adoptions=by.adoptions,
    )


def clause(one: Clause) -> pb.Clause:
    """A clause with its sentence and source."""
    return pb.Clause(
        id=one.id,
        text=one.text,
        source=one.source,
        grade=_GRADES[one.grade],
        verified_on=one.verified_on,
    )


class Sources:
    """Finds the sentence behind a clause's number, so that a reply explains itself."""

    def __init__(self, cities: Cities) -> None:
        self._cities = cities
        # As many entries as there are rules: stored decisions name no others.
        self._rules: dict[tuple[str, RuleRef], pb.RuleRef] = {}

    def rule(self, area_code: str, ref: RuleRef) -> pb.RuleRef:
        """A rule that took part in a decision of that city; a number nobody knows any
        more comes back alone."""
        if (known := self._rules.get((area_code, ref))) is not None:
            return known
        clauses = [self._clause(area_code, number) for number in ref.clauses]
        made = self._rules[area_code, ref] = pb.RuleRef(
            hook=ref.hook, since=day_to(ref.since), clauses=clauses
        )
        return made

    def _clause(self, area_code: str, number: str) -> pb.Clause:
        """The deciding city's clause, else that of any city: a giver may be insured elsewhere."""
        area = pooling_area(area_code)
        for city in sorted(
            self._cities.all, key=lambda c: pooling_area(c.area_code) != area
        ):
            try:
                return clause(city.clause(number))
            except KeyError:
                continue
        return pb.Clause(id=number)
