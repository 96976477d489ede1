"""What is known to fail and tolerated for a while: each with its reason, its owner and the day the patience ends."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Annotated

import msgspec

Text = Annotated[str, msgspec.Meta(min_length=1)]


class KnownFault(ValueError):  # noqa: N818 - the file's, named as what it is
    """A known-fail file that cannot be read."""


class Known(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One law or case that fails for now; of every city where none is named."""

    id: Text
    reason: Annotated[str, msgspec.Meta(min_length=4)]
    owner: Text
    expires: date
    city: str = ""

    def expired(self, today: date) -> bool:
        """Whether the patience has ended; the last day still counts."""
        return self.expires < today

    def covers(self, number: str, city: str) -> bool:
        """Whether it speaks of this id, a law with all its inputs or only one of them."""
        return self.city in {"", city} and self.id in {number, number.partition("/")[0]}


def read(path: Path) -> tuple[Known, ...]:
    """The entries of a file of `[[known-fail]]`. KnownFault where it cannot be read or has an entry that is none."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        if strangers := sorted(document.keys() - {"known-fail"}):
            raise KnownFault(f"{path}: 只写 [[known-fail]], 不认识 {'、'.join(strangers)}")
        return tuple(msgspec.convert(document.get("known-fail", []), list[Known]))
    except (OSError, tomllib.TOMLDecodeError, msgspec.ValidationError) as wrong:
        raise KnownFault(f"{path}: {wrong}") from wrong


def covering(known: Iterable[Known], number: str, city: str) -> Known | None:
    """The entry that speaks of this id in this city."""
    return next((entry for entry in known if entry.covers(number, city)), None)


def strange(known: Iterable[Known], numbers: Iterable[str]) -> list[str]:
    """The ids of entries that no law and no case has."""
    there = set(numbers)
    return sorted({entry.id for entry in known if entry.id.partition("/")[0] not in there})
