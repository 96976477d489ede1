"""Statements fetched from a service page by page and laid out as sheets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import grpc

from gongji.client.statement import layout
from gongji.client.statement.layout import Balances, SheetSubject
from gongji.client.statement.sheet import Sheet, StatementPeriod
from gongji.v1 import (
    account_pb2,
    account_pb2_grpc,
    registry_pb2,
    registry_pb2_grpc,
    settlement_pb2,
    settlement_pb2_grpc,
    types_pb2,
)

PAGE_SIZE: Final = 200


class EarlierServiceError(ValueError):
    """The service is of an earlier version, which lists no refunds: no total holds."""


class UnsettledError(ValueError):
    """The account changed while it was read, so its figures do not add up; try again."""


def fetch(
    channel: grpc.Channel, person_no: str, side: str, period: StatementPeriod
) -> Sheet:
    """Return the statement of one person from one of SIDES.

    grpc.RpcError if the service refuses, UnsettledError, EarlierServiceError. A
    holder's has time, amount and institution of each charge (C79), never diagnosis,
    item or total.
    """
    request = registry_pb2.GetPersonRequest(person=_ref(person_no))
    person = registry_pb2_grpc.RegistryServiceStub(channel).GetPerson(request).person
    return _SHEETS[side](channel, person, period)


def _of_holder(
    channel: grpc.Channel, person: types_pb2.Person, period: StatementPeriod
) -> Sheet:
    request = settlement_pb2.ListSettlementsRequest(holder=_ref(person.person_no))
    rows = _settlements(channel, period, request)
    return layout.of_holder(_subject(person, period), rows)


def _of_member(
    channel: grpc.Channel, person: types_pb2.Person, period: StatementPeriod
) -> Sheet:
    request = settlement_pb2.ListSettlementsRequest(patient=_ref(person.person_no))
    rows = _settlements(channel, period, request)
    return layout.of_member(_subject(person, period), rows)


def _of_account(
    channel: grpc.Channel, person: types_pb2.Person, period: StatementPeriod
) -> Sheet:
    account = _account(channel, person.person_no, period)
    return layout.of_account(
        _subject(person, period), account.entries, account.balances
    )


def _of_wallet(
    channel: grpc.Channel, person: types_pb2.Person, period: StatementPeriod
) -> Sheet:
    wallet = _account(channel, person.person_no, period, wallet=True)
    return layout.of_wallet(_subject(person, period), wallet.entries, wallet.balances)


def _subject(person: types_pb2.Person, period: StatementPeriod) -> SheetSubject:
    return SheetSubject(person.person_no, person.name, period)


_SHEETS: Final = {
    "holder": _of_holder,
    "member": _of_member,
    "account": _of_account,
    "wallet": _of_wallet,
}

SIDES: Final[Sequence[str]] = tuple(_SHEETS)
"""Whose side a statement takes.

The holder's charges for others, the patient's own settlements, the entries of the
account or of the wallet.
"""


class _AccountPeriod(NamedTuple):
    """An account's entries of a period between its opening and closing balances."""

    opening_fen: int
    entries: list[account_pb2.Entry]
    closing_fen: int

    @property
    def balances(self) -> Balances:
        """Return the balances before and after."""
        return Balances(self.opening_fen, self.closing_fen)

    @property
    def adds_up(self) -> bool:
        """Return whether its entries lead from opening to closing."""
        # Only the sum shows that nothing came between two pages.
        moved_fen = sum(entry.fen for entry in self.entries)
        return self.opening_fen + moved_fen == self.closing_fen


def _account(
    channel: grpc.Channel,
    person_no: str,
    period: StatementPeriod,
    *,
    wallet: bool = False,
) -> _AccountPeriod:
    """Return an account that adds up. UnsettledError if it does not, looked at twice."""
    first, second = None, None
    for _ in range(2):
        first, second = second, _read_account(channel, person_no, period, wallet)
        if second.adds_up:
            return second
    if first == second:
        raise UnsettledError(
            f"{person_no} 的账户期初、明细与期末不符，再查仍是如此，并非查询期间的变动；"
            "请运营者以 gongji verify 核对数据库"
        )
    raise UnsettledError(
        f"{person_no} 的账户在查询期间有变动，期初、明细与期末不符；请重新查询"
    )


def _read_account(
    channel: grpc.Channel,
    person_no: str,
    period: StatementPeriod,
    wallet: bool,  # noqa: FBT001 - as the request says it
) -> _AccountPeriod:
    """Read an account page by page, each at its own moment."""
    request = account_pb2.ListEntriesRequest(
        person=_ref(person_no),
        from_day=period.from_day,
        to_day=period.to_day,
        wallet=wallet,
    )
    stub = account_pb2_grpc.AccountServiceStub(channel)
    pages = list(_pages(stub.ListEntries, request))
    return _AccountPeriod(
        pages[0].opening_balance_fen,
        [entry for page in pages for entry in page.entries],
        pages[-1].closing_balance_fen,
    )


def _settlements(
    channel: grpc.Channel,
    period: StatementPeriod,
    request: settlement_pb2.ListSettlementsRequest,
) -> list[settlement_pb2.SettlementRow]:
    """Return all rows of a period for the side the request names, oldest first.

    EarlierServiceError if refunds are not among them.
    """
    request.from_day = period.from_day
    request.to_day = period.to_day
    stub = settlement_pb2_grpc.SettlementServiceStub(channel)
    rows = [row for page in _pages(stub.ListSettlements, request) for row in page.rows]
    if any(row.reversed and not row.HasField("reversed_at") for row in rows):
        raise EarlierServiceError(
            "服务的版本较早，撤销的退回不单独成行，合计会多算；请先升级服务"
        )
    return rows


def _pages(call: Callable[[Any], Any], request: Any) -> Iterator[Any]:
    """Yield every page of a list; at least one."""
    request.page.size = PAGE_SIZE
    while True:
        page = call(request)
        yield page
        if not page.next_page_token:
            return
        request.page.token = page.next_page_token


def _ref(person_no: str) -> types_pb2.PersonRef:
    return types_pb2.PersonRef(person_no=person_no)
