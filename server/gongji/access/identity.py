"""Who a call comes from, as it was established where the connection ends."""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct

from gongji.model.refusals import MalformedField

ANONYMOUS: Final = "anonymous"
"""The caller's name if it states none, where anybody is admitted."""

STATED_KEY: Final = "x-gongji-caller"
"""Metadata under which a caller states its name; believed by a sandbox only."""

SUBJECT_KEY: Final = "x-gongji-subject-bin"
"""Metadata under which a caller says for whom it acts: a `gongji.v1.Subject`."""

_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,60}")


class CallerIdentity(Struct, array_like=True, frozen=True):
    """A caller whose credential was verified, and for whom it says it acts.

    `credential` is what the record of a call shows of it: never the secret itself.
    `subject` is the packed message under `SUBJECT_KEY`, b"" if there is none; `address`
    the caller's own if a front stated it, "" if not.
    """

    caller: str = ANONYMOUS
    credential: str = ""
    subject: bytes = b""
    address: str = ""


ANYBODY: Final = CallerIdentity()
"""A caller of a sandbox that states nothing."""


def stated_name(stated: str | None) -> str:
    """Return the name a caller states; `ANONYMOUS` if none. MalformedField."""
    if stated is None:
        return ANONYMOUS
    if _NAME.fullmatch(stated):
        return stated
    raise MalformedField(
        f"元数据 {STATED_KEY} 须为 1 至 60 个字母、数字、点、下划线或连字符",
        field=STATED_KEY,
    )
