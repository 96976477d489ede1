"""What the callers were told: the truth the data are held against at the end."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import grpc
from gongji.v1 import settlement_pb2 as pb

from tests.patience import PATIENCE_S
from tests.scaffold.service import RefusedCall

PUSHBACK_KEY = "grpc-retry-pushback-ms"
NOT_WRITTEN = "未写入任何内容"
"""What a refusal promises that knows that nothing of the request stands."""

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Lost:
    """An attempt that ended without an answer."""

    told: RefusedCall
    pushback_ms: int | None

    @classmethod
    def of(cls, error: grpc.aio.AioRpcError) -> Lost:
        """Read from an error."""
        pushback = dict(error.trailing_metadata() or ()).get(PUSHBACK_KEY)
        return cls(RefusedCall.of(error), None if pushback is None else int(pushback))

    @property
    def reason(self) -> str:
        """Why the service refused; empty where it was not the service that spoke."""
        return self.told.info.reason

    @property
    def certain(self) -> bool:
        """Whether it promises that nothing was written."""
        return NOT_WRITTEN in self.told.message

    def __str__(self) -> str:
        return f"{self.told.code.name} {self.reason} {self.told.message}"


@dataclass(slots=True)
class Book:
    """Everything acknowledged, by request id, and everything that must not happen."""

    settled: dict[str, pb.Settlement] = field(default_factory=dict)
    reversals: dict[str, str] = field(default_factory=dict)
    """Request id of a reversal by that of the Settle it takes back."""
    refunds: dict[str, list[pb.PurseMovement]] = field(default_factory=dict)
    """What came back, by request id of the reversal."""
    never: dict[str, str] = field(default_factory=dict)
    """Request id of a reversal that came before its Settle, by that of the Settle."""
    lost: list[Lost] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    """What no caller may ever see, in words."""
    tally: Counter[str] = field(default_factory=Counter)
    answers: int = 0
    in_flight: int = 0

    @property
    def refusals(self) -> list[Lost]:
        """What the service itself refused for the moment."""
        return [lost for lost in self.lost if lost.reason]

    async def next_answers(self, number: int = 1) -> None:
        """Waits until so many requests more are answered."""
        enough = self.answers + number
        await self._until(lambda: self.answers >= enough)

    async def next_refusals(self, number: int = 1) -> None:
        """Waits until the service has refused so many attempts more."""
        enough = len(self.refusals) + number
        await self._until(lambda: len(self.refusals) >= enough)

    async def _until(self, done: Callable[[], bool]) -> None:
        """TimeoutError where it does not come about, AssertionError where what must not
        happen does."""
        async with asyncio.timeout(PATIENCE_S):
            while not done():
                assert [] == self.faults[:_SHOWN], self.faults[:_SHOWN]
                await asyncio.sleep(0.005)

    def acknowledge(self, request_id: str, *, tried: int, replayed: bool) -> None:
        """Counts a first answer; to what was never asked before it cannot come from the record."""
        self.tally["acknowledged"] += 1
        self.answers += 1
        if tried:
            self.tally["found by a retry" if replayed else "executed by a retry"] += 1
        elif replayed:
            self.faults.append(f"{request_id}: asked once, answered as if again")

    def check_same(self, request_id: str, first: Any, again: Any) -> None:
        """What was acknowledged and is asked again is answered from the record, as the
        first time."""
        self.tally["replays"] += 1
        self.answers += 1
        if not again.receipt.replayed:
            self.faults.append(f"{request_id}: acknowledged, and executed again")
        again.receipt.replayed = first.receipt.replayed
        if first != again:
            self.faults.append(
                f"{request_id}: acknowledged as {first}, then as {again}"
            )
