"""Health over the wire: what callers can have while the database is away, and after it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from gongji.serve.health import LIVENESS
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests import postgres
from tests.chaos.database import limit
from tests.cli.started import Caller, Started, started
from tests.patience import PATIENCE_S

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
NAMES = ("", "gongji.v1.SettlementService", "gongji.city.341100", "gongji.city.anqing")


@contextmanager
def watching(server: Started, name: str) -> Iterator[Iterator[int]]:
    """Watch a name; yield what is told of it."""
    with Caller(server) as caller:
        stub: Any = health_pb2_grpc.HealthStub(caller.channel)
        request = health_pb2.HealthCheckRequest(service=name)
        call = stub.Watch(request, timeout=PATIENCE_S)
        yield (reply.status for reply in call)
        call.cancel()


def statuses(server: Started) -> list[int]:
    """Return what is said of each name, and of liveness."""
    with Caller(server) as caller:
        stub: Any = health_pb2_grpc.HealthStub(caller.channel)
        return [
            stub.Check(
                health_pb2.HealthCheckRequest(service=name), timeout=PATIENCE_S
            ).status
            for name in (*NAMES, LIVENESS)
        ]


@pytest.mark.sampled(1)
@pytest.mark.parametrize(
    "how", [["--gateway"], ["--no-gateway"], ["--gateway", "--workers", "2"]]
)
def test_postgres_stops_and_starts(how: list[str], tmp_path: Path) -> None:
    """While it is away every name but liveness is NOT_SERVING, though nobody calls; once
    it is back they serve, and watchers and the log hear of both."""
    with postgres.own(*postgres.QUICK) as server:
        data = ["--data", str(tmp_path), "--database", server.fresh()]
        with started(*how, *data) as service, watching(service, "") as told:
            assert SERVING == next(told)
            server.stop()
            became(service, told, NOT_SERVING)
            assert service.event("database_lost")["reason"]
            server.start()
            became(service, told, SERVING)
            assert 0 < service.event("database_back")["seconds"]
            service.end()
        assert all(json.loads(line) for line in service.logged)


def became(service: Started, told: Iterator[int], status: int) -> None:
    """Wait until a watcher is told so, and each name but liveness is so."""
    assert status == next(told)
    wait_for(service, [status] * len(NAMES))


def wait_for(service: Started, expected: list[int]) -> None:
    """Wait until that is said of each name; a worker may learn of it a second later."""
    for _ in range(100):
        *said, alive = statuses(service)
        assert SERVING == alive
        if said == expected:
            return
    assert expected == said


@pytest.mark.parametrize("how", ["--gateway", "--no-gateway"])
def test_sqlite_cannot_be_written(how: str, tmp_path: Path) -> None:
    """A file that takes nothing is NOT_SERVING from the first write that fails, and
    serves again without a caller's having to try."""
    with (
        started(how, "--data", str(tmp_path), "--sample") as service,
        watching(service, "gongji.v1.SettlementService") as told,
        Caller(service) as clinic,
    ):
        assert SERVING == next(told)
        # Its log begins again from the front now and then: nothing at all may be written.
        limit(service.process.pid, 1)
        with pytest.raises(grpc.RpcError) as refused:
            clinic.settle()
        code: Any = refused.value
        assert grpc.StatusCode.UNAVAILABLE == code.code()
        assert NOT_SERVING == next(told)
        limit(service.process.pid, None)
        assert SERVING == next(told)
        clinic.settle()
        service.end()
