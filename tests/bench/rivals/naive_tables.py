"""The tables of the naive version as SQLAlchemy's ORM has them, and the population in them.

Foreign keys stand only if the ORM needs one: each is one more look-up in a settlement.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final

from gongji.model import account, binding, people
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    Engine,
    ForeignKey,
    create_engine,
    event,
    insert,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

from tests.bench.rivals import population

CONNECTIONS: Final = 16
"""Most connections of the pool, on PostgreSQL."""

INSTITUTION: Final = ("code", "name", "level", "designated_from")
BINDING: Final = ("binding_id", "holder", "member", "state", "active_at")
"""Columns that are named as the record has them."""


class Base(DeclarativeBase):
    """Amounts are fen, 64 bits wide; instants have their zone."""

    type_annotation_map = {int: BigInteger, datetime: DateTime(timezone=True)}  # noqa: RUF012 - as SQLAlchemy asks


class Institution(Base):
    __tablename__ = "naive_institution"

    code: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    level: Mapped[int]
    designated_from: Mapped[date]


class Person(Base):
    """An insured person with the one enrolment they have."""

    __tablename__ = "naive_person"

    person_no: Mapped[str] = mapped_column(primary_key=True)
    cert_no: Mapped[str] = mapped_column(index=True)
    name: Mapped[str]
    phone: Mapped[str]
    insured_place: Mapped[str]
    scheme: Mapped[int]
    psn_type: Mapped[str]
    enrolled_since: Mapped[date]


class Account(Base):
    __tablename__ = "naive_account"
    __table_args__ = (CheckConstraint("balance_fen >= 0"),)

    person_no: Mapped[str] = mapped_column(primary_key=True)
    balance_fen: Mapped[int]
    version: Mapped[int] = mapped_column(default=0)


class Binding(Base):
    __tablename__ = "naive_binding"

    binding_id: Mapped[str] = mapped_column(primary_key=True)
    holder: Mapped[str] = mapped_column(index=True)
    member: Mapped[str] = mapped_column(index=True)
    state: Mapped[int]
    active_at: Mapped[datetime]


class Accumulator(Base):
    """What one patient used up in one scheme, pooling area and natural year."""

    __tablename__ = "naive_accumulator"

    person_no: Mapped[str] = mapped_column(primary_key=True)
    scheme: Mapped[int] = mapped_column(primary_key=True)
    pooling_area: Mapped[str] = mapped_column(primary_key=True)
    year: Mapped[int] = mapped_column(primary_key=True)
    deductible_used_fen: Mapped[int] = mapped_column(default=0)
    fund_paid_fen: Mapped[int] = mapped_column(default=0)


class Settlement(Base):
    """A settled bill: its amounts as columns, with its lines as the message that was answered."""

    __tablename__ = "naive_settlement"

    settlement_id: Mapped[str] = mapped_column(primary_key=True)
    patient: Mapped[str] = mapped_column(index=True)
    institution: Mapped[str] = mapped_column(index=True)
    service_day: Mapped[date]
    settled_at: Mapped[datetime]
    total_fen: Mapped[int]
    fund_fen: Mapped[int]
    own_fen: Mapped[int]
    aid_fen: Mapped[int]
    cash_fen: Mapped[int]
    message: Mapped[bytes]
    entries: Mapped[list[Entry]] = relationship(cascade="all, delete-orphan")


class Entry(Base):
    """One posting of the ledger; those of one settlement add up to 0."""

    __tablename__ = "naive_ledger"

    settlement_id: Mapped[str] = mapped_column(
        ForeignKey(Settlement.settlement_id), primary_key=True
    )
    position: Mapped[int] = mapped_column(primary_key=True)
    ledger_account: Mapped[str] = mapped_column(index=True)
    fen: Mapped[int]
    kind: Mapped[int | None]
    balance_after_fen: Mapped[int] = mapped_column(default=0)
    version_after: Mapped[int] = mapped_column(default=0)
    at: Mapped[datetime]


class Request(Base):
    """The row of a request id: what was asked, and which settlement answered it."""

    __tablename__ = "naive_request"

    request_id: Mapped[str] = mapped_column(primary_key=True)
    digest: Mapped[bytes]
    answer: Mapped[str]
    at: Mapped[datetime]


def opened(url: str) -> Engine:
    """Open the database at an address, its tables made anew with the population."""
    engine = _engine(url)
    Base.metadata.drop_all(engine)
    Base.metadata.create_all(engine)
    by_table: dict[type[Base], list[dict[str, Any]]] = {}
    for record in population.records():
        table, values = _row(record)
        by_table.setdefault(table, []).append(values)
    with Session(engine) as session:
        for table, rows in by_table.items():
            session.execute(insert(table), rows)
        session.commit()
    return engine


def _engine(url: str) -> Engine:
    if not url.startswith("sqlite"):
        psycopg = url.replace("postgresql://", "postgresql+psycopg://", 1)
        return create_engine(psycopg, pool_size=CONNECTIONS, max_overflow=0)
    engine = create_engine(url)
    # SQLAlchemy's own recipe: it begins each transaction itself, and takes the right to
    # write at once.
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", lambda c: c.exec_driver_sql("BEGIN IMMEDIATE"))
    return engine


def _prepare(connection: Any, record: object) -> None:
    del record
    connection.isolation_level = None
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "busy_timeout = 5000"):
        connection.execute(f"PRAGMA {pragma}")


def _row(record: object) -> tuple[type[Base], dict[str, Any]]:
    """Return a record of the population as a row. TypeError if there is no such table."""
    match record:
        case people.Institution():
            return Institution, _columns(record, INSTITUTION)
        case people.Person():
            return Person, _person(record)
        case account.Account():
            balance = _columns(record, ("person_no", "balance_fen"))
            return Account, balance | {"version": 0}
        case binding.Binding():
            return Binding, _columns(record, BINDING)
    raise TypeError(record)


def _columns(record: object, names: Sequence[str]) -> dict[str, Any]:
    return {name: getattr(record, name) for name in names}


def _person(person: people.Person) -> dict[str, Any]:
    (enrolment,) = person.enrolments
    return {
        "person_no": person.person_no,
        "cert_no": person.certificate.number,
        "name": person.name,
        "phone": person.phone,
        "insured_place": person.first_place,
        "scheme": int(enrolment.scheme),
        "psn_type": enrolment.psn_type,
        "enrolled_since": enrolment.since,
    }
