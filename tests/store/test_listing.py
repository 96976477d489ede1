"""Laws of listings: every record once, in order, a page at a time, always from an index."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from gongji.model.account import Account, Entry
from gongji.model.binding import Binding
from gongji.model.commands import Listing
from gongji.model.decided import DecidedBy
from gongji.model.settlement import SettledDay, Settlement
from gongji.rules.codes import BindingState, EntryKind, Purpose
from gongji.store import sql
from gongji.store.postgres.sql import select_any
from gongji.store.schema import Schema
from gongji.store.sqlite.engine import SqliteEngine
from gongji.store.sqlite.sql import select
from gongji.store.table import micros
from msgspec.structs import replace

from tests.store.conftest import AnyEngine, fetched, home_of, settled
from tests.store.pages import page_records

BY = DecidedBy("341199", "gongji-x", "1", "1")

SERVED: dict[str, Listing[Any]] = {
    "bindings of a holder": Listing(
        kind=Binding, equals={"holder": "P1"}, order="submitted_at"
    ),
    "bindings of a member in one state": Listing(
        kind=Binding,
        equals={"member": "P2", "state": BindingState.ACTIVE},
        order="submitted_at",
    ),
    "bindings in one state": Listing(
        kind=Binding, equals={"state": 2}, order="submitted_at"
    ),
    "reviews that are due": Listing(
        kind=Binding,
        equals={"state": BindingState.UNDER_REVIEW},
        below={"due_at": 5},
        order="due_at",
    ),
    "applications that expire": Listing(
        kind=Binding, equals={"state": 1}, below={"expires_at": 5}, order="expires_at"
    ),
    "bindings between two people": Listing(
        kind=Binding, equals={"holder": "P1", "member": "P2"}, order="submitted_at"
    ),
    "applications that still wait": Listing(
        kind=Binding,
        equals={"state": 1},
        at_least={"expires_at": 5},
        order="submitted_at",
    ),
    "applications nobody answered": Listing(
        kind=Binding, equals={"state": 1}, below={"expires_at": 5}, order="submitted_at"
    ),
    "a member's applications nobody answered": Listing(
        kind=Binding,
        equals={"member": "P2", "state": 1},
        below={"expires_at": 5},
        order="submitted_at",
    ),
    "settlements of a patient": Listing(
        kind=Settlement,
        equals={"patient": "P1"},
        at_least={"settled_at": 1},
        below={"settled_at": 9},
        order="settled_at",
    ),
    "settled days of an area since a day": Listing(
        kind=SettledDay,
        equals={"pooling_area": "3411"},
        at_least={"day": date(2025, 1, 1)},
        order="day",
    ),
    "settlements of an institution": Listing(
        kind=Settlement,
        equals={"institution": "H34119900001"},
        at_least={"settled_at": 1},
        below={"settled_at": 9},
        order="settled_at",
    ),
    "reversals at an institution": Listing(
        kind=Settlement,
        equals={"institution": "H34119900001"},
        at_least={"reversed_at": 1},
        below={"reversed_at": 9},
        order="reversed_at",
    ),
    "entries of a purse by version": Listing(
        kind=Entry, equals={"ledger_account": "purse:P1"}, order="version"
    ),
    "entries of a purse by version within days": Listing(
        kind=Entry,
        equals={"ledger_account": "purse:P1"},
        at_least={"at": 1},
        below={"at": 9},
        order="version",
    ),
    "last entry of a purse": Listing(
        kind=Entry,
        equals={"ledger_account": "purse:P1"},
        order="version",
        descending=True,
        limit=1,
    ),
    "last entry of a purse before an instant": Listing(
        kind=Entry,
        equals={"ledger_account": "purse:P1"},
        below={"at": 9},
        order="version",
        descending=True,
        limit=1,
    ),
    "a patient's refunds": Listing(
        kind=Settlement, equals={"patient": "P1"}, order="reversed_at"
    ),
    "a patient's refunds of days": Listing(
        kind=Settlement,
        equals={"patient": "P1"},
        at_least={"reversed_at": 1},
        below={"reversed_at": 9},
        order="reversed_at",
    ),
    "refunds to a purse": Listing(
        kind=Entry,
        equals={"ledger_account": "purse:P1", "kind": EntryKind.REFUND},
        at_least={"at": 1},
        below={"at": 9},
        order="version",
    ),
    "charges to a purse": Listing(
        kind=Entry,
        equals={"ledger_account": "purse:P1", "kind": EntryKind.AID_CHARGE},
        at_least={"at": 1},
        below={"at": 9},
        order="version",
    ),
}


@pytest.mark.parametrize("name", SERVED)
@pytest.mark.parametrize("first", [True, False], ids=["first page", "next page"])
def test_listings_are_served_from_an_index(
    engine: AnyEngine,
    schema: Schema,
    name: str,
    *,
    first: bool,
) -> None:
    """No listing the service uses scans its table or sorts what it found."""
    listing = SERVED[name]
    if not first:
        of_text = schema.table(listing.kind).column(listing.order).type == "TEXT"
        listing = replace(listing, after=("2025-09-30" if of_text else 1, "x"))
    statement, values = sql.page(
        schema.table(listing.kind), listing, home_of(engine, schema).dialect
    )
    assert_served(engine, statement, values)


def test_prefetches_are_served_from_an_index(engine: AnyEngine, schema: Schema) -> None:
    """No need scans its table, whatever it names: also where an index holds few rows."""
    values = ["a", "b", "c", "d"]
    for table in schema.tables.values():
        for index in ("", *table.need_indexes()):
            if isinstance(engine, SqliteEngine):
                assert_served(engine, select(table, index, len(values)), values)
            else:
                assert_served(engine, select_any(table, index, lock=False), [values])


def assert_served(
    engine: AnyEngine,
    statement: str,
    values: Sequence[object],
) -> None:
    """Every step of the plan comes from an index, and nothing is sorted."""
    if isinstance(engine, SqliteEngine):
        plan = [
            row[3]
            for row in engine.connection.execute(
                f"EXPLAIN QUERY PLAN {statement}", values
            )
        ]
        assert all(
            step.startswith("SEARCH") and ("INDEX" in step or "PRIMARY" in step)
            for step in plan
        ), plan
    else:
        plan = [
            row[0] for row in engine.connection.execute(f"EXPLAIN {statement}", values)
        ]
        assert any("Index" in step for step in plan), plan
        # Parts of a table are merged in order ("Sort Key"), which is no sorting.
        assert not any("Seq Scan" in step or "Sort  (" in step for step in plan), plan


@pytest.mark.parametrize(
    "listing",
    [
        Listing(kind=Settlement, equals={"reversed_at": 1}, order="settled_at"),
        Listing(kind=Entry, equals={"ledger_account": "cash"}, order="at"),
        Listing(kind=Binding, order="submitted_at"),
        Listing(kind=Account, equals={"colour": "red"}),
        Listing(kind=Account, order="colour"),
    ],
    ids=[
        "no index leads with it",
        "its index holds only purses in another order",
        "nothing is fixed",
        "no such column",
        "no such order",
    ],
)
def test_a_listing_no_index_serves_is_refused(
    schema: Schema, listing: Listing[Any]
) -> None:
    """A listing that would scan a table, or names no column, is a defect found at once."""
    with pytest.raises(ValueError, match=r"没有"):
        sql.page(schema.table(listing.kind), listing)


def entry(
    version: int,
    at: datetime,
    purse: str = "P1",
) -> Entry:
    # Keys run against versions, so that an order by key would show.
    return Entry(
        transaction_id=f"T{99 - version}",
        position=0,
        ledger_account=f"purse:{purse}",
        fen=100,
        at=at,
        kind=EntryKind.CREDIT,
        balance_after_fen=100 * version,
        version_after=version,
    )


Place = Callable[[Any], tuple[Any, str]]


def place_of(schema: Schema, listing: Listing[Any]) -> Place:
    """A record's place in a listing's order: its value there, and its key."""
    column = schema.table(listing.kind).column(listing.order)
    return lambda record: (column.of(record), schema.key_of(record))


def all_pages(engine: AnyEngine, listing: Listing[Any], place: Place) -> list[Any]:
    """The records of a listing, page after page."""
    records: list[Any] = []
    while page := page_records(engine, listing):
        records += page
        listing = replace(listing, after=place(page[-1]))
    return records


@pytest.mark.parametrize("limit", [1, 3, 7, 100])
@pytest.mark.parametrize("descending", [False, True], ids=["upwards", "downwards"])
def test_pages_show_each_record_once(
    engine: AnyEngine,
    schema: Schema,
    clock: Callable[[], datetime],
    limit: int,
    *,
    descending: bool,
) -> None:
    """Pages of any size put together are the entries of a purse in order, and no others."""
    entries = [entry(i, clock()) for i in range(1, 21)]
    for e in entries:
        number = e.version_after
        elsewhere = replace(e, transaction_id=f"X{number}", ledger_account="purse:P2")
        cash = replace(
            e,
            transaction_id=f"C{number}",
            ledger_account="cash",
            version_after=0,
        )
        engine.upsert(Entry, [e, elsewhere, cash])
    listing = Listing(
        kind=Entry,
        equals={"ledger_account": "purse:P1"},
        order="version",
        descending=descending,
        limit=limit,
    )
    place = place_of(schema, listing)
    expected = sorted(entries, key=place, reverse=descending)
    assert expected == all_pages(engine, listing, place)


def test_bounds_are_half_open(engine: AnyEngine, clock: Callable[[], datetime]) -> None:
    """`at_least` takes its bound, `below` does not; instants are given as such."""
    engine.upsert(
        Entry, [entry(i, clock() + timedelta(minutes=i)) for i in range(1, 6)]
    )
    listing = Listing(
        kind=Entry,
        equals={"ledger_account": "purse:P1"},
        at_least={"at": clock() + timedelta(minutes=2)},
        below={"at": clock() + timedelta(minutes=4)},
        order="version",
    )
    assert [e.version_after for e in page_records(engine, listing)] == [2, 3]


@pytest.mark.parametrize("limit", [1, 3, 100])
@pytest.mark.parametrize("descending", [False, True], ids=["upwards", "downwards"])
@pytest.mark.parametrize("order", ["submitted_at", ""])
def test_pages_go_on_within_one_instant(
    engine: AnyEngine,
    schema: Schema,
    clock: Callable[[], datetime],
    limit: int,
    order: str,
    *,
    descending: bool,
) -> None:
    """Of many that share one instant each is still shown once, by key."""
    bindings = [
        reviewed(f"B{i % 7}{i}", clock() + timedelta(minutes=i // 5)) for i in range(20)
    ]
    engine.upsert(Binding, bindings)
    listing = Listing(
        kind=Binding,
        equals={"holder": "P1"},
        order=order,
        descending=descending,
        limit=limit,
    )
    place = place_of(schema, listing)
    expected = sorted(bindings, key=place, reverse=descending)
    assert expected == all_pages(engine, listing, place)


def reviewed(binding_id: str, at: datetime) -> Binding:
    return Binding(
        binding_id=binding_id,
        holder="P1",
        member="P2",
        relation="20",
        purposes=frozenset({Purpose.VISIT}),
        channel="window",
        state=BindingState.UNDER_REVIEW,
        submitted_at=at,
        review_due_at=at,
        decided_by=BY,
    )


def test_records_without_the_ordering_value_are_not_listed(
    engine: AnyEngine, clock: Callable[[], datetime]
) -> None:
    """Bindings that no review awaits are not among those ordered by when it is due."""
    due_now = reviewed("B1", clock())
    engine.upsert(
        Binding, [due_now, replace(due_now, binding_id="B2", review_due_at=None)]
    )
    due = Listing(
        kind=Binding, equals={"state": BindingState.UNDER_REVIEW}, order="due_at"
    )
    assert [due_now] == page_records(engine, due)


def test_a_changed_record_moves_to_its_new_place(
    engine: AnyEngine, clock: Callable[[], datetime]
) -> None:
    """After an update a settlement is listed once, as it stands now."""
    first = settled(1, clock())
    engine.upsert(Settlement, [first])
    reversed_ = replace(first, reversed_at=clock())
    engine.upsert(Settlement, [reversed_])
    assert [reversed_] == page_records(
        engine, Listing(kind=Settlement, equals={"patient": "P1"}, order="settled_at")
    )
    assert [reversed_] == fetched(engine, Settlement, "patient", ["P1"])
    assert (
        micros(clock())
        == engine.connection.execute("SELECT settled_at FROM settlement").fetchone()[0]
    )
