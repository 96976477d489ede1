"""What the service does through its log is found if somebody does it by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
from gongji.model.access import PersonAccess
from gongji.model.commands import RequestRecord
from gongji.model.people import Person
from gongji.model.registry import PHONE, WHOLE_FILE, without
from gongji.store.retention import EXPIRING
from msgspec.structs import replace

from tests.verify.conftest import FindAll
from tests.verify.insider import Insider, opened

ALTERED = "内容被改动"


def said(data: Path, find: FindAll) -> list[str]:
    """Return what is said to be wrong."""
    found = find(data / "gongji.sqlite3", data / "gongji.key")
    return [finding.sentence for finding in found]


@pytest.mark.parametrize("what", [PHONE, WHOLE_FILE])
def test_an_erasure(data: Path, find: FindAll, what: str) -> None:
    """A person without what an erasure takes, marked as one who was erased."""
    with opened(data) as insider:
        person = next(p for p in insider.all(Person) if p.phone and not p.erased)
        insider.write([replace(without(person, (what,)), erased=(what,))])
    assert any("表 person，" in one and ALTERED in one for one in said(data, find))


def test_a_row_that_expired(data: Path, find: FindAll) -> None:
    """An access that is gone, as retention lets go of it."""
    with opened(data) as insider:
        access = insider.all(PersonAccess)[0]
        insider.remove(access)
    (sentence,) = said(data, find)
    assert f"表 access，键 {access.access_id}" in sentence
    assert "该行被删除，而日志没有删除它" in sentence


def test_a_refusal_that_expired(data: Path, find: FindAll) -> None:
    """A refused request without what its refusal told."""
    with opened(data) as insider:
        stripped = refusals_without(insider)
        insider.write(stripped)
    assert stripped
    for one in stripped:
        (sentence,) = [told for told in said(data, find) if one.key in told]
        assert ALTERED in sentence


def refusals_without(insider: Insider) -> list[RequestRecord]:
    """Return what retention would leave of each refused request."""
    strip = EXPIRING["refused_request"].without
    assert strip is not None
    left = [strip(request) for request in insider.all(RequestRecord)]
    return [request for request in left if request is not None]
