"""Where a reader of events is: in the log, and in time."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Self

import msgspec
from msgspec import Struct

from gongji.audit.following import Position
from gongji.rules.codes import SHANGHAI


class Cursor(Struct, frozen=True, array_like=True):
    """How far events have been told: of the log, and what time alone brings up to `until`."""

    position: Position
    until: datetime

    def packed(self) -> str:
        """Return it as text, without any seal."""
        return base64.urlsafe_b64encode(_encode(self)).decode()

    @classmethod
    def unpacked(cls, text: str) -> Self:
        """Return the cursor of a text. ValueError."""
        try:
            return msgspec.msgpack.decode(base64.urlsafe_b64decode(text), type=cls)
        except (binascii.Error, msgspec.MsgspecError) as fault:
            raise ValueError(text) from fault


_encode = msgspec.msgpack.Encoder().encode


def days_begun(since: datetime, until: datetime) -> Iterator[tuple[datetime, date]]:
    """Yield the first moments of the days that begin after an instant, up to another."""
    day = since.astimezone(SHANGHAI).date()
    last = until.astimezone(SHANGHAI).date()
    while day < last:
        day += timedelta(days=1)
        yield datetime.combine(day, time.min, SHANGHAI), day
