"""testssl.sh at the port for certificates, at that for tokens, and at the front."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from gongji.cli.devcerts.files import write_trial

from tests.chaos.served import free_port
from tests.cli.doors import token_address
from tests.cli.started import POLL_S, Started, listening, started
from tests.patience import PATIENCE_S
from tests.tls.scan import above_low, scanned, untried

ROOT = Path(__file__).parents[2]

OF_A_PRIVATE_AUTHORITY: Final = {"cert_chain_of_trust", "cert_revocation"}
"""Findings that say who has issued the certificate; SECURITY.md explains them."""


@contextmanager
def serving(folder: Path) -> Iterator[Started]:
    """Run the server that `gongji dev-certs` configures; it listens for tokens too."""
    write_trial(folder / "certs")
    config = ["--config", str(folder / "certs" / "gongji.toml")]
    tokens = ["--token-address", f"127.0.0.1:{free_port()}"]
    with started(*config, "--data", str(folder / "var"), *tokens) as server:
        yield server


@contextmanager
def front(folder: Path, behind: str) -> Iterator[int]:
    """Run the front before a server; yield its port."""
    haproxy = shutil.which("haproxy")
    assert haproxy, "没有找到 haproxy：apt-get install haproxy"
    port = free_port()
    where = {
        "GONGJI_FRONT": f"127.0.0.1:{port}",
        "GONGJI_BEHIND": behind,
        "GONGJI_CERTS": str(folder / "certs"),
    }
    command = [haproxy, "-f", str(ROOT / "deploy" / "haproxy.cfg")]
    with subprocess.Popen(command, env=os.environ | where) as process:  # noqa: S603 - the front
        try:
            until = time.monotonic() + PATIENCE_S
            while not listening(port):
                assert process.poll() is None
                assert time.monotonic() < until
                time.sleep(POLL_S)
            yield port
        finally:
            process.terminate()


@pytest.mark.parametrize("at", ["certificates", "tokens", "front"])
def test_nothing_above_low(at: str, tmp_path: Path) -> None:
    """Protocols, ciphers and vulnerabilities: nothing above LOW; what is found beside is
    that the authority is private."""
    with serving(tmp_path) as server, front(tmp_path, server.address) as before:
        ports = {
            "certificates": int(server.address.rpartition(":")[2]),
            "tokens": int(token_address(server).rpartition(":")[2]),
            "front": before,
        }
        findings = scanned(ports[at], tmp_path)
    # The port for tokens has the same TLS, and whoever scans it gets in.
    beyond = untried(findings) if at == "certificates" else set()
    found = above_low(findings)
    assert OF_A_PRIVATE_AUTHORITY | beyond == found.keys(), found
