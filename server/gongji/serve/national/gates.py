"""Signature headers as the two kinds of gates have them (vocabulary of the interface, 3.7b).

CSB (Hunan, Jiangsu): `_api_…` headers, HMAC-SHA1 over them sorted, within 30 minutes.
TIF (Guangdong, government clouds): SHA-256 over timestamp, token and nonce, within 180
seconds, each nonce once. Neither signs the body: that is TLS's part.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

Headers = Mapping[str, str]
"""Headers by name in lower case."""


class GateFault(ValueError):  # noqa: N818 - the sender's mistake, as NationalFault
    """A message does not pass the gate; the sentence is the one S1 4.5 has for it."""


@dataclass(frozen=True, slots=True)
class Signed:
    """Who signed, and what else its headers say.

    A nonce, if the kind has one, may not come again before `until`, in seconds since
    1970. `infno` is the message the headers are for, if the kind says so.
    """

    key: str
    infno: str = ""
    nonce: str = ""
    until: float = 0.0


Secrets = Callable[[str], str | None]
"""Gives the secret of a key; None if there is no such key."""


@dataclass(frozen=True, slots=True)
class Gate:
    """One kind of signature headers, and how far a clock may be off, in seconds."""

    name: str
    skew_s: float
    read: Callable[[Headers, Secrets, float, float], Signed]

    def signed(self, headers: Headers, secrets: Secrets, now: float) -> Signed:
        """Return who signed. GateFault."""
        return self.read(headers, secrets, now, self.skew_s)


_CSB: Final = (
    "_api_access_key",
    "_api_name",
    "_api_timestamp",
    "_api_version",
)
"""What is signed, in the order in which it is."""

_TIF: Final = ("x-tif-paasid", "x-tif-timestamp", "x-tif-nonce")

MISSING: Final = "缺少服务网关的请求头!"

LATE: Final = "签名时间戳超时!"

UNKNOWN_KEY: Final = "非法用户!"

UNEQUAL: Final = "签名不一致!"

REPEATED: Final = "随机数已经用过!"

_LONGEST: Final = 300
"""Characters of one of these headers (S1, table 5)."""


def _csb(headers: Headers, secrets: Secrets, now: float, skew_s: float) -> Signed:
    values = _values(headers, (*_CSB, "_api_signature"))
    _hold_time(values["_api_timestamp"], 1000, now, skew_s)
    secret = _secret(values["_api_access_key"], secrets)
    text = "&".join([f"{name}={values[name]}" for name in _CSB])
    # The gate's own choice; HMAC does not rest on SHA-1's resistance to collisions.
    made = hmac.new(secret.encode(), text.encode(), hashlib.sha1).digest()
    _hold_equal(base64.b64encode(made).decode(), values["_api_signature"])
    return Signed(values["_api_access_key"], values["_api_name"])


def _tif(headers: Headers, secrets: Secrets, now: float, skew_s: float) -> Signed:
    values = _values(headers, (*_TIF, "x-tif-signature"))
    stamp, nonce = values["x-tif-timestamp"], values["x-tif-nonce"]
    at = _hold_time(stamp, 1, now, skew_s)
    secret = _secret(values["x-tif-paasid"], secrets)
    made = hashlib.sha256(f"{stamp}{secret}{nonce}{stamp}".encode()).hexdigest()
    _hold_equal(made, values["x-tif-signature"].lower())
    # After that its own timestamp refuses it.
    return Signed(values["x-tif-paasid"], nonce=nonce, until=at + skew_s)


CSB: Final = Gate("csb", 30 * 60.0, _csb)

TIF: Final = Gate("tif", 180.0, _tif)

GATES: Final = {gate.name: gate for gate in (CSB, TIF)}


def _values(headers: Headers, names: tuple[str, ...]) -> dict[str, str]:
    values = {name: headers.get(name, "") for name in names}
    if not all(0 < len(value) <= _LONGEST for value in values.values()):
        raise GateFault(MISSING)
    return values


def _hold_time(stamp: str, units: int, now: float, skew_s: float) -> float:
    """Return the instant of a timestamp, in so many units a second. GateFault."""
    if not (stamp.isascii() and stamp.isdecimal()):
        raise GateFault(LATE)
    at = int(stamp) / units
    if abs(at - now) > skew_s:
        raise GateFault(LATE)
    return at


def _secret(key: str, secrets: Secrets) -> str:
    secret = secrets(key)
    if secret is None:
        raise GateFault(UNKNOWN_KEY)
    return secret


def _hold_equal(made: str, stated: str) -> None:
    if not hmac.compare_digest(made.encode(), stated.encode()):
        raise GateFault(UNEQUAL)
