"""A server that counts, load of every kind on it, and its page read."""

from __future__ import annotations

import os
import signal
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeAlias

import grpc
from gongji.access.identity import SUBJECT_KEY
from gongji.v1 import (
    access_pb2,
    binding_pb2,
    binding_pb2_grpc,
    city_pb2,
    city_pb2_grpc,
    settlement_pb2,
    types_pb2,
)
from google.protobuf.timestamp_pb2 import Timestamp
from prometheus_client.parser import text_string_to_metric_families

from tests.cli.started import Caller, Started, children, started
from tests.patience import PATIENCE_S

Series: TypeAlias = Mapping[str, Mapping[tuple[tuple[str, str], ...], float]]
"""The values of a page by name and, in order, labels."""

POLL_S = 0.1


class Counted:
    """A server and the address of its page."""

    def __init__(self, server: Started, page: str) -> None:
        self.server = server
        self.page = page

    def text(self) -> str:
        """Return the page."""
        url = f"http://{self.page}/metrics"
        with urllib.request.urlopen(url, timeout=PATIENCE_S) as reply:
            content: bytes = reply.read()
        return content.decode()

    def series(self) -> Series:
        """Return the page's samples."""
        series: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
        for family in text_string_to_metric_families(self.text()):
            for sample in family.samples:
                labels = tuple(sorted(sample.labels.items()))
                series.setdefault(sample.name, {})[labels] = sample.value
        return series

    def until(self, told: Callable[[Series], bool]) -> Series:
        """Return the samples as soon as they say what they must. AssertionError."""
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            series = self.series()
            if told(series):
                return series
            time.sleep(POLL_S)
        raise AssertionError(self.text())


def value(series: Series, name: str, **labels: str) -> float:
    """Return the sum of the samples of a name that have these labels."""
    wanted = labels.items()
    return sum(
        figure
        for found, figure in series.get(name, {}).items()
        if wanted <= dict(found).items()
    )


@contextmanager
def counted(data: Path, *arguments: str) -> Iterator[Counted]:
    """Start a server with the sample that serves its page."""
    page = ("--metrics-address", "127.0.0.1:0")
    with started("--data", str(data), "--sample", *page, *arguments) as server:
        yield Counted(server, page_of(server))


def page_of(server: Started) -> str:
    """Return the address of a server's page, which it says with its own."""
    address: str = server.told["metrics"]
    return address


def make_load(server: Started) -> None:
    """Settle, be replayed, be refused in several ways, quote, and decide a binding."""
    with Caller(server) as caller:
        for _ in range(3):
            request_id = str(uuid.uuid4())
            caller.settle(request_id, 100)
            caller.settle(request_id, 100)
        for refused in (
            *(refuse_person, refuse_bill, refuse_city, refuse_method),
            refuse_binding,
        ):
            with suppress(grpc.RpcError):
                refused(caller)
        caller.balance()


def refuse_person(caller: Caller) -> None:
    """Ask what a bill of nobody would come to."""
    bill = Caller.bill(100)
    bill.patient.person_no = "340102199001011237"
    caller.settlements.Quote(settlement_pb2.QuoteRequest(bill=bill), timeout=PATIENCE_S)


def refuse_bill(caller: Caller) -> None:
    """Settle a bill of nobody."""
    bill = Caller.bill(100)
    bill.patient.person_no = "340102199001011237"
    request = settlement_pb2.SettleRequest(request_id=str(uuid.uuid4()), bill=bill)
    caller.settlements.Settle(request, timeout=PATIENCE_S)


def refuse_city(caller: Caller) -> None:
    """Ask for a city that nobody serves."""
    cities = city_pb2_grpc.CityServiceStub(caller.channel)
    cities.GetCity(city_pb2.GetCityRequest(area_code="399999"), timeout=PATIENCE_S)


def refuse_method(caller: Caller) -> None:
    """Call what there is not, by a name that says somebody's number."""
    call: Any = caller.channel.unary_unary("/gongji.v1.Nobody/P340102199001011237")
    call(b"", timeout=PATIENCE_S)


def refuse_binding(caller: Caller) -> None:
    """Apply for a binding that does not meet the conditions."""
    bindings = binding_pb2_grpc.BindingServiceStub(caller.channel)
    request = binding_pb2.SubmitBindingRequest(
        request_id=str(uuid.uuid4()),
        holder=types_pb2.PersonRef(person_no="CZ001"),
        member=types_pb2.PersonRef(person_no="CZ002"),
        relation="20",
        purposes=[types_pb2.PURPOSE_VISIT],
        channel="wanshitong",
    )
    now = Timestamp()
    now.GetCurrentTime()
    subject = access_pb2.Subject(
        person=types_pb2.PersonRef(person_no="CZ001"),
        identification=access_pb2.IDENTIFICATION_FACE,
        identified_at=now,
        evidence="session-1",
        purpose=access_pb2.ACCESS_PURPOSE_OWN_REQUEST,
    )
    metadata = ((SUBJECT_KEY, subject.SerializeToString()),)
    bindings.SubmitBinding(request, timeout=PATIENCE_S, metadata=metadata)


def kill_gateway(server: Started) -> None:
    """Kill a server's gateway, which is then replaced."""
    (gateway,) = children(server.process.pid)
    os.kill(gateway, signal.SIGKILL)
