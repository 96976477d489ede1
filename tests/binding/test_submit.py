"""An application's way into force by city and channel, and what is refused before any
condition is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import chinese_calendar
import pytest
from gongji.model.binding import Application, Consent, Material
from gongji.model.ids import derived_id
from gongji.model.people import Kin
from gongji.model.refusals import (
    CityNotServed,
    CounterClosed,
    NotEligible,
    NotInForce,
    PersonNotFound,
    Refusal,
    UnknownChannel,
)
from gongji.rules.channels import Across
from gongji.rules.codes import SHANGHAI, BindingState, ConsentMethod, Purpose
from gongji.rules.hookspecs import CityRules
from msgspec.structs import replace

from tests.binding.applying import ELSEWHERE, PLACES, TUESDAY, Applicants

AWAITING, REVIEWED, ACTIVE = (
    BindingState.AWAITING_CONSENT,
    BindingState.UNDER_REVIEW,
    BindingState.ACTIVE,
)
SPOUSES = {"kin": (Kin("M", "10", "户籍"),)}
DUE = datetime(2025, 10, 11, 17, 0, tzinfo=SHANGHAI)
DAY = timedelta(days=1)


# --- into force -----------------------------------------------------------------------

WAYS: dict[str, tuple[str, str, bool, BindingState, datetime | None]] = {
    "Chuzhou: at once": ("chuzhou", "wanshitong", False, ACTIVE, None),
    "Chuzhou's mini-program: at once with the upload": (
        "chuzhou",
        "minip_wechat",
        False,
        ACTIVE,
        None,
    ),
    "Anqing's Wanshitong: at once where the registry shows the relation": (
        "anqing",
        "wanshitong",
        True,
        ACTIVE,
        None,
    ),
    "Anqing's Wanshitong: reviewed where it does not": (
        "anqing",
        "wanshitong",
        False,
        REVIEWED,
        DUE,
    ),
    "Anqing's mini-program: reviewed in any case": (
        "anqing",
        "minip_wechat",
        True,
        REVIEWED,
        DUE,
    ),
    "Anqing's window: done on the spot": ("anqing", "window", False, ACTIVE, None),
    "a bank in Anqing: done on the spot": ("anqing", "bank", False, ACTIVE, None),
    "Huangshan: as the province": ("huangshan", "wanshitong", True, REVIEWED, DUE),
}


@pytest.mark.parametrize(
    ("pinyin", "channel", "recorded", "state", "due"), WAYS.values(), ids=WAYS
)
def test_into_force(
    pinyin: str,
    channel: str,
    state: BindingState,
    due: datetime | None,
    *,
    recorded: bool,
) -> None:
    """An application is active at once where city and channel say so, else under review
    until its due time."""
    world = Applicants(pinyin, holder=SPOUSES if recorded else {})
    binding = world.submit(world.application(channel))

    assert (state, due, False) == (
        binding.state,
        binding.review_due_at,
        binding.review_due_provisional,
    )
    assert (TUESDAY if state is ACTIVE else None) == binding.active_at
    assert [(None, state, "test", channel)] == [
        (e.from_state, e.to_state, e.who, e.channel) for e in binding.history
    ]


@pytest.mark.parametrize(
    ("channel", "state"),
    [("wanshitong", ACTIVE), ("minip_wechat", REVIEWED)],
    ids=["at once", "reviewed"],
)
def test_consent_comes_later(channel: str, state: BindingState) -> None:
    """Without the member's consent an application waits; with it, it goes on as it
    would have, its time new."""
    world = Applicants("anqing", holder=SPOUSES)
    applied = world.submit(world.application(channel, consent=None))
    assert (AWAITING, None, None) == (
        applied.state,
        applied.review_due_at,
        applied.active_at,
    )

    world.now += 9 * DAY  # 2025-10-09, the first working day after the holiday
    consent = Consent(ConsentMethod.PHONE_CODE, world.now, "短信")
    moved = world.do(world.record_consent(applied.binding_id, consent))

    assert (state, consent) == (moved.state, moved.consent)
    due = datetime(2025, 10, 13, 17, 0, tzinfo=SHANGHAI) if state is REVIEWED else None
    assert due == moved.review_due_at
    assert [(None, AWAITING), (AWAITING, state)] == [
        (e.from_state, e.to_state) for e in moved.history
    ]
    assert applied.expires_at == moved.expires_at


def test_what_is_kept() -> None:
    """A binding keeps who decided by which rules, and the evidence of agreement,
    consent and materials."""
    world = Applicants("anqing")
    command = world.submission(application := world.application("minip_wechat"))
    binding = world.do(command)

    assert derived_id("B", command.request.key) == binding.binding_id
    assert len(binding.binding_id) <= 30
    assert (application.agreement, application.consent, application.materials) == (
        binding.agreement,
        binding.consent,
        binding.materials,
    )
    assert world.city.decided_by == binding.decided_by
    assert TUESDAY + 30 * DAY == binding.expires_at
    cited = {rule.hook: rule.clauses for rule in binding.rules}
    assert {
        "holder_terms",
        "member_terms",
        "relations",
        "scope",
        "family_limit",
        "consent",
    } <= set(cited)
    assert ("A29",) == cited["review_latency"]


def incomplete(world: Applicants, channel: str, member: str) -> Iterator[Application]:
    """Return a faultless application, each time without one thing its channel asks for."""
    whole = world.application(channel, member=member)
    rules = world.city.rules(TUESDAY.date())
    for check in whole.identity_checks:
        yield replace(whole, identity_checks=whole.identity_checks - {check})
    for materials in lacking(whole.materials):
        yield replace(whole, materials=materials)
    for field in rules.value(CityRules.fields_asked)[channel]:
        details = replace(whole.member_details, **{field.value: ""})
        yield replace(whole, member_details=details)
    yield replace(whole, agreement=None)
    if rules.value(CityRules.consent).required:
        yield replace(whole, consent=None)


def lacking(materials: tuple[Material, ...]) -> Iterator[tuple[Material, ...]]:
    """Return materials, each time without one, or with a copy of one original."""
    for position, material in enumerate(materials):
        before, after = materials[:position], materials[position + 1 :]
        yield before + after
        if material.original:
            copy = replace(material, original=False)
            yield (*before, copy, *after)


@pytest.mark.parametrize("pinyin", PLACES)
def test_never_active_without_everything(pinyin: str) -> None:
    """Whatever city and channel ask for: without one of it no application becomes
    active, or gets to a reviewer."""
    world = Applicants(pinyin)
    world.person("far", place=ELSEWHERE[pinyin], phone="10000000000")
    channels = world.city.rules(TUESDAY.date()).value(CityRules.channels)
    applications: list[Application] = []
    for key, channel in channels.items():
        member = "M" if channel.across is Across.BOTH else "far"
        applications += incomplete(world, key, member)

    assert len(applications) > 20
    for application in applications:
        try:
            state = world.decide(world.submission(application)).answer.state
        except NotEligible:
            continue
        assert (AWAITING, None) == (state, application.consent)


# --- refused before any condition -----------------------------------------------------

CLOSED = {
    "in the evening: tomorrow": ("2025-09-29T17:00", "2025-09-30T09:00"),
    "at noon of a holiday: the first working day": (
        "2025-10-01T12:00",
        "2025-10-09T09:00",
    ),
    "a second before opening": ("2025-10-11T08:59:59", "2025-10-11T09:00"),
}


@pytest.mark.parametrize(("now", "opening"), CLOSED.values(), ids=CLOSED)
@pytest.mark.parametrize("channel", ["window", "bank"])
def test_counter_closed(channel: str, now: str, opening: str) -> None:
    """A counter takes nothing outside its hours, says when it opens again and cites the hours."""
    opens = datetime.fromisoformat(opening).replace(tzinfo=SHANGHAI)
    world = Applicants(
        "anqing", now=datetime.fromisoformat(now).replace(tzinfo=SHANGHAI)
    )
    application = world.application(channel)
    with pytest.raises(
        CounterClosed, match=f"下次开放 {opens:%Y-%m-%d %H:%M}$"
    ) as refused:
        world.decide(world.submission(application))

    assert (opens.isoformat(), "false") == (
        refused.value.metadata["next_opening"],
        refused.value.metadata["next_opening_provisional"],
    )
    assert refused.value.clauses
    world.now = opens
    assert ACTIVE is world.decide(world.submission(application)).answer.state


@pytest.fixture
def ends_with_2026(monkeypatch: pytest.MonkeyPatch) -> None:
    """A published calendar whose last year is 2026."""
    published: Callable[[object], bool] = chinese_calendar.is_workday

    def is_workday(day: object) -> bool:
        if getattr(day, "year", 0) > 2026:
            raise NotImplementedError
        return published(day)

    monkeypatch.setattr(chinese_calendar, "is_workday", is_workday)


@pytest.mark.usefixtures("ends_with_2026")
def test_provisional_times() -> None:
    """In a year whose calendar is not out statutory holidays are kept; due times and
    openings say they are provisional."""
    world = Applicants("anqing", now=datetime(2026, 12, 31, 18, 0, tzinfo=SHANGHAI))
    binding = world.submit(world.application("minip_wechat"))
    assert (datetime(2027, 1, 6, 17, 0, tzinfo=SHANGHAI), True) == (
        binding.review_due_at,
        binding.review_due_provisional,
    )

    world.person("N", place=PLACES["anqing"])
    with pytest.raises(
        CounterClosed, match=r"2027-01-04 09:00（暂定：2027 年"
    ) as refused:
        world.decide(world.submission(world.application("window", member="N")))
    assert "true" == refused.value.metadata["next_opening_provisional"]


@pytest.mark.usefixtures("ends_with_2026")
@pytest.mark.parametrize(("year", "provisional"), [(2026, False), (2027, True)])
def test_a_counter_open_by_an_unpublished_calendar(
    year: int, *, provisional: bool
) -> None:
    """What a counter does on the spot says that its day may turn out to be a day off."""
    world = Applicants("anqing", now=datetime(year, 3, 10, 10, 0, tzinfo=SHANGHAI))
    binding = world.submit(world.application("window"))
    assert (BindingState.ACTIVE, provisional) == (
        binding.state,
        binding.review_due_provisional,
    )
    world = Applicants("chuzhou", now=world.now)
    online = world.submit(world.application("wanshitong"))
    assert not online.review_due_provisional


@pytest.mark.usefixtures("ends_with_2026")
def test_counters_are_closed_on_new_years_day() -> None:
    """On a statutory holiday a counter is closed, by the law that names the day."""
    world = Applicants("anqing", now=datetime(2027, 1, 1, 10, 0, tzinfo=SHANGHAI))
    with pytest.raises(CounterClosed) as refused:
        world.decide(world.submission(world.application("window")))
    assert "F2" in [clause.id for clause in refused.value.clauses]


@pytest.mark.parametrize(
    ("channel", "closed"), [("window", True), ("wanshitong", False)]
)
def test_unbinding_keeps_counter_hours(channel: str, *, closed: bool) -> None:
    """A counter ends a binding in its hours only, other channels at any time."""
    world = Applicants("anqing")
    binding = world.submit(world.application("window"))
    world.now = world.now.replace(hour=20)
    if not closed:
        assert (
            BindingState.ENDED
            == world.do(world.unbind(binding.binding_id, channel)).state
        )
        return
    with pytest.raises(CounterClosed) as refused:
        world.decide(world.unbind(binding.binding_id, channel))
    assert "A42" in [clause.id for clause in refused.value.clauses]
    assert "next_opening" in refused.value.metadata


def test_unknown_channel() -> None:
    """A channel the city does not declare is refused with those it does, when binding
    and when unbinding."""
    world = Applicants()
    message = r"本市没有渠道「window」；可用：.*wanshitong"
    with pytest.raises(UnknownChannel, match=message) as refused:
        world.decide(world.submission(world.application("window")))
    assert "channel" == refused.value.field

    binding = world.submit(world.application("wanshitong"))
    with pytest.raises(UnknownChannel, match=message):
        world.decide(world.unbind(binding.binding_id, "window"))


def test_before_the_first_rule() -> None:
    """The day before the first rule nothing can be applied for; on the day it can."""
    world = Applicants(now=datetime(2022, 6, 30, 23, 59, 59, tzinfo=SHANGHAI))
    with pytest.raises(NotInForce):
        world.decide(
            world.submission(
                Application(
                    holder="H",
                    member="M",
                    relation="10",
                    purposes=frozenset({Purpose.VISIT}),
                    channel="wanshitong",
                )
            )
        )
    world.now += timedelta(seconds=1)
    assert (
        ACTIVE
        is world.decide(world.submission(world.application("wanshitong"))).answer.state
    )


LADDER: dict[str, tuple[dict[str, Any], type[Refusal], str]] = {
    "nobody of that number gives": ({"holder": "X"}, PersonNotFound, "holder"),
    "nobody of that number uses": ({"member": "X"}, PersonNotFound, "member"),
    "the holder's city has no plugin": ({"holder": "hefei"}, CityNotServed, ""),
}


@pytest.mark.parametrize(("changes", "refusal", "field"), LADDER.values(), ids=LADDER)
def test_ladder(changes: dict[str, Any], refusal: type[Refusal], field: str) -> None:
    """What does not exist is refused before any condition, with its field."""
    world = Applicants()
    world.person("hefei", place="340100")
    with pytest.raises(refusal) as refused:
        world.decide(
            world.submission(replace(world.application("wanshitong"), **changes))
        )
    assert field == refused.value.field


def test_both_cities_decide() -> None:
    """The holder's city decides, and the member's if it is another."""
    world = Applicants("anqing", member={"place": PLACES["huangshan"]})

    binding = world.submit(world.application("wanshitong"))
    assert binding.member_decided_by is not None
    decided = (binding.decided_by.area_code, binding.member_decided_by.area_code)
    assert ("340800", "341000") == decided
