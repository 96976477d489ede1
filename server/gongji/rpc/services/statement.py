"""StatementService: statements given out with number and code, and checked (查询单)."""

# ruff: noqa: N802 - methods bear the names the protos give them

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from msgspec import Struct

from gongji.access.fields import PersonField, shown_to
from gongji.audit.papercode import SERIAL_BITS, code_of, is_code, number_of, number_on
from gongji.cities.city import Cities
from gongji.model.binding import Binding
from gongji.model.commands import Decision, Request
from gongji.model.facts import Facts, Need
from gongji.model.people import Person
from gongji.model.refusals import MalformedField, StatementNotFound
from gongji.model.settlement import Settlement
from gongji.model.statement import IssuedStatement
from gongji.rpc.calls import command_request, current_permit
from gongji.rpc.convert import mask
from gongji.rpc.convert.spans import span_of
from gongji.rpc.convert.values import instant_to
from gongji.rpc.services.account import AccountService
from gongji.rpc.services.people import People
from gongji.rpc.services.settlement import SettlementService
from gongji.store import Store
from gongji.store.reader import Find
from gongji.v1 import account_pb2, settlement_pb2, types_pb2
from gongji.v1 import statement_pb2 as pb
from gongji.v1.statement_pb2_grpc import StatementServiceServicer

MOST_ROWS: Final = 2000
"""Rows of one statement; its counterfoil is one record."""

_PAGE: Final = 500

_KEY_BYTES: Final = 32
"""Of the key of one statement's code."""


class IssueStatement(Struct, frozen=True):
    """Keeps a counterfoil; the log tells who asked for it, and for whom.

    It has no request id: what is issued again is another statement.
    """

    request: Request
    issued: IssuedStatement

    def needs(self, facts: Facts) -> Iterable[Need]:
        """Return nothing."""
        del facts
        return ()

    def decide(self, facts: Facts) -> Decision[None]:
        """Decide to keep it. Its number is new: one that exists is a defect."""
        del facts
        return Decision(None, creates=(self.issued,))


_OF_ENTRIES: Final = (pb.STATEMENT_SIDE_ACCOUNT, pb.STATEMENT_SIDE_WALLET)
"""Sides that list entries between two balances."""


class Lists(NamedTuple):
    """The services whose lists a statement is made of."""

    settlements: SettlementService
    accounts: AccountService


