"""Compare the books of one month, 100,000 settlements, with a service of its own.

Prints rows a second and peak memory.

.venv/bin/python -m tests.bench.reconcile [SETTLEMENTS]
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import uuid
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from time import perf_counter

import grpc
from gongji.binding.workdays import Workdays
from gongji.cities.loading import load_cities
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

from tests.bench.processes import peak_mib
from tests.bench.serving import service_over

PERIOD = ReconciledPeriod("H34110000001", date(2025, 9, 1), date(2025, 9, 30))
FIRST = datetime(2025, 9, 1, 8, tzinfo=SHANGHAI)
BATCH = 1000


async def filled(data: Path, size: int) -> list[Settlement]:
    """Fill a database with the sample population and copies of one real settlement.

    Return the copies; one in twenty is reversed.
    """
    cities = load_cities()
    settings = Settings(address="127.0.0.1:0", data=data, sample=True)
    async with service.running(settings, cities, Workdays()):
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
    request = Request(str(uuid.uuid4()), "bench", "Settle")
    settled = await store.ask(Settle(request, bill, cities))
    copies = list(copies_of(settled, size))
    for start in range(0, size, BATCH):
        await store.apply(Write(tuple(copies[start : start + BATCH])))
    await store.close()
    return copies


def copies_of(settled: Settlement, size: int) -> Iterator[Settlement]:
    """Yield copies under ids of their own, spread over the month."""
    for number in range(size):
        request_id = str(uuid.UUID(int=number))
        at = FIRST + number * timedelta(days=29) / size
        is_reversed = number % 20 == 0
        yield replace(
            settled,
            settlement_id=settlement_id_of(request_id),
            request_id=request_id,
            settled_at=at,
            reversed_at=at + timedelta(hours=1) if is_reversed else None,
        )


def rows_of(settlements: Iterable[Settlement]) -> list[DetailRow]:
    """Return both sides' true rows."""
    settlements = list(settlements)
    settled = [forward(s).row for s in settlements]
    refunded = [reverse(s).row for s in settlements if s.reversed_at]
    return settled + refunded


def message(row: DetailRow) -> pb.ReconcileRow:
    """Return a row on the wire."""
    return pb.ReconcileRow(
        settlement_id=row.settlement_id,
        patient=row.patient,
        total_fen=row.total_fen,
        fund_fen=row.fund_fen,
        account_fen=row.account_fen,
        refund=row.refund,
    )


def report(name: str, rows: int, seconds: float, more: str = "") -> None:
    """Print one line of the result."""
    rate = f"{rows / seconds:>10,.0f} rows/s"
    sys.stdout.write(f"{name:<28} {rows:>8,} rows {seconds:>7.2f} s {rate}  {more}\n")


def pure(settlements: list[Settlement]) -> None:
    """Measure the decision alone: no database, no wire."""
    rows = rows_of(settlements)
    began = perf_counter()
    comparison, totals = Comparison(), Totals()
    for settlement in settlements:
        comparison.expect(forward(settlement))
        totals.add(forward(settlement))
        if settlement.reversed_at:
            comparison.expect(reverse(settlement))
    judged = (comparison.judge(row) for row in rows)
    differing = [difference for difference in judged if difference]
    differing += comparison.unreported()
    seconds = perf_counter() - began
    report("pure", len(rows), seconds, f"{len(differing)} differences")


def over_the_wire(pid: int, channel: grpc.Channel, rows: list[pb.ReconcileRow]) -> None:
    """Measure totals, then all rows, against a running service."""
    before = peak_mib(pid)
    request = pb.ReconcileTotalsRequest(
        institution_code=PERIOD.institution_code,
        from_day=str(PERIOD.first),
        to_day=str(PERIOD.last),
    )
    stub = SettlementServiceStub(channel)
    began = perf_counter()
    totals = stub.ReconcileTotals(request, timeout=60).differences
    seconds = perf_counter() - began
    growth = rise(pid, before)
    report("totals", len(rows), seconds, f"{len(totals)} differences; {growth}")
    began = perf_counter()
    details = compare(channel, PERIOD, rows, lambda: None).differences
    seconds = perf_counter() - began
    growth = rise(pid, before)
    report("details", len(rows), seconds, f"{len(details)} differences; {growth}")


def rise(pid: int, before: float) -> str:
    """Return by how much the peak of a server has risen."""
    return f"peak {peak_mib(pid):.0f} MiB, {peak_mib(pid) - before:.0f} above idle"


def main(size: int = 100_000) -> None:
    """Fill a database, serve it from a process of its own, compare."""
    with tempfile.TemporaryDirectory(prefix="gongji-bench-") as folder:
        settlements = asyncio.run(filled(Path(folder), size))
        pure(settlements)
        rows = [message(row) for row in rows_of(settlements)]
        with service_over(Path(folder)) as service, service.connect() as channel:
            over_the_wire(service.pid, channel, rows)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
