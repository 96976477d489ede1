"""What a method of the service is, whatever transport carries its calls."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from gongji.access.identity import CallerIdentity
from gongji.rpc.status import Status

Answers: TypeAlias = Callable[[Any, Any], Awaitable[bytes]]
"""How a request, or an iterator of requests, of a call is answered; see `Method`."""


class Calling(Protocol):
    """A call as its transport knows it."""

    @property
    def identity(self) -> CallerIdentity:
        """Who calls, as established where the connection ends."""

    @property
    def remaining_s(self) -> float | None:
        """Seconds until the caller's deadline; None if it set none."""


class Writing(Calling, Protocol):
    """A call that is answered by several replies."""

    async def write(self, reply: bytes) -> None:
        """Send one reply."""


class CallFailed(Exception):  # noqa: N818 - a state, for the transport to pass on
    """A call that ends with a status other than OK."""

    def __init__(self, status: Status) -> None:
        super().__init__(status.message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Method:
    """One method: its path, which sides stream, and how bytes are answered.

    `answer` takes the request, or an iterator of requests, and returns the reply.
    Replies that stream are written to the call, and the returned bytes mean nothing.
    It raises CallFailed, or CancelledError if the caller has gone.
    """

    path: str
    streams_in: bool
    streams_out: bool
    answer: Answers


@dataclass(frozen=True, slots=True)
class Services:
    """What a port offers: methods by path, services for reflection, names for health."""

    methods: Mapping[str, Method]
    services: tuple[str, ...]
    healthy: tuple[str, ...]
