"""What a method of the service is, whatever transport carries its calls."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from gongji.access.identity import CallerIdentity
from gongji.rpc.origin import CallOrigin
from gongji.rpc.status import Status

# A status is returned, not raised: an exception that is kept holds, by its traceback, the
# frames it passed, and they the request: memory no collector may free for minutes.
Ending: TypeAlias = bytes | Status
"""How a call ended: its reply, or the status of one that failed."""

Answers: TypeAlias = Callable[[Any, Any], Awaitable[Ending]]
"""How a request, or an iterator of requests, of a call is answered; see `Method`."""


class Calling(Protocol):
    """A call as its transport knows it."""

    @property
    def identity(self) -> CallerIdentity:
        """Who calls, as established where the connection ends."""

    @property
    def origin(self) -> CallOrigin:
        """Where the call comes from, and the trace it belongs to."""

    @property
    def remaining_s(self) -> float | None:
        """Seconds until the caller's deadline; None if it set none."""


class Writing(Calling, Protocol):
    """A call that is answered by several replies."""

    async def write(self, reply: bytes) -> None:
        """Send one reply."""


@dataclass(frozen=True, slots=True)
class Method:
    """One method: its path, which sides stream, and how bytes are answered.

    `answer` takes the request, or an iterator of requests, and returns the reply or the
    status of a call that failed. Replies that stream are written to the call, and
    returned bytes mean nothing. An `endless` one is ended when its port stops.
    CancelledError if the caller has gone.
    """

    path: str
    streams_in: bool
    streams_out: bool
    answer: Answers
    endless: bool = False


Ready: TypeAlias = Callable[[], Awaitable[bool]]
"""Tells whether services can do now what they are for."""


async def always() -> bool:
    """Return that services are ready which need nothing."""
    return True


@dataclass(frozen=True, slots=True)
class Services:
    """What a port offers: methods by path, services for reflection, names for health.

    Of the names in `refused` there is nothing to be had, such as cities whose plugins
    were refused; `ready` tells whether of the others there is.
    """

    methods: Mapping[str, Method]
    services: tuple[str, ...]
    healthy: tuple[str, ...]
    refused: tuple[str, ...] = ()
    ready: Ready = always
