"""Who calls: the credential of each call, and the caller it stands for (身份鉴别)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from gongji.access.identity import (
    STATED_KEY,
    SUBJECT_KEY,
    CallerIdentity,
    stated_name,
)

SUBJECT_MAX_BYTES: Final = 4096


class Authenticator(Protocol):
    """Establishes who calls."""

    def identify(
        self,
        metadata: Mapping[str, str | bytes],
        peer: Mapping[str, Sequence[bytes]],
    ) -> CallerIdentity:
        """Return who calls, by the call's metadata and the connection's properties.

        Unauthenticated by name.
        """


class AnybodyAuthenticator:
    """Admits whoever calls under the name it states: of sandboxes only."""

    def identify(
        self,
        metadata: Mapping[str, str | bytes],
        peer: Mapping[str, Sequence[bytes]],
    ) -> CallerIdentity:
        """Return the stated name. MalformedField."""
        del peer
        stated = metadata.get(STATED_KEY)
        # A value of bytes is no name either.
        name = stated_name(stated if isinstance(stated, str | None) else "")
        return CallerIdentity(name, "", subject_in(metadata))


def subject_in(metadata: Mapping[str, Any]) -> bytes:
    """Return the packed subject of a call; b"" if it has none."""
    stated = metadata.get(SUBJECT_KEY, b"")
    return stated if isinstance(stated, bytes) else b""
