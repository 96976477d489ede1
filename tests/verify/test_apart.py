"""What cannot be followed ends nothing but itself: whatever else was changed is named too."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.verify.conftest import FindAll

CHANGES = {
    "a request whose key is none": (
        (
            "UPDATE request SET request_id = 'x' || request_id "
            "WHERE method LIKE '%Settle'"
        ),
        "UPDATE binding SET submitted_at = submitted_at + 1",
        ("rows", "表 binding"),
    ),
    "a leaf of no time": (
        (
            "UPDATE leaf SET at = 9000000000000000000 "
            "WHERE leaf_id = (SELECT min(leaf_id) FROM leaf)"
        ),
        (
            "UPDATE leaf SET hashes = zeroblob(32) "
            "WHERE leaf_id = (SELECT max(leaf_id) FROM leaf)"
        ),
        ("log", "列 hashes"),
    ),
}
"""What ends a check with an error, what else is changed, and how that is named."""


@pytest.mark.parametrize("kind", CHANGES)
def test_what_cannot_be_followed_ends_nothing_else(
    data: Path, find: FindAll, kind: str
) -> None:
    """A row or a leaf that is no such thing is the only one that is not checked."""
    *statements, (phase, named) = CHANGES[kind]
    with closing(sqlite3.connect(data / "gongji.sqlite3")) as connection:
        for statement in statements:
            assert connection.execute(statement).rowcount
        connection.commit()
    found = find(data / "gongji.sqlite3", data / "gongji.key")
    told = [one.sentence for one in found if one.phase == phase]
    assert any(named in sentence for sentence in told), told
