"""What happens to somebody under the rules of some cities, in a few words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any

from gongji import (
    guide,
)
from gongji.cities.city import Cities
from gongji.model.account import Account
from gongji.model.binding import Application
from gongji.model.refusals import NotEligible, Refusal
from gongji.model.settlement import Bill
from gongji.rules.money import yuan
from gongji.settlement.settle import Quote

from tests.binding.applying import (
    PLACES,
    TUESDAY,
    Applicants,
)

Scenario = Callable[[Cities], str]


def applying(
    pinyin: str,
    channel: str,
    *,
    member: dict[str, Any] | None = None,
    holder: dict[str, Any] | None = None,
    now: datetime = TUESDAY,
    bound: int = 0,
    **changes: Any,
) -> Scenario:
    """Return what becomes of an application that is faultless but for these changes."""

    def scenario(served: Cities) -> str:
        shipped = Applicants(pinyin, now=now, member=member, holder=holder)
        application = shipped.application(channel, **changes)
        world = Applicants(pinyin, now=now, member=member, holder=holder, served=served)
        for n in range(bound):
            world.bind("H", f"M{n}", now)
        return _answer(world, application)

    return scenario


def offered(pinyin: str, name: str) -> Scenario:
    """Return the whole name that a guide uses of a channel most."""

    def scenario(served: Cities) -> str:
        text = guide.markdown(served.named(pinyin), TUESDAY.date())
        names: list[str] = re.findall(f"{name}(?:“[^”]*”)?", text)
        return Counter(names).most_common(1)[0][0]

    return scenario


def _answer(world: Applicants, application: Application) -> str:
    try:
        binding = world.decide(world.submission(application)).answer
    except NotEligible as refused:
        return "refused: " + ", ".join(c.hook for c in refused.conditions)
    except Refusal as refused:
        return f"{refused.reason()}: {refused.message}"
    state = binding.state.name.lower()
    if binding.review_due_at:
        return f"{state}, due {binding.review_due_at:%Y-%m-%d %H:%M}"
    return state


def paying(
    pinyin: str,
    hosp_lv: int,
    in_scope_fen: int,
    *,
    patient: dict[str, Any] | None = None,
    place: str = "",
    **changes: Any,
) -> Scenario:
    """Return who pays a bill of M, whom H helps with 500 yuan in the purse."""

    def scenario(served: Cities) -> str:
        world = Applicants(pinyin, member=patient, served=served)
        world.bind("H", "M", TUESDAY)
        world.add(Account("H", 500_00, 1))
        hospital = world.hospital(hosp_lv, place or PLACES[pinyin])
        bill = world.bill("M", hospital, in_scope_fen, **changes)
        return _shares(world, bill)

    return scenario


def _shares(world: Applicants, bill: Bill) -> str:
    try:
        quoted = world.decide(Quote(bill, world.cities)).answer
    except Refusal as refused:
        return refused.reason()
    shares = {"fund": quoted.fund_fen, "aid": quoted.aid_fen, "cash": quoted.cash_fen}
    return ", ".join(f"{name} {yuan(fen)}" for name, fen in shares.items() if fen)


def reading(pinyin: str, sentence: str) -> Scenario:
    """Return a sentence if the city's guide has it."""
    return lambda served: (
        sentence
        if sentence in guide.markdown(served.named(pinyin), TUESDAY.date())
        else "not said"
    )


def first_day(pinyin: str) -> Scenario:
    """Return the first day on which the rule holds that the province's does not."""
    return lambda served: str(served.named(pinyin).timelines["holder_terms"][-1].since)
