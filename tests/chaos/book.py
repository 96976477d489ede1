"""What was acknowledged to the callers: what the data are audited against at the end."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import grpc
from gongji.v1 import settlement_pb2 as pb

from tests.patience import PATIENCE_S
from tests.scaffold.service import RefusedCall

PUSHBACK_KEY = "grpc-retry-pushback-ms"
NOT_WRITTEN = "未写入任何内容"
"""What a refusal promises that knows that nothing of the request stands."""

RETRYABLE: Final = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED}
"""What a caller tries again after."""

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Lost:
    """An attempt that ended without an answer."""

    refusal: RefusedCall
    pushback_ms: int | None

    @classmethod
    def of(cls, error: grpc.aio.AioRpcError) -> Lost:
        """Read it from an error."""
        metadata = dict(error.trailing_metadata() or ())
        pushback = metadata.get(PUSHBACK_KEY)
        pushback_ms = None if pushback is None else int(pushback)
        return cls(RefusedCall.of(error), pushback_ms)

    @property
    def reason(self) -> str:
        """Return why the service refused; empty if the service did not answer."""
        return self.refusal.info.reason

    @property
    def certain(self) -> bool:
        """Return whether it promises that nothing was written."""
        return NOT_WRITTEN in self.refusal.message

    def __str__(self) -> str:
        return f"{self.refusal.code.name} {self.reason} {self.refusal.message}"


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
    checkpoints: list[str] = field(default_factory=list)
    """Signed notes kept elsewhere: the log goes on from each of them."""
    lost: list[Lost] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    """What no caller may ever see, in words."""
    tally: Counter[str] = field(default_factory=Counter)
    answers: int = 0
    interval_s: float = 0.0
    """How often a caller is to call, on average; 0 has him call without rest."""
    of_hospital: bool = False
    """Whether the callers are a hospital's, which is not told what relatives have left."""
    in_flight: int = 0

    @property
    def refusals(self) -> list[Lost]:
        """Return what the service itself refused for the moment."""
        return [lost for lost in self.lost if lost.reason]

    def movements(self) -> Iterator[Sequence[pb.PurseMovement]]:
        """Yield the movements of each settlement and each reversal acknowledged."""
        for settlement in self.settled.values():
            yield settlement.movements
        yield from self.refunds.values()

    async def next_answers(self, number: int = 1) -> None:
        """Wait until so many requests more are answered."""
        enough = self.answers + number
        await self._until(lambda: self.answers >= enough)

    async def next_refusals(self, number: int = 1) -> None:
        """Wait until the service has refused so many attempts more."""
        enough = len(self.refusals) + number
        await self._until(lambda: len(self.refusals) >= enough)

    async def _until(self, reached: Callable[[], bool]) -> None:
        """Wait. TimeoutError if it is not reached, AssertionError if a fault happens."""
        async with asyncio.timeout(PATIENCE_S):
            while not reached():
                shown = self.faults[:_SHOWN]
                assert [] == shown, shown
                await asyncio.sleep(0.005)

    def acknowledge(self, request_id: str, *, tried: int, replayed: bool) -> None:
        """Count a first answer; without a retry it cannot come from the record."""
        self.tally["acknowledged"] += 1
        self.answers += 1
        if tried:
            outcome = "found by a retry" if replayed else "executed by a retry"
            self.tally[outcome] += 1
        elif replayed:
            self.faults.append(f"{request_id}: asked once, answered as if again")

    def check_same(self, request_id: str, first: Any, second: Any) -> None:
        """Note a fault unless a repeated request has its first answer, from the record."""
        self.tally["replays"] += 1
        self.answers += 1
        if not second.receipt.replayed:
            self.faults.append(f"{request_id}: acknowledged, and executed again")
        second.receipt.replayed = first.receipt.replayed
        if first != second:
            fault = f"{request_id}: acknowledged as {first}, then as {second}"
            self.faults.append(fault)
