"""The HTTP side: what is let in, how much of it and how long, and the line about it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from time import perf_counter
from typing import Final, TypeVarTuple

from anyio import CapacityLimiter, to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from gongji.national.convert import refused
from gongji.national.text import dumps
from gongji.rpc.call_line import CallLine, call_log, stamp
from gongji.serve.national.counting import count_message, watch_messages
from gongji.serve.national.handler import JSON, Handled, MessageHandler

Ts = TypeVarTuple("Ts")

UPLOAD_PATH: Final = "/9101"
"""Where a body may be a file."""

_WAITING: Final = 4
"""Messages that may wait for each that is answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much may be sent, how long it may take, and how many are answered at once."""

    body: int = 1 << 20
    file: int = 16 << 20
    body_s: float = 20.0
    at_once: int = 32


def national_app(
    handler: MessageHandler,
    limits: Limits,
    path: str = "/",
    healthy: Callable[[], bool] = lambda: True,
) -> Starlette:
    """Return the application: messages at a path, and `/health`.

    The number of the message may stand behind the path.
    """
    endpoint = _Messages(handler, limits)
    root = path.rstrip("/")

    async def health(_: Request) -> Response:
        ready = await to_thread.run_sync(healthy)
        status = "SERVING" if ready else "NOT_SERVING"
        return Response(
            dumps({"status": status}),
            HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE,
            media_type=JSON,
        )

    return Starlette(
        routes=[
            Route("/health", health, methods=["GET"]),
            Route(f"{root}/", endpoint.answer, methods=["POST"]),
            *([Route(root, endpoint.answer, methods=["POST"])] if root else []),
            Route(f"{root}/{{infno}}", endpoint.answer, methods=["POST"]),
        ],
        exception_handlers={HTTPException: _refused_path},
    )


class _Messages:
    """Reads messages within limits and hands each to a thread."""

    def __init__(self, handler: MessageHandler, limits: Limits) -> None:
        self._handler = handler
        self._limits = limits
        self._threads: CapacityLimiter | None = None
        self._taken = 0
        watch_messages(lambda: self._taken)

    async def answer(self, request: Request) -> Response:
        """Answer one message."""
        began = perf_counter()
        body = b""
        try:
            with self._place():
                handled = await self._in_thread(
                    self._handler.admit, dict(request.headers)
                )
                # Nothing is read of whom the gate does not let in.
                if handled.admitted:
                    body = await self._body(request)
                    named = request.path_params.get("infno", "")
                    await self._in_thread(self._handler.handle, handled, body, named)
        except HTTPException as fault:
            handled = _unread(fault.status_code, fault.detail)
        except TimeoutError:
            sentence = f"报文没有在 {self._limits.body_s:.0f} 秒内到齐"
            handled = _unread(HTTPStatus.REQUEST_TIMEOUT, sentence)
        except ClientDisconnect:
            # Nobody reads the answer; the line tells what came of the message.
            handled = _unread(HTTPStatus.BAD_REQUEST, "报文没有送完，连接就断开了")
        peer = request.client.host if request.client else ""
        _note(handled, peer, perf_counter() - began, len(body))
        return _response(handled)

    async def _body(self, request: Request) -> bytes:
        """Return the body. HTTPException if it is too long or in another form; TimeoutError."""
        _hold_form(request.headers)
        is_file = request.url.path.endswith(UPLOAD_PATH)
        most = self._limits.file if is_file else self._limits.body
        # What is announced too long is not read at all.
        announced = request.headers.get("content-length", "0")
        if not announced.isdecimal() or len(announced) > _DIGITS:
            raise HTTPException(HTTPStatus.BAD_REQUEST, "Content-Length 写得不对")
        _hold_length(int(announced), most)
        parts: list[bytes] = []
        length = 0
        async with asyncio.timeout(self._limits.body_s):
            async for part in request.stream():
                length += len(part)
                _hold_length(length, most)
                parts.append(part)
        return b"".join(parts)

    @contextmanager
    def _place(self) -> Iterator[None]:
        """Take one of the places for the block. HTTPException if there is none."""
        if self._taken >= (1 + _WAITING) * self._limits.at_once:
            raise HTTPException(
                HTTPStatus.SERVICE_UNAVAILABLE, "服务繁忙，请稍后以同一 msgid 重发"
            )
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1

    async def _in_thread(
        self, work: Callable[[*Ts], Handled], *arguments: *Ts
    ) -> Handled:
        """Return what work gives that waits for files or the service."""
        # Made here: it belongs to the loop that runs.
        if self._threads is None:
            self._threads = CapacityLimiter(self._limits.at_once)
        return await to_thread.run_sync(work, *arguments, limiter=self._threads)


_DIGITS: Final = 12
"""Most digits of a length."""


def _hold_form(headers: Mapping[str, str]) -> None:
    """HTTPException unless a body is plain UTF-8."""
    if headers.get("content-encoding", "identity") != "identity":
        raise HTTPException(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "报文不得压缩：请去掉 Content-Encoding"
        )
    _, _, charset = headers.get("content-type", "").lower().partition("charset=")
    if charset.strip(' "') not in {"", "utf-8", "utf8"}:
        raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "报文的字符集须为 UTF-8")


def _hold_length(length: int, most: int) -> None:
    if length > most:
        raise HTTPException(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"报文超过 {most >> 10} KiB"
        )


def _unread(status: int, sentence: str) -> Handled:
    """Return the answer to what was not read to its end."""
    handled = Handled(status=status, code="-1", reason=HTTPStatus(status).name)
    handled.content = dumps(refused({}, sentence)).encode()
    return handled


async def _refused_path(_: Request, fault: Exception) -> Response:
    """Answer what no route takes."""
    status = fault.status_code if isinstance(fault, HTTPException) else 500
    sentence = {
        HTTPStatus.NOT_FOUND: "没有这个路径：报文以 POST 送往配置的路径",
        HTTPStatus.METHOD_NOT_ALLOWED: "报文须以 POST 送来",
    }.get(HTTPStatus(status), HTTPStatus(status).phrase)
    return _response(_unread(status, sentence))


def _response(handled: Handled) -> Response:
    headers = {"cache-control": "no-store"}
    if handled.filename:
        headers["content-disposition"] = f'attachment; filename="{handled.filename}"'
    return Response(
        handled.content, handled.status, headers, media_type=handled.media_type
    )


def _note(handled: Handled, peer: str, seconds: float, received: int) -> None:
    """Count a message, and write its line, as a call of the service has one."""
    count_message(handled, seconds)
    call_log.write(
        CallLine(
            timestamp=stamp(),
            method=f"national/{handled.infno}",
            code=handled.code,
            reason=handled.reason,
            caller=handled.key or handled.institution,
            peer=peer,
            subject="",
            city="",
            settlement=handled.settlement,
            request_id=handled.request_id,
            bytes_in=received,
            bytes_out=len(handled.content),
            ms=round(seconds * 1000, 3),
            trace="",
            error_id=handled.error_id,
        )
    )
