"""What a method of the service is, whatever carries its calls."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeAlias

from gongji.rpc import status

CALLER_KEY: Final = "x-gongji-caller"

Answers: TypeAlias = Callable[[Any, Any], Awaitable[bytes]]
"""How a request, or an iterator of requests, of a call is answered; see `Method`."""


class Calling(Protocol):
    """A call as whoever carries it knows it."""

    @property
    def caller(self) -> str | None:
        """What it says under `CALLER_KEY`, None where it says nothing."""

    @property
    def remaining_s(self) -> float | None:
        """Seconds until its deadline, None where it has none."""


class Writing(Calling, Protocol):
    """A call that is answered by several replies."""

    async def write(self, reply: bytes) -> None:
        """Sends one of them."""


class CallFailed(Exception):  # noqa: N818 - a state, told to who carries the call
    """A call that ends otherwise than well."""

    def __init__(self, ended: status.Status) -> None:
        super().__init__(ended.message)
        self.status = ended


@dataclass(frozen=True, slots=True)
class Method:
    """One method: its path, what streams, and how bytes are answered.

    `answer` takes the request, or an iterator of requests, and returns the reply;
    replies that stream are written to the call, and what it returns means nothing. It
    raises Ended, or CancelledError where the caller has gone.
    """

    path: str
    streams_in: bool
    streams_out: bool
    answer: Answers


@dataclass(frozen=True, slots=True)
class Services:
    """What a port offers: methods by path, services for reflection, and everything
    whose health can be asked."""

    methods: Mapping[str, Method]
    services: tuple[str, ...]
    healthy: tuple[str, ...]
