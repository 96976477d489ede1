"""Faults that a sandbox's callers order (故障演练): lost and late replies, calls refused."""

# What happens when, on the way of one call:
#
#   begun ──── SLOW waits ──▶ the work ──▶ committed ──── LATE_REPLY waits ──▶ answered
#      └─ UNAVAILABLE ends                     ├─ LOST_REPLY ends
#                                              └─ NO_REPLY waits for the deadline

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final

from grpc import StatusCode

from gongji.access.identity import CallerIdentity
from gongji.model.refusals import MalformedField, StoreUnavailable
from gongji.rpc.method import Calling, Ending, Method, Writing
from gongji.rpc.origin import FAULT_KEY, CallOrigin
from gongji.rpc.outcome import Outcomes
from gongji.rpc.status import Status
from gongji.v1 import sandbox_pb2 as pb

DELAY_MS: Final = 1000
"""How long an ordered delay is that does not say it."""

LONGEST_MS: Final = 600_000

LONGEST_HOLD_S: Final = 60.0
"""Seconds for which a call without a deadline waits for a reply that never comes."""

KINDS: Final = {
    "lost-reply": pb.FAULT_KIND_LOST_REPLY,
    "no-reply": pb.FAULT_KIND_NO_REPLY,
    "late-reply": pb.FAULT_KIND_LATE_REPLY,
    "slow": pb.FAULT_KIND_SLOW,
    "unavailable": pb.FAULT_KIND_UNAVAILABLE,
}
"""What a call may order for itself, by its name in the metadata."""

DELAYED: Final = frozenset({pb.FAULT_KIND_LATE_REPLY, pb.FAULT_KIND_SLOW})

# As of a connection that breaks: without details.
_LOST: Final = Status(
    StatusCode.UNAVAILABLE, "", "沙盒按吩咐没有送出答复：结果未知，请同号重发", ()
)


@dataclass(slots=True)
class SandboxFault:
    """What happens to a call, and to how many it still happens."""

    kind: int
    delay_ms: int = 0
    calls: int = 1

    @property
    def delay_s(self) -> float:
        """Seconds of its delay."""
        return self.delay_ms / 1000


def fault_in(stated: str) -> SandboxFault:
    """Return the fault that a call orders for itself. MalformedField."""
    name, equals, text = stated.partition("=")
    kind = KINDS.get(name)
    delayed = kind in DELAYED
    sound = not equals or (delayed and re.fullmatch(r"[0-9]{1,6}", text))
    if kind is None or not sound or int(text or 0) > LONGEST_MS:
        raise MalformedField(
            f"元数据 {FAULT_KEY} 应为 {'、'.join(KINDS)} 之一，late-reply 与 slow 之后可写"
            f"毫秒，如 slow=1500，至多 {LONGEST_MS}",
            field=FAULT_KEY,
        )
    if not delayed:
        return SandboxFault(kind)
    return SandboxFault(kind, int(text) if equals else DELAY_MS)


@dataclass(slots=True)
class FaultOrders:
    """The faults ordered by caller and method, "" standing for any of them."""

    _orders: dict[tuple[str, str], SandboxFault] = field(default_factory=dict)
    _methods: set[str] = field(default_factory=set)
    _outcomes: Outcomes = field(default_factory=Outcomes)

    def order(self, caller: str, method: str, fault: SandboxFault | None) -> None:
        """Order a fault.

        None withdraws the one of this caller and method, or all if neither is named.
        MalformedField.
        """
        if method and method not in self._methods:
            raise MalformedField(
                "method：没有这个方法；写方法自己的名称，如 Settle", field="method"
            )
        # What is ordered anew is the last.
        self._orders.pop((caller, method), None)
        if fault:
            self._orders[caller, method] = fault
        elif not (caller or method):
            self.withdraw()

    def pending(self) -> Iterator[tuple[str, str, SandboxFault]]:
        """Yield caller, method and fault of each order, in their order."""
        for (caller, method), fault in self._orders.items():
            yield caller, method, fault

    def withdraw(self) -> None:
        """Withdraw all orders."""
        self._orders.clear()

    def over(self, method: Method) -> Method:
        """Return a method to whose calls the ordered faults happen."""
        name = method.path.rpartition("/")[2]
        self._methods.add(name)

        async def answer(raw: Any, calling: Any) -> Ending:
            try:
                fault = self._next(calling, name)
            except MalformedField as refusal:
                return self._outcomes.reject(method.path, calling, refusal)
            if fault is None:
                return await method.answer(raw, calling)
            return await self._struck(method, fault, raw, calling)

        return replace(method, answer=answer)

    def _next(self, calling: Calling, name: str) -> SandboxFault | None:
        """Return what happens to a call, counted down; None if nothing does."""
        if calling.origin.fault:
            return fault_in(calling.origin.fault)
        caller = calling.identity.caller
        for key in ((caller, name), (caller, ""), ("", name), ("", "")):
            fault = self._orders.get(key)
            if fault is not None:
                fault.calls -= 1
                if fault.calls == 0:
                    del self._orders[key]
                return fault
        return None

    async def _struck(
        self, method: Method, fault: SandboxFault, raw: Any, calling: Any
    ) -> Ending:
        """Return how a call ends to which a fault happens. CancelledError."""
        match fault.kind:
            case pb.FAULT_KIND_UNAVAILABLE:
                refusal = StoreUnavailable(
                    "沙盒按吩咐暂不可用：什么也没有做，请同号重发"
                )
                return self._outcomes.reject(method.path, calling, refusal)
            case pb.FAULT_KIND_SLOW:
                await asyncio.sleep(fault.delay_s)
                return await method.answer(raw, calling)
            case pb.FAULT_KIND_LATE_REPLY:
                late = _LateReplies(calling, fault.delay_s)
                ended = await method.answer(raw, late)
                if not method.streams_out or isinstance(ended, Status):
                    await asyncio.sleep(fault.delay_s)
                return ended
        with suppress(_StreamBroken):
            await method.answer(raw, _BrokenReplies(calling))
        if fault.kind == pb.FAULT_KIND_NO_REPLY:
            # The caller's deadline cancels it.
            await asyncio.sleep(LONGEST_HOLD_S)
        return _LOST


class _StreamBroken(asyncio.CancelledError):
    """The caller can no longer be reached: the work ends as if it had gone."""


class _Replies:
    """A call as its transport knows it, whose replies something happens to."""

    def __init__(self, calling: Writing) -> None:
        self.calling = calling

    @property
    def identity(self) -> CallerIdentity:
        """Who calls."""
        return self.calling.identity

    @property
    def origin(self) -> CallOrigin:
        """Where the call comes from."""
        return self.calling.origin

    @property
    def remaining_s(self) -> float | None:
        """Seconds until the caller's deadline; None if it set none."""
        return self.calling.remaining_s


class _LateReplies(_Replies):
    """Replies of which each comes late."""

    def __init__(self, calling: Writing, delay_s: float) -> None:
        super().__init__(calling)
        self._delay_s = delay_s

    async def write(self, reply: bytes) -> None:
        """Send one reply, late."""
        await asyncio.sleep(self._delay_s)
        await self.calling.write(reply)


class _BrokenReplies(_Replies):
    """Replies of which only the first is sent."""

    _sent = False

    async def write(self, reply: bytes) -> None:
        """Send the first reply. CancelledError from the second on."""
        if self._sent:
            raise _StreamBroken
        self._sent = True
        await self.calling.write(reply)
