"""Leaves are told in replies of a bounded size, however many rows they wrote."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import chain

import pytest
from gongji.access.callers import ALL
from gongji.audit.hashing import default_hasher
from gongji.audit.leaf import Leaf
from gongji.rpc.services.leaves import LeafReplies, ShownLeaves, together
from gongji.store.told import ToldText
from gongji.v1 import log_pb2

HASH = default_hasher()

MOST = (1 << 20) + 100_000
"""Of a reply, all names and lengths counted."""


def leaf(number: int, rows: int) -> Leaf:
    """A leaf of so many rows."""
    at = datetime(2025, 9, 30, tzinfo=UTC)
    return Leaf(f"{number:016d}", "w", number, at, b"{}", bytes(32 * rows), b"")


def told(rows: int, size: int) -> list[ToldText]:
    """The texts of so many rows."""
    return [ToldText(position, bytes(size)) for position in range(rows)]


def replies(
    leaves: int, rows: int, texts: list[ToldText]
) -> list[log_pb2.ListLeavesResponse]:
    """The replies that tell so many leaves, each with these rows."""
    shown, gathered = ShownLeaves(HASH, ALL), LeafReplies()
    sent: list[log_pb2.ListLeavesResponse] = []
    for index in range(leaves):
        for part in shown.parts(index, leaf(index, rows), texts):
            sent += gathered.add(part)
    return [*sent, *gathered.rest()]


@pytest.mark.parametrize(
    ("leaves", "rows", "size"),
    [(1, 0, 0), (600, 10, 300), (300, 1000, 0), (3, 5000, 600), (2, 3, 900_000)],
)
def test_replies_are_bounded_and_lose_nothing(
    leaves: int, rows: int, size: int
) -> None:
    """Few and many leaves, of few and many rows, small and large."""
    texts = told(rows if size else 0, size)
    sent = replies(leaves, rows, texts)
    assert all(reply.ByteSize() <= MOST for reply in sent)
    parts = list(chain.from_iterable([reply.leaves for reply in sent]))
    assert list(range(leaves)) == [one.index for one in parts if one.body]
    positions = [record.position for one in parts for record in one.records]
    assert list(range(len(texts))) * leaves == positions


def test_rows_are_read_for_several_leaves_together() -> None:
    """Up to a number; a leaf of more is alone; none is left out."""
    leaves = [leaf(index, rows) for index, rows in enumerate([1, 2, 3, 900, 1, 499, 1])]
    groups = [[len(one.hashes) // 32 for one in group] for group in together(leaves)]
    assert [[1, 2, 3], [900], [1, 499], [1]] == groups
    assert [] == list(together([]))
