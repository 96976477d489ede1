"""The parts put together as the command's options say."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import grpc
import uvicorn
from grpc_health.v1 import health_pb2, health_pb2_grpc
from starlette.applications import Starlette

from gongji.serve.beside import working_beside
from gongji.serve.national.app import Limits, national_app
from gongji.serve.national.calls import GrpcService
from gongji.serve.national.exchanges import Exchanges
from gongji.serve.national.gates import GATES
from gongji.serve.national.handler import MessageHandler
from gongji.serve.national.keyring import Keyring
from gongji.serve.national.memory import Memory
from gongji.serve.national.port import HttpSettings, server_of
from gongji.serve.national.settings import NationalSettings
from gongji.serve.watched import watch

HEALTH_S = 2.0
"""Seconds in which the service must say that it is well."""


@asynccontextmanager
async def assembled(
    options: NationalSettings,
    channel: grpc.Channel,
    clock: Callable[[], datetime],
    on_up: Callable[[str], None],
) -> AsyncIterator[uvicorn.Server]:
    """Yield a server as the options say, over a channel to the service.

    `on_up` is told the address once it listens. During the block keys are read again as
    they change; if that fails, the block ends. ValueError or OSError if the options cannot
    be met.
    """
    options.check()
    http = HttpSettings(
        address=options.address, tls_cert=options.tls_cert, tls_key=options.tls_key
    )
    http.check(signed=options.signature != "none")
    # Before anything is made: each says in a sentence if it cannot be read.
    edition, keyring = options.edition, keyring_of(options)
    with Memory(options.memory) as memory:
        service = GrpcService(channel, options.timeout)
        exchanges = Exchanges(
            service=service,
            memory=memory,
            edition=edition,
            clock=clock,
            with_balance=options.with_balance,
        )
        app = app_of(options, exchanges, keyring, healthy_over(channel))
        async with working_beside(watch([keyring.watched] if keyring else [])):
            yield server_of(app, http, on_up)


def keyring_of(options: NationalSettings) -> Keyring | None:
    """Return the keys of those who send, if they sign. ValueError; OSError."""
    return Keyring(options.signature_keys) if options.signature_keys else None


def app_of(
    options: NationalSettings,
    exchanges: Exchanges,
    keyring: Keyring | None = None,
    healthy: Callable[[], bool] = lambda: True,
) -> Starlette:
    """Return the application as the options say, over what answers messages."""
    handler = MessageHandler(
        exchanges=exchanges,
        gate=GATES.get(options.signature),
        keyring=keyring,
        require_sign_in=options.require_sign_in,
    )
    return national_app(handler, Limits(at_once=options.at_once), options.path, healthy)


def healthy_over(channel: grpc.Channel) -> Callable[[], bool]:
    """Return what asks the service whether it is well."""
    stub: Any = health_pb2_grpc.HealthStub(channel)  # its types have no methods
    asked = health_pb2.HealthCheckRequest()

    def healthy() -> bool:
        try:
            answer = stub.Check(asked, timeout=HEALTH_S)
        except grpc.RpcError:
            return False
        serving: bool = answer.status == health_pb2.HealthCheckResponse.SERVING
        return serving

    return healthy
