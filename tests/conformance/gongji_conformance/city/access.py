"""How to reach a server: address, TLS, the caller's name and metadata; gives the channel everything is said through."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import grpc

CALLER_KEY: Final = "x-gongji-caller"
CALLER: Final = "gongji-conformance"
SYSTEM: Final = "system"
"""Stands for the machine's own root certificates."""
DEADLINE_S: Final = 30.0
"""How long a call may take, in seconds; imports have no deadline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Where the server is and how to be let in. ValueError where certificate and key are not given together."""

    target: str
    ca: str = ""
    cert: str = ""
    key: str = ""
    caller: str = CALLER
    metadata: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if bool(self.cert) != bool(self.key):
            raise ValueError("--gongji-cert 与 --gongji-key 须同时给出")
        if self.cert and not self.ca:
            raise ValueError("给出 --gongji-cert 时须用 --gongji-ca 说明以何根证书核对服务(system 为系统的根证书)")

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Access:
        """From pytest's options. ValueError where they cannot be read."""
        return cls(
            target=values.get("gongji_target") or "",
            ca=values.get("gongji_ca") or "",
            cert=values.get("gongji_cert") or "",
            key=values.get("gongji_key") or "",
            caller=values.get("gongji_caller") or CALLER,
            metadata=tuple(_entry(text) for text in values.get("gongji_metadata") or ()),
        )

    def channel(self) -> grpc.Channel:
        """A channel with TLS where a root certificate is named. OSError where a file cannot be read."""
        channel = grpc.secure_channel(self.target, self._credentials()) if self.ca else _plain(self.target)
        return grpc.intercept_channel(channel, _Introduced(((CALLER_KEY, self.caller), *self.metadata)))

    def _credentials(self) -> grpc.ChannelCredentials:
        return grpc.ssl_channel_credentials(
            root_certificates=None if self.ca == SYSTEM else Path(self.ca).read_bytes(),
            private_key=Path(self.key).read_bytes() if self.key else None,
            certificate_chain=Path(self.cert).read_bytes() if self.cert else None,
        )


def _plain(target: str) -> grpc.Channel:
    return grpc.insecure_channel(target)


def _entry(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise ValueError(f"--gongji-metadata 应写作 KEY=VALUE, 得到 {key!r}")
    return key.lower(), value


class Details(NamedTuple):
    """The details of a call, as an interceptor hands them on."""

    method: str
    timeout: float | None
    metadata: Any
    credentials: Any
    wait_for_ready: Any
    compression: Any

    @classmethod
    def of(cls, call: Any) -> Details:
        """Those of a call as gRPC gives them."""
        given: dict[str, Any] = {name: getattr(call, name, None) for name in cls._fields}
        return cls(**given)


class _Introduced(grpc.UnaryUnaryClientInterceptor, grpc.StreamUnaryClientInterceptor):
    """Every call says who calls; a single request also says how long its answer is waited for."""

    def __init__(self, entries: Sequence[tuple[str, str]]) -> None:
        self._entries = entries

    def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        """One request."""
        call = self._introduced(client_call_details)
        return continuation(call._replace(timeout=DEADLINE_S if call.timeout is None else call.timeout), request)

    def intercept_stream_unary(self, continuation: Any, client_call_details: Any, request_iterator: Any) -> Any:
        """A stream of requests."""
        return continuation(self._introduced(client_call_details), request_iterator)

    def _introduced(self, call: Any) -> Details:
        details = Details.of(call)
        return details._replace(metadata=[*(details.metadata or ()), *self._entries])
