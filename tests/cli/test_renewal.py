"""What is taken out, renewed or spoilt while a server with a policy runs."""

from __future__ import annotations

import os
import signal
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from tests.cli.doors import (
    AUDITOR,
    FEEDER,
    HOW,
    WITHIN_S,
    balance,
    calling,
    cities,
    door_files,
    outcome,
    serving,
    token_address,
    wait_until,
)
from tests.patience import PATIENCE_S
from tests.postgres import Postgres
from tests.scaffold.credentials import DoorFiles


@pytest.fixture
def files(tmp_path: Path) -> DoorFiles:
    return door_files(tmp_path / "doors")


class OpenCalls:
    """Streams and watches that a caller has open, and how each ended."""

    def __init__(self, channel: grpc.Channel) -> None:
        health: Any = health_pb2_grpc.HealthStub(channel)
        reflection: Any = reflection_pb2_grpc.ServerReflectionStub(channel)
        ask = reflection_pb2.ServerReflectionRequest(list_services="")
        self._over = False
        self.calls = {
            "health": health.Watch(health_pb2.HealthCheckRequest()),
            "reflection": reflection.ServerReflectionInfo(self._asking(ask)),
        }
        for call in self.calls.values():
            next(call)

    def _asking(self, ask: Any) -> Iterator[Any]:
        yield ask
        while not self._over:
            time.sleep(0.05)

    def reasons(self) -> dict[str, str]:
        """Wait until all have ended; return why."""
        reasons = {
            name: outcome(lambda call=call: list(call))  # type: ignore[misc]
            for name, call in self.calls.items()
        }
        self._over = True
        return reasons


TAKEN_OUT: dict[str, Callable[[DoorFiles, str], object]] = {
    "the caller, of the policy": lambda files, _: files.allow(feeder=FEEDER),
    "the caller, denied": lambda files, _: files.write(
        "deny.toml", 'callers = ["auditor"]'
    ),
    "the certificate, denied": lambda files, serial: files.write(
        "deny.toml", f'certificates = ["{serial}"]'
    ),
}


@pytest.mark.sampled(2)
@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("taken", TAKEN_OUT)
def test_what_is_taken_out(
    taken: str, how: str, files: DoorFiles, tmp_path: Path
) -> None:
    """Within ten seconds a caller or certificate that is taken out is refused on a
    connection that is open, and its streams end; the others stay."""
    serial = f"{files.certificate('auditor').certificate.serial_number:x}"
    files.certificate("feeder")
    with (
        serving(files, tmp_path, how, "--reflection") as server,
        calling(server.address, files.shown("auditor")) as channel,
        calling(server.address, files.shown("feeder")) as other,
    ):
        assert "OK" == cities(channel)
        open_calls = OpenCalls(channel)
        began = time.monotonic()
        TAKEN_OUT[taken](files, serial)
        ended = open_calls.reasons()
        assert {"health": WITHDRAWN, "reflection": WITHDRAWN} == ended
        assert time.monotonic() - began < WITHIN_S
        assert cities(channel) in {"CALLER_UNKNOWN", WITHDRAWN}
        assert "OK" == cities(other)


WITHDRAWN = "CREDENTIAL_REVOKED"


@pytest.mark.parametrize("how", HOW)
def test_what_is_narrowed(how: str, files: DoorFiles, tmp_path: Path) -> None:
    """Within ten seconds the streams of a caller end from which the policy takes a city;
    begun again they are within what is left. Whoever is given more goes on."""
    files.certificate("auditor")
    files.certificate("feeder")
    with (
        serving(files, tmp_path, how, "--reflection") as server,
        calling(server.address, files.shown("auditor")) as channel,
        calling(server.address, files.shown("feeder")) as other,
    ):
        narrowed, widened = OpenCalls(channel), OpenCalls(other)
        began = time.monotonic()
        files.allow(
            auditor=AUDITOR.replace("*", "3411"),
            feeder=FEEDER.replace("3411", "*"),
        )
        assert {WITHDRAWN} == set(narrowed.reasons().values())
        assert time.monotonic() - began < WITHIN_S
        assert "OK" == cities(channel)
        assert not any(call.done() for call in widened.calls.values())
        widened.calls["health"].cancel()
        widened.calls["reflection"].cancel()
        widened.reasons()


def test_a_key_and_a_token_are_taken_out(files: DoorFiles, tmp_path: Path) -> None:
    """The same holds of a token that is denied, and of all that a key has signed once
    it is out of the set."""
    ca = files.shown()
    first, second = files.token("auditor", jti="1"), files.token("auditor", jti="2")
    with serving(files, tmp_path, "--reflection") as server:
        at = token_address(server)
        with calling(at, ca, first) as one, calling(at, ca, second) as two:
            calls = [OpenCalls(one), OpenCalls(two)]
            files.write("deny.toml", 'tokens = ["1"]')
            assert {WITHDRAWN} == set(calls[0].reasons().values())
            assert ("CREDENTIAL_REVOKED", "OK") == (cities(one), cities(two))
            files.publish(k2=files.certificate("other").key)
            assert {WITHDRAWN} == set(calls[1].reasons().values())
            assert "CREDENTIAL_INVALID" == cities(two)


