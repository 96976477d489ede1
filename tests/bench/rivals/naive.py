"""Serve what one would write first, written well: gRPC and an ORM transaction a call.

.venv/bin/python tests/bench/rivals/naive.py --address HOST:PORT --database
sqlite:///FILE|postgresql://…
"""

# ruff: noqa: N802 - methods bear the names the protos give them

from __future__ import annotations

import argparse
import asyncio
import hashlib
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import grpc
import uvloop
from gongji.cities.city import Cities, City
from gongji.cities.loading import load_cities
from gongji.model.ids import derived_id
from gongji.rpc.convert.values import Sources, decided_by_to
from gongji.rules.benefits import PurseKind
from gongji.rules.codes import BindingState, EntryKind, pooling_area
from gongji.v1 import settlement_pb2 as pb
from gongji.v1 import types_pb2
from gongji.v1.settlement_pb2_grpc import (
    SettlementServiceServicer,
    add_SettlementServiceServicer_to_server,
)
from google.protobuf.timestamp_pb2 import Timestamp
from sqlalchemy import Engine, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

# So that it finds the tests' helpers when it is run as a file.
sys.path.insert(0, str(Path(__file__).parents[3]))
from tests.bench.rivals import naive_tables as rows
from tests.bench.rivals.naive_bill import Decided, decide, lines_of


class RefusedError(Exception):
    """The bill is not settled: which status, and why."""

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Case:
    """A bill and the rows that decide it, of which purses and accumulator are locked."""

    bill: pb.Bill
    day: date
    city: City
    patient: rows.Person
    institution: rows.Institution
    purses: list[rows.Account]
    used: rows.Accumulator


class Settling:
    """Settles bills, each in a transaction of its own."""

    def __init__(self, engine: Engine, cities: Cities) -> None:
        self._sessions = sessionmaker(engine)
        self._cities = cities
        self._sources = Sources(cities)

    def settle(self, request: pb.SettleRequest) -> pb.SettleResponse:
        """Return the settlement, durable, or a repeated request's first answer. RefusedError."""
        try:
            with self._sessions.begin() as session:
                return self._settled(session, request)
        except IntegrityError:
            # A twin was quicker: what it wrote is there now.
            with self._sessions.begin() as session:
                return self._settled(session, request)

    def _settled(
        self, session: Session, request: pb.SettleRequest
    ) -> pb.SettleResponse:
        content = request.bill.SerializeToString(deterministic=True)
        digest = hashlib.sha256(content).digest()
        stored = session.get(rows.Request, request.request_id)
        if stored is not None:
            return _replayed(session, stored, digest)
        case = self._case(session, request.bill)
        decided = self._decided(case)
        movements = list(_charged(case, decided))
        at = datetime.now(UTC)
        message = self._message(request.request_id, case, decided, movements, at)
        answered = rows.Request(
            request_id=request.request_id,
            digest=digest,
            answer=message.settlement_id,
            at=at,
        )
        session.add(_settlement_row(case, message, at))
        session.add(answered)
        return _response(message, replayed=False)

    def _decided(self, case: Case) -> Decided:
        """Return who pays what; the year's accumulator counts it."""
        rules = case.city.rules(case.day)
        decided = decide(
            case.bill,
            rules,
            case.patient,
            case.institution,
            used=case.used,
            purses=case.purses,
        )
        case.used.deductible_used_fen += decided.paid.deductible_fen
        case.used.fund_paid_fen += decided.paid.fund_fen
        return decided

    def _case(self, session: Session, bill: pb.Bill) -> Case:
        """Return everything about a bill, purses locked by number. RefusedError."""
        patient = session.get(rows.Person, bill.patient.person_no)
        institution = session.get(rows.Institution, bill.institution_code)
        if patient is None or institution is None:
            raise RefusedError(grpc.StatusCode.NOT_FOUND, "没有该参保人或定点医药机构")
        day = date.fromisoformat(bill.service_day)
        if day < max(patient.enrolled_since, institution.designated_from):
            message = "就诊日未参保，或机构不是定点"
            raise RefusedError(grpc.StatusCode.FAILED_PRECONDITION, message)
        return Case(
            bill=bill,
            day=day,
            city=self._cities.of(patient.insured_place),
            patient=patient,
            institution=institution,
            purses=_purses(session, list(_owners(session, bill))),
            used=_used(session, patient, day),
        )

    def _message(
        self,
        request_id: str,
        case: Case,
        decided: Decided,
        movements: list[pb.PurseMovement],
        at: datetime,
    ) -> pb.Settlement:
        """Return the settlement as it is answered and stored."""
        own, aid = decided.fen(PurseKind.OWN), decided.fen(PurseKind.GIVERS)
        settled_at = Timestamp(seconds=int(at.timestamp()), nanos=at.microsecond * 1000)
        message = pb.Settlement(
            settlement_id=derived_id("S", request_id),
            settled_at=settled_at,
            bill=case.bill,
            scheme=types_pb2.Scheme.ValueType(case.patient.scheme),
            level=case.institution.level,
            deductible_fen=decided.paid.deductible_fen,
            ratio_bp=decided.benefit.ratio_bp,
            fund_fen=decided.paid.fund_fen,
            patient_part_fen=case.bill.total_fen - decided.paid.fund_fen,
            account_fen=own + aid,
            aid_fen=aid,
            cash_fen=decided.cash_fen,
            trace_version="trace.v1",
            movements=movements,
            deductible_used_after_fen=case.used.deductible_used_fen,
            fund_paid_after_fen=case.used.fund_paid_fen,
            decided_by=decided_by_to(case.city.decided_by),
            request_id=request_id,
        )
        self._add_lines(message, case, decided)
        return message

    def _add_lines(self, message: pb.Settlement, case: Case, decided: Decided) -> None:
        area = case.city.area_code
        for cited in lines_of(case.bill, decided, case.city.rules(case.day)):
            line = message.lines.add()
            line.CopyFrom(cited.line)
            line.rule.CopyFrom(self._sources.rule_to(area, cited.rule))


