"""Meters (累计): what each has counted before a bill, and what a bill adds to it.

The deductible borne and what the fund paid in a natural year are the columns of the
accumulator; every other meter that outlasts a visit is a reading of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date

from msgspec import Struct
from msgspec.structs import replace

from gongji.cities.city import Cities
from gongji.model.facts import Facts, Need
from gongji.model.people import Person
from gongji.model.refusals import Refusal
from gongji.model.settlement import Accumulator, Bill, MeterReading
from gongji.rules.codes import Payer, Scheme, pooling_area
from gongji.rules.hookspecs import CityRules
from gongji.rules.shapes import (
    BORNE_IN_YEAR,
    PAID_IN_YEAR,
    Benefit,
    Counted,
    Meter,
    Period,
    Row,
)
from gongji.rules.unfolding import unfolded
from gongji.settlement.split import FundShare


class Counting(Struct, frozen=True):
    """Whose meters they are, of which scheme and area, on which day and of which payer."""

    person_no: str
    scheme: Scheme
    pooling_area: str
    day: date
    payer: Payer = Payer.FUND

    def key_of(self, meter: Meter) -> str:
        """Return the key of a meter's reading: P1/310/3411/2025-07-01/paid.year7."""
        begun = begun_on(meter, self.day).isoformat()
        name = name_of(meter, self.payer)
        return f"{self.person_no}/{int(self.scheme)}/{self.pooling_area}/{begun}/{name}"

    def stores(self, meter: Meter) -> bool:
        """Return whether a meter has a reading of its own."""
        if meter.per is Period.VISIT:
            return False
        return self.payer is not Payer.FUND or meter not in (
            BORNE_IN_YEAR,
            PAID_IN_YEAR,
        )


def name_of(meter: Meter, payer: Payer = Payer.FUND) -> str:
    """Return what a meter is called in keys and traces: paid.month, borne.year7.chronic."""
    starts = "" if meter.year_starts == 1 else str(meter.year_starts)
    parts = [meter.of.value, f"{meter.per.value}{starts}"]
    if payer is not Payer.FUND:
        parts.insert(0, payer.name.lower())
    return ".".join([*parts, meter.group] if meter.group else parts)


def meter_of(name: str) -> Meter:
    """Return the fund's meter of a name; the opposite of `name_of`."""
    of, per, *group = name.split(".")
    period = per.rstrip("0123456789")
    starts = per.removeprefix(period)
    return Meter(
        of=Counted(of),
        per=Period(period),
        group="".join(group),
        year_starts=int(starts or 1),
    )


def begun_on(meter: Meter, day: date) -> date:
    """Return the day on which the period of a meter began."""
    if meter.per is Period.MONTH:
        return day.replace(day=1)
    if meter.per is not Period.YEAR:
        return day
    year = day.year if day.month >= meter.year_starts else day.year - 1
    return date(year, meter.year_starts, 1)


def meters_of(row: Row) -> tuple[Meter, ...]:
    """Return the meters a row names, each once."""
    named = [one.on for one in (*row.deductibles, *row.limits)]
    if row.bands_on is not None:
        named.append(row.bands_on)
    return tuple(dict.fromkeys(named))


def meters_in(benefit: Benefit) -> tuple[Meter, ...]:
    """Return the meters of all its rows, each once."""
    rows = [row for row in unfolded(benefit).values() if isinstance(row, Row)]
    return tuple(dict.fromkeys(meter for row in rows for meter in meters_of(row)))


def read_meters(
    row: Row, counting: Counting, before: Accumulator, facts: Facts
) -> dict[Meter, int]:
    """Return what the meters of a row counted before; those of a visit are left out."""
    read: dict[Meter, int] = {}
    for meter in meters_of(row):
        if counting.stores(meter):
            reading = facts.get(MeterReading, counting.key_of(meter))
            read[meter] = reading.fen if reading else 0
        elif meter == BORNE_IN_YEAR:
            read[meter] = before.deductible_used_fen
        elif meter == PAID_IN_YEAR:
            read[meter] = before.fund_paid_fen
    return read


def counted_by(
    read: Mapping[Meter, int], counting: Counting, in_scope_fen: int, share: FundShare
) -> Iterator[tuple[str, int, int]]:
    """Yield the key of each reading, what it was before, and what a bill adds to it."""
    added = {
        Counted.BORNE: share.deductible_fen,
        Counted.IN_SCOPE: in_scope_fen,
        Counted.PAID: share.fund_fen,
    }
    for meter, before in read.items():
        if counting.stores(meter):
            yield counting.key_of(meter), before, added[meter.of]


def meter_needs(
    bill: Bill, patient: Person, scheme: Scheme, cities: Cities
) -> Iterable[Need]:
    """Return the readings that any case of a bill may ask; none if it will be refused."""
    place = patient.place_on(bill.service_day, scheme)
    try:
        rules = cities.of(place).rules(bill.service_day)
        entry = rules.value(CityRules.reimbursement)[scheme]
    except Refusal:
        return ()
    # hot path: the benefits of most cities are tables.
    if not isinstance(entry, Benefit):
        return ()
    area = pooling_area(place)
    counting = Counting(bill.patient, scheme, area, bill.service_day)
    return [Need(MeterReading, "", key) for key in _keys_of(entry, counting)]


def _keys_of(benefit: Benefit, counting: Counting) -> Iterator[str]:
    for meter in meters_in(benefit):
        if counting.stores(meter):
            yield counting.key_of(meter)
    for further in benefit.then:
        yield from _keys_of(further.benefit, replace(counting, payer=further.payer))
