"""Whether a caller may still do what an earlier policy let it do."""

from __future__ import annotations

from typing import Any, Final

import pytest
from gongji.access.callers import ALL, Caller, CallerLimits, Kind

EARLIER: Final = Caller(
    name="a",
    kind=Kind.COUNTER,
    cities=frozenset({"3408", "3411"}),
    channels=ALL,
    fields=frozenset({"phone"}),
)

KEEPS: Final[dict[str, tuple[dict[str, Any], bool]]] = {
    "the same": ({}, True),
    "a city more": ({"cities": frozenset({"3408", "3411", "3410"})}, True),
    "every city": ({"cities": ALL}, True),
    "a city less": ({"cities": frozenset({"3408"})}, False),
    "another city": ({"cities": frozenset({"3408", "3410"})}, False),
    "no longer every channel": ({"channels": frozenset({"window"})}, False),
    "a field less": ({"fields": frozenset()}, False),
    "another kind": ({"kind": Kind.OPERATOR}, False),
    "other limits": ({"limits": CallerLimits(calls=1)}, True),
}


@pytest.mark.parametrize(("changes", "keeps"), KEEPS.values(), ids=KEEPS)
def test_keeps(changes: dict[str, Any], keeps: bool) -> None:  # noqa: FBT001
    """It does unless its kind is another, or something of its own is not there any more."""
    fields = {name: getattr(EARLIER, name) for name in EARLIER.__struct_fields__}
    assert keeps is Caller(**{**fields, **changes}).keeps(EARLIER)
