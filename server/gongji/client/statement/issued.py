"""Statements the service has issued: asked for, checked, and laid out as sheets."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Final

import grpc

from gongji.client.statement import layout
from gongji.client.statement.layout import Balances, SheetSubject
from gongji.client.statement.query import UnsettledError
from gongji.client.statement.sheet import Issuance, Sheet, StatementPeriod
from gongji.rules.codes import SHANGHAI
from gongji.v1 import statement_pb2 as pb
from gongji.v1 import statement_pb2_grpc, types_pb2

_SIDES: Final = {
    "holder": pb.STATEMENT_SIDE_HOLDER,
    "member": pb.STATEMENT_SIDE_MEMBER,
    "account": pb.STATEMENT_SIDE_ACCOUNT,
    "wallet": pb.STATEMENT_SIDE_WALLET,
}


def issue(
    channel: grpc.Channel, person_no: str, side: str, period: StatementPeriod
) -> Sheet:
    """Have a statement issued. grpc.RpcError if the service refuses, UnsettledError."""
    request = pb.IssueStatementRequest(
        person=types_pb2.PersonRef(person_no=person_no),
        side=_SIDES[side],
        from_day=period.from_day,
        to_day=period.to_day,
    )
    reply = statement_pb2_grpc.StatementServiceStub(channel).IssueStatement(request)
    return sheet_of(reply.statement, reply.code)


def verified(channel: grpc.Channel, number: str, code: str) -> Sheet:
    """Return the statement that was issued with a number and a code. grpc.RpcError."""
    request = pb.VerifyStatementRequest(statement_no=number, code=code)
    reply = statement_pb2_grpc.StatementServiceStub(channel).VerifyStatement(request)
    return sheet_of(reply.statement, reply.code)


def sheet_of(statement: pb.Statement, code: str) -> Sheet:
    """Return an issued statement as a sheet. UnsettledError if it does not add up."""
    issued = Issuance(
        statement_no=statement.statement_no,
        code=code,
        authority=statement.authority,
        issued_at=statement.issued_at.ToDatetime(SHANGHAI),
    )
    return replace(_laid_out(statement), issued=issued)


def _laid_out(statement: pb.Statement) -> Sheet:
    subject = SheetSubject(
        layout.number_on_paper(statement.person_no),
        statement.name,
        StatementPeriod(_day(statement.from_day), _day(statement.to_day)),
    )
    if statement.side == pb.STATEMENT_SIDE_ACCOUNT:
        return layout.of_account(subject, statement.entries, _balances(statement))
    if statement.side == pb.STATEMENT_SIDE_WALLET:
        return layout.of_wallet(subject, statement.entries, _balances(statement))
    parties = {party.person_no: party for party in statement.parties}
    if statement.side == pb.STATEMENT_SIDE_HOLDER:
        return layout.of_holder(subject, statement.settlements, parties)
    return layout.of_member(subject, statement.settlements, parties)


def _balances(statement: pb.Statement) -> Balances:
    """Return the balances of a statement. UnsettledError if its entries contradict them."""
    opening, closing = statement.opening_balance_fen, statement.closing_balance_fen
    if opening + sum(entry.fen for entry in statement.entries) != closing:
        raise UnsettledError(
            f"{statement.person_no} 的账户期初、明细与期末不符；请重新出具，"
            "再查仍是如此的，请运营者以 gongji verify 核对数据库"
        )
    return Balances(opening, closing)


def _day(text: str) -> date | None:
    return date.fromisoformat(text) if text else None
