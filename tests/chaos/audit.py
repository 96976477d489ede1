"""The data held against what the callers were told: read from the database itself when
no server runs any more."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from gongji.model.account import Account, Entry
from gongji.model.commands import Listing, RequestRecord
from gongji.model.ids import derived_id
from gongji.model.settlement import Accumulator, Settlement
from gongji.serve.settings import DATABASE, KEY_FILE
from gongji.store import Store, open_store
from gongji.v1 import settlement_pb2 as pb

from tests.chaos.book import Book
from tests.chaos.town import OPENED, OPENING

T = TypeVar("T")
Broken = dict[str, list[str]]
"""What each broken law was broken by."""

_PAGE: Final = 5_000
_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class Data:
    """Everything a database holds of money."""

    settlements: dict[str, Settlement]
    """By request id."""
    entries: list[Entry]
    accounts: dict[str, Account]
    accumulators: list[Accumulator]
    requests: set[str]


async def audit(
    book: Book, data: Path, database: str = ""
) -> tuple[Broken, dict[str, int]]:
    """The laws the data of a service break, none where all is well, and how much was looked at."""
    store = open_store(database or data / DATABASE, lambda: OPENED, data / KEY_FILE)
    try:
        found = await _read(store)
    finally:
        await store.close()
    laws = {
        "one settlement a request acknowledged, with the figures acknowledged": _settlements(
            book, found
        ),
        "every answered request is on record, and no other": _requests(book, found),
        "the entries of a transaction add up to 0": _balanced(found),
        "every settlement and reversal has its one transaction": _transactions(
            book, found
        ),
        "the entries of a purse follow one another without a gap up to its balance": _purses(
            found
        ),
        "a purse holds what the callers were told that it gave and got": _balances(
            book, found
        ),
        "accumulators hold what the standing settlements added": _accumulators(
            book, found
        ),
    }
    broken = {
        law: some for law, breaches in laws.items() if (some := list(breaches)[:_SHOWN])
    }
    looked_at = {
        "settlements": len(found.settlements),
        "entries": len(found.entries),
        "purses": len(found.accounts),
        "accumulators": len(found.accumulators),
        "requests": len(found.requests),
    }
    return broken, looked_at


async def _read(store: Store) -> Data:
    return Data(
        {s.request_id: s for s in await _all(store, Settlement)},
        await _all(store, Entry),
        {a.person_no: a for a in await _all(store, Account)},
        await _all(store, Accumulator),
        {r.request_id for r in await _all(store, RequestRecord)},
    )


async def _all(store: Store, kind: type[T]) -> list[T]:
    """Every record of a kind, in the order of their keys."""
    found: list[T] = []
    while True:
        after = store.place(found[-1]) if found else None
        page = await store.page(Listing(kind=kind, after=after, limit=_PAGE))
        found += page
        if len(page) < _PAGE:
            return found


def _settlements(book: Book, data: Data) -> Iterator[str]:
    yield from (
        f"lost: {request_id}"
        for request_id in book.settled.keys() - data.settlements.keys()
    )
    yield from (
        f"never acknowledged: {request_id}"
        for request_id in data.settlements.keys() - book.settled.keys()
    )
    for request_id in book.settled.keys() & data.settlements.keys():
        stored, told = data.settlements[request_id], book.settled[request_id]
        figures = {
            "id": (told.settlement_id, stored.settlement_id),
            "id of the request": (derived_id("S", request_id), stored.settlement_id),
            "total": (told.bill.total_fen, stored.bill.total_fen),
            "deductible": (told.deductible_fen, stored.deductible_fen),
            "fund": (told.fund_fen, stored.fund_fen),
            "purses": (told.account_fen, stored.own_fen + stored.aid_fen),
            "givers": (told.aid_fen, stored.aid_fen),
            "cash": (told.cash_fen, stored.cash_fen),
            "movements": (_moved(told.movements), _moved(stored.movements)),
            "reversed": (request_id in book.reversals, stored.reversed_at is not None),
        }
        for name, (expected, actual) in figures.items():
            if expected != actual:
                yield f"{request_id}: {name}: told {expected}, stored {actual}"


def _moved(movements: Iterable[Any]) -> list[tuple[str, int, int, int]]:
    """Movements as told or as stored: purse, fen, balance and version after."""
    return [(m.purse, m.fen, m.balance_after_fen, m.version_after) for m in movements]


def _requests(book: Book, data: Data) -> Iterator[str]:
    tombstones = {*book.never, *book.never.values()}
    expected = {*book.settled, *book.reversals.values(), *tombstones}
    yield from (
        f"not on record: {request_id}" for request_id in expected - data.requests
    )
    yield from (
        f"on record, never answered: {request_id}"
        for request_id in data.requests - expected
    )


def _balanced(data: Data) -> Iterator[str]:
    sums: Counter[str] = Counter()
    for entry in data.entries:
        sums[entry.transaction_id] += entry.fen
    yield from (f"{transaction}: {fen}" for transaction, fen in sums.items() if fen)


def _transactions(book: Book, data: Data) -> Iterator[str]:
    """Each holds the movements told, and the institution's part."""
    found: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for entry in data.entries:
        if entry.ledger_account.startswith(("purse:", "institution:")):
            found[entry.transaction_id].append((entry.ledger_account, entry.fen))
    expected = {
        f"opening-{purse}": [(f"purse:{purse}", fen)] for purse, fen in OPENING.items()
    }
    for request_id, told in book.settled.items():
        paid = (f"institution:{told.bill.institution_code}", told.bill.total_fen)
        expected[told.settlement_id] = [*_charges(told.movements), paid]
        if reversal := book.reversals.get(request_id):
            back = (paid[0], -paid[1])
            expected[derived_id("R", reversal)] = [
                *_charges(book.refunds[reversal]),
                back,
            ]
    for transaction in expected.keys() | found.keys():
        told_of, stored = (
            sorted(expected.get(transaction, [])),
            sorted(found.get(transaction, [])),
        )
        if told_of != stored:
            yield f"{transaction}: told {told_of}, stored {stored}"


