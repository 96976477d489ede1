"""Fills a database with invented people, each with a history, as the service would have
written it, only faster.

One real settlement, its entries, accumulator and request are copied to every person.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import tempfile
import uuid
from collections.abc import Iterator, Mapping
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
from gongji.store.sqlite.sql import upsert
from gongji.store.table import RecordTable, micros
from msgspec.structs import replace
from stdnum.cn import ric

CHUNK: Final = 5_000
AREA: Final = "341100"
HOSPITALS: Final = tuple(f"H{AREA}{n:05d}" for n in range(1, 101))
NOW: Final = datetime(2025, 9, 30, 9, tzinfo=SHANGHAI)
Row = tuple[Any, ...]


def person_no(number: int) -> str:
    """The person of that number."""
    return f"G{number:08d}"


def request_of(number: int) -> str:
    """The request id of that person's settlement, random as callers' are."""
    return str(
        uuid.UUID(
            bytes=blake2b(str(number).encode(), digest_size=16).digest(), version=4
        )
    )


def settled_of(number: int) -> str:
    """The id of that person's settlement."""
    return derived_id("S", request_of(number))


def person(number: int) -> Person:
    """An invented employee with an identity number of an area that does not exist."""
    day, serial = divmod(number, 1000)
    digits = f"341199{date(1900, 1, 1) + timedelta(days=day):%Y%m%d}{serial:03d}"
    return Person(
        person_no=person_no(number),
        certificate=Certificate("01", digits + ric.calc_check_digit(digits + "0")),
        name="某某",
        phone="10000000001",
        insured_place=AREA,
        enrolments=(
            Enrolment(
                Scheme.EMPLOYEE, "1101", EnrolmentStatus.NORMAL, date(2020, 1, 1)
            ),
        ),
        contribution_base_fen=500_000,
    )


def binding(number: int) -> Binding:
    """Every second person may use the account of the next."""
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
    """An invented hospital of level 3."""
    return Institution(
        code=code,
        name="某医院",
        kind=InstitutionKind.HOSPITAL,
        hosp_lv=2,
        designated_from=date(2020, 1, 1),
    )


def bill(number: int, hospital_code: str) -> Bill:
    """A bill the fund, the own purse and, as far as that lasts, the patient pay."""
    return Bill(
        patient=person_no(number),
        institution_code=hospital_code,
        service_day=NOW.date(),
        visit_kind=VisitKind.OUTPATIENT,
        total_fen=20_000,
        in_scope_fen=20_000,
        account_use=AccountUse.CITY_ORDER,
    )


class Copies:
    """Rows of one settled bill as the store wrote them, rewritten for any other person."""

    KINDS: Final = ("account", "accumulator", "settlement", "entry", "request")

    def __init__(self, cities: Cities) -> None:
        with tempfile.TemporaryDirectory(prefix="gongji-") as folder:
            self._rows = asyncio.run(self._settled(cities, Path(folder) / "one.db"))
        self._of = self._marks(0)

    def add(self, number: int, to: Mapping[str, list[Row]]) -> None:
        """A person's rows, each to those of its table."""
        marks = list(zip(self._of, self._marks(number), strict=True))
        for name, copied in self._rows.items():
            to[name].extend(
                tuple([_rewritten(value, marks) for value in row]) for row in copied
            )

    @staticmethod
    def _marks(number: int) -> tuple[Any, ...]:
        """What differs from person to person: numbers and the instant, spread over two years."""
        at = datetime(2024, 1, 1, 8, tzinfo=SHANGHAI) + timedelta(
            seconds=number, microseconds=1
        )
        return (
            person_no(number),
            settled_of(number),
            request_of(number),
            at.isoformat(),
            micros(at),
        )

    @staticmethod
    async def _settled(cities: Cities, path: Path) -> dict[str, list[Row]]:
        at = datetime.fromisoformat(Copies._marks(0)[3])
        store = open_store(path, lambda: at)
        who = person(0)
        opened = Entry(
            transaction_id=f"O{who.person_no}",
            position=0,
            ledger_account=f"purse:{who.person_no}",
            fen=1_000_000,
            at=at,
            kind=None,
            balance_after_fen=1_000_000,
            version_after=1,
        )
        used = Accumulator(who.person_no, Scheme.EMPLOYEE, "3411", at.year, 800_00, 0)
        records = (
            who,
            hospital(HOSPITALS[0]),
            Account(who.person_no, 1_000_000, 1),
            used,
            opened,
        )
        await store.apply(Write(records))
        command = Settle(
            Request(request_of(0), "bench", "Settle"),
            replace(bill(0, HOSPITALS[0]), service_day=at.date()),
            cities,
        )
        await store.commit(command)
        await store.close()
        everything = (f"SELECT * FROM {kind}" for kind in Copies.KINDS)  # noqa: S608 - names of the schema's
        with closing(sqlite3.connect(path)) as connection:
            found = [list(connection.execute(statement)) for statement in everything]
        return dict(zip(Copies.KINDS, found, strict=True))


