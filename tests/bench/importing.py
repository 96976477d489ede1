"""Measure a large import while other callers call: rows a second, their waits, memory.

.venv/bin/python tests/bench/importing.py [--rows N] [--postgres] [--data DIR]

A second client quotes, settles and looks persons up, one call after the other, from
before the first row until the last one is merged; of each kind the longest wait is
told. A third of the persons is imported first, so that rows meet records, too.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from time import monotonic, perf_counter, sleep
from typing import Any, Final

from gongji.v1 import registry_pb2 as pb
from gongji.v1 import settlement_pb2, types_pb2
from gongji.v1.registry_pb2_grpc import RegistryServiceStub
from gongji.v1.settlement_pb2_grpc import SettlementServiceStub

# So that it finds the tests' helpers when it is run as a file.
sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.bench.filling import AREA, person, person_no
from tests.bench.processes import cpu_s, family, peak_mib
from tests.bench.serving import ServiceAt, service_over
from tests.postgres import own

say = partial(print, flush=True)

HOSPITAL: Final = "H34110000001"

ALONE_S: Final = 10
"""How long the other caller calls before the import, to compare with, in seconds."""

PATIENTS: Final = 50
"""Persons whose bills are settled meanwhile."""


def row(number: int, base_fen: int) -> types_pb2.Person:
    """Return a person's row of an import."""
    record = person(number)
    enrolled = types_pb2.Enrolment(
        scheme=types_pb2.SCHEME_EMPLOYEE,
        psn_type="1101",
        status=types_pb2.ENROLMENT_STATUS_NORMAL,
    )
    setattr(enrolled, "from", "2020-01-01")
    return types_pb2.Person(
        person_no=record.person_no,
        certificate=types_pb2.Certificate(type="01", number=record.certificate.number),
        name=record.name,
        phone=record.phone,
        insured_place=AREA,
        contribution_base_fen=base_fen,
        enrolments=[enrolled],
    )


def persons(count: int, base_fen: int = 500_000) -> Iterator[pb.ImportPersonsRequest]:
    """Yield the messages of an import of so many persons."""
    header = pb.ImportHeader(request_id=str(uuid.uuid4()))
    yield pb.ImportPersonsRequest(header=header)
    for number in range(count):
        yield pb.ImportPersonsRequest(person=row(number, base_fen))


def hospital() -> Iterator[pb.ImportInstitutionsRequest]:
    """Yield the messages of an import of the one hospital."""
    header = pb.ImportHeader(request_id=str(uuid.uuid4()))
    yield pb.ImportInstitutionsRequest(header=header)
    place = types_pb2.Institution(
        code=HOSPITAL,
        name="某医院",
        kind=types_pb2.INSTITUTION_KIND_HOSPITAL,
        hosp_lv=2,
        designated_from="2020-01-01",
    )
    yield pb.ImportInstitutionsRequest(institution=place)


