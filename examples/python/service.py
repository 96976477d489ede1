"""How a channel calls gongji from Python: plain grpcio and the generated gongji.v1, nothing else.

TLS and token, a deadline a call, retry under the same request id, and what a refusal says.
"""

from __future__ import annotations

import os
import re
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import grpc
from gongji.v1 import (
    access_pb2,
    binding_pb2_grpc,
    event_pb2_grpc,
    settlement_pb2_grpc,
    types_pb2,
)
from grpc_health.v1 import health_pb2_grpc
from refusal import UNKNOWN, Refusal, refusal_of

CALLER: Final = "reference-python"
"""Who calls: one name for the whole installation, never a person's."""
ATTEMPTS: Final = 4
FIRST_WAIT_S: Final = 0.15
LONGEST_WAIT_S: Final = 3.0

LOCAL: Final = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:[0-9]+)?")
"""The targets on this very machine: a token is sent in clear to no other."""

AGAIN: Final = UNKNOWN | {grpc.StatusCode.RESOURCE_EXHAUSTED}
"""Worth another attempt; everything else is an answer."""


class Service:
    """One connection, used for everything, and for whom the next calls are made."""

    def __init__(self, target: str) -> None:
        self.channel = connected(target)
        self.bindings = binding_pb2_grpc.BindingServiceStub(self.channel)
        self.settlements = settlement_pb2_grpc.SettlementServiceStub(self.channel)
        self.events = event_pb2_grpc.EventServiceStub(self.channel)
        self.health: Any = health_pb2_grpc.HealthStub(self.channel)
        self.longest_s = 10.0
        self.request_id = ""
        self.subject = b""

    def act_for(self, person: types_pb2.PersonRef) -> None:
        """Make the next calls for a person who has just been identified."""
        subject = access_pb2.Subject(
            person=person,
            identification=access_pb2.IDENTIFICATION_FACE,
            evidence="start-session-1",
            purpose=access_pb2.ACCESS_PURPOSE_OWN_REQUEST,
        )
        subject.identified_at.GetCurrentTime()
        self.subject = subject.SerializeToString()

    def call(self, method: Callable[..., Any], request: Any) -> Any:
        """Call, and send the same request again if that is worth it; grpc.RpcError in the end."""
        attempt = 0
        while True:
            attempt += 1
            try:
                limit_s, said = self.deadline_s(request), self.metadata(request)
                return self.read(method(request, timeout=limit_s, metadata=said))
            except grpc.RpcError as error:
                wait_s = self.wait_s(refusal_of(error), attempt)
                if wait_s is None:
                    raise
                time.sleep(wait_s)
                self.again(request, refusal_of(error))

    def wait_s(self, refusal: Refusal, attempt: int) -> float | None:
        """Return how long to wait before the next attempt, never less than asked; None: no more."""
        if refusal.code not in AGAIN or attempt >= ATTEMPTS:
            return None
        own_s = min(FIRST_WAIT_S * 2.0 ** (attempt - 1), LONGEST_WAIT_S)
        return max(own_s, refusal.pushback_s)

    def again(self, request: Any, refusal: Refusal) -> None:
        """Change nothing before a request goes out again, least of all its id."""

    def read(self, reply: Any) -> Any:
        """Return a reply; fields that a later version has added are left alone."""
        return reply

    def numbered(self, request: Any) -> Any:
        """Give the request an id of its own: once for each business request, at random."""
        request.request_id = self.request_id = self.new_id(request)
        return request

    def new_id(self, request: Any) -> str:
        """Return a fresh UUID."""
        return str(uuid.uuid4())

    def deadline_s(self, request: Any) -> float | None:
        """Return how long one call may take, in seconds."""
        return self.longest_s

    def metadata(self, request: Any) -> list[tuple[str, str | bytes]]:
        """Return who calls and for whom; else people belong in requests, never here."""
        entries: list[tuple[str, str | bytes]] = [("x-gongji-caller", CALLER)]
        # Read anew each time: a token is replaced before it runs out.
        if token := content("GONGJI_TOKEN_FILE"):
            entries.append(("authorization", f"Bearer {token.decode('ascii').strip()}"))
        if self.subject:
            entries.append(("x-gongji-subject-bin", self.subject))
        return entries

    def close(self) -> None:
        """Close the connection."""
        self.channel.close()


def connected(target: str) -> grpc.Channel:
    """Open a channel: TLS if its roots are named, with our certificate if that is too."""
    # After a broken connection the next attempt need not wait for the usual second.
    options = [("grpc.initial_reconnect_backoff_ms", 100)]
    ca, key = content("GONGJI_CA"), content("GONGJI_KEY")
    if ca is None:
        if os.environ.get("GONGJI_TOKEN_FILE") and not LOCAL.fullmatch(target):
            msg = f"GONGJI_TOKEN_FILE：令牌不加密时只发往本机，{target} 不是；请设 GONGJI_CA"
            raise ValueError(msg)
        return grpc.insecure_channel(target, options=options)
    credentials = grpc.ssl_channel_credentials(ca, key, content("GONGJI_CERT"))
    return grpc.secure_channel(target, credentials, options=options)


def content(variable: str) -> bytes | None:
    """Return the content of the file that a variable names; None if it names none."""
    path = os.environ.get(variable)
    return Path(path).read_bytes() if path else None