def test_time_alone_ends_a_stream(files: DoorFiles, tmp_path: Path) -> None:
    """A stream that was begun with a token does not outlive it by ten seconds, though
    no file has changed."""
    ca = files.shown()
    with serving(files, tmp_path, "--reflection") as server:
        token = files.token("auditor", ends_in=timedelta(seconds=3))
        began = time.monotonic()
        with calling(token_address(server), ca, token) as channel:
            reasons = OpenCalls(channel).reasons()
        assert {"CREDENTIAL_EXPIRED"} == set(reasons.values())
        assert time.monotonic() - began < 3 + WITHIN_S


def test_every_worker_hears_of_it(
    files: DoorFiles, tmp_path: Path, postgres: Postgres
) -> None:
    """Of several workers each refuses what is taken out, and ends its streams."""
    files.certificate("auditor")
    database = ["--database", postgres.fresh(), "--workers", "2"]
    with serving(files, tmp_path, *database) as server, ExitStack() as stack:
        shown = files.shown("auditor")
        channels = [
            stack.enter_context(calling(server.address, shown)) for _ in range(16)
        ]
        watches = [
            health_pb2_grpc.HealthStub(channel).Watch(  # type: ignore[attr-defined]
                health_pb2.HealthCheckRequest()
            )
            for channel in channels
        ]
        for watch in watches:
            next(watch)
        files.write("deny.toml", 'callers = ["auditor"]')
        ended = {outcome(lambda watch=watch: list(watch)) for watch in watches}  # type: ignore[misc]
        assert {WITHDRAWN} == ended
        assert {WITHDRAWN} == {cities(channel) for channel in channels}


def test_a_renewed_certificate_is_shown(files: DoorFiles, tmp_path: Path) -> None:
    """A new connection is shown what the files hold then, without a restart; a pair
    that does not fit, and an authority that is none, change nothing."""
    files.certificate("auditor")
    with serving(files, tmp_path) as server:
        before = files.folder / "server.pem"
        assert before.read_text(encoding="ascii") == shown_by(server.address)
        pair = files.issue_server()
        wait_until(lambda: shown_by(server.address), pair.certificate_pem().decode())
        files.write("server.key", files.authority.server().key_pem())
        event = server.event("policy_kept")
        assert "不是证书" in event["reason"]
        files.write("server.key", pair.key_pem())
        files.write("ca.pem", "-")
        while "PEM" not in server.event("policy_kept")["reason"]:
            pass
        files.write("ca.pem", files.authority.root.certificate_pem())
        with calling(server.address, files.shown("auditor")) as channel:
            assert "OK" == cities(channel)


def shown_by(address: str) -> str:
    """Return the certificate that a server shows."""
    host, _, port = address.rpartition(":")
    return ssl.get_server_certificate((host, int(port)), timeout=PATIENCE_S)


def test_another_authority_is_trusted(files: DoorFiles, tmp_path: Path) -> None:
    """Callers of an authority that is added are admitted without a restart."""
    other = DoorFiles.at(tmp_path / "other")
    pair = other.certificate("auditor")
    files.write("auditor.pem", pair.certificate_pem())
    files.write("auditor.key", pair.key_pem())
    roots = files.authority.root.certificate_pem()
    with serving(files, tmp_path) as server:
        shown = files.shown("auditor")
        with calling(server.address, shown) as channel:
            assert "UNAVAILABLE" == cities(channel)
        files.write("ca.pem", roots + other.authority.root.certificate_pem())

        def again() -> str:
            with calling(server.address, shown) as channel:
                return cities(channel)

        wait_until(again, "OK")


def test_a_bad_policy_keeps_the_old(files: DoorFiles, tmp_path: Path) -> None:
    """A policy that cannot be read changes nothing and is told by a Chinese sentence;
    a sound one counts without a restart, in the service as well."""
    files.certificate("auditor")
    with (
        serving(files, tmp_path) as server,
        calling(server.address, files.shown("auditor")) as channel,
    ):
        assert "OK" == balance(channel)
        files.write("policy.toml", "version = 2")
        assert "policy.toml" in server.event("policy_kept")["reason"]
        assert "OK" == balance(channel)
        files.allow(auditor='kind = "city_team"')
        wait_until(lambda: balance(channel), "NOT_PERMITTED")
        assert "OK" == cities(channel)


def test_a_gateway_killed_meanwhile_keeps_it_too(
    files: DoorFiles, tmp_path: Path
) -> None:
    """Though policy and certificate are not sound, the next gateway goes on with what
    they said last."""
    files.certificate("auditor")
    with serving(files, tmp_path, "--gateway") as server:
        gateway = server.event("gateway_up")["pid"]
        files.write("policy.toml", "version = 2")
        files.write("server.pem", "-")
        for _ in range(2):  # here and in the gateway
            server.event("policy_kept")
        os.kill(gateway, signal.SIGKILL)
        server.event("gateway_up")
        with calling(server.address, files.shown("auditor")) as channel:
            assert "OK" == balance(channel)
