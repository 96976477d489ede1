"""One page over HTTP, in threads and at a port of its own; few read it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer, ThreadingMixIn
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import structlog

from gongji.rpc.outcome import places_of
from gongji.serve.listening import check_free, host_and_port

_MOST_READERS: Final = 8
"""Connections at once; one more is closed. Two Prometheus servers and a `gongji top`."""

_PATIENCE_S: Final = 5.0
"""Seconds a reader may pause."""

_LONGEST_S: Final = 15.0
"""Seconds after which a reader is cut off, however it goes on."""


class ServedPage(NamedTuple):
    """A page at a path: of what type, and how it is made for each reader."""

    path: str
    content_type: str
    text: Callable[[], str]


class _Handler(BaseHTTPRequestHandler):
    """Answers readers of the page; says nothing of who serves it."""

    page: ServedPage
    timeout = _PATIENCE_S
    server_version = "gongji"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer the page, 500 if it cannot be made; nothing else is here."""
        if urlsplit(self.path).path != self.page.path:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        try:
            content = self.page.text().encode()
        except Exception as fault:  # noqa: BLE001 - whatever it is, the reader is told that there is no page
            structlog.get_logger().error(
                "fault",
                method=self.page.path,
                error=type(fault).__name__,
                places=places_of(fault),
            )
            self.send_error(HTTPStatus.INTERNAL_SERVER_ERROR)
            return
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", self.page.content_type)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


# Not http.server's: that one asks the DNS for the name of its address.
class _Server(ThreadingMixIn, TCPServer):
    """A thread for each reader, of whom there are few."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, address: str, handler: type[_Handler]) -> None:
        host, port = host_and_port(address)
        if ":" in host:
            self.address_family = socket.AF_INET6
        self._places = threading.BoundedSemaphore(_MOST_READERS)
        super().__init__((host, port), handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer a reader in a thread, or close a connection too many."""
        if self._places.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer one reader and give its place back."""
        # Whatever it does, one byte after the other for instance.
        end = threading.Timer(_LONGEST_S, _cut_off, (request,))
        end.daemon = True
        end.start()
        try:
            super().process_request_thread(request, client_address)
        finally:
            end.cancel()
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Let a reader go that has gone itself, or asked nothing in time."""


def _cut_off(request: socket.socket) -> None:
    with suppress(OSError):
        request.shutdown(socket.SHUT_RDWR)


@contextmanager
def page_at(address: str, page: ServedPage) -> Iterator[str]:
    """Serve a page for the block; yield its address with the port it has.

    ValueError; OSError if the address cannot be had.
    """
    check_free(address)
    handler = type("_HandlerOf", (_Handler,), {"page": page})
    with _Server(address, handler) as server:
        thread = threading.Thread(
            target=server.serve_forever, name="gongji-page", daemon=True
        )
        thread.start()
        try:
            host, _, _ = address.rpartition(":")
            yield f"{host}:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