class OtherCaller:
    """A process that calls one method after the other until it is told to stop."""

    # A thread of the importing client would wait for that client's own work.

    def __init__(self, service: ServiceAt) -> None:
        context = get_context("spawn")
        self._ending = context.Event()
        self._answers, answers = context.Pipe(duplex=False)
        self._process = context.Process(
            target=call, args=(service, self._ending, answers)
        )

    def start(self) -> None:
        """Begin."""
        self._process.start()

    def report(self, when: str) -> None:
        """End, and print how long calls took."""
        self._ending.set()
        for name, unsorted in self._answers.recv().items():
            waits = sorted(unsorted)
            middle, late = waits[len(waits) // 2], waits[-len(waits) // 1000]
            say(
                f"  {when}, {name}: {len(waits)} calls, median {middle * 1e3:.1f} ms, "
                f"99.9 % {late * 1e3:.0f} ms, longest {waits[-1] * 1e3:.0f} ms"
            )
        self._process.join()


def call(service: ServiceAt, ending: Any, answers: Any) -> None:
    """Call until the event is set, then send how long the calls of each method took."""
    waits: defaultdict[str, list[float]] = defaultdict(list)
    with service.connect() as channel:
        calls: dict[str, Callable[[int], object]] = {
            "Quote": _quote(SettlementServiceStub(channel)),
            "Settle": _settle(SettlementServiceStub(channel)),
            "GetPerson": _get_person(RegistryServiceStub(channel)),
        }
        number = 0
        while not ending.is_set():
            number = (number + 1) % PATIENTS
            for name, method in calls.items():
                began = perf_counter()
                method(number)
                waits[name].append(perf_counter() - began)
            sleep(0.01)
    answers.send(dict(waits))


def _quote(stub: SettlementServiceStub) -> Callable[[int], object]:
    return lambda number: stub.Quote(
        settlement_pb2.QuoteRequest(bill=_bill(number)), timeout=30
    )


def _settle(stub: SettlementServiceStub) -> Callable[[int], object]:
    def settle(number: int) -> object:
        request_id = str(uuid.uuid4())
        request = settlement_pb2.SettleRequest(
            request_id=request_id, bill=_bill(number)
        )
        return stub.Settle(request, timeout=30)

    return settle


def _get_person(stub: RegistryServiceStub) -> Callable[[int], object]:
    def get(number: int) -> object:
        who = types_pb2.PersonRef(person_no=person_no(number))
        return stub.GetPerson(pb.GetPersonRequest(person=who), timeout=30)

    return get


def _bill(number: int) -> settlement_pb2.Bill:
    return settlement_pb2.Bill(
        patient=types_pb2.PersonRef(person_no=person_no(number)),
        institution_code=HOSPITAL,
        service_day="2026-01-05",
        visit_kind=settlement_pb2.VISIT_KIND_OUTPATIENT,
        total_fen=10_000,
        in_scope_fen=10_000,
        account_use=settlement_pb2.ACCOUNT_USE_CITY_ORDER,
        msgid=str(uuid.uuid4())[:30],
    )


def _merged(stub: RegistryServiceStub, import_id: str) -> None:
    """Wait until an import is merged."""
    request = pb.GetImportRequest(import_id=import_id)
    while getattr(stub.GetImport(request), "import").merging:
        sleep(0.2)


def measured(service: ServiceAt, rows: int) -> None:
    """Import, and print what is found."""
    with service.connect() as channel:
        stub = RegistryServiceStub(channel)
        stub.ImportInstitutions(hospital())
        first = stub.ImportPersons(persons(max(PATIENTS, rows // 3))).summary
        _merged(stub, first.import_id)
        alone = OtherCaller(service)
        alone.start()
        sleep(ALONE_S)
        alone.report("alone")
        caller = OtherCaller(service)
        caller.start()
        _import(service.pid, stub, rows)
        caller.report("beside the import")
    say(
        f"  memory: {peak_mib(service.pid):.0f} MiB in {len(family(service.pid))} processes"
    )


def _import(pid: int, stub: RegistryServiceStub, rows: int) -> None:
    """Import so many persons, and print how long that takes."""
    began, used = monotonic(), cpu_s(pid)
    reply = stub.ImportPersons(persons(rows, 600_000)).summary
    for state in ("applied", "merged"):
        if state == "merged":
            _merged(stub, reply.import_id)
        passed, cpu = monotonic() - began, cpu_s(pid) - used
        say(
            f"{rows:,} rows: {rows / passed:,.0f} rows/s until {state} ({passed:.0f} s), "
            f"{cpu / rows * 1e6:.0f} µs of the server's CPU a row"
        )
    say(f"  written {reply.written:,}, refused {reply.refused:,}")


@contextmanager
def _service(folder: Path, *, postgres: bool) -> Iterator[ServiceAt]:
    if not postgres:
        with service_over(folder) as service:
            yield service
        return
    with ExitStack() as stack:
        server = stack.enter_context(own())
        with service_over(folder, server.fresh()) as service:
            yield service


def main() -> None:
    """Measure as the options say."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--postgres", action="store_true")
    parser.add_argument("--data", type=Path)
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(dir=options.data, prefix="importing-") as folder,
        _service(Path(folder), postgres=options.postgres) as service,
    ):
        measured(service, options.rows)


if __name__ == "__main__":
    main()
