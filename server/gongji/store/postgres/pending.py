"""What a transaction is to write when it commits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from gongji.store.engine import Rows


class PendingWrite(NamedTuple):
    """Records of a kind that are to be written, and whether all must be new."""

    kind: type
    records: Sequence[Any]
    rows: Rows
    new: bool


def writes_of(pending: Iterable[object]) -> list[PendingWrite]:
    """Return the writes among what is pending."""
    return [one for one in pending if isinstance(one, PendingWrite)]