def _purses(session: Session, owners: list[str]) -> list[rows.Account]:
    """Return the accounts there are, in the order of their owners.

    They are locked in the order of their numbers: no two transactions wait for each
    other.
    """
    accounts = (
        select(rows.Account)
        .where(rows.Account.person_no.in_(owners))
        .order_by(rows.Account.person_no)
    )
    locked = session.scalars(accounts.with_for_update())
    by_owner = {account.person_no: account for account in locked}
    return [by_owner[owner] for owner in owners if owner in by_owner]


def _owners(session: Session, bill: pb.Bill) -> Iterator[str]:
    """Yield whose purses pay, in order: the patient, then the givers, earliest first."""
    member = bill.patient.person_no
    if bill.account_use != pb.ACCOUNT_USE_NONE:
        yield member
    if bill.account_use == pb.ACCOUNT_USE_CITY_ORDER:
        binding = rows.Binding
        active = binding.member == member, binding.state == int(BindingState.ACTIVE)
        givers = select(binding.holder).where(*active).order_by(binding.active_at)
        yield from session.scalars(givers)


def _used(session: Session, patient: rows.Person, day: date) -> rows.Accumulator:
    """Return the year's accumulator, locked; the first settlement of a year makes it."""
    area = pooling_area(patient.insured_place)
    key = (patient.person_no, patient.scheme, area, day.year)
    used = session.get(rows.Accumulator, key, with_for_update=True)
    if used is None:
        used = rows.Accumulator(
            person_no=patient.person_no,
            scheme=patient.scheme,
            pooling_area=area,
            year=day.year,
            deductible_used_fen=0,
            fund_paid_fen=0,
        )
        session.add(used)
    return used


def _charged(case: Case, decided: Decided) -> Iterator[pb.PurseMovement]:
    """Take from each purse what it pays."""
    for account, charge in zip(case.purses, decided.charges, strict=True):
        if charge.fen:
            account.balance_fen -= charge.fen
            account.version += 1
            yield pb.PurseMovement(
                purse=account.person_no,
                fen=-charge.fen,
                balance_after_fen=account.balance_fen,
                version_after=account.version,
            )


