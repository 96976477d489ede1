"""A real Prometheus has scraped real servers: each expression has something to say."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.served import free_port
from tests.cli.doors import balance, calling, door_files, serving
from tests.patience import PATIENCE_S
from tests.watched.deployed import CONFIG, RULES, panel_exprs, rules
from tests.watched.scraping import Counted, counted, make_load, page_of

PROVOKED = {"GongjiSettleRefused"}

SCRAPES = 6
"""A rate needs two, and what begins with the load is there in the next ones only."""


class Prometheus:
    """A Prometheus that scrapes every second, with the rules of deploy/."""

    def __init__(self, address: str) -> None:
        self._address = address

    def _get(self, path: str, **parameters: str) -> Any:
        query = urllib.parse.urlencode(parameters)
        url = f"http://{self._address}/{path}?{query}"
        with urllib.request.urlopen(url, timeout=PATIENCE_S) as reply:
            return json.load(reply)["data"]

    def ask(self, expr: str) -> list[Any]:
        """Return the series of an expression now."""
        found: list[Any] = self._get("api/v1/query", query=expr)["result"]
        return found

    def alerts(self) -> list[str]:
        """Return the alerts that are pending or fire."""
        alerts = self._get("api/v1/alerts")["alerts"]
        return sorted({alert["labels"]["alertname"] for alert in alerts})

    def wait(self, expr: str) -> None:
        """Wait until an expression has a series. AssertionError."""
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            with suppress(OSError):
                if self.ask(expr):
                    return
            time.sleep(0.5)
        raise AssertionError(expr)


@contextmanager
def prometheus(folder: Path, *targets: str) -> Iterator[Prometheus]:
    """Run one with the configuration of deploy/, but for whom and how often it scrapes."""
    config = (
        CONFIG.read_text(encoding="utf-8")
        .replace("15s", "1s")
        .replace("alerts.yml", str(RULES))
        .replace('["127.0.0.1:9464"]', json.dumps(targets))
    )
    (folder / "prometheus.yml").write_text(config, encoding="utf-8")
    address = f"127.0.0.1:{free_port()}"
    command = [
        shutil.which("prometheus") or "prometheus",
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address={address}",
        "--log.level=error",
    ]
    with subprocess.Popen(command) as process:  # noqa: S603 - Debian's, on files of ours
        try:
            yield Prometheus(address)
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def scraped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Return a Prometheus that has scraped a server in two processes, and one with TLS."""
    folder = tmp_path_factory.mktemp("watched")
    files = door_files(folder / "doors")
    files.certificate("auditor")
    page = ("--metrics-address", "127.0.0.1:0", "--gateway")
    with (
        counted(folder / "data", "--gateway") as server,
        serving(files, folder, *page) as guarded,
    ):
        of_guarded = Counted(guarded, page_of(guarded))
        with prometheus(folder, server.page, of_guarded.page) as scraping:
            scraping.wait(f"count_over_time(up[1m]) > {SCRAPES}")
            load(server, of_guarded)
            scraping.wait(f"changes(gongji_process_told_at_seconds[1m]) > {SCRAPES}")
            time.sleep(2 * SCRAPES)
            load(server, of_guarded)
            time.sleep(SCRAPES)
            yield scraping


def load(server: Counted, guarded: Counted) -> None:
    """Call both servers, with good and with bad credentials."""
    make_load(server.server)
    with calling(guarded.server.address, None) as stranger:
        balance(stranger)


EXPRS = {rule.name: rule.figure for rule in rules()} | panel_exprs()


@pytest.mark.parametrize("expr", EXPRS.values(), ids=EXPRS)
def test_each_expression_has_something_to_say(scraped: Prometheus, expr: str) -> None:
    """Each panel shows a series, and each alert has one to compare."""
    assert scraped.ask(expr) != []


def test_nothing_is_wrong_with_a_server_that_is_well(scraped: Prometheus) -> None:
    """Of a server that is well none fires, but those that its load provokes."""
    assert set(scraped.alerts()) <= PROVOKED
