"""An issued statement laid out: what stands on paper of people's numbers."""

from __future__ import annotations

import pytest
from gongji.client.statement import UnsettledError, to_pdf
from gongji.client.statement.checking import printed_on
from gongji.client.statement.issued import sheet_of
from gongji.v1 import statement_pb2 as pb

from tests.scaffold.people import identity_number

CODE = "7K3M-9QXT-0VBD-2F6H"


def statement(**fields: object) -> pb.Statement:
    """A statement of nothing."""
    issued = pb.Statement(
        statement_no="20250930-9QXT0-7K3MV",
        authority="某市医疗保障部门",
        name="陈**",
        **fields,  # type: ignore[arg-type] # fields by name
    )
    issued.issued_at.FromJsonString("2025-09-30T12:00:00Z")
    return issued


@pytest.mark.parametrize("side", [1, 2, 3])
def test_an_identity_number_is_no_number_on_paper(side: int) -> None:
    """If people are numbered by their certificates, those of the person and of the others
    are masked: no file holds one."""
    own, other = (
        identity_number(1, "349977", "19510203"),
        identity_number(2, "349977", "19510203"),
    )
    told = statement(side=side, person_no=own)
    told.parties.add(person_no=other, name="方**", relation="10")
    if side == pb.STATEMENT_SIDE_HOLDER:
        told.settlements.add(patient=other, charged_fen=1)
    sheet = sheet_of(told, CODE)
    said = f"{sheet.person_no} {sheet.rows} {sheet.others}"
    assert own not in said
    assert other not in said
    assert sheet.person_no == own[0] + "*" * 16 + own[-1]
    assert (told.statement_no, CODE) == printed_on(to_pdf(sheet))


def test_a_plain_number_stays() -> None:
    """Any other number is printed as it is."""
    assert "CZ001" == sheet_of(statement(side=1, person_no="CZ001"), CODE).person_no


def test_what_does_not_add_up_is_not_laid_out() -> None:
    """An account whose entries contradict its balances becomes no paper."""
    told = statement(side=3, person_no="CZ001", closing_balance_fen=1)
    with pytest.raises(UnsettledError):
        sheet_of(told, CODE)