def _settlement_row(
    case: Case, message: pb.Settlement, at: datetime
) -> rows.Settlement:
    """Return the row of a settlement, its ledger entries with it."""
    entries = []
    for position, posting in enumerate(_postings(case, message)):
        if posting["fen"]:
            entries.append(rows.Entry(position=position, at=at, **posting))
    return rows.Settlement(
        settlement_id=message.settlement_id,
        patient=case.patient.person_no,
        institution=case.institution.code,
        service_day=case.day,
        settled_at=at,
        total_fen=message.bill.total_fen,
        fund_fen=message.fund_fen,
        own_fen=message.account_fen - message.aid_fen,
        aid_fen=message.aid_fen,
        cash_fen=message.cash_fen,
        message=message.SerializeToString(),
        entries=entries,
    )


def _postings(case: Case, message: pb.Settlement) -> Iterator[dict[str, Any]]:
    """Yield what moves in each ledger account, 0 too; together nothing."""
    fund = f"fund:{pooling_area(case.city.area_code)}:{case.patient.scheme}"
    institution = f"institution:{case.institution.code}"
    yield {"ledger_account": fund, "fen": -message.fund_fen}
    yield {"ledger_account": "cash", "fen": -message.cash_fen}
    yield {"ledger_account": institution, "fen": message.bill.total_fen}
    for movement in message.movements:
        is_own = movement.purse == case.patient.person_no
        yield {
            "ledger_account": f"purse:{movement.purse}",
            "fen": movement.fen,
            "kind": int(EntryKind.OWN_CHARGE if is_own else EntryKind.AID_CHARGE),
            "balance_after_fen": movement.balance_after_fen,
            "version_after": movement.version_after,
        }


def _replayed(
    session: Session, stored: rows.Request, digest: bytes
) -> pb.SettleResponse:
    """Return the first answer to a request. RefusedError if its content differs."""
    if stored.digest != digest:
        raise RefusedError(grpc.StatusCode.ALREADY_EXISTS, "同一请求编号的内容不同")
    settlement = session.get_one(rows.Settlement, stored.answer)
    return _response(pb.Settlement.FromString(settlement.message), replayed=True)


def _response(message: pb.Settlement, *, replayed: bool) -> pb.SettleResponse:
    receipt = types_pb2.Receipt(
        request_id=message.request_id, replayed=replayed, at=message.settled_at
    )
    return pb.SettleResponse(settlement=message, receipt=receipt)


class NaiveService(SettlementServiceServicer):
    """The same over the wire, its transactions in as many threads as the database can use.

    One for SQLite, which has one writer; a connection each for PostgreSQL. In the event
    loop itself, and with grpc's server of threads instead of grpc.aio, it was no
    faster: nine tenths of a call are the ORM's own work.
    """

    def __init__(self, settling: Settling, threads: int) -> None:
        self._settling = settling
        self._pool = ThreadPoolExecutor(threads)

    async def Settle(
        self, request: pb.SettleRequest, context: Any
    ) -> pb.SettleResponse:
        """Settle a bill."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(
                self._pool, self._settling.settle, request
            )
        except RefusedError as refused:
            await context.abort(refused.code, str(refused))
            raise


async def serve(address: str, database: str) -> None:
    """Serve until interrupted."""
    engine = rows.opened(database)
    threads = 1 if engine.dialect.name == "sqlite" else rows.CONNECTIONS
    server = grpc.aio.server()
    service = NaiveService(Settling(engine, load_cities()), threads)  # type: ignore[abstract] # it has no other method
    add_SettlementServiceServicer_to_server(service, server)
    port = server.add_insecure_port(address)
    await server.start()
    sys.stdout.write(f"ready {address.rpartition(':')[0]}:{port}\n")
    sys.stdout.flush()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
    await server.stop(1)


def main() -> None:
    """Serve on an address over a database."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", required=True, help="HOST:PORT")
    parser.add_argument(
        "--database", required=True, help="sqlite:///FILE or postgresql://…"
    )
    options = parser.parse_args()
    uvloop.run(serve(options.address, options.database))


if __name__ == "__main__":
    main()