def _charges(movements: Iterable[pb.PurseMovement]) -> list[tuple[str, int]]:
    return [(f"purse:{m.purse}", m.fen) for m in movements if m.fen]


def _purses(data: Data) -> Iterator[str]:
    chains: dict[str, list[Entry]] = defaultdict(list)
    for entry in data.entries:
        if entry.ledger_account.startswith("purse:"):
            chains[entry.ledger_account.removeprefix("purse:")].append(entry)
    for purse, account in data.accounts.items():
        balance = 0
        chain = sorted(chains.pop(purse, []), key=lambda e: e.version_after)
        for version, entry in enumerate(chain, start=1):
            balance += entry.fen
            if (version, balance) != (entry.version_after, entry.balance_after_fen):
                yield (
                    f"{purse}: entry {version} to {balance} is {entry.version_after} "
                    f"to {entry.balance_after_fen}"
                )
        if (balance, len(chain)) != (account.balance_fen, account.version):
            yield f"{purse}: {len(chain)} entries to {balance}, account {account}"
    yield from (f"{purse}: entries without an account" for purse in chains)


def _balances(book: Book, data: Data) -> Iterator[str]:
    expected = Counter(OPENING)
    for movements in (
        *(told.movements for told in book.settled.values()),
        *book.refunds.values(),
    ):
        for movement in movements:
            expected[movement.purse] += movement.fen
    for purse, fen in expected.items():
        account = data.accounts.get(purse)
        if account is None or account.balance_fen != fen:
            yield f"{purse}: told {fen}, account {account}"


def _accumulators(book: Book, data: Data) -> Iterator[str]:
    expected: dict[str, Counter[str]] = defaultdict(Counter)
    for request_id, stored in data.settlements.items():
        if (
            told := book.settled.get(request_id)
        ) is not None and request_id not in book.reversals:
            expected[stored.accumulator_key].update(
                deductible=told.deductible_fen, fund=told.fund_fen
            )
    for used in data.accumulators:
        told_of = expected.pop(used.key, Counter())
        if (told_of["deductible"], told_of["fund"]) != (
            used.deductible_used_fen,
            used.fund_paid_fen,
        ):
            yield f"{used.key}: told {dict(told_of)}, stored {used}"
    yield from (
        f"{year}: told {dict(used)}, nothing stored"
        for year, used in expected.items()
        if any(used.values())
    )
