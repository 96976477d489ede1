"""Our own messages as JSON: what is wrong is told by path, and yuan never pass as fen."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, Final

import pytest
from gongji.national.documents import message_of
from gongji.national.forms import NationalFault
from gongji.v1 import settlement_pb2 as pb

from tests.sentences import faults_in

READ: Final[dict[str, dict[str, Any]]] = {
    "numbers and their texts": {"total_fen": 10000, "in_scope_fen": "10000"},
    "names as JSON spells them": {"totalFen": "1", "visitKind": "VISIT_KIND_EMERGENCY"},
    "an enum by its number": {"visit_kind": 11},
    "a field that is null": {"total_fen": None},
    "a message in it": {"patient": {"person_no": "P1"}, "givers": ["G1"]},
}


@pytest.mark.parametrize("document", READ.values(), ids=READ)
def test_what_json_may_say_is_read(document: dict[str, Any]) -> None:
    """Every spelling of a value that protobuf's JSON has is read."""
    assert message_of(document, pb.Bill(), "bill").IsInitialized()


TOLD: Final[dict[str, tuple[str, str]]] = {
    "yuan as a text": (
        '{"total_fen": "100.00"}',
        (
            "bill.total_fen 应为整数，金额以分为单位；收到「100.00」，"
            "像是写成了元，应写作 10000"
        ),
    ),
    "yuan as a number": (
        '{"total_fen": 900.50}',
        (
            "bill.total_fen 应为整数，金额以分为单位；收到「900.50」，"
            "像是写成了元，应写作 90050"
        ),
    ),
    "whole yuan as a number": (
        '{"total_fen": 100.0}',
        (
            "bill.total_fen 应为整数，金额以分为单位；收到「100.0」，"
            "像是写成了元，应写作 10000"
        ),
    ),
    "yuan with commas": (
        '{"totalFen": "1,234.50"}',
        "bill.totalFen 应为整数，金额以分为单位；收到「1,234.50」，像是写成了元，应写作 123450",
    ),
    "a word for an amount": (
        '{"total_fen": "abc"}',
        "bill.total_fen 应为整数，金额以分为单位；收到「abc」",
    ),
    "a yes for an amount": ('{"total_fen": true}', "bill.total_fen 应为整数"),
    "a value of an enum cut short": (
        '{"account_use": "OWN"}',
        (
            "bill.account_use 没有取值「OWN」；可用 ACCOUNT_USE_UNSPECIFIED、"
            "ACCOUNT_USE_NONE、ACCOUNT_USE_OWN、ACCOUNT_USE_CITY_ORDER"
        ),
    ),
    "a list for an enum": (
        '{"account_use": [[1]]}',
        "bill.account_use 没有取值「[[1]]」",
    ),
    "a yes in quotes": (
        '{"residue": "true"}',
        "bill.residue 应为 true 或 false，不加引号",
    ),
    "a number for a text": (
        '{"patient": {"person_no": 5}}',
        "bill.patient.person_no 应为加引号的文本",
    ),
    "a text for a message": ('{"patient": "P1"}', "bill.patient 应为 JSON 对象"),
    "a text for a list": ('{"givers": "G1"}', "bill.givers 应为列表"),
    "a number in a list": ('{"givers": [1]}', "bill.givers[0] 应为加引号的文本"),
    "two of what is one": (
        '{"patient": {"person_no": "P1", "certificate": {"type": "01"}}}',
        "bill 的写法不合 gongji.v1.Bill",
    ),
}


@pytest.mark.parametrize(("document", "told"), TOLD.values(), ids=TOLD)
def test_what_is_wrong_is_told_by_path(document: str, told: str) -> None:
    """The path, what belongs there, and of yuan the fen; no word of Python."""
    with pytest.raises(NationalFault) as fault:
        message_of(json.loads(document, parse_float=Decimal), pb.Bill(), "bill")
    assert told in str(fault.value)
    assert [] == faults_in(str(fault.value))
