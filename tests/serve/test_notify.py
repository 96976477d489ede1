"""What a service tells systemd."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from gongji.serve.notify import SOCKET, WATCHDOG, answer_reloads, keep_watchdog, notify

from tests.cli.started import started
from tests.patience import PATIENCE_S


class Systemd:
    """Where systemd would listen."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(f"\0{address[1:]}" if address.startswith("@") else address)
        self._socket.settimeout(PATIENCE_S)

    def told(self) -> dict[str, str]:
        """Return the next states that are told."""
        lines = self._socket.recv(4096).decode().splitlines()
        return {name: value for name, _, value in (one.partition("=") for one in lines)}

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["in a folder", "abstract"])
def systemd(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Systemd]:
    name = f"gongji-test-{os.getpid()}"
    address = f"@{name}" if request.param == "abstract" else f"/tmp/{name}"  # noqa: S108 - short
    listening = Systemd(address)
    monkeypatch.setenv(SOCKET, address)
    yield listening
    listening.close()
    Path(address).unlink(missing_ok=True)


def test_states_are_told(systemd: Systemd) -> None:
    """Each state is a line."""
    notify(READY=1, STATUS="在 127.0.0.1:50051 服务")
    assert {"READY": "1", "STATUS": "在 127.0.0.1:50051 服务"} == systemd.told()


def test_without_systemd_nothing_is_told(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Started by hand there is nobody, and one that has gone is no fault."""
    monkeypatch.delenv(SOCKET, raising=False)
    notify(READY=1)
    monkeypatch.setenv(SOCKET, "/nowhere/at/all")
    notify(READY=1)
    assert ("", "") == capfd.readouterr()


async def test_the_watchdog_is_kept(
    systemd: Systemd, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twice in each span while the loop runs; without a span nothing is done."""
    monkeypatch.setenv(WATCHDOG, "20000")
    task = asyncio.ensure_future(keep_watchdog())
    for _ in range(3):
        told = await asyncio.to_thread(systemd.told)
        assert {"WATCHDOG": "1"} == told
    task.cancel()
    monkeypatch.delenv(WATCHDOG)
    await asyncio.wait_for(keep_watchdog(), PATIENCE_S)


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal")
async def test_a_reload_is_answered(systemd: Systemd) -> None:
    """It is told when it begins, by the monotonic clock, and when every file is read."""
    answer_reloads(0.01)
    os.kill(os.getpid(), signal.SIGHUP)
    began = await asyncio.to_thread(systemd.told)
    assert ("1", True) == (began["RELOADING"], int(began["MONOTONIC_USEC"]) > 0)
    assert {"READY": "1"} == await asyncio.to_thread(systemd.told)
    asyncio.get_running_loop().remove_signal_handler(signal.SIGHUP)


@pytest.mark.parametrize("systemd", ["abstract"], indirect=True)
def test_a_service_tells_when_it_serves_and_ends(
    systemd: Systemd, tmp_path: Path
) -> None:
    """READY comes with the address, a reload is answered, STOPPING comes before the end."""
    with started("--no-gateway", "--data", str(tmp_path)) as server:
        ready = systemd.told()
        assert ("1", True) == (ready["READY"], server.address in ready["STATUS"])
        server.process.send_signal(signal.SIGHUP)
        assert "RELOADING" in systemd.told()
        assert {"READY": "1"} == systemd.told()
        assert 0 == server.end(signal.SIGTERM)
    assert "1" == systemd.told()["STOPPING"]
