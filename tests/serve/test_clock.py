"""The clock by which the service decides: held to what passes, whatever it is set to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from gongji.rules.codes import SHANGHAI
from gongji.serve.clock import HeldClock, SandboxClock, check_start
from structlog.testing import capture_logs

START = datetime(2025, 9, 30, 10, 0, tzinfo=SHANGHAI)
HOUR_S, DAY_S = 3_600, 86_400


@dataclass
class MachineClocks:
    """A machine's clocks in seconds: the one that is set, and what has passed."""

    wall: float = START.timestamp()
    passed: float = 1_000

    def clock(self) -> HeldClock:
        return HeldClock(
            lambda: round(self.wall * 1e9), lambda: round(self.passed * 1e9)
        )

    def goes_on(self, seconds: float, faster: float = 1.0) -> None:
        self.wall += seconds * faster
        self.passed += seconds


@pytest.fixture
def machine() -> MachineClocks:
    return MachineClocks()


def told(lines: list[Any]) -> list[tuple[str, float]]:
    return [(line["event"], line["seconds"]) for line in lines]


def after(seconds: float) -> datetime:
    """The instant so many seconds after the start."""
    return START + timedelta(seconds=seconds)


@pytest.mark.parametrize("step_s", [-400 * DAY_S, -2 * DAY_S, -2.5])
def test_set_back_it_stands_still(machine: MachineClocks, step_s: float) -> None:
    """It shows the last instant until the machine has caught up, then goes on; the step
    is told once."""
    clock = machine.clock()
    assert START == clock()
    with capture_logs() as lines:
        machine.wall += step_s
        assert START == clock()
        machine.goes_on(-step_s - 1)
        assert START == clock()
        machine.goes_on(2)
        assert after(1) == clock()
    assert [("clock_stepped", step_s)] == told(lines)
    assert not clock.fault


@pytest.mark.parametrize("later_s", [0, 30 * HOUR_S, 47 * HOUR_S])
def test_set_right_again_it_is_followed(machine: MachineClocks, later_s: float) -> None:
    """A step forward that undoes one back is no step ahead, however long it was wrong and
    whoever has looked at the clock meanwhile."""
    clock = machine.clock()
    clock()
    machine.wall -= 2 * DAY_S
    clock()
    machine.goes_on(later_s)
    clock()
    machine.wall += 2 * DAY_S
    assert after(later_s) == clock()
    assert "" == clock.fault
    assert after(later_s) == clock()
    machine.wall += 2 * DAY_S
    clock()
    assert "忽然快了 2.0 天" in clock.fault


def test_what_was_shown_once_is_not_taken_back(machine: MachineClocks) -> None:
    """However it is set, no instant comes before one that was shown, nor before one on
    record."""
    clock = machine.clock()
    clock.not_before(after(90))
    last = clock()
    assert after(90) == last
    for step_s in (5, -7, 20 * HOUR_S, -20 * HOUR_S, 1, 3, -3, 2 * DAY_S, -9 * DAY_S):
        machine.wall += step_s
        machine.goes_on(1)
        assert last <= (last := clock())


@pytest.mark.parametrize("step_s", [2.5, HOUR_S, 24 * HOUR_S])
def test_set_forward_within_a_day_it_is_followed(
    machine: MachineClocks, step_s: float
) -> None:
    """It is told and believed, for it may have been slow."""
    clock = machine.clock()
    with capture_logs() as lines:
        machine.wall += step_s
        assert after(step_s) == clock()
    assert [("clock_stepped", step_s)] == told(lines)
    assert not clock.fault


@pytest.mark.parametrize("step_s", [24 * HOUR_S + 1, 174 * 365 * DAY_S])
def test_set_further_it_is_not_followed(machine: MachineClocks, step_s: float) -> None:
    """It goes on as if it had not been, and says so, told once; set right again it is
    believed again."""
    clock = machine.clock()
    with capture_logs() as lines:
        machine.wall += step_s
        assert START == clock()
        machine.goes_on(600)
        assert after(600) == clock()
        assert "时钟忽然快了" in clock.fault
        machine.wall -= step_s
        assert after(600) == clock()
        assert not clock.fault
    steps = [("clock_stepped", step_s), ("clock_refused", step_s)]
    assert [*steps, ("clock_stepped", -step_s)] == told(lines)


