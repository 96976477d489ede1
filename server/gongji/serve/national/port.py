"""uvicorn at a port of its own, with a time for headers that it does not have by itself."""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from gongji.client.credentials import certificates_in, hold_private
from gongji.serve.listening import check_free, host_and_port, is_loopback

HEADERS_S: Final = 10.0
"""Seconds within which the headers of a request must have come."""

IDLE_S: Final = 60
"""Seconds a connection may be kept without a request."""

STOPPING_S: Final = 30
"""Seconds that messages under way have when the service is stopped."""

LONGEST_HEADERS: Final = 16 * 1024
"""Bytes of the headers of a request."""

MOST_CONNECTIONS: Final = 512


class TimedProtocol(H11Protocol):
    """HTTP/1.1 that ends a connection whose headers, or unread body, do not come.

    uvicorn waits for ever for whoever sends a byte now and then.
    """

    _due: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Take bytes; wait no longer once headers are whole, again after a request."""
        super().data_received(data)
        if self.conn.their_state is h11.IDLE or self._unread():
            self._wait()
        else:
            self._wait_no_more()

    def on_response_complete(self) -> None:
        """Wait for what is left of a body that was answered without it."""
        super().on_response_complete()
        if self._unread():
            self._wait()

    def _unread(self) -> bool:
        return (self.conn.our_state, self.conn.their_state) == (h11.DONE, h11.SEND_BODY)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._wait_no_more()
        super().connection_lost(exc)

    def _wait(self) -> None:
        if self._due is None:
            self._due = self.loop.call_later(HEADERS_S, self._give_up)

    def _wait_no_more(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None

    def _give_up(self) -> None:
        self._due = None
        if not self.transport.is_closing():
            self.transport.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSettings:
    """Where to listen, and with which certificate."""

    address: str
    tls_cert: Path | None = None
    tls_key: Path | None = None

    def check(self, *, signed: bool) -> None:
        """ValueError if others than this machine's could send unseen or unsigned; OSError."""
        if bool(self.tls_cert) != bool(self.tls_key):
            raise ValueError("--tls-cert 与 --tls-key 须同时给出")
        if not is_loopback(self.address):
            if not self.tls_cert:
                raise ValueError(
                    f"在 {self.address} 对外监听须用 TLS：请给出 --tls-cert 与 --tls-key，"
                    "或只监听本机，由网关转来"
                )
            if not signed:
                raise ValueError(
                    f"在 {self.address} 对外监听须核对签名：请给出 --signature 与 "
                    "--signature-keys"
                )
        if self.tls_cert and self.tls_key:
            certificates_in(self.tls_cert)
            hold_private(self.tls_key)
        check_free(self.address)


class HttpServer(uvicorn.Server):
    """Says where it listens, once it does; `serve` runs it until it is told to stop."""

    def __init__(self, config: uvicorn.Config, on_up: Callable[[str], None]) -> None:
        super().__init__(config)
        self._on_up = on_up

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on Ctrl-C and SIGTERM; uvicorn would then die of the same signal."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen."""
        await super().startup(sockets)
        if self.started:
            (first, *_) = self.servers[0].sockets
            host, port = first.getsockname()[:2]
            self._on_up(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")


def server_of(
    app: ASGIApp, settings: HttpSettings, on_up: Callable[[str], None]
) -> HttpServer:
    """Return a server of the application."""
    host, port = host_and_port(settings.address)
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=TimedProtocol,
        ws="none",
        lifespan="off",
        # Its records reach the log by `logging`; messages have a line of ours.
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_keep_alive=IDLE_S,
        timeout_graceful_shutdown=STOPPING_S,
        h11_max_incomplete_event_size=LONGEST_HEADERS,
        ssl_certfile=settings.tls_cert,
        ssl_keyfile=settings.tls_key,
    )
    return HttpServer(config, on_up)
