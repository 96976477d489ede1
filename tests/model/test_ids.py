"""Ids that follow from the request's."""

from __future__ import annotations

from base64 import b32encode
from uuid import UUID

import pytest
from gongji.model.ids import derived_id
from hypothesis import given
from hypothesis import strategies as st


@given(st.uuids())
def test_an_id_is_the_uuid_in_base_32(request_id: UUID) -> None:
    """However the UUID is written: as `base64` has it, less the padding."""
    expected = "S" + b32encode(request_id.bytes).decode().rstrip("=")
    written = str(request_id)
    for text in (
        written,
        written.upper(),
        request_id.hex,
        request_id.urn,
        f"{{{written}}}",
    ):
        assert expected == derived_id("S", text)


@pytest.mark.parametrize(
    "text", ["", "r1", "g" * 32, "0" * 31, "0" * 33, "{" + "0" * 30 + "}", "urn:uuid:"]
)
def test_what_is_no_uuid_has_no_id(text: str) -> None:
    """It is refused, not guessed at."""
    with pytest.raises(ValueError, match=r"hexadecimal|invalid literal"):
        derived_id("S", text)
