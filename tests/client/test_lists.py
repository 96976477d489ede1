"""Cells that hold lists: dated values, enrolments, relations, marks, grades."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from gongji.client import imports, lists
from gongji.client.cells import fault_of
from gongji.client.imports import COLUMNS
from google.protobuf import json_format
from google.protobuf.message import Message


def shown(message: Message) -> dict[str, Any]:
    """Return a message's fields as the protos name them."""
    return json_format.MessageToDict(message, preserving_proto_field_name=True)


def person(**cells: str) -> dict[str, Any]:
    """Return the message of a row with these cells."""
    row = dict.fromkeys(COLUMNS["persons"], "") | cells
    return shown(imports._person(row))


def test_values_without_days_are_sent_as_before() -> None:
    """A single place and base have no day, and an empty base is 0."""
    sent = person(insured_place="341102", contribution_base_yuan="8000.00")
    assert ("341102", "800000") == (
        sent["insured_place"],
        sent["contribution_base_fen"],
    )
    assert {"insured_places", "contribution_bases"}.isdisjoint(sent)
    assert "contribution_base_fen" not in person()


def test_values_with_days_are_sent_with_them() -> None:
    """Which of them holds today is not told besides: the service's day may be another."""
    sent = person(
        insured_place="341102@2020-01-01;340802@2025-06-20;341002@9999-01-01",
        contribution_base_yuan="5000.00@2024-07-01;8000.00@2025-07-01",
    )
    assert {"insured_place", "contribution_base_fen"}.isdisjoint(sent)
    assert [
        {"insured_place": "341102", "from": "2020-01-01"},
        {"insured_place": "340802", "from": "2025-06-20"},
        {"insured_place": "341002", "from": "9999-01-01"},
    ] == sent["insured_places"]
    assert [
        {"fen": "500000", "from": "2024-07-01"},
        {"fen": "800000", "from": "2025-07-01"},
    ] == sent["contribution_bases"]


def test_optional_columns() -> None:
    """A day of birth and marks are sent if their columns are there, and only then."""
    sent = person(
        born_on="1980-01-01", marks="tier/2/2025-01-01/;aid/1/2025-01-01/2025-12-31"
    )
    assert "1980-01-01" == sent["born_on"]
    assert [
        {"kind": "tier", "value": "2", "from": "2025-01-01"},
        {"kind": "aid", "value": "1", "from": "2025-01-01", "to": "2025-12-31"},
    ] == sent["marks"]


def test_institutions_have_dated_grades_and_further_times() -> None:
    """Grades since a day and further times of designation are sent if they are there."""
    row = dict.fromkeys(COLUMNS["institutions"], "") | {"kind": "1", "hosp_lv": "2"}
    plain = shown(imports._institution(row))
    assert {"grades", "further_designations"}.isdisjoint(plain)
    row |= {
        "grades": "1/6/2020-01-01;1/2/2025-07-01",
        "further_designations": "2019-01-01/2019-12-31",
    }
    sent = shown(imports._institution(row))
    kind = "INSTITUTION_KIND_HOSPITAL"
    assert [
        {"kind": kind, "hosp_lv": 6, "from": "2020-01-01"},
        {"kind": kind, "hosp_lv": 2, "from": "2025-07-01"},
    ] == sent["grades"]
    assert [{"from": "2019-01-01", "to": "2019-12-31"}] == sent["further_designations"]
    row |= {"kind": "", "hosp_lv": ""}
    assert {"kind", "hosp_lv"}.isdisjoint(shown(imports._institution(row)))


ENTRIES: dict[str, tuple[Callable[[str], Message], str, dict[str, Any]]] = {
    "a relation": (
        lists.kin,
        "P2:10:登记",
        {"person_no": "P2", "relation": "10", "source": "登记"},
    ),
    "a relation with days": (
        lists.kin,
        "P2:10:登记:2015-01-01:2020-12-31",
        {
            "person_no": "P2",
            "relation": "10",
            "source": "登记",
            "from": "2015-01-01",
            "to": "2020-12-31",
        },
    ),
    "an enrolment with a place": (
        lists.enrolment,
        "310/11/1/2015-01-01//340802",
        {
            "scheme": "SCHEME_EMPLOYEE",
            "psn_type": "11",
            "status": "ENROLMENT_STATUS_NORMAL",
            "from": "2015-01-01",
            "insured_place": "340802",
        },
    ),
}


@pytest.mark.parametrize(("read", "text", "fields"), ENTRIES.values(), ids=ENTRIES)
def test_entries(
    read: Callable[[str], Message], text: str, fields: dict[str, Any]
) -> None:
    """An entry has its parts in their order; those that may be left out are not sent."""
    assert fields == shown(read(text))


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (lists.kin, "P2:10"),
        (lists.kin, "P2：10：登记"),
        (lists.kin, "P2:10:登记:2015-01-01"),
        (lists.enrolment, "310/11/1/2015-01-01"),
        (lists.mark, "tier/2/2025-01-01"),
        (lists.grade, "1/6"),
        (lists.grade, "医院/6/2020-01-01"),
        (lists.designation, "2019-01-01"),
    ],
)
def test_entries_at_fault(read: Callable[[str], Message], text: str) -> None:
    """An entry with other parts is told how it is written."""
    with pytest.raises(ValueError, match="应"):
        read(text)


@pytest.mark.parametrize(
    ("column", "cell", "message"),
    [
        ("insured_place", "341102@2020-1-1", "2020-01-01"),
        ("insured_place", "341102@2020-01-01;340802", "起日"),
        ("insured_place", "341102 @2020-01-01", "空"),
        ("insured_place", "341102@", "起日"),
        ("insured_place", "341102@2020-01-01；340802@2025-01-01", "； 是全角的"),
        ("contribution_base_yuan", "@2025-07-01", "取值"),
        ("contribution_base_yuan", "八千@2025-07-01", ""),
        ("contribution_base_yuan", "8000@2025/7/1", "2025-07-01"),
    ],
)
def test_dated_cells_at_fault(column: str, cell: str, message: str) -> None:
    """Every value and every day of a dated cell is held to what its column holds."""
    fault = fault_of({column: cell}, [column])
    assert fault is not None
    assert message in fault.message
