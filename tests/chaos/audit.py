"""Audit the data against what was acknowledged, and against their log.

They are read when no server runs any more.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from gongji.model.account import Account, Entry
from gongji.model.commands import Listing, RequestRecord
from gongji.model.ids import derived_id
from gongji.model.settlement import Accumulator, Settlement
from gongji.serve.settings import DATABASE, KEY_FILE, SIGNING_KEY
from gongji.store import Store, open_store
from gongji.v1 import settlement_pb2 as pb
from gongji.verify.run import PhaseResult, Verification, verify

from tests.chaos.book import Book
from tests.chaos.town import OPENED, OPENING

T = TypeVar("T")
Broken = dict[str, list[str]]
"""What each broken law was broken by."""

Posting = tuple[str, int]
"""A ledger account and fen."""

LOGGED: Final = "the log and the records agree, as `gongji verify` finds"

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
    requests: dict[str, str]
    """Keys by request id."""

    @property
    def counts(self) -> dict[str, int]:
        """Return how much of each there is."""
        return {
            "settlements": len(self.settlements),
            "entries": len(self.entries),
            "purses": len(self.accounts),
            "accumulators": len(self.accumulators),
            "requests": len(self.requests),
        }


Law = Callable[[Book, Data], Iterator[str]]
"""Yields what breaks it."""


async def audit(
    book: Book, data: Path, database: str = ""
) -> tuple[Broken, dict[str, int]]:
    """Return the laws a service's data break, none if all is well, and how much was read."""
    stored = await read(data, database)
    phases = await asyncio.to_thread(verified, book, data, database)
    broken: Broken = {}
    for name, law in LAWS.items():
        breaches = list(law(book, stored))
        if breaches:
            broken[name] = breaches[:_SHOWN]
    if findings := findings_of(phases):
        broken[LOGGED] = findings[:_SHOWN]
    looked_at = {f"of the {phase.phase}": phase.count for phase in phases}
    return broken, stored.counts | looked_at


def verified(book: Book, data: Path, database: str = "") -> list[PhaseResult]:
    """Return what every phase of `gongji verify --all` comes to."""
    asked = Verification(
        address=database or str(data / DATABASE),
        key_file=data / KEY_FILE,
        folder=data / "verify",
        every=True,
        checkpoints=tuple(book.checkpoints),
        signing_key=data / SIGNING_KEY,
    )
    return list(verify(asked))


def findings_of(phases: Iterable[PhaseResult]) -> list[str]:
    """Return what does not hold, each in a sentence."""
    return [finding.sentence for phase in phases for finding in phase.findings]


async def read(data: Path, database: str = "") -> Data:
    """Return everything a service's data hold of money."""
    store = open_store(database or data / DATABASE, lambda: OPENED, data / KEY_FILE)
    try:
        return await _read(store)
    finally:
        await store.close()


async def _read(store: Store) -> Data:
    settlements = await _all(store, Settlement)
    accounts = await _all(store, Account)
    requests = await _all(store, RequestRecord)
    return Data(
        settlements={_id_in(s.request_key): s for s in settlements},
        entries=await _all(store, Entry),
        accounts={account.person_no: account for account in accounts},
        accumulators=await _all(store, Accumulator),
        requests={_id_in(request.key): request.key for request in requests},
    )


async def _all(store: Store, kind: type[T]) -> list[T]:
    """Return every record of a kind, in the order of their keys."""
    records: list[T] = []
    after = None
    while True:
        page = await store.placed(Listing(kind=kind, after=after, limit=_PAGE))
        records += [record for record, _ in page]
        if len(page) < _PAGE:
            return records
        _, after = page[-1]


def _id_in(key: str) -> str:
    """Return the request id in a request's key."""
    return key.partition("/")[0]


def _settlements(book: Book, data: Data) -> Iterator[str]:
    for request_id in book.settled.keys() - data.settlements.keys():
        yield f"lost: {request_id}"
    for request_id in data.settlements.keys() - book.settled.keys():
        yield f"never acknowledged: {request_id}"
    for request_id in book.settled.keys() & data.settlements.keys():
        hidden = _hidden(book, data.settlements[request_id])
        acknowledged = _acknowledged_figures(book, data, request_id)
        stored = _stored_figures(data.settlements[request_id], hidden)
        for name, expected in acknowledged.items():
            if expected != stored[name]:
                yield f"{request_id}: {name}: told {expected}, stored {stored[name]}"


def _acknowledged_figures(book: Book, data: Data, request_id: str) -> dict[str, Any]:
    acknowledged = book.settled[request_id]
    return {
        "id": acknowledged.settlement_id,
        "id of the request": derived_id("S", data.requests[request_id]),
        "total": acknowledged.bill.total_fen,
        "deductible": acknowledged.deductible_fen,
        "fund": acknowledged.fund_fen,
        "purses": acknowledged.account_fen,
        "givers": acknowledged.aid_fen,
        "cash": acknowledged.cash_fen,
        "movements": _figures_of(acknowledged.movements),
        "reversed": request_id in book.reversals,
    }


def _hidden(book: Book, stored: Settlement) -> set[str]:
    """Return the purses whose balance a hospital is not told: those of relatives."""
    if not book.of_hospital:
        return set()
    return {m.purse for m in stored.movements} - {stored.bill.patient}


def _stored_figures(stored: Settlement, hidden: Container[str]) -> dict[str, Any]:
    return {
        "id": stored.settlement_id,
        "id of the request": stored.settlement_id,
        "total": stored.bill.total_fen,
        "deductible": stored.deductible_fen,
        "fund": stored.fund_fen,
        "purses": stored.own_fen + stored.aid_fen,
        "givers": stored.aid_fen,
        "cash": stored.cash_fen,
        "movements": _figures_of(stored.movements, hidden),
        "reversed": stored.reversed_at is not None,
    }


