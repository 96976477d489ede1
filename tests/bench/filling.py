"""Fill a database with invented people, each with a history, as the service would, only faster.

One real settlement, its entries, accumulator and request are copied to every person.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import tempfile
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from datetime import date, datetime, timedelta
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

import psycopg
from gongji.cities.city import Cities
from gongji.model.account import Account, Entry
from gongji.model.binding import Binding
from gongji.model.commands import Request, Write
from gongji.model.decided import DecidedBy
from gongji.model.ids import derived_id
from gongji.model.people import Certificate, Enrolment, Institution, Person
from gongji.model.settlement import Accumulator, Bill
from gongji.rules.codes import (
    SHANGHAI,
    AccountUse,
    BindingState,
    EnrolmentStatus,
    InstitutionKind,
    Purpose,
    Scheme,
    VisitKind,
)
from gongji.settlement.settle import Settle
from gongji.store import open_store, sql
from gongji.store.schema import Schema
from gongji.store.seal import Vault
from gongji.store.sqlite.sql import upsert
from gongji.store.table import RecordTable, micros
from msgspec.structs import replace
from stdnum.cn import ric

CHUNK: Final = 5_000
AREA: Final = "341100"
HOSPITALS: Final = tuple(f"H{AREA}{n:05d}" for n in range(1, 101))
NOW: Final = datetime(2025, 9, 30, 9, tzinfo=SHANGHAI)
Row = tuple[Any, ...]

FAST_PRAGMAS: Final = (
    "journal_mode = OFF",
    "synchronous = OFF",
    "cache_size = -1000000",
    "temp_store = MEMORY",
)


def person_no(number: int) -> str:
    """Return the number of the person of that serial."""
    return f"G{number:08d}"


def request_of(number: int) -> str:
    """Return the request id of that person's settlement, random as callers' are."""
    digest = blake2b(str(number).encode(), digest_size=16).digest()
    return str(uuid.UUID(bytes=digest, version=4))


def settled_of(number: int) -> str:
    """Return the id of that person's settlement."""
    return derived_id("S", f"{request_of(number)}/bench")


def person(number: int) -> Person:
    """Return an invented employee, the identity number of an area that does not exist."""
    day, serial = divmod(number, 1000)
    born = date(1900, 1, 1) + timedelta(days=day)
    digits = f"341199{born:%Y%m%d}{serial:03d}"
    since = date(2020, 1, 1)
    normal = EnrolmentStatus.NORMAL
    return Person(
        person_no=person_no(number),
        certificate=Certificate("01", digits + ric.calc_check_digit(digits + "0")),
        name="某某",
        phone="10000000001",
        first_place=AREA,
        enrolments=(Enrolment(Scheme.EMPLOYEE, "1101", normal, since),),
        first_base_fen=500_000,
    )


def binding(number: int) -> Binding:
    """Return the binding by which a person may use the account of the next."""
    at = datetime(2024, 1, 1, tzinfo=SHANGHAI) + timedelta(seconds=number)
    return Binding(
        binding_id=derived_id("B", request_of(-1 - number)),
        holder=person_no(number + 1),
        member=person_no(number),
        relation="10",
        purposes=frozenset({Purpose.VISIT}),
        channel="window",
        state=BindingState.ACTIVE,
        submitted_at=at,
        active_at=at,
        decided_by=DecidedBy(AREA, "gongji-chuzhou", "1", "1"),
    )


def hospital(code: str) -> Institution:
    """Return an invented hospital of level 3."""
    return Institution(
        code=code,
        name="某医院",
        first_kind=InstitutionKind.HOSPITAL,
        first_hosp_lv=2,
        designated_from=date(2020, 1, 1),
    )


def bill(number: int, hospital_code: str) -> Bill:
    """Return a bill the fund, the own purse and, as far as that lasts, the patient pay."""
    return Bill(
        patient=person_no(number),
        institution_code=hospital_code,
        service_day=NOW.date(),
        visit_kind=VisitKind.OUTPATIENT,
        total_fen=20_000,
        in_scope_fen=20_000,
        account_use=AccountUse.CITY_ORDER,
    )


_OWN: Final = (Person, Institution, Binding)
"""Kinds whose rows are made for everybody, none copied."""


class Copies:
    """Rows of one settled bill as the store wrote them, rewritten for any other person."""

    KINDS: Final = ("account", "accumulator", "settlement", "entry", "request")

    def __init__(self, cities: Cities) -> None:
        with tempfile.TemporaryDirectory(prefix="gongji-") as folder:
            path = Path(folder) / "one.db"
            asyncio.run(_settle_first(cities, path))
            self._rows = {name: _rows_of(path, name) for name in self.KINDS}
            schema = Schema(Vault.ephemeral())
            self.shared = {
                table.name: _rows_of(path, table.name)
                for kind, table in schema.tables.items()
                if kind not in _OWN and table.name not in self.KINDS
            }
            """Rows that stand once for all: rules by digest, days settled."""
        self._template = _marks(0)

    def of(self, numbers: Iterable[int]) -> Mapping[str, list[Row]]:
        """Return the rows of some persons, by table."""
        by_table: dict[str, list[Row]] = {name: [] for name in self.KINDS}
        for number in numbers:
            marks = list(zip(self._template, _marks(number), strict=True))
            for name, rows in self._rows.items():
                for row in rows:
                    copy = [_rewritten(value, marks) for value in row]
                    by_table[name].append(tuple(copy))
        return by_table


