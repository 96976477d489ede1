"""Make what every server under load knows beforehand: the population, and the calls."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from gongji.model.account import Account
from gongji.model.binding import Binding
from gongji.model.commands import Write
from gongji.model.settlement import Accumulator
from gongji.rules.codes import Scheme, pooling_area
from gongji.serve.clock import system_clock
from gongji.serve.settings import DATABASE, KEY_FILE
from gongji.store import open_store
from gongji.v1 import settlement_pb2 as pb
from gongji.v1 import types_pb2

from tests.bench.load import Calls
from tests.bench.rivals import population

SPREAD: Final = (1, population.PERSONS)
"""Patients settled for as a rule: first number and how many."""

WORN: Final = (population.PERSONS + 1, population.PERSONS)
"""Patients without givers whose fund pays no more this year: however many bills they
have, each is the same work."""

HOT: Final = (population.PERSONS + 1, 1)
"""One of those."""

DEDUCTIBLE_FEN: Final = 800_00
"""The year's deductible: every other patient has paid it already."""

TOGETHER: Final = 2_000
"""Records written in one transaction."""


MSGID: Final = f"M{'0' * 25}"
"""A message id: a letter and digits that count the calls."""


def fill(database: str, data: Path) -> None:
    """Write the population into an empty database, "" for SQLite in the data folder.

    Its key is made there.
    """
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    asyncio.run(_fill(database or str(data / DATABASE), data / KEY_FILE))


async def _fill(database: str, key_file: Path) -> None:
    store = open_store(database, system_clock, key_file)
    try:
        records = _records()
        while together := tuple(islice(records, TOGETHER)):
            await store.apply(Write(together))
    finally:
        await store.close()


def _records() -> Iterator[object]:
    """Yield the population of all contenders, then the worn, without givers.

    A patient with a giver has nothing of their own.
    """
    first, last = WORN[0], sum(WORN) - 1
    worn = population.number(first)
    for record in population.records(last):
        if not (isinstance(record, Binding) and record.member >= worn):
            yield record
    for place in range(1, first):
        if population.giver_of(place):
            yield Account(population.number(place))
        if place % 2:
            yield _used(place, DEDUCTIBLE_FEN, 0)
    for place in range(first, last + 1):
        yield _used(place, DEDUCTIBLE_FEN, population.BALANCE_FEN)


def _used(place: int, deductible_fen: int, fund_fen: int) -> Accumulator:
    area = pooling_area(population.AREA)
    number, year = population.number(place), population.NOW.year
    return Accumulator(number, Scheme.EMPLOYEE, area, year, deductible_fen, fund_fen)


def bill(place: int = 1, msgid: str = MSGID) -> pb.Bill:
    """Return the bill every caller sends, 46.80 yuan: far from the fund's yearly limit."""
    return pb.Bill(
        patient=types_pb2.PersonRef(person_no=population.number(place)),
        institution_code=population.HOSPITAL,
        service_day=population.NOW.date().isoformat(),
        visit_kind=pb.VISIT_KIND_OUTPATIENT,
        total_fen=46_80,
        out_of_catalogue_fen=5_00,
        first_selfpay_fen=3_30,
        in_scope_fen=38_50,
        account_use=pb.ACCOUNT_USE_CITY_ORDER,
        msgid=msgid,
    )


def settle_calls(folder: Path) -> Calls:
    """Return calls of Settle; the message is written into the folder."""
    request_id = str(uuid.UUID(int=0))
    request = pb.SettleRequest(request_id=request_id, bill=bill())
    message = request.SerializeToString()
    return _calls(folder, "Settle", message, message.index(request_id.encode()))


def quote_calls(folder: Path) -> Calls:
    """Return calls of Quote."""
    message = pb.QuoteRequest(bill=bill()).SerializeToString()
    return _calls(folder, "Quote", message, -1)


def _calls(folder: Path, method: str, message: bytes, id_at: int) -> Calls:
    body = folder / f"{method}.bin"
    body.write_bytes(message)
    number = population.number(1).encode()
    path = f"/gongji.v1.SettlementService/{method}"
    # Each bill is a message of its own: one that came before is not settled again.
    msgid_at = message.index(MSGID.encode()) + 1
    return Calls(
        path, body, id_at, msgid_at, message.index(number) + 1, len(number) - 1
    )
