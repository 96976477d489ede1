"""One HTTP request to an application in this process, without a socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from starlette.applications import Starlette


@dataclass(frozen=True)
class HttpReply:
    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def message(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self.content)
        return message


class HttpClient:
    """Sends to an application over its own interface, in a loop of its own."""

    def __init__(self, app: Starlette) -> None:
        self.app = app
        self._runner = asyncio.Runner()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.close()

    def send(
        self,
        body: bytes | Iterable[bytes | None],
        headers: Mapping[str, str] | None = None,
        path: str = "/",
        method: str = "POST",
    ) -> HttpReply:
        """Return the reply to one request; a body may come in parts, None never comes."""
        parts: list[bytes | None] = [body] if isinstance(body, bytes) else [*body]
        return self._runner.run(self._send(parts, headers or {}, path, method))

    def break_off(self, body: bytes) -> HttpReply:
        """Return the reply that nobody reads, to a request left in the midst of its body."""
        return self._runner.run(self._send([body], {}, "/", "POST", broken_off=True))

    def send_all(
        self,
        bodies: Iterable[bytes | list[bytes | None]],
        after: Callable[[], None],
    ) -> list[HttpReply]:
        """Return the replies to requests at once; `after` is called once all are sent."""

        async def send_them() -> list[HttpReply]:
            sent = [
                asyncio.ensure_future(
                    self._send(
                        [one] if isinstance(one, bytes) else one, {}, "/", "POST"
                    )
                )
                for one in bodies
            ]
            # Long enough for each to be taken, or told to come again.
            await asyncio.sleep(0.5)
            after()
            return await asyncio.gather(*sent)

        return self._runner.run(send_them())

    def ask(self, message: object, **options: Any) -> dict[str, Any]:
        """Return the national answer to a message."""
        return self.send(json.dumps(message).encode(), **options).message

    async def _send(
        self,
        parts: list[bytes | None],
        headers: Mapping[str, str],
        path: str,
        method: str,
        *,
        broken_off: bool = False,
    ) -> HttpReply:
        sent: list[Any] = []
        incoming = [
            {
                "type": "http.request",
                "body": part,
                "more_body": broken_off or n + 1 < len(parts),
            }
            for n, part in enumerate(parts)
        ]

        async def receive() -> Any:
            if broken_off and not incoming:
                return {"type": "http.disconnect"}
            # After the body nothing comes, for ever.
            if not incoming or incoming[0]["body"] is None:
                await asyncio.Event().wait()
            return incoming.pop(0)

        async def send(event: Any) -> None:
            sent.append(event)

        await self.app(_scope(headers, path, method), receive, send)
        (start, *bodies) = sent
        return HttpReply(
            start["status"],
            {name.decode(): value.decode() for name, value in start["headers"]},
            b"".join(one.get("body", b"") for one in bodies),
        )


def _scope(headers: Mapping[str, str], path: str, method: str) -> dict[str, Any]:
    """Return what a server tells an application of a request."""
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [
            (name.lower().encode("latin-1"), value.encode("utf-8"))
            for name, value in headers.items()
        ],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
