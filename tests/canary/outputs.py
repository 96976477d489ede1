"""What leaves a running server beside its log: pages, spans, exports, files, processes."""

from __future__ import annotations

import re
import tempfile
import threading
import time
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.request import urlopen

import pytest
from gongji.serve.metrics import cells
from gongji.serve.metrics.calls import CallerMetrics
from gongji.serve.metrics.families import CALLER_CALLS

from tests.cli.command import gongji
from tests.packages import Package, installed
from tests.patience import PATIENCE_S


def of_commands(
    data: Path, address: str, metrics: str, folder: Path
) -> dict[str, bytes]:
    """Return what an operator's and an auditor's commands say and write of a server."""
    at = ("--target", address, "--data", data)
    said = {
        "top": ("top", "--once", "--interval", "0.5", "--metrics-address", metrics),
        "log checkpoint": ("log", "checkpoint", folder / "checkpoint", "--now", *at),
        "backup": ("backup", folder / "backup", "--data", data),
        "doctor": ("doctor", "--data", data),
        "verify": ("verify", "--data", data),
    }
    outputs = {}
    for name, arguments in said.items():
        result = gongji("--json", *arguments)
        outputs[name] = (result.stdout + result.stderr).encode()
    # What lies at rest, the copy of the database, is told apart.
    outputs["backup at rest"] = (folder / "backup" / "gongji.sqlite3").read_bytes()
    outputs["backup"] += (folder / "backup" / "manifest.json").read_bytes()
    return outputs


def decoded(content: bytes) -> bytes:
    """Return a content with all that is written in base64 decoded."""
    return re.sub(rb"[A-Za-z0-9+/]{16,}={0,2}", _decoded, content)


def _decoded(found: re.Match[bytes]) -> bytes:
    try:
        return b64decode(found[0], validate=True)
    except ValueError:
        return found[0]


def of_page(metrics: str, caller: str) -> bytes:
    """Return the page of the metrics, once it tells of a call of a caller.

    Processes tell their numbers once a second.
    """
    # As the gateway counts it, which does not run here.
    CallerMetrics(caller).calls.value += 1
    samples = cells.metrics.snapshot()[CALLER_CALLS.name]
    counted = sum(value for _, (value,) in samples)
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        with urlopen(f"http://{metrics}/metrics", timeout=PATIENCE_S) as page:
            content: bytes = page.read()
        calls = re.findall(rb"(?m)^gongji_caller_calls_total\{.*\} (\S+)$", content)
        if sum(map(float, calls)) >= counted:
            return content
        time.sleep(0.05)
    raise AssertionError(content.decode())


def of_files(folder: Path) -> bytes:
    """Return the bytes of every file, the database's log among them, and its name."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return b"\0".join([str(path).encode() + path.read_bytes() for path in files])


def of_processes() -> bytes:
    """Return what anybody may see of this process: its arguments, its environment."""
    own = Path("/proc/self")
    return (own / "cmdline").read_bytes() + (own / "environ").read_bytes()


@contextmanager
def temporary(folder: Path, patch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Have temporary files made in a folder for the block."""
    folder.mkdir()
    patch.setenv("TMPDIR", str(folder))
    patch.setattr(tempfile, "tempdir", str(folder))
    yield folder


@contextmanager
def installed_in(folder: Path, *packages: Package) -> Iterator[None]:
    """Have plugins installed in a folder for the block."""
    folder.mkdir()
    with installed(folder, *packages):
        yield


@contextmanager
def collected_spans(patch: pytest.MonkeyPatch) -> Iterator[bytearray]:
    """Take for the block what is sent of OpenTelemetry to this machine's collector."""
    collector = HTTPServer(("127.0.0.1", 0), _Collector)
    _Collector.received = bytearray()
    endpoint = f"http://127.0.0.1:{collector.server_port}"
    patch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
    thread = threading.Thread(target=collector.serve_forever, daemon=True)
    thread.start()
    try:
        yield _Collector.received
    finally:
        collector.shutdown()
        collector.server_close()
        thread.join()


class _Collector(BaseHTTPRequestHandler):
    received = bytearray()

    def do_POST(self) -> None:
        """Keep what is sent."""
        self.received.extend(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Log nothing."""