def test_set_partly_right_it_is_believed(machine: MachineClocks) -> None:
    """What is within a day of what passed is followed, also after what is not."""
    clock = machine.clock()
    clock()
    machine.wall += 10 * DAY_S
    clock()
    machine.wall -= 10 * DAY_S - HOUR_S
    assert after(HOUR_S) == clock()
    assert not clock.fault


def test_a_machine_that_sleeps_has_not_been_set(machine: MachineClocks) -> None:
    """Days that pass between two looks are no step; neither is a clock corrected little
    by little, however much comes together."""
    clock = machine.clock()
    with capture_logs() as lines:
        machine.goes_on(30 * DAY_S)
        assert after(30 * DAY_S) == clock()
        for _ in range(100):
            machine.goes_on(1_000, faster=1.0005)
            clock()
    assert [] == lines
    assert after(30 * DAY_S + 100_050) == clock()


RECORD = datetime(2025, 9, 30, 10, 0, tzinfo=SHANGHAI)

WRONG = {
    "1970": (datetime(1970, 1, 2, tzinfo=UTC), None, "不在 2022-07-01 至"),
    "the day before the first": (
        datetime(2022, 6, 30, 23, 59, 59, tzinfo=SHANGHAI),
        None,
        "不在",
    ),
    "2199": (datetime(2199, 1, 1, tzinfo=SHANGHAI), None, "不在"),
    "2100": (datetime(2100, 1, 1, tzinfo=SHANGHAI), None, "不在"),
    "two days before the record": (RECORD - timedelta(days=2), RECORD, "早于库中最后"),
    "a moment too far before": (
        RECORD - timedelta(days=1, seconds=1),
        RECORD,
        "早于库中最后",
    ),
    "too long after": (RECORD + timedelta(days=400, seconds=1), RECORD, "晚于库中最后"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_start_by_a_wrong_clock_is_refused(name: str) -> None:
    """The sentence names the day, what is wrong with it and what accepts it; saying
    that day does, saying another does not."""
    now, latest, why = WRONG[name]
    day = now.astimezone(SHANGHAI).date()
    with pytest.raises(ValueError, match=f"{day}.*{why}.*--accept-clock {day}"):
        check_start(now, latest, None)
    check_start(now, latest, day)
    with pytest.raises(ValueError, match=f"{day}"):
        check_start(now, latest, day + timedelta(days=1))


RIGHT = {
    "the first day": (datetime(2022, 7, 1, tzinfo=SHANGHAI), None),
    "the last day": (datetime(2099, 12, 31, 23, 59, tzinfo=SHANGHAI), None),
    "a day before the record": (RECORD - timedelta(days=1), RECORD),
    "long after": (RECORD + timedelta(days=400), RECORD),
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_start_by_a_likely_clock(name: str) -> None:
    """Nothing need be said of a clock that can be right; what is said must be so."""
    now, latest = RIGHT[name]
    check_start(now, latest, None)
    with pytest.raises(ValueError, match="--accept-clock"):
        check_start(now, latest, date(2000, 1, 1))


def test_a_sandbox_clock_runs_until_it_is_set(machine: MachineClocks) -> None:
    """It goes on as time passes, whatever the machine's clock is set to, then stands where
    it was set; it goes on from there if that is asked for."""
    clock = SandboxClock(START, runs=True, passed=lambda: machine.passed)
    machine.goes_on(HOUR_S, faster=3)
    assert START + timedelta(hours=1) == clock()
    for runs, hours in ((False, 0), (True, 2)):
        clock.set(START, runs=runs)
        machine.goes_on(2 * HOUR_S)
        assert START + timedelta(hours=hours) == clock()
