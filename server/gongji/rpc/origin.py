"""Where a call comes from: its peer's address, and the trace it belongs to (W3C)."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from random import Random
from typing import Final
from urllib.parse import unquote

from msgspec import Struct

TRACEPARENT_KEY: Final = "traceparent"
"""Metadata under which a caller says to which trace its call belongs, and gets it back."""

TRACE_KEY: Final = "x-gongji-trace"
"""Trailing metadata that name the trace of a call: also `trace` in its log line."""

# https://www.w3.org/TR/trace-context/ 3.2: later versions may say more behind a dash.
_TRACEPARENT: Final = re.compile(
    r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?"
)

FAULT_KEY: Final = "x-gongji-sandbox-fault"
"""Metadata under which a call orders what happens to it, of a sandbox (`faults`)."""

_REPEATED_KEY: Final = "grpc-previous-rpc-attempts"
"""Metadata of gRPC's own by which it says that it repeats a call."""

_SAMPLED: Final = 1

_MOST_STATED: Final = 512

_bits = Random(secrets.randbits(128)).getrandbits  # noqa: S311 - tells traces apart, hides nothing


class CallOrigin(Struct, array_like=True, frozen=True):
    """Where a call comes from.

    `peer` is an address without port, "" if there is none; `trace` the trace, `span`
    the caller's own span, "" if it stated none, and whether it is `sampled`; `fault` what
    it orders of a sandbox, "" if nothing.
    """

    peer: str = ""
    trace: str = ""
    span: str = ""
    sampled: bool = False
    fault: str = ""

    def trailing(self) -> tuple[tuple[str, str], ...]:
        """Return the trailing metadata that give the trace back."""
        if not self.span:
            return ((TRACE_KEY, self.trace),)
        flags = "01" if self.sampled else "00"
        parent = f"00-{self.trace}-{self.span}-{flags}"
        return ((TRACE_KEY, self.trace), (TRACEPARENT_KEY, parent))


NOWHERE: Final = CallOrigin()
"""Of a call that came by no port."""


def origin_of(peer: str, metadata: Sequence[tuple[str, str | bytes]]) -> CallOrigin:
    """Return where a call comes from, its trace made up if it states none, or badly."""
    # hot path: every call comes through here.
    fault = _fault_in(metadata)
    stated = [value for key, value in metadata if key == TRACEPARENT_KEY]
    if len(stated) == 1:
        (parent,) = stated
        if isinstance(parent, str) and len(parent) <= _MOST_STATED:
            found = _TRACEPARENT.fullmatch(parent)
            # Version 00 has four parts and no more.
            if found and not (found[1] == "00" and found[5]):
                sampled = bool(int(found[4], 16) & _SAMPLED)
                return CallOrigin(address_of(peer), found[2], found[3], sampled, fault)
    return CallOrigin(address_of(peer), f"{_bits(128) or 1:032x}", fault=fault)


def _fault_in(metadata: Sequence[tuple[str, str | bytes]]) -> str:
    """Return what a call orders of a sandbox; "" if nothing."""
    stated = [value for key, value in metadata if key == FAULT_KEY]
    # gRPC repeats the metadata with the call: the first attempt was what they ordered for.
    if not stated or any(key == _REPEATED_KEY for key, _ in metadata):
        return ""
    # Several are no fault: told as HTTP joins headers of one name.
    return ", ".join(map(str, stated))


@lru_cache(4096)
def address_of(peer: str) -> str:
    """Return the address in what gRPC calls a peer, without port; "unix" of this machine.

    An IPv4 address written as one of IPv6 is the same address.
    """
    kind, _, rest = peer.partition(":")
    if kind == "unix":
        return kind
    host, _, _ = unquote(rest).rpartition(":")
    return plain_address(host.strip("[]"))


def plain_address(text: str) -> str:
    """Return an address as it is written in one way only; "" if it is none."""
    # A scope names an interface of this machine.
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(address)