def _marks(number: int) -> tuple[Any, ...]:
    """Return what differs by person: ids, and the instant, spread over two years."""
    since = datetime(2024, 1, 1, 8, tzinfo=SHANGHAI)
    at = since + timedelta(seconds=number, microseconds=1)
    ids = person_no(number), settled_of(number), request_of(number)
    return (*ids, at.isoformat(), micros(at))


async def _settle_first(cities: Cities, path: Path) -> None:
    """Settle the bill of the first person in a database of its own."""
    at = datetime.fromisoformat(_marks(0)[3])
    store = open_store(path, lambda: at)
    await store.apply(Write(tuple(_first_records(at))))
    request = Request(request_of(0), "bench", "Settle")
    first_bill = replace(bill(0, HOSPITALS[0]), service_day=at.date())
    await store.commit(Settle(request, first_bill, cities))
    await store.close()


def _first_records(at: datetime) -> Iterator[object]:
    """Yield the first person, a hospital, a purse with its opening entry, what is used up."""
    patient = person(0)
    owner = patient.person_no
    yield patient
    yield hospital(HOSPITALS[0])
    yield Account(owner, 1_000_000, 1)
    yield Accumulator(owner, Scheme.EMPLOYEE, "3411", at.year, 800_00, 0)
    yield Entry(
        transaction_id=f"O{owner}",
        position=0,
        ledger_account=f"purse:{owner}",
        fen=1_000_000,
        at=at,
        kind=None,
        balance_after_fen=1_000_000,
        version_after=1,
    )


def _rows_of(path: Path, table: str) -> list[Row]:
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.execute(f"SELECT * FROM {table}"))  # noqa: S608 - a name of the schema's


def _rewritten(value: Any, marks: list[tuple[Any, Any]]) -> Any:
    """Return a value with each mark in the place of the template's."""
    if isinstance(value, bytes):
        for old, new in marks[:-1]:
            value = value.replace(old.encode(), new.encode())
    elif isinstance(value, str):
        for old, new in marks[:-1]:
            value = value.replace(old, new)
    elif value == marks[-1][0]:
        return marks[-1][1]
    return value


def halves(size: int) -> tuple[range, range]:
    """Return everybody in two parts: indexes are made between them.

    An index made at the end is packed full, and every row that follows splits a page;
    so it never is in service.
    """
    return range(size // 2), range(size // 2, size)


def chunks(
    schema: Schema, copies: Copies, part: range
) -> Iterator[tuple[RecordTable[Any], list[Row]]]:
    """Yield the rows of some persons, so many at a time.

    Every second person may use the account of the next.
    """
    if not part.start:
        yield from _shared(schema, copies)
    persons = schema.table(Person)
    bindings = schema.table(Binding)
    for start in range(part.start, part.stop, CHUNK):
        numbers = range(start, min(start + CHUNK, part.stop))
        yield persons, [persons.row(person(number)) for number in numbers]
        yield bindings, [bindings.row(binding(number)) for number in numbers[:-1:2]]
        rows = copies.of(numbers)
        for table in schema.tables.values():
            if table.name in rows:
                yield table, rows[table.name]


def _shared(
    schema: Schema, copies: Copies
) -> Iterator[tuple[RecordTable[Any], list[Row]]]:
    """Yield the rows that are nobody's own."""
    places = schema.table(Institution)
    yield places, [places.row(hospital(code)) for code in HOSPITALS]
    for table in schema.tables.values():
        if table.name in copies.shared:
            yield table, copies.shared[table.name]


def indexes(schema: Schema, dialect: sql.Dialect) -> Iterator[tuple[str, str]]:
    """Yield what drops each index, and what makes it."""
    for table in schema.tables.values():
        for statement in list(sql.create(table, dialect))[1:]:
            yield f"DROP INDEX {statement.split()[2]}", statement


def fill_sqlite(path: Path, schema: Schema, copies: Copies, size: int) -> None:
    """Fill a database the store has made: rows first, indexes afterwards."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for pragma in FAST_PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        for drop, _ in indexes(schema, sql.SQLITE):
            connection.execute(drop)
        for part in halves(size):
            connection.execute("BEGIN")
            for table, rows in chunks(schema, copies, part):
                connection.executemany(upsert(table), rows)
            connection.execute("COMMIT")
            if not part.start:
                for _, make in indexes(schema, sql.SQLITE):
                    connection.execute(make)
        connection.execute("PRAGMA journal_mode = WAL")
    # Without it the first checkpoint of the measured run would pay for all this.
    with path.open("rb") as file:
        os.fsync(file.fileno())


def fill_postgres(url: str, schema: Schema, copies: Copies, size: int) -> None:
    """Fill a database the store has made, by COPY."""
    with psycopg.connect(url, autocommit=True) as connection:
        for drop, _ in indexes(schema, sql.POSTGRES):
            connection.execute(drop)
        for part in halves(size):
            for table, rows in chunks(schema, copies, part):
                names = ", ".join(column.name for column in table.columns)
                statement = f"COPY {table.name} ({names}) FROM STDIN"
                with connection.cursor().copy(statement) as copy:
                    for row in rows:
                        copy.write_row(row)
            if not part.start:
                for _, make in indexes(schema, sql.POSTGRES):
                    connection.execute(make)
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")
