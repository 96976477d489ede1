"""Columns as PostgreSQL's arrays: what is sent arrives, nulls or not."""

from __future__ import annotations

import pytest
from gongji.store.postgres.arrays import Bytes, Numbers, Texts
from gongji.store.postgres.engine import PostgresEngine


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("text", Texts([])),
        ("text", Texts(["", "一", '{a,"b"}', "NULL"])),
        ("text", Texts(["一", None, ""])),
        ("bigint", Numbers([])),
        ("bigint", Numbers([0, -1, 2**63 - 1, -(2**63)])),
        ("bigint", Numbers([1, None])),
        ("bytea", Bytes([])),
        ("bytea", Bytes([b"", b"\0\xff", b"{}"])),
        ("bytea", Bytes([None, b"x"])),
    ],
    ids=repr,
)
def test_a_column_arrives_as_it_was_sent(
    two: tuple[PostgresEngine, PostgresEngine],
    name: str,
    sent: list[object],
) -> None:
    """Every value in its place, an empty one apart from none."""
    rows = f"unnest(%s::{name}[]) WITH ORDINALITY AS t (v, i)"
    statement = f"SELECT array_agg(v ORDER BY i) FROM {rows}"  # noqa: S608 - a type's name
    (row,) = two[0].connection.cursor(binary=True).execute(statement, [sent]).fetchall()
    assert (list(sent) or None,) == row


def test_a_number_too_large_is_refused_before_it_is_sent(
    two: tuple[PostgresEngine, PostgresEngine],
) -> None:
    """Beside nulls as without them; SQLite has it so too."""
    for sent in (Numbers([2**63]), Numbers([None, 2**63])):
        with pytest.raises(OverflowError):
            two[0].connection.execute("SELECT %s::bigint[]", [sent])