class StatementService(StatementServiceServicer):
    """Composes statements of the lists others give; `authorities` are names by city."""

    def __init__(
        self,
        store: Store,
        cities: Cities,
        clock: Callable[[], datetime],
        lists: Lists,
        authorities: Mapping[str, str],
    ) -> None:
        self._store = store
        self._cities = cities
        self._clock = clock
        self._lists = lists
        self._authorities = authorities
        self._people = People(store)

    async def IssueStatement(
        self, request: pb.IssueStatementRequest, context: object
    ) -> pb.IssueStatementResponse:
        """Issue a statement and keep its counterfoil. PersonNotFound, NoAccount; Denied."""
        span_of(request.from_day, request.to_day)
        person = await self._people.known(request.person, "person")
        now = self._clock()
        statement = pb.Statement(
            statement_no=number_on(now.date(), secrets.randbits(SERIAL_BITS)),
            issued_at=instant_to(now),
            authority=self._authority(person.place_on(now.date())),
            side=request.side,
            person_no=person.person_no,
            name=_masked(person),
            from_day=request.from_day,
            to_day=request.to_day,
        )
        await self._fill(statement)
        issued = IssuedStatement(
            statement_no=statement.statement_no,
            person_no=person.person_no,
            issued_at=now,
            caller=current_permit().caller.name,
            content=statement.SerializeToString(deterministic=True),
            key=secrets.token_bytes(_KEY_BYTES),
        )
        # Before it is answered: no paper without its counterfoil.
        await self._store.apply(IssueStatement(command_request(""), issued))
        return pb.IssueStatementResponse(statement=statement, code=self._code(issued))

    async def VerifyStatement(
        self, request: pb.VerifyStatementRequest, context: object
    ) -> pb.VerifyStatementResponse:
        """Return a counterfoil to whoever has number and code. StatementNotFound."""
        number = number_of(request.statement_no)
        issued = await self._store.get(IssuedStatement, number)
        code = self._code(issued) if issued else ""
        if issued is None or not is_code(request.code, code):
            raise StatementNotFound(
                "没有此编号与验证码的查询单：请核对是否抄错；没有抄错的，此单不是本服务出具，"
                "或出具后被改动",
                field="statement_no",
            )
        statement = pb.Statement.FromString(issued.content)
        return pb.VerifyStatementResponse(statement=statement, code=code)

    def _code(self, issued: IssuedStatement) -> str:
        return code_of(self._store.hasher, issued.key, issued.content)

    def _authority(self, area_code: str) -> str:
        """Return the name of the authority of a place, as configured or by the city."""
        city = self._cities.of(area_code)
        return self._authorities.get(city.area_code, f"{city.name}医疗保障部门")

    # --- what stands on it ------------------------------------------------------------

    async def _fill(self, statement: pb.Statement) -> None:
        """Add rows, balances and the others who take part. MalformedField if too many."""
        if statement.side in _OF_ENTRIES:
            await self._add_entries(statement)
        else:
            await self._add_settlements(statement)
            await self._add_parties(statement)

    async def _add_entries(self, statement: pb.Statement) -> None:
        request = account_pb2.ListEntriesRequest(
            person=types_pb2.PersonRef(person_no=statement.person_no),
            from_day=statement.from_day,
            to_day=statement.to_day,
            wallet=statement.side == pb.STATEMENT_SIDE_WALLET,
        )
        balance = None
        async for page in _pages(self._lists.accounts.ListEntries, request):
            if balance is None:
                balance = statement.opening_balance_fen = page.opening_balance_fen
            statement.entries.extend(page.entries)
            _require_few(len(statement.entries))
        # Not as the last page says: an entry may have been added between two of them.
        last = statement.entries[-1].balance_after_fen if statement.entries else balance
        statement.closing_balance_fen = last or 0

    async def _add_settlements(self, statement: pb.Statement) -> None:
        whose = types_pb2.PersonRef(person_no=statement.person_no)
        request = settlement_pb2.ListSettlementsRequest(
            from_day=statement.from_day, to_day=statement.to_day
        )
        if statement.side == pb.STATEMENT_SIDE_HOLDER:
            request.holder.CopyFrom(whose)
        else:
            request.patient.CopyFrom(whose)
        async for page in _pages(self._lists.settlements.ListSettlements, request):
            statement.settlements.extend(page.rows)
            _require_few(len(statement.settlements))

    async def _add_parties(self, statement: pb.Statement) -> None:
        relations = await self._relations(statement)
        numbers = sorted(relations)
        people = await self._store.found(Person, numbers)
        names = {person.person_no: _masked(person) for person in people}
        for number in numbers:
            name, relation = names.get(number, ""), relations[number]
            statement.parties.add(person_no=number, name=name, relation=relation)

    async def _relations(self, statement: pb.Statement) -> dict[str, str]:
        """Return the relation, by the last binding, of each other person by number."""
        side = "holder"
        numbers = {row.patient for row in statement.settlements}
        if statement.side == pb.STATEMENT_SIDE_MEMBER:
            side, numbers = "member", await self._givers(statement)
        need = Need(Binding, side, statement.person_no)
        bindings = await self._store.ask(Find[Binding]((need,)))
        relations = dict.fromkeys(numbers, "")
        for binding in sorted(bindings, key=lambda binding: binding.submitted_at):
            other = binding.member if side == "holder" else binding.holder
            if other in numbers:
                relations[other] = binding.relation
        return relations

    async def _givers(self, statement: pb.Statement) -> set[str]:
        """Return the numbers of those whose purses paid for the person."""
        aided = {row.settlement_id for row in statement.settlements if row.aid_fen}
        settlements = await self._store.found(Settlement, sorted(aided))
        lines = [line for settlement in settlements for line in settlement.lines]
        givers = {line.purse for line in lines if line.fen}
        return givers - {"", statement.person_no}


async def _pages(method: Callable[..., Any], request: Any) -> AsyncIterator[Any]:
    """Yield every page of a list."""
    request.page.size = _PAGE
    while True:
        reply = await method(request, None)
        yield reply
        if not reply.next_page_token:
            return
        request.page.token = reply.next_page_token


def _require_few(rows: int) -> None:
    """Stop a statement that is too long to be one record. MalformedField."""
    if rows > MOST_ROWS:
        raise MalformedField(
            f"from_day：这段时间的记录超过 {MOST_ROWS} 笔，一张查询单列不下；"
            "请缩短起止日，分几张出具",
            field="from_day",
        )


def _masked(person: Person) -> str:
    """Return a name as the caller's kind may see it."""
    shown = PersonField.NAME in shown_to(current_permit().caller)
    return mask.name(person.name) if shown else ""
