"""Ids that follow from the request's."""

from __future__ import annotations

import ast
from base64 import b32decode, b32encode
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from uuid import UUID

import gongji
import pytest
from gongji.model.ids import derived_id
from hypothesis import given
from hypothesis import strategies as st

CALLERS = st.from_regex(r"[A-Za-z0-9._-]{1,60}", fullmatch=True)


@given(st.uuids())
def test_an_id_of_before_is_the_uuid_in_base_32(request_id: UUID) -> None:
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


def number_in(derived: str) -> int:
    """The 128 bits of an id after its prefix of one letter."""
    return int.from_bytes(b32decode(derived[1:] + "=" * 6))


@given(st.uuids(), st.lists(CALLERS, min_size=2, max_size=2, unique=True))
def test_an_id_is_its_callers(request_id: UUID, callers: list[str]) -> None:
    """Of one request id each caller has another one, neither of them that of before;
    the first 48 bits are the request id's, so that ids of one time lie together."""
    made = [derived_id("S", f"{request_id}/{caller}") for caller in callers]
    assert made == [derived_id("S", f"{request_id}/{caller}") for caller in callers]
    assert 3 == len({*made, derived_id("S", str(request_id))})
    for derived in made:
        assert 27 == len(derived)
        assert request_id.int >> 80 == number_in(derived) >> 80


@given(CALLERS, st.lists(st.uuids(), min_size=2, max_size=2, unique=True))
def test_a_callers_ids_differ(caller: str, request_ids: list[UUID]) -> None:
    """No two requests of a caller make one id, however like they are."""
    one, other = (
        derived_id("S", f"{request_id}/{caller}") for request_id in request_ids
    )
    assert one != other


@given(st.uuids(), CALLERS)
def test_an_id_is_made_in_one_way_for_ever(request_id: UUID, caller: str) -> None:
    """Of six bytes of the UUID and ten of the key's SHA-256: a request stored by one
    version finds what it made in the next."""
    key = f"{request_id}/{caller}"
    content = request_id.bytes[:6] + blake2b(key.encode(), digest_size=10).digest()
    expected = "S" + b32encode(content).decode().rstrip("=")
    assert expected == derived_id("S", key)


@pytest.mark.parametrize(
    "text", ["", "r1", "g" * 32, "0" * 31, "0" * 33, "{" + "0" * 30 + "}", "urn:uuid:"]
)
@pytest.mark.parametrize("caller", ["", "/clinic-1"])
def test_what_is_no_uuid_has_no_id(text: str, caller: str) -> None:
    """It is refused, not guessed at."""
    with pytest.raises(ValueError, match=r"hexadecimal|invalid literal"):
        derived_id("S", text + caller)


def _made() -> Iterator[tuple[str, str]]:
    """Yield where an id is made of a request, and of what."""
    for file in sorted(Path(gongji.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = ast.unparse(node.func)
            if name in {"derived_id", "settlement_id_of"}:
                yield f"{file.name}:{node.lineno}", ast.unparse(node.args[-1])


def test_every_id_is_made_of_a_key() -> None:
    """Nowhere of a bare request id, which says nothing of the caller."""
    made = dict(_made())
    assert 10 < len(made)
    wrong = [place for place, of in made.items() if not of.endswith("key")]
    assert [] == wrong
