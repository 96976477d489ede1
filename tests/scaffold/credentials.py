"""What callers of a server show: the local token, certificates, tokens, all for tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
from gongji.client.credentials import LOCAL_TOKEN, NO_CREDENTIALS, Credentials

Metadata = tuple[tuple[str, str], ...]


def bearer_of(data: Path) -> Metadata:
    """Return the metadata that a data folder's token makes, none if it has no token."""
    path = data / LOCAL_TOKEN
    if not path.exists():
        return ()
    token = path.read_text(encoding="ascii").strip()
    return (("authorization", f"Bearer {token}"),)


def credentials_of(data: Path) -> Credentials:
    """Return what our own client shows to the server over a data folder, with its token
    if it has one."""
    path = data / LOCAL_TOKEN
    return Credentials(token_file=path) if path.exists() else NO_CREDENTIALS


def with_metadata(channel: grpc.Channel, metadata: Metadata) -> grpc.Channel:
    """Return a channel whose calls all carry some metadata."""
    return grpc.intercept_channel(channel, _WithMetadata(metadata))


class _WithMetadata(
    grpc.UnaryUnaryClientInterceptor,
    grpc.UnaryStreamClientInterceptor,
    grpc.StreamUnaryClientInterceptor,
    grpc.StreamStreamClientInterceptor,
):
    def __init__(self, metadata: Metadata) -> None:
        self._metadata = metadata

    def _send(
        self, continuation: Callable[..., Any], details: Any, request: Any
    ) -> Any:
        metadata = (*(details.metadata or ()), *self._metadata)
        return continuation(details._replace(metadata=metadata), request)

    intercept_unary_unary: Any = _send
    intercept_unary_stream: Any = _send
    intercept_stream_unary: Any = _send
    intercept_stream_stream: Any = _send
