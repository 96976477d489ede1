"""Days, instants, clauses and receipts: what every service's conversion is built of.

Requests arrive here checked by constraints.py: nothing below refuses.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any, Final

from google.protobuf.timestamp_pb2 import Timestamp

from gongji.cities.city import Cities
from gongji.model.commands import Answer, Request
from gongji.model.decided import DecidedBy, RuleRef
from gongji.rules.clauses import Clause, Grade
from gongji.rules.codes import SHANGHAI, pooling_area
from gongji.rules.days import next_day
from gongji.v1 import types_pb2 as pb

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_GRADES: Final = {
    Grade.DOCUMENT: pb.CLAUSE_GRADE_DOCUMENT,
    Grade.OFFICIAL: pb.CLAUSE_GRADE_OFFICIAL,
    Grade.UNCONFIRMED: pb.CLAUSE_GRADE_UNCONFIRMED,
    Grade.OPERATOR: pb.CLAUSE_GRADE_OPERATOR,
    Grade.ASSUMPTION: pb.CLAUSE_GRADE_ASSUMPTION,
}


def day_from(text: str) -> date:
    """Return the day of YYYY-MM-DD."""
    return date.fromisoformat(text)


def optional_day_from(text: str) -> date | None:
    """Return the day of YYYY-MM-DD; None if empty."""
    return date.fromisoformat(text) if text else None


def day_to(day: date | None) -> str:
    """Return a day as YYYY-MM-DD; empty if None."""
    return day.isoformat() if day else ""


def instant_from(stamp: Timestamp) -> datetime:
    """Return an instant in Shanghai's zone, in whole microseconds."""
    # Not fromtimestamp: that goes through a float, which loses microseconds.
    since = timedelta(seconds=stamp.seconds, microseconds=stamp.nanos // 1000)
    return (_EPOCH + since).astimezone(SHANGHAI)


def instant_to(at: datetime | None) -> Timestamp | None:
    """Return an aware datetime as a Timestamp; None if absent."""
    if at is None:
        return None
    stamp = Timestamp()
    write_instant(at, stamp)
    return stamp


def write_instant(at: datetime, stamp: Timestamp) -> None:
    """Write an aware datetime into a Timestamp of a reply."""
    since = at - _EPOCH
    stamp.seconds = since.days * 86400 + since.seconds
    stamp.nanos = since.microseconds * 1000


def start_of(day: date) -> datetime:
    """Return the first instant of a Shanghai day."""
    return datetime.combine(day, time(), SHANGHAI)


def end_of(day: date) -> datetime:
    """Return the first instant after a Shanghai day."""
    following = next_day(day)
    if following is None:
        return datetime.max.replace(tzinfo=SHANGHAI)
    return start_of(following)


def receipt_to(request: Request, answer: Answer[Any]) -> pb.Receipt:
    """Return what a mutating call answers beside its result."""
    receipt = pb.Receipt()
    write_receipt(request, answer, receipt)
    return receipt


def write_receipt(request: Request, answer: Answer[Any], receipt: pb.Receipt) -> None:
    """Write that into a reply."""
    receipt.request_id = request.request_id
    receipt.replayed = answer.replayed
    write_instant(answer.at, receipt.at)


# Made once for each city and version: every settlement and binding names one.
@lru_cache(maxsize=256)
def decided_by_to(decided: DecidedBy) -> pb.DecidedBy:
    """Return whose rules decided. Shared: to be copied, never changed."""
    return pb.DecidedBy(
        area_code=decided.area_code,
        plugin=decided.plugin,
        plugin_version=decided.plugin_version,
        core_version=decided.core_version,
        adoptions=decided.adoptions,
        rules_digest=decided.rules_digest,
        other_digests=decided.other_digests,
    )


def clause_to(clause: Clause) -> pb.Clause:
    """Return a clause with its sentence and source."""
    return pb.Clause(
        id=clause.id,
        text=clause.text,
        source=clause.source,
        grade=_GRADES[clause.grade],
        verified_on=clause.verified_on,
    )


class Sources:
    """Finds the sentences behind clause numbers, so that a reply explains itself."""

    def __init__(self, cities: Cities) -> None:
        self._cities = cities
        # Never emptied: as many entries as there are rules, for stored decisions name no
        # others.
        self._rules: dict[tuple[str, RuleRef], pb.RuleRef] = {}

    def rule_to(self, area_code: str, ref: RuleRef) -> pb.RuleRef:
        """Return a rule that took part in a decision of a city. Shared: not to be changed.

        A number no city has any more comes back alone.
        """
        # hot path: every line of a settlement names a rule.
        message = self._rules.get((area_code, ref))
        if message is None:
            clauses = self.clauses_to(area_code, ref.clauses)
            message = pb.RuleRef(
                hook=ref.hook, since=day_to(ref.since), clauses=clauses
            )
            self._rules[area_code, ref] = message
        return message

    def clauses_to(self, area_code: str, numbers: Iterable[str]) -> list[pb.Clause]:
        """Return the clauses of these numbers, as decided in a city."""
        return [self._clause_to(area_code, number) for number in numbers]

    def _clause_to(self, area_code: str, number: str) -> pb.Clause:
        """Return the deciding city's clause, else that of any city."""
        area = pooling_area(area_code)
        # Elsewhere too: a giver may be insured in another city, whose rule then decides.
        deciding_first = sorted(
            self._cities.all, key=lambda city: pooling_area(city.area_code) != area
        )
        for city in deciding_first:
            try:
                return clause_to(city.clause(number))
            except KeyError:
                continue
        return pb.Clause(id=number)
