"""The text of a row that a leaf commits to, whoever computes it."""

from __future__ import annotations

import json

import pytest
from gongji.audit.commitment import Commitments, RowForm, Value
from gongji.audit.hashing import default_hasher

HASH = default_hasher()

FORM = RowForm(
    "purse",
    clear=[(0, "purse_id"), (2, "fen"), (3, "note")],
    hidden=[(1, "owner"), (4, "doc")],
)

ROWS: dict[str, tuple[Value, ...]] = {
    "everything": ("U1", "P1", 5, "字", b"{}"),
    "nothing said": ("U1", None, None, None, None),
    "nobody": ("U1", None, 0, "", None),
    "part of what is hidden": ("U1", None, 5, None, b""),
    "bytes in clear": ("U1", "P1", 5, b"\x00\xff", None),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_the_text_is_the_json_of_what_has_a_value(row: tuple[Value, ...]) -> None:
    """Table, then clear columns, then commitments; what has no value is not there."""
    salted = Commitments(HASH, b"salt")
    clear = {name: row[at] for at, name in FORM.clear if row[at] is not None}
    hidden = {}
    for at, name in FORM.hidden:
        value = row[at]
        if value is not None:
            hidden[name] = salted.of(value)

    text = json.loads(salted.text(FORM, row))

    expected = {"table": "purse", "row": clear} | ({"hidden": hidden} if hidden else {})
    if isinstance(clear.get("note"), bytes):
        clear["note"] = "AP8="
    assert expected == text
    assert list(expected) == list(text)
    assert list(expected["row"]) == list(text["row"])