def _rewritten(value: Any, marks: list[tuple[Any, Any]]) -> Any:
    """A value with each mark in the place of the template's."""
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
    """Everybody, in two parts: indexes are made between them.

    An index made at the end is packed full, and every row that follows splits a page;
    so it never is in service.
    """
    return range(size // 2), range(size // 2, size)


def chunks(
    schema: Schema, copies: Copies, part: range
) -> Iterator[tuple[RecordTable[Any], list[Row]]]:
    """The rows of some persons, so many at a time."""
    persons, bindings, places = (
        schema.table(kind) for kind in (Person, Binding, Institution)
    )
    if not part.start:
        yield places, [places.row(hospital(code)) for code in HOSPITALS]
    for start in range(part.start, part.stop, CHUNK):
        numbers = range(start, min(start + CHUNK, part.stop))
        yield persons, [persons.row(person(number)) for number in numbers]
        yield bindings, [bindings.row(binding(number)) for number in numbers[:-1:2]]
        copied: dict[str, list[Row]] = {name: [] for name in Copies.KINDS}
        for number in numbers:
            copies.add(number, copied)
        yield from (
            (table, copied[table.name])
            for table in schema.tables.values()
            if table.name in copied
        )


def indexes(schema: Schema, dialect: sql.Dialect) -> Iterator[tuple[str, str]]:
    """What drops each index, and what makes it."""
    for table in schema.tables.values():
        for statement in list(sql.create(table, dialect))[1:]:
            yield f"DROP INDEX {statement.split()[2]}", statement


def fill_sqlite(path: Path, schema: Schema, copies: Copies, size: int) -> None:
    """Fills a database the store has made: rows first, indexes afterwards."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for pragma in (
            "journal_mode = OFF",
            "synchronous = OFF",
            "cache_size = -1000000",
            "temp_store = MEMORY",
        ):
            connection.execute(f"PRAGMA {pragma}")
        for drop, _ in indexes(schema, sql.SQLITE):
            connection.execute(drop)
        for part in halves(size):
            connection.execute("BEGIN")
            for table, some in chunks(schema, copies, part):
                connection.executemany(upsert(table), some)
            connection.execute("COMMIT")
            if not part.start:
                for _, make in indexes(schema, sql.SQLITE):
                    connection.execute(make)
        connection.execute("PRAGMA journal_mode = WAL")
    with path.open("rb") as file:  # or the first checkpoint would pay for all this
        os.fsync(file.fileno())


def fill_postgres(url: str, schema: Schema, copies: Copies, size: int) -> None:
    """The same by COPY."""
    with psycopg.connect(url, autocommit=True) as connection:
        for drop, _ in indexes(schema, sql.POSTGRES):
            connection.execute(drop)
        for part in halves(size):
            for table, some in chunks(schema, copies, part):
                names = ", ".join(column.name for column in table.columns)
                with connection.cursor().copy(
                    f"COPY {table.name} ({names}) FROM STDIN"
                ) as copy:
                    for row in some:
                        copy.write_row(row)
            if not part.start:
                for _, make in indexes(schema, sql.POSTGRES):
                    connection.execute(make)
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")
