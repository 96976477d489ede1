"""Statements issued and verified over the wire, over both databases."""

from __future__ import annotations

from typing import Any

import pytest
from gongji.audit.leaf import Leaf, body_of
from gongji.model.commands import Listing
from gongji.model.people import Person
from gongji.model.statement import IssuedStatement
from gongji.rpc.services import statement as service_module
from gongji.v1 import statement_pb2 as pb
from google.protobuf.json_format import MessageToJson
from msgspec.structs import replace

from tests.scaffold.service import Service

BOTH = pytest.mark.parametrize("home", ["memory", "postgres"], indirect=True)

HOLDER, MEMBER, ACCOUNT = (
    pb.STATEMENT_SIDE_HOLDER,
    pb.STATEMENT_SIDE_MEMBER,
    pb.STATEMENT_SIDE_ACCOUNT,
)


async def settled(service: Service) -> None:
    """P1's bill, of which P1's purse and P2's pay; and one that was taken back."""
    await service.give("P1", 50_00)
    await service.give("P2", 70_00)
    await service.bind("P2")
    reply = await service.settle(in_scope_fen=1000_00)
    await service.reverse(settlement_id=reply.settlement.settlement_id, why="重复")
    await service.settle(in_scope_fen=1000_00)


async def issue(
    service: Service, person_no: str, side: Any, **days: str
) -> pb.IssueStatementResponse:
    """A statement of one side."""
    request = pb.IssueStatementRequest(person=service.ref(person_no), side=side, **days)
    issued: pb.IssueStatementResponse = await service.statements.IssueStatement(request)
    return issued


async def verify(service: Service, number: str, code: str) -> pb.Statement:
    """What was issued with a number and a code."""
    request = pb.VerifyStatementRequest(statement_no=number, code=code)
    reply = await service.statements.VerifyStatement(request)
    statement: pb.Statement = reply.statement
    return statement


async def issued(service: Service) -> pb.IssueStatementResponse:
    """A holder's statement on which a member stands."""
    await settled(service)
    return await issue(service, "P2", HOLDER)


async def verified(service: Service) -> None:
    """It is verified."""
    reply = await issued(service)
    await verify(service, reply.statement.statement_no, reply.code)


async def listed(service: Service, kind: type[Any]) -> list[Any]:
    """All records of a kind."""
    return await service.store.page(Listing(kind=kind, limit=1000))


@BOTH
async def test_each_side_is_verified_as_it_was_issued(service: Service) -> None:
    """What was issued is answered again, whatever was settled since."""
    await settled(service)
    replies = [
        await issue(service, person_no, side)
        for person_no, side in (("P2", HOLDER), ("P1", MEMBER), ("P1", ACCOUNT))
    ]
    await service.settle(in_scope_fen=1000_00)
    for reply in replies:
        statement = reply.statement
        assert statement == await verify(service, statement.statement_no, reply.code)


async def test_each_side_says_what_was_moved(service: Service) -> None:
    """Charges and refunds, the person's own bills, entries between two balances; others
    take part by number and relation."""
    await settled(service)
    holder = (await issue(service, "P2", HOLDER)).statement
    member = (await issue(service, "P1", MEMBER)).statement
    account = (await issue(service, "P1", ACCOUNT)).statement
    assert [70_00, -70_00, 70_00] == [row.charged_fen for row in holder.settlements]
    assert 3 == len(member.settlements)
    moved = sum(entry.fen for entry in account.entries)
    opened, closed = account.opening_balance_fen, account.closing_balance_fen
    assert opened + moved == closed
    assert [("P1", True)] == [(p.person_no, bool(p.relation)) for p in holder.parties]
    assert [("P2", True)] == [(p.person_no, bool(p.relation)) for p in member.parties]


async def test_the_authority_is_of_the_persons_city(service: Service) -> None:
    """If nothing is configured it is named after the city in which the person is insured."""
    reply = await issue(service, "P1", ACCOUNT)
    assert "滁州市医疗保障部门" == reply.statement.authority


@BOTH
async def test_no_full_name_and_no_certificate(service: Service) -> None:
    """Neither stands on any statement."""
    await settled(service)
    named = [
        replace(await service.stored(Person, number), name="试验某")
        for number in ("P1", "P2")
    ]
    await service.write(*named)
    for person_no, side in (("P2", HOLDER), ("P1", MEMBER), ("P1", ACCOUNT)):
        told = MessageToJson(await issue(service, person_no, side), ensure_ascii=False)
        assert "试**" in told
        for person in named:
            assert person.certificate.number not in told
            assert person.name not in told


@BOTH
async def test_it_is_kept_in_the_log(service: Service) -> None:
    """One leaf tells that it was issued, and what was written: its counterfoil."""
    await settled(service)
    reply = await issue(service, "P2", HOLDER)
    leaves = [body_of(leaf).what for leaf in await listed(service, Leaf)]
    assert 1 == leaves.count("IssueStatement")
    (kept,) = await listed(service, IssuedStatement)
    assert kept.statement_no == reply.statement.statement_no


async def test_a_changed_counterfoil_has_another_code(service: Service) -> None:
    """The printed code is no code of other figures, even with the key in hand."""
    await settled(service)
    reply = await issue(service, "P2", HOLDER)
    (kept,) = await listed(service, IssuedStatement)
    forged = pb.Statement.FromString(kept.content)
    forged.settlements[0].charged_fen += 1
    content = forged.SerializeToString(deterministic=True)
    number = "20250101-00000-00000"
    await service.write(replace(kept, statement_no=number, content=content))
    request = pb.VerifyStatementRequest(statement_no=number, code=reply.code)
    refused = await service.refused(service.statements.VerifyStatement, request)
    assert "STATEMENT_NOT_FOUND statement_no" == refused.named


async def test_too_long_a_statement_is_refused(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond so many rows the field to change is named; within the days it is issued."""
    await settled(service)
    monkeypatch.setattr(service_module, "MOST_ROWS", 2)
    request = pb.IssueStatementRequest(person=service.ref("P1"), side=MEMBER)
    refused = await service.refused(service.statements.IssueStatement, request)
    assert "MALFORMED_FIELD from_day" == refused.named
    assert await issue(service, "P1", MEMBER, to_day="2020-01-01")
    assert 1 == len(await listed(service, IssuedStatement))


async def test_pages_are_read_to_the_end(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However short the pages of a list, all of its rows stand on the statement."""
    await settled(service)
    whole = (await issue(service, "P1", MEMBER)).statement.settlements
    monkeypatch.setattr(service_module, "_PAGE", 1)
    assert whole == (await issue(service, "P1", MEMBER)).statement.settlements
