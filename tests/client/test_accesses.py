"""Accesses in words: whatever the service can say has a Chinese word."""

from __future__ import annotations

from datetime import UTC, datetime

from gongji.access.callers import Kind
from gongji.client import accesses
from gongji.rpc import accessed
from gongji.v1 import access_pb2 as pb


def test_every_word_of_the_service_is_known() -> None:
    """Each kind of caller, method and field has its word; a proxy calls nothing itself."""
    kinds = {kind.value for kind in Kind} - {Kind.FRONT.value}
    fields = {name for names in accessed.FIELDS.values() for name in names.split(",")}
    assert kinds == set(accesses.KINDS)
    assert set(accessed.FIELDS) == set(accesses.METHODS)
    assert fields == set(accesses.FIELDS)


def test_every_purpose_has_a_word() -> None:
    """Each purpose but the one not stated is put into words."""
    for number in pb.AccessPurpose.values():
        assert bool(number) == bool(
            accesses.line_of(pb.Access(purpose=number))["purpose"]
        )


def test_a_line() -> None:
    """An access is a row in Chinese, its instant in Shanghai; unknown words stay as they are."""
    access = pb.Access(
        caller="wst",
        caller_kind="app",
        method="GetPerson",
        fields=["name", "later"],
        subject="P1",
        purpose=pb.ACCESS_PURPOSE_OWN_REQUEST,
    )
    access.at.FromDatetime(datetime(2025, 9, 30, 16, 30, tzinfo=UTC))
    assert {
        "at": "2025-10-01 00:30:00",
        "caller": "wst",
        "caller_kind": "线上渠道",
        "method": "查询人员",
        "fields": "姓名、later",
        "subject": "P1",
        "purpose": "本人办理或查询",
        "request_id": "",
    } == accesses.line_of(access)
