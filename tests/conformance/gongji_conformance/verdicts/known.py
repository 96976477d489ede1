"""Known failures, tolerated for a while: each with reason, owner and last day."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec

TABLE: Final = "known-fail"
Text = Annotated[str, msgspec.Meta(min_length=1)]


class KnownFault(ValueError):  # noqa: N818 - the file's, named as what it is
    """A known-fail file that cannot be read."""


class Known(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One law or case that fails for now, in every city if none is named."""

    id: Text
    reason: Annotated[str, msgspec.Meta(min_length=4)]
    owner: Text
    expires: date
    city: str = ""

    @property
    def law(self) -> str:
        """The id without the input of a law."""
        law, _, _ = self.id.partition("/")
        return law

    def expired(self, today: date) -> bool:
        """Say whether its time is over; the last day still counts."""
        return self.expires < today

    def covers(self, number: str, city: str) -> bool:
        """Say whether it speaks of this id, a whole law or one of its inputs."""
        law, _, _ = number.partition("/")
        here = self.city in {"", city}
        return here and self.id in {number, law}


def read(path: Path) -> tuple[Known, ...]:
    """Return the entries of a file of `[[known-fail]]`. KnownFault."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8-sig"))
        return tuple(_entries(document))
    except OSError as error:
        raise KnownFault(f"{path} 不能读取：请核对路径与权限") from error
    # The parser calls itself once a level.
    except (ValueError, RecursionError) as error:
        raise KnownFault(f"{path}: {error}") from error


def _entries(document: dict[str, Any]) -> list[Known]:
    """Return the entries of a document. ValueError."""
    strangers = sorted(document.keys() - {TABLE})
    if strangers:
        raise ValueError(f"只写 [[known-fail]]，不认识 {'、'.join(strangers)}")
    return msgspec.convert(document.get(TABLE, []), list[Known])


def covering(
    known: Iterable[Known],
    number: str,
    city: str,
) -> Known | None:
    """Return the entry that speaks of this id in this city."""
    return next((entry for entry in known if entry.covers(number, city)), None)


def strange(known: Iterable[Known], numbers: Iterable[str]) -> list[str]:
    """Return the ids of entries that no law and no case has."""
    existing = set(numbers)
    ids = {entry.id for entry in known if entry.law not in existing}
    return sorted(ids)
