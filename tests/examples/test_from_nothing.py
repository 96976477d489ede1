"""The section from nothing to a watched, restored, verified service, line by line.

It needs Prometheus.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.examples.shell import ROOT, blocks_of, free_port, shell
from tests.patience import PATIENCE_S

INSTALLED = ("apt-get install", "make .venv/.installed")
"""What the test finds installed, and does not install."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with what the section finds in a clone, and a `.venv` as it makes it."""
    (tmp_path / ".venv").symlink_to(Path(sys.prefix))
    shutil.copytree(ROOT / "deploy", tmp_path / "deploy")
    # In December `gongji doctor` asks for next year's days off, whichever year it is.
    years = "".join(f"[{year}]\noff = []\nwork = []\n" for year in range(2027, 2200))
    (tmp_path / "calendar.toml").write_text(years, encoding="utf-8")
    return tmp_path


def test_the_section_as_it_is_typed(folder: Path) -> None:
    """Every command succeeds; Prometheus sees the service, everything that was backed up
    is there again, and it goes on under the checkpoint that was kept elsewhere."""
    if shutil.which("prometheus") is None:
        pytest.fail("没有找到 prometheus：这一节以它看着服务")
    install, setup, *blocks = blocks_of("从无到有")
    assert INSTALLED[0] in install
    ports = {"50051": free_port(), "9464": free_port(), "9090": free_port()}
    _scrape_at(folder / "deploy" / "prometheus.yml", ports["9464"])
    said = []
    with shell(folder, ports, _environment(ports)) as one:
        one.type(setup.replace(INSTALLED[1], "true"))
        for block in blocks:
            # From the first command that fails on nothing else is done.
            said += one.type(f"set -e\n{block}")
            if "prometheus" in block:
                _wait_seen(ports["9090"])
    assert [line for line in said if "已恢复到 var" in line]
    assert "续成" in said[-1]


def _environment(ports: Mapping[str, int]) -> Mapping[str, str]:
    address = f"127.0.0.1:{ports['50051']}"
    return {
        "GONGJI_ADDRESS": address,
        "GONGJI_CALENDAR": "calendar.toml",
        "GONGJI_TARGET": address,
        "GONGJI_METRICS_ADDRESS": f"127.0.0.1:{ports['9464']}",
    }


def _scrape_at(configuration: Path, port: int) -> None:
    """Have Prometheus read the metrics of this service, every second."""
    text = configuration.read_text("utf-8").replace("9464", str(port))
    configuration.write_text(text.replace("15s", "1s"), encoding="utf-8")


def _wait_seen(port: int) -> None:
    """Wait until Prometheus has seen the service up, and judged the alerts."""
    until = time.monotonic() + PATIENCE_S
    while _answer(port, 'up{job="gongji"}') != ["1"]:
        assert time.monotonic() < until
        time.sleep(0.2)
    assert [] == _answer(port, 'ALERTS{alertstate="firing"}')


def _answer(port: int, query: str) -> list[str]:
    try:
        with urlopen(f"http://127.0.0.1:{port}/api/v1/query?query={query}") as reply:
            answered = json.load(reply)
    except OSError:
        return []
    return [sample["value"][1] for sample in answered["data"]["result"]]
