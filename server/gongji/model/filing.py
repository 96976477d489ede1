"""A filing of care elsewhere (异地就医备案): of one person, in the insured city, for some days."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from gongji.model.decided import DecidedBy, RuleRef
from gongji.rules.codes import FilingKind, covers_area, province


class Filing(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One filing, by the rules of the city the person is insured in.

    `until` is its last day as it was filed, None if it lasts until it is ended; `ended`
    the first day it was ended from. One of a bill settled before filings were kept has
    an empty `area_code`: whose it was nobody asked.
    """

    filing_no: str
    person_no: str
    kind: FilingKind
    areas: tuple[str, ...]
    since: date
    until: date | None
    area_code: str
    filed_at: datetime
    rule: RuleRef
    decided_by: DecidedBy
    ended: date | None = None
    ended_at: datetime | None = None

    @property
    def last_day(self) -> date | None:
        """Return its last day as it stands, None while it lasts.

        Before the first if it was ended before it came into force.
        """
        if self.ended is None:
            return self.until
        last = self.ended - timedelta(days=1)
        return last if self.until is None else min(last, self.until)

    def covers_day(self, day: date) -> bool:
        """Return whether it is in force on a day, both ends included."""
        last = self.last_day
        return self.since <= day and (last is None or day <= last)

    @property
    def across_provinces(self) -> bool:
        """Return whether one of its areas lies in another province (跨省备案)."""
        home = province(self.area_code)
        return any(province(area) != home for area in self.areas)

    def covers_place(self, area_code: str) -> bool:
        """Return whether one of its areas holds an institution's."""
        return any(covers_area(area, area_code) for area in self.areas)

    def as_of(self, at: datetime) -> Filing | None:
        """Return it as what was settled at an instant may have met it; None if not yet made.

        What ended it at that instant or later is left out.
        """
        if self.filed_at > at:
            return None
        if self.ended_at is None or self.ended_at < at:
            return self
        return replace(self, ended=None, ended_at=None)
