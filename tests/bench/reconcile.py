"""Compares the books of one month, 100,000 settlements, with a service of its own: rows
a second and peak memory.

.venv/bin/python tests/bench/reconcile.py [SETTLEMENTS]
"""

from __future__ import annotations

import asyncio
import re
import socket
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

import grpc
from gongji.binding.workdays import Workdays
from gongji.cities.loading import load_cities
from gongji.client.connection import connect
from gongji.client.reconcile import ReconciledPeriod, compare
from gongji.model.commands import Request, Write
from gongji.model.settlement import Bill, Settlement
from gongji.rules.codes import SHANGHAI, AccountUse, VisitKind
from gongji.serve import service
from gongji.serve.settings import Settings
from gongji.settlement.reconcile import Comparison, DetailRow, Totals, forward, reverse
from gongji.settlement.settle import Settle, settlement_id_of
from gongji.store import open_store
from gongji.v1 import settlement_pb2 as pb
from gongji.v1.settlement_pb2_grpc import SettlementServiceStub
from msgspec.structs import replace

PERIOD = ReconciledPeriod("H34110000001", date(2025, 9, 1), date(2025, 9, 30))
FIRST = datetime(2025, 9, 1, 8, tzinfo=SHANGHAI)
BATCH = 1000


async def filled(data: Path, size: int) -> list[Settlement]:
    """A database with the sample population and so many copies of one real settlement;
    one in twenty is reversed."""
    cities = load_cities()
    async with service.running(
        Settings(address="127.0.0.1:0", data=data, sample=True), cities, Workdays()
    ):
        pass
    store = open_store(data / "gongji.sqlite3", lambda: FIRST, data / "gongji.key")
    bill = Bill(
        patient="CZ001",
        institution_code=PERIOD.institution_code,
        service_day=FIRST.date(),
        visit_kind=VisitKind.OUTPATIENT,
        total_fen=100_000,
        in_scope_fen=100_000,
        account_use=AccountUse.CITY_ORDER,
    )
    one = await store.ask(
        Settle(Request(str(uuid.uuid4()), "bench", "Settle"), bill, cities)
    )
    copies = list(copies_of(one, size))
    for start in range(0, size, BATCH):
        await store.apply(Write(tuple(copies[start : start + BATCH])))
    await store.close()
    return copies


def copies_of(one: Settlement, size: int) -> Iterator[Settlement]:
    """Copies under ids of their own, spread over the month."""
    for number in range(size):
        request_id = str(uuid.UUID(int=number))
        at = FIRST + number * timedelta(days=29) / size
        back = at + timedelta(hours=1) if number % 20 == 0 else None
        yield replace(
            one,
            settlement_id=settlement_id_of(request_id),
            request_id=request_id,
            settled_at=at,
            reversed_at=back,
        )


def rows_of(settlements: Iterable[Settlement]) -> list[DetailRow]:
    """Both sides' true rows."""
    settlements = list(settlements)
    return [
        *(forward(s).row for s in settlements),
        *(reverse(s).row for s in settlements if s.reversed_at),
    ]


def message(row: DetailRow) -> pb.ReconcileRow:
    """A row on the wire."""
    return pb.ReconcileRow(
        settlement_id=row.settlement_id,
        patient=row.patient,
        total_fen=row.total_fen,
        fund_fen=row.fund_fen,
        account_fen=row.account_fen,
        refund=row.refund,
    )


def peak_mib(pid: int) -> float:
    """The most memory a process has held so far, in MiB."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    (kib,) = re.findall(r"VmHWM:\s+(\d+) kB", status)
    return int(kib) / 1024


def told(what: str, rows: int, seconds: float, more: str = "") -> None:
    """One line of the result."""
    sys.stdout.write(
        f"{what:<28} {rows:>8,} rows {seconds:>7.2f} s {rows / seconds:>10,.0f} rows/s  {more}\n"
    )


def pure(settlements: list[Settlement]) -> None:
    """The decision alone: no database, no wire."""
    theirs = rows_of(settlements)
    began = perf_counter()
    comparison, totals = Comparison(), Totals()
    for settlement in settlements:
        comparison.expect(forward(settlement))
        totals.add(forward(settlement))
        if settlement.reversed_at:
            comparison.expect(reverse(settlement))
    differing = [found for row in theirs if (found := comparison.judge(row))] + list(
        comparison.unreported()
    )
    told("pure", len(theirs), perf_counter() - began, f"{len(differing)} differences")


def over_the_wire(
    pid: int, channel: grpc.Channel, theirs: list[pb.ReconcileRow]
) -> None:
    """Totals, then all rows, against a running service."""
    before = peak_mib(pid)
    began = perf_counter()
    request = pb.ReconcileTotalsRequest(
        institution_code=PERIOD.institution_code,
        from_day=str(PERIOD.first),
        to_day=str(PERIOD.last),
    )
    reply = SettlementServiceStub(channel).ReconcileTotals(request, timeout=60)
    told(
        "totals",
        len(theirs),
        perf_counter() - began,
        f"{len(reply.differences)} differences; {rise(pid, before)}",
    )
    began = perf_counter()
    compared = compare(channel, PERIOD, theirs, lambda: None)
    told(
        "details",
        len(theirs),
        perf_counter() - began,
        f"{len(compared.differences)} differences; {rise(pid, before)}",
    )


def rise(pid: int, before: float) -> str:
    """By how much the peak of a process has risen."""
    return f"peak {peak_mib(pid):.0f} MiB, {peak_mib(pid) - before:.0f} above idle"


def main(size: int = 100_000) -> None:
    """Fills a database, serves it from a process of its own, compares."""
    with (
        tempfile.TemporaryDirectory(prefix="gongji-bench-") as folder,
        socket.socket() as taken,
    ):
        settlements = asyncio.run(filled(Path(folder), size))
        pure(settlements)
        theirs = [message(row) for row in rows_of(settlements)]
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        taken.close()
        arguments: list[Any] = [
            sys.executable,
            "-m",
            "gongji",
            "serve",
            "--data",
            folder,
            "--address",
            address,
        ]
        with (
            subprocess.Popen(arguments, stdout=subprocess.DEVNULL) as server,  # noqa: S603 - our own
            connect(address) as channel,
        ):
            grpc.channel_ready_future(channel).result(timeout=60)
            over_the_wire(server.pid, channel, theirs)
            server.terminate()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
