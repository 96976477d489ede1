"""Write the case of a table's first day (首个施行日): the same bills before and after."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from gongji.kit.newcity.funds import Fund
from gongji.kit.newcity.reckoning import Year
from gongji.kit.newcity.telling import Person, Step, Story, clock, people
from gongji.kit.newcity.visits import settle, unpaid
from gongji.rules.clauses import Clause
from gongji.rules.codes import Standing
from gongji.rules.terms import LEVELS

_BILL: Final = Decimal(1500)

_TOP_LEVEL: Final = 3


def first_day(
    pinyin: str,
    area_code: str,
    since: datetime,
    *,
    before: Fund,
    after: Fund,
    residents: Fund | None,
) -> Story:
    """Return the same bills on the eve by the province and on the first day by the city."""
    words = ["在职"] * 2 + (["居民"] * 2 if residents else [])
    persons = people(area_code, words)
    cited = [*after.deductible.clauses, *after.ratio_clauses(_TOP_LEVEL)]
    eve = [_first_day_bill(persons[0], before)]
    day = [_first_day_bill(persons[1], after, cited)]
    if residents:
        # The province pays residents nothing.
        eve.append(unpaid(persons[2], LEVELS[_TOP_LEVEL], _BILL))
        clauses = residents.ratio.clauses
        day.append(_first_day_bill(persons[3], residents, clauses))
        cited += clauses
    return Story(
        f"{pinyin.upper()}-FIRST-DAY",
        says=f"{since:%Y年%m月%d日}起按本市的门诊待遇结算，前一日仍按省级规则。",
        clauses=cited,
        now=since - timedelta(minutes=1),
        people=persons,
        steps=[
            *eve,
            clock(since),
            *day,
        ],
    )


def _first_day_bill(
    patient: Person,
    fund: Fund,
    cited: Iterable[Clause] = (),
) -> Step:
    year = Year(fund, Standing.ACTIVE)
    return settle(
        patient,
        _BILL,
        year,
        _TOP_LEVEL,
        cited=cited,
    )
