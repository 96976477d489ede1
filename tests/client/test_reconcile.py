"""The service refuses a whole stream for one row: none that it refuses is sent."""

from __future__ import annotations

import pytest
from gongji.client.reconcile import COLUMNS, sound_rows
from gongji.client.rows import RefusedRows
from gongji.rpc.constraints import enforce
from gongji.text.tables import CsvRow
from gongji.v1 import settlement_pb2 as pb
from hypothesis import given
from hypothesis import strategies as st

TEXTS = st.one_of(st.text(max_size=40), st.from_regex(r"[S ]{0,32}", fullmatch=True))
AMOUNTS = st.one_of(
    st.from_regex(r"-?[0-9]{1,11}(\.[0-9]{1,3})?", fullmatch=True), st.text(max_size=5)
)
ROWS = st.tuples(TEXTS, TEXTS, AMOUNTS, AMOUNTS, AMOUNTS, st.sampled_from("012 "))


@given(st.lists(ROWS, max_size=5))
def test_what_is_sent_is_taken(drawn: list[tuple[str, ...]]) -> None:
    """Each row is refused here or keeps every rule of the protos, and none is lost."""
    rows = [
        CsvRow(number, dict(zip(COLUMNS, cells, strict=True)))
        for number, cells in enumerate(drawn, start=2)
    ]
    refused = RefusedRows()
    sent = sound_rows(rows, refused)
    for row in sent:
        enforce(pb.ReconcileDetailsRequest(row=row))
    assert len(rows) == len(sent) + refused.count


@pytest.mark.parametrize("amount", ["1000000000", "-1000000000.00", "0", "1,234.50"])
def test_every_amount_of_the_protos_is_sent(amount: str) -> None:
    """An amount that the protos allow is sent."""
    cells = dict(zip(COLUMNS, ["S1", "P1", amount, "0", "0", "0"], strict=True))
    refused = RefusedRows()
    assert 1 == len(sound_rows([CsvRow(2, cells)], refused))
    assert not refused.count