def _figures_of(
    movements: Iterable[Any], hidden: Container[str] = ()
) -> list[tuple[str, int, int, int]]:
    """Return movements as told or as stored: purse, fen, balance and version after."""
    return [
        (m.purse, m.fen, 0, 0)
        if m.purse in hidden
        else (m.purse, m.fen, m.balance_after_fen, m.version_after)
        for m in movements
    ]


def _requests(book: Book, data: Data) -> Iterator[str]:
    # A reversal of nothing leaves a tombstone, and no row of its own.
    expected = {*book.settled, *book.reversals.values(), *book.never}
    for request_id in expected - data.requests.keys():
        yield f"not on record: {request_id}"
    for request_id in data.requests.keys() - expected:
        yield f"on record, never answered: {request_id}"


def _balanced(_: Book, data: Data) -> Iterator[str]:
    sums: Counter[str] = Counter()
    for entry in data.entries:
        sums[entry.transaction_id] += entry.fen
    for transaction, fen in sums.items():
        if fen:
            yield f"{transaction}: {fen}"


def _transactions(book: Book, data: Data) -> Iterator[str]:
    """Yield transactions that lack a movement acknowledged, or the institution's part."""
    stored = _stored_postings(data)
    expected = dict(_expected_postings(book, data))
    for transaction in expected.keys() | stored.keys():
        acknowledged = sorted(expected.get(transaction, []))
        posted = sorted(stored.get(transaction, []))
        if acknowledged != posted:
            yield f"{transaction}: told {acknowledged}, stored {posted}"


def _stored_postings(data: Data) -> dict[str, list[Posting]]:
    stored: dict[str, list[Posting]] = defaultdict(list)
    for entry in data.entries:
        if entry.ledger_account.startswith(("purse:", "institution:")):
            posting = entry.ledger_account, entry.fen
            stored[entry.transaction_id].append(posting)
    return stored


def _expected_postings(book: Book, data: Data) -> Iterator[tuple[str, list[Posting]]]:
    for purse, fen in OPENING.items():
        yield f"opening-{purse}", [(f"purse:{purse}", fen)]
    for request_id, settled in book.settled.items():
        institution = f"institution:{settled.bill.institution_code}"
        total = settled.bill.total_fen
        charges = _postings_of(settled.movements)
        yield settled.settlement_id, [*charges, (institution, total)]
        reversal = book.reversals.get(request_id)
        if reversal:
            refunds = _postings_of(book.refunds[reversal])
            yield (
                derived_id("R", data.requests[reversal]),
                [*refunds, (institution, -total)],
            )


def _postings_of(movements: Iterable[pb.PurseMovement]) -> list[Posting]:
    return [(f"purse:{m.purse}", m.fen) for m in movements if m.fen]


def _purses(_: Book, data: Data) -> Iterator[str]:
    chains: dict[str, list[Entry]] = defaultdict(list)
    for entry in data.entries:
        if entry.ledger_account.startswith("purse:"):
            purse = entry.ledger_account.removeprefix("purse:")
            chains[purse].append(entry)
    for purse, account in data.accounts.items():
        yield from _gaps(account, chains.pop(purse, []))
    for purse in chains:
        yield f"{purse}: entries without an account"


def _gaps(account: Account, entries: list[Entry]) -> Iterator[str]:
    """Yield where the entries of a purse do not follow one another up to its balance."""
    purse, balance = account.person_no, 0
    chain = sorted(entries, key=lambda entry: entry.version_after)
    for version, entry in enumerate(chain, start=1):
        balance += entry.fen
        after = entry.version_after, entry.balance_after_fen
        if (version, balance) != after:
            yield f"{purse}: entry {version} to {balance} is {after[0]} to {after[1]}"
    if (balance, len(chain)) != (account.balance_fen, account.version):
        yield f"{purse}: {len(chain)} entries to {balance}, account {account}"


def _balances(book: Book, data: Data) -> Iterator[str]:
    expected = Counter(OPENING)
    for movements in book.movements():
        for movement in movements:
            expected[movement.purse] += movement.fen
    for purse, fen in expected.items():
        account = data.accounts.get(purse)
        if account is None or account.balance_fen != fen:
            yield f"{purse}: told {fen}, account {account}"


def _accumulators(book: Book, data: Data) -> Iterator[str]:
    expected: dict[str, Counter[str]] = defaultdict(Counter)
    for request_id, stored in data.settlements.items():
        settled = book.settled.get(request_id)
        if settled is None or request_id in book.reversals:
            continue
        used = expected[stored.accumulator_key]
        used.update(deductible=settled.deductible_fen, fund=settled.fund_fen)
    for accumulator in data.accumulators:
        used = expected.pop(accumulator.key, Counter())
        if not _holds(accumulator, used):
            yield f"{accumulator.key}: told {dict(used)}, stored {accumulator}"
    for year, used in expected.items():
        if any(used.values()):
            yield f"{year}: told {dict(used)}, nothing stored"


def _holds(accumulator: Accumulator, used: Counter[str]) -> bool:
    deductible, fund = accumulator.deductible_used_fen, accumulator.fund_paid_fen
    return (deductible, fund) == (used["deductible"], used["fund"])


LAWS: Final[dict[str, Law]] = {
    "one settlement a request acknowledged, with the figures acknowledged": _settlements,
    "every answered request is on record, and no other": _requests,
    "the entries of a transaction add up to 0": _balanced,
    "every settlement and reversal has its one transaction": _transactions,
    "the entries of a purse follow one another without a gap up to its balance": _purses,
    "a purse holds what the callers were told that it gave and got": _balances,
    "accumulators hold what the standing settlements added": _accumulators,
}
