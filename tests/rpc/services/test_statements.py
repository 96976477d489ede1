"""Lists of settlements against a list of events: each row on its own day, once, whatever
the page, the month or the year."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from gongji.rules.codes import SHANGHAI
from gongji.v1 import settlement_pb2 as pb

from tests.scaffold.service import Service

pytestmark = pytest.mark.parametrize("home", ["memory", "postgres"], indirect=True)

START = datetime(2025, 10, 20, 8, 0, tzinfo=SHANGHAI)
STEPS = (
    timedelta(0),
    timedelta(microseconds=1),
    timedelta(hours=9),
    timedelta(days=3),
    timedelta(days=17),
    timedelta(days=200),
)
"""What lies between two events: nothing (one instant), or as much as to the next year."""

LENGTH = 16
SIDES = ("patient", "P1"), ("patient", "P2"), ("holder", "P2"), ("holder", "P3")
"""Whose list: P2 gives, and has bills of his own."""

Row = tuple[str, str, bool, tuple[int, ...]]
"""Instant, settlement, whether it is a refund, and the amounts."""


@dataclass
class Event:
    """What happened: a bill settled, or the same taken back."""

    at: datetime
    settlement: pb.Settlement
    refund: bool = False

    @property
    def month(self) -> str:
        return f"{self.at:%Y-%m}"

    def row_of_patient(self) -> Row:
        s = self.settlement
        own_fen = s.account_fen - s.aid_fen
        parts = (s.bill.total_fen, s.fund_fen, own_fen, s.aid_fen, s.cash_fen)
        return self._row(parts)

    def row_of_holder(self, holder: str) -> Row:
        return self._row((0, 0, self.paid_by(holder), 0, 0))

    def paid_by(self, purse: str) -> int:
        """Return what a purse paid of the bill, in fen."""
        return sum(-m.fen for m in self.settlement.movements if m.purse == purse)

    def _row(self, parts: Sequence[int]) -> Row:
        sign = -1 if self.refund else 1
        amounts = tuple(sign * fen for fen in parts)
        return self.at.isoformat(), self.settlement.settlement_id, self.refund, amounts


@dataclass
class Diary:
    """A service, and what happened there in the order it happened."""

    service: Service
    chance: random.Random
    at: datetime = START
    events: list[Event] = field(default_factory=list)

    async def go_on(self, steps: Sequence[timedelta] = STEPS) -> None:
        """Let time pass, and settle a bill or take one back."""
        self.at += self.chance.choice(steps)
        self.service.clock.set(self.at)
        gone = {e.settlement.settlement_id for e in self.events if e.refund}
        standing = [e for e in self.events if e.settlement.settlement_id not in gone]
        if standing and self.chance.random() < 0.4:
            taken = self.chance.choice(standing).settlement
            await self.service.reverse(settlement_id=taken.settlement_id)
            self.events.append(Event(self.at, taken, refund=True))
        else:
            settled = await self._settle()
            self.events.append(Event(self.at, settled))

    async def _settle(self) -> pb.Settlement:
        patient = self.chance.choice(("P1", "P1", "P2"))
        reply = await self.service.settle(
            fen=self.chance.randrange(1, 90_000),
            patient=self.service.ref(patient),
            service_day=f"{self.at:%Y-%m-%d}",
        )
        return reply.settlement

    def of(self, side: str, person_no: str) -> list[tuple[Event, Row]]:
        """Return what a patient or a holder should be shown, and the row of each."""
        shown = []
        for event in self.events:
            own = event.settlement.bill.patient.person_no == person_no
            if side == "patient" and own:
                shown.append((event, event.row_of_patient()))
            elif side == "holder" and not own and event.paid_by(person_no):
                shown.append((event, event.row_of_holder(person_no)))
        return shown


Lived = Callable[[int, int], Awaitable[Diary]]
"""Draws so many events by a seed, and has them happen."""


@pytest.fixture
async def lived(service: Service) -> Lived:
    """Let P1, who has some money, and those who give, P2 and P3, live through events."""
    for holder, fen in (("P2", 60_000), ("P3", 900_000), ("P1", 9_000)):
        await service.give(holder, fen)
    for holder in ("P2", "P3"):
        await service.bind(holder)

    async def live(seed: int, length: int) -> Diary:
        diary = Diary(service, random.Random(seed))  # noqa: S311 - no secret
        for _ in range(length):
            await diary.go_on()
        return diary

    return live


async def nothing() -> None:
    """Do nothing between two pages."""


async def listed(
    service: Service,
    size: int = 1000,
    between: Callable[[], Awaitable[None]] = nothing,
    **asked: Any,
) -> list[Row]:
    """Return the rows of all pages."""
    request = pb.ListSettlementsRequest(**asked)
    request.page.size = size
    rows: list[Row] = []
    while True:
        reply = await service.settlements.ListSettlements(request)
        assert len(reply.rows) <= size
        rows += map(shown, reply.rows)
        if not reply.next_page_token:
            return rows
        request.page.token = reply.next_page_token
        await between()


def shown(row: pb.SettlementRow) -> Row:
    instant = row.reversed_at if row.refund else row.settled_at
    amounts = (row.total_fen, row.fund_fen, row.charged_fen, row.aid_fen, row.cash_fen)
    at = instant.ToDatetime(SHANGHAI).isoformat()
    return at, row.settlement_id, row.refund, amounts


def sums(rows: Iterable[Row]) -> list[int]:
    return [sum(column) for column in zip(*(row[3] for row in rows), strict=True)]


@pytest.mark.parametrize("seed", range(4))
async def test_a_list_is_what_happened(
    service: Service, lived: Lived, seed: int
) -> None:
    """Each month lists its settlements and its refunds and adds up to both; the months
    together are the whole list, and so are the pages of any size."""
    diary = await lived(seed, LENGTH)

    for side, person_no in SIDES:
        events = diary.of(side, person_no)
        asked: dict[str, Any] = {side: service.ref(person_no)}
        whole = await listed(service, **asked)
        assert Counter(row for _, row in events) == Counter(whole)
        assert sorted(row[0] for row in whole) == [row[0] for row in whole]
        for size in (1, 2, 5):
            assert whole == await listed(service, size, **asked)
        for month in {event.month for event in diary.events}:
            expected = [row for event, row in events if event.month == month]
            await check_month(service, month, expected, **asked)


async def check_month(
    service: Service, month: str, expected: list[Row], **asked: Any
) -> None:
    """Assert that a month lists these rows and adds up to them."""
    found = await listed(service, 3, month=month, **asked)
    assert Counter(expected) == Counter(found)
    assert sums(expected) == sums(found)


@pytest.mark.parametrize("seed", range(3))
async def test_pages_read_while_more_happens(
    service: Service, lived: Lived, seed: int
) -> None:
    """Settlements and reversals between two pages neither lose a row nor show one twice;
    they come behind, a reversal of what was read already too."""
    diary = await lived(seed, LENGTH // 2)

    for side, person_no in SIDES[::3]:
        asked: dict[str, Any] = {side: service.ref(person_no)}
        before = len(diary.events)

        async def go_on(until: int = before + 6) -> None:
            if len(diary.events) < until:
                await diary.go_on(STEPS[1:3])

        seen = await listed(service, 1, go_on, **asked)

        assert len(diary.events) > before
        assert await listed(service, **asked) == seen
