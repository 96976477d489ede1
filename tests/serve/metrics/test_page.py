"""/metrics is a page Prometheus can read, at an address of its own."""

from __future__ import annotations

import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from gongji.serve.metrics import page
from gongji.serve.metrics.cells import Sample
from gongji.serve.metrics.families import COMMIT, REFUSALS, TOLD_AT
from gongji.serve.metrics.gathered import GatheredMetrics
from gongji.serve.metrics.told import Telling
from prometheus_client.parser import text_string_to_metric_families

from tests.patience import PATIENCE_S

COUNTS = (*(1.0,) * 16, 5.25)


@pytest.fixture
def gathered() -> GatheredMetrics:
    gathered = GatheredMetrics(lambda: 1000.0)
    told: dict[str, Sample] = {
        REFUSALS.name: (("NOT_ENROLLED", "341100"), (3,)),
        COMMIT.name: ((), COUNTS),
    }
    for family, sample in told.items():
        gathered.take(Telling("service", "a", family, 0, [sample]))
    return gathered


@pytest.fixture
def address(gathered: GatheredMetrics) -> Iterator[str]:
    with page.page_at("127.0.0.1:0", gathered) as address:
        yield address


def read(address: str, path: str = "/metrics") -> str:
    with urllib.request.urlopen(f"http://{address}{path}", timeout=PATIENCE_S) as reply:
        content: bytes = reply.read()
    return content.decode()


def test_the_page_says_what_was_gathered(address: str) -> None:
    """Each sample stands on the page; buckets are cumulative, the last is the count."""
    samples = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(read(address))
        for sample in family.samples
    }
    refused = ("gongji_refusals_total", ("city", "341100"), ("reason", "NOT_ENROLLED"))
    assert 3 == samples[refused]
    assert 1 == samples["gongji_commit_seconds_bucket", ("le", "0.001")]
    assert 15 == samples["gongji_commit_seconds_bucket", ("le", "60.0")]
    assert 16 == samples["gongji_commit_seconds_bucket", ("le", "+Inf")]
    assert 16 == samples["gongji_commit_seconds_count",]
    assert 5.25 == samples["gongji_commit_seconds_sum",]
    assert 1000 == samples[TOLD_AT.name, ("process", "service")]


@pytest.mark.parametrize("path", ["/", "/metrics/x", "/favicon.ico"])
def test_there_is_no_other_page(address: str, path: str) -> None:
    """Whatever else is asked for is not there."""
    with pytest.raises(urllib.error.HTTPError) as refused:
        read(address, path)
    assert 404 == refused.value.code


def test_readers_beyond_the_most_are_let_go(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Connections that ask for nothing take a few places, and give them back."""
    monkeypatch.setattr(page, "_LONGEST_S", 0.5)
    host, _, port = address.partition(":")
    with ExitStack() as stack:
        idle = [
            stack.enter_context(socket.create_connection((host, int(port))))
            for _ in range(20)
        ]
        for one in idle:
            one.settimeout(PATIENCE_S)
            assert b"" == one.recv(1)
    assert "gongji_refusals_total" in read(address)


def test_an_address_that_is_taken_is_refused(
    address: str, gathered: GatheredMetrics
) -> None:
    """Two servers never share a page."""
    with (
        pytest.raises(OSError, match="端口被占用"),
        page.page_at(address, gathered),
    ):
        pass
