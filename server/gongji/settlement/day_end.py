"""The facts as they stood at the end of a day: purses, accumulators, bindings.

By when things were booked, not by when visits were. The registry is as known now.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any, TypeVar, cast

from gongji.account.ledger import purse_account
from gongji.binding import life
from gongji.model.account import Account, Entry
from gongji.model.binding import Binding
from gongji.model.facts import Facts, Need
from gongji.model.settlement import Accumulator, MeterReading, Settlement
from gongji.rules.codes import SHANGHAI
from gongji.settlement.former import PurseHistory

T = TypeVar("T")

_MOMENT = timedelta(microseconds=1)


class DayEndFacts(Facts):
    """Facts at the end of a day that is over, else now; what is read is found in `base`."""

    __slots__ = ("_base", "_over")

    def __init__(self, base: Facts, day: date) -> None:
        self._over = day < base.today
        ended = datetime.combine(day, time.max, SHANGHAI)
        super().__init__(ended if self._over else base.now, base.keys)
        self._base = base

    def sources(self, need: Need) -> Iterator[Need]:
        """Yield what must be known now to tell what was known then."""
        if self._over and need.kind is Account:
            yield Need(Entry, "ledger_account", purse_account(need.value))
        elif self._over and (need.kind is Accumulator or need.kind is MeterReading):
            yield Need(Settlement, "patient", need.value.partition("/")[0])
        else:
            yield need

    def has(self, need: Need) -> bool:
        """Return whether everything that tells it is known."""
        return all(self._base.has(source) for source in self.sources(need))

    def get(self, kind: type[T], key: str) -> T | None:
        """Return the record of that key as it was, None if there was none. NotLoaded."""
        if self._over and kind is Account:
            return cast("T | None", self._account(key))
        if self._over and kind is Accumulator:
            return cast("T | None", self._accumulator(key))
        if self._over and kind is MeterReading:
            return cast("T | None", self._reading(key))
        return self._base.get(kind, key)

    def where(self, kind: type[T], index: str, value: str) -> list[T]:
        """Return the records whose index has that value, as they were. NotLoaded."""
        records: list[Any] = self._base.where(kind, index, value)
        if self._over and kind is Binding:
            former = [life.at(binding, self.now) for binding in records]
            records = [binding for binding in former if binding is not None]
        return records

    def _account(self, person_no: str) -> Account | None:
        purse = purse_account(person_no)
        entries = self._base.where(Entry, "ledger_account", purse)
        held = PurseHistory(entries).before(self.now + _MOMENT)
        return None if held is None else Account(person_no, *held)

    def _accumulator(self, key: str) -> Accumulator:
        """Return the sum of the settlements that stood."""
        total = Accumulator.unused(key)
        for settlement in self._base.where(Settlement, "patient", total.person_no):
            if settlement.accumulator_key == key and self._stood(settlement):
                total = total.plus(settlement.deductible_fen, settlement.fund_fen)
        return total

    def _reading(self, key: str) -> MeterReading:
        of_patient = self._base.where(Settlement, "patient", key.partition("/")[0])
        added = [s.meters_added.get(key, 0) for s in of_patient if self._stood(s)]
        return MeterReading.of(key, sum(added))

    def _stood(self, settlement: Settlement) -> bool:
        settled_at, reversed_at = settlement.settled_at, settlement.reversed_at
        booked = settled_at is not None and settled_at <= self.now
        return booked and (reversed_at is None or reversed_at > self.now)
