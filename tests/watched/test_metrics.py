"""A server's page counts what its callers did, in whichever process, and nothing personal."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from gongji.serve.metrics.families import FAMILIES, series_of

from tests.cli.started import Caller
from tests.postgres import Postgres
from tests.watched.scraping import (
    Counted,
    Series,
    counted,
    kill_gateway,
    make_load,
    value,
)

SETTLE = "gongji.v1.SettlementService/Settle"

QUOTE = "gongji.v1.SettlementService/Quote"

PERSONAL = ("340102199001011237", "341199196304120110", "CZ001", "陈", "10000000001")
"""The sample's first person, and what the load says of nobody."""

_ABSENT = {
    "gongji_certificate_until_seconds": "without TLS",
    "gongji_process_ended_total": "without a second process",
    "gongji_national_messages_total": "but of gongji national serve",
    "gongji_national_message_seconds_bucket": "but of gongji national serve",
    "gongji_national_message_seconds_count": "but of gongji national serve",
    "gongji_national_message_seconds_sum": "but of gongji national serve",
    "gongji_national_messages_in_flight": "but of gongji national serve",
}
"""Series that need not be on a page, and when."""


def loaded(server: Counted) -> Series:
    """Return what the page says of a load once every process has told of all of it."""
    make_load(server.server)
    ended = time.time()

    def told(series: Series) -> bool:
        at = series["gongji_process_told_at_seconds"].values()
        return min(at) > ended and "gongji_log_checkpoint_size" in series

    return server.until(told)


@pytest.mark.parametrize("how", ["--gateway", "--no-gateway"])
def test_what_callers_did_is_counted(how: str, tmp_path: Path) -> None:
    """Each call is counted by method, status, reason, city and caller, in one process or two."""
    with counted(tmp_path, how) as server:
        series = loaded(server)
        check_calls(series)
        check_decisions(series)
        names = {name for family in FAMILIES.values() for name in series_of(family)}
        assert _ABSENT.keys() >= names - series.keys()
        page = server.text()
        assert [] == [text for text in PERSONAL if text in page]
        assert 0 == server.server.end()


def check_calls(series: Series) -> None:
    """Methods by name, those that nobody has as one; sizes are those of messages."""
    started, seconds, sent = (
        "grpc_server_call_started_total",
        "grpc_server_call_duration_seconds_count",
        "grpc_server_call_sent_total_compressed_message_size_bytes_sum",
    )
    assert 7 == value(series, started, grpc_method=SETTLE)
    assert 1 == value(series, seconds, grpc_method=SETTLE, grpc_status="NOT_FOUND")
    assert 6 == value(series, seconds, grpc_method=SETTLE, grpc_status="OK")
    assert 6 * 500 < value(series, sent, grpc_method=SETTLE, grpc_status="OK")
    assert 1 == value(series, seconds, grpc_method=QUOTE, grpc_status="NOT_FOUND")
    assert 1 == value(series, seconds, grpc_method="other", grpc_status="UNIMPLEMENTED")
    # Two imports and ten credits of the sample go through a port of the service's own.
    assert 7 + 4 <= value(series, "gongji_caller_calls_total", caller="local")
    assert 0 == value(series, "gongji_caller_in_flight")


def check_decisions(series: Series) -> None:
    """What was decided is counted once, what was said again apart."""
    decisions = "gongji_decisions_total"
    assert 3 == value(series, decisions, method="Settle", city="341100")
    assert 3 == value(series, "gongji_replays_total", method="Settle")
    assert 2 == value(series, "gongji_refusals_total", reason="PERSON_NOT_FOUND")
    assert 1 == value(series, "gongji_refusals_total", reason="CITY_NOT_SERVED")
    unmet = "gongji_unmet_conditions_total"
    assert 2 == value(series, unmet, city="341100", hook="identity_checks")
    rows = "gongji_import_rows_total"
    assert 0 < value(series, rows, method="ImportPersons", outcome="written")
    assert 3 <= value(series, "gongji_commit_seconds_count")
    assert 3 <= value(series, "gongji_log_leaves_total")
    assert 0 < value(series, "gongji_log_checkpoint_size")
    assert 1 == value(series, "gongji_database_available")
    assert 1 == value(series, "gongji_plugin_served", city="341100")


def test_a_killed_gateway_is_counted(tmp_path: Path) -> None:
    """What a gateway had told outlives it; that it ended is counted."""
    ended = "gongji_process_ended_total"
    with counted(tmp_path, "--gateway") as server:
        assert 0 == value(server.until(lambda found: ended in found), ended)
        loaded(server)
        kill_gateway(server.server)
        server.until(lambda found: value(found, ended, process="gateway") == 1)
        server.server.event("gateway_ended")
        server.server.event("gateway_up")
        with Caller(server.server) as caller:
            caller.settle(fen=100)
        count = "grpc_server_call_duration_seconds_count"
        server.until(lambda found: value(found, count, grpc_method=SETTLE) == 8)


def test_workers_are_one_page(postgres: Postgres, tmp_path: Path) -> None:
    """The numbers of all workers and their gateways add up in the process that was started."""
    database = ("--database", postgres.fresh(), "--workers", "2", "--gateway")
    with counted(tmp_path, *database) as server:
        series = loaded(server)
        check_decisions(series)
        assert 7 == value(series, "grpc_server_call_started_total", grpc_method=SETTLE)
        processes = {
            dict(labels)["process"] for labels in series["gongji_process_descriptors"]
        }
        workers = {"worker-1", "worker-2"}
        gateways = {f"{worker}/gateway" for worker in workers}
        assert {"service", *workers, *gateways} == processes
        assert 0 == server.server.end()
