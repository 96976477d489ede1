"""How to reach the server under test: address, TLS, caller, metadata."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import grpc

CALLER_KEY: Final = "x-gongji-caller"
CALLER: Final = "gongji-conformance"
SYSTEM: Final = "system"
"""Stands for the machine's own root certificates."""
_LOOPBACKS: Final = ("127.0.0.1:", "[::1]:", "localhost:")
DEADLINE_S: Final = 30.0
"""How long a call may take, in seconds; imports have no deadline."""


@dataclass(
    frozen=True,
    slots=True,
    kw_only=True,
)
class Access:
    """Where the server is and how to be let in. ValueError for cert without key."""

    target: str
    ca: str = ""
    cert: str = ""
    key: str = ""
    token_file: str = ""
    caller: str = CALLER
    metadata: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if bool(self.cert) != bool(self.key):
            raise ValueError("--gongji-cert 与 --gongji-key 须同时给出")
        if self.cert and not self.ca:
            raise ValueError(
                "给出 --gongji-cert 时须用 --gongji-ca 说明以何根证书核对服务"
                "（system 为系统的根证书）"
            )
        if self.token_file and not (self.ca or self.target.startswith(_LOOPBACKS)):
            raise ValueError(
                "--gongji-token-file 的令牌不得不加密地发往别的机器："
                "请以 --gongji-ca 指明核对服务的根证书"
            )

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Access:
        """Read pytest's options. ValueError if one cannot be read."""
        return cls(
            target=values.get("gongji_target") or "",
            ca=values.get("gongji_ca") or "",
            cert=values.get("gongji_cert") or "",
            key=values.get("gongji_key") or "",
            token_file=values.get("gongji_token_file") or "",
            caller=values.get("gongji_caller") or CALLER,
            metadata=tuple(
                _entry(text) for text in values.get("gongji_metadata") or ()
            ),
        )

    def channel(self) -> grpc.Channel:
        """Open a channel, with TLS if a root certificate is named.

        OSError if a file cannot be read.
        """
        return grpc.intercept_channel(self._bare_channel(), _WithCaller(self.entries))

    def entries(self) -> Sequence[tuple[str, str]]:
        """Return the metadata of a call, the token as its file has it now. OSError."""
        named = [(CALLER_KEY, self.caller)] if self.caller else []
        if self.token_file:
            token = Path(self.token_file).read_text(encoding="ascii").strip()
            named.append(("authorization", f"Bearer {token}"))
        return (*named, *self.metadata)

    def _bare_channel(self) -> grpc.Channel:
        """Open a channel that says nothing of the caller."""
        if self.ca:
            return grpc.secure_channel(self.target, self._credentials())
        return grpc.insecure_channel(self.target)

    def _credentials(self) -> grpc.ChannelCredentials:
        """Return the credentials of TLS. OSError."""
        return grpc.ssl_channel_credentials(
            root_certificates=None if self.ca == SYSTEM else _content(self.ca),
            private_key=_content(self.key),
            certificate_chain=_content(self.cert),
        )


def _content(path: str) -> bytes | None:
    if path:
        return Path(path).read_bytes()
    return None


def _entry(text: str) -> tuple[str, str]:
    """Read KEY=VALUE. ValueError."""
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise ValueError(f"--gongji-metadata 应写作 KEY=VALUE，得到 {key!r}")
    # gRPC refuses metadata keys with capitals.
    return key.lower(), value


class CallDetails(NamedTuple):
    """The details of a call, as an interceptor hands them on."""

    method: str
    timeout: float | None
    metadata: Any
    credentials: Any
    wait_for_ready: Any
    compression: Any

    @classmethod
    def of(cls, call: Any) -> CallDetails:
        """Copy the details gRPC gives."""
        # Which of the fields there are depends on gRPC's version.
        fields: dict[str, Any] = {
            name: getattr(call, name, None) for name in cls._fields
        }
        return cls(**fields)


class _WithCaller(
    grpc.UnaryUnaryClientInterceptor,
    grpc.UnaryStreamClientInterceptor,
    grpc.StreamUnaryClientInterceptor,
    grpc.StreamStreamClientInterceptor,
):
    """Adds caller and metadata to every call, and a deadline to unary ones."""

    def __init__(self, entries: Callable[[], Sequence[tuple[str, str]]]) -> None:
        self._entries = entries

    def intercept_unary_unary(
        self,
        continuation: Any,
        client_call_details: Any,
        request: Any,
    ) -> Any:
        """Send one request."""
        call = self._with_entries(client_call_details)
        if call.timeout is None:
            call = call._replace(timeout=DEADLINE_S)
        return continuation(call, request)

    def _stream(
        self, continuation: Any, client_call_details: Any, requests: Any
    ) -> Any:
        return continuation(self._with_entries(client_call_details), requests)

    intercept_unary_stream: Any = _stream
    intercept_stream_unary: Any = _stream
    intercept_stream_stream: Any = _stream

    def _with_entries(self, call: Any) -> CallDetails:
        details = CallDetails.of(call)
        metadata = [*(details.metadata or ()), *self._entries()]
        return details._replace(metadata=metadata)
