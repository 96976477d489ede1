"""A server with a policy: certificates and tokens over the wire, and what is taken out."""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from gongji.client.connection import refusal_of
from gongji.v1 import account_pb2, account_pb2_grpc, city_pb2, city_pb2_grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from tests.chaos.served import free_port
from tests.cli.started import PERSON, Started, started
from tests.patience import PATIENCE_S
from tests.postgres import Postgres
from tests.scaffold.credentials import DoorFiles, with_metadata

HOW = ["--gateway", "--no-gateway"]

AUDITOR = 'kind = "auditor"\ncities = ["*"]'
FEEDER = 'kind = "feeder"\ncities = ["3411"]'
FRONT = 'kind = "front"'

WITHIN_S = 10
"""Seconds within which what is taken out is refused (issue 8, line 1)."""


@pytest.fixture
def files(tmp_path: Path) -> DoorFiles:
    files = DoorFiles.at(tmp_path / "doors")
    files.allow(auditor=AUDITOR, feeder=FEEDER, front=FRONT)
    files.write("deny.toml", "")
    return files


@contextmanager
def serving(files: DoorFiles, tmp_path: Path, *options: str) -> Iterator[Started]:
    """Run a server with the policy; it listens for tokens too."""
    deny = ["--deny", str(files.folder / "deny.toml")]
    tokens = ["--token-address", f"127.0.0.1:{free_port()}"]
    data = ["--data", str(tmp_path / "var"), "--sample"]
    with started(*data, *files.options(), *deny, *tokens, *options) as server:
        yield server


def token_address(server: Started) -> str:
    """Return where the server has said that it takes tokens."""
    found = re.search(r"凭令牌在 (\S+:\d+)", "".join(server.announced))
    assert found
    return found[1]


@contextmanager
def calling(
    address: str, credentials: grpc.ChannelCredentials | None, token: str = ""
) -> Iterator[grpc.Channel]:
    """Call on a connection of its own, with a token if one is given."""
    bearer = (("authorization", f"Bearer {token}"),) if token else ()
    # gRPC would share the connection of an equal channel.
    own = (("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0))
    with (
        grpc.secure_channel(address, credentials, own)
        if credentials
        else grpc.insecure_channel(address, own)
    ) as channel:
        yield with_metadata(channel, bearer)


def balance(channel: grpc.Channel) -> str:
    """Return "OK", or why a question after a balance is refused."""
    request = account_pb2.GetAccountRequest(person=PERSON)
    stub = account_pb2_grpc.AccountServiceStub(channel)
    return outcome(lambda: stub.GetAccount(request, timeout=PATIENCE_S))


def cities(channel: grpc.Channel) -> str:
    """Return "OK", or why a question after the cities is refused."""
    stub = city_pb2_grpc.CityServiceStub(channel)
    request = city_pb2.ListCitiesRequest()
    return outcome(lambda: stub.ListCities(request, timeout=PATIENCE_S))


def outcome(call: Callable[[], object]) -> str:
    """Return "OK", the reason of a refusal, or the code of what gRPC says itself."""
    try:
        call()
    except grpc.RpcError as error:
        refusal = refusal_of(error)
        return refusal.reason or refusal.code.name
    return "OK"


@pytest.mark.parametrize("how", HOW)
def test_certificates(how: str, files: DoorFiles, tmp_path: Path) -> None:
    """A caller's certificate is who it is; one of another authority, one that has run
    out, or none at all, does not get through the handshake; names stated are ignored."""
    files.certificate("auditor")
    files.certificate("stranger")
    files.certificate("late", ends_in=timedelta(seconds=-1))
    with serving(files, tmp_path, how) as server:
        with calling(server.address, files.shown("auditor")) as channel:
            assert "OK" == balance(channel)
            named = with_metadata(channel, (("x-gongji-caller", "stranger"),))
            assert "OK" == balance(named)
            twice = with_metadata(named, (("x-gongji-caller", "auditor"),))
            assert "CREDENTIAL_INVALID" == balance(twice)
        for name, reason in (("stranger", "CALLER_UNKNOWN"), ("late", "UNAVAILABLE")):
            with calling(server.address, files.shown(name)) as channel:
                assert reason == cities(channel)
        assert ["UNAVAILABLE"] * 2 == without_certificates(server, files)
    assert not (tmp_path / "var" / "gongji.token").exists()


def without_certificates(server: Started, files: DoorFiles) -> list[str]:
    """Return what becomes of a call without a certificate, and of one without TLS."""
    outcomes = []
    for shown in (files.shown(), None):
        with calling(server.address, shown) as channel:
            outcomes.append(cities(channel))
    return outcomes


@pytest.mark.parametrize("how", HOW)
def test_tokens(how: str, files: DoorFiles, tmp_path: Path) -> None:
    """Where no certificate is asked for a token is who calls, and its secret is in no
    log; beside a certificate both must name one caller."""
    files.certificate("auditor")
    token, other = files.token("auditor"), files.token("feeder")
    with serving(files, tmp_path, how) as server:
        at = token_address(server)
        shown = (token, "", "x", files.token("auditor", kid="k9"))
        alone = [balance_by(at, files.shown(), one) for one in shown]
        beside = [
            balance_by(server.address, files.shown("auditor"), one)
            for one in (token, other)
        ]
        server.end()
    invalid = "CREDENTIAL_INVALID"
    assert ["OK", "CREDENTIAL_MISSING", invalid, invalid] == alone
    assert ["OK", invalid] == beside
    assert [] == [line for line in server.logged if token in line]


def balance_by(address: str, shown: grpc.ChannelCredentials, token: str) -> str:
    """Return what becomes of a question after a balance on a connection of its own."""
    with calling(address, shown, token) as channel:
        return balance(channel)


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


def wait_until(asked: Callable[[], str], expected: str) -> None:
    """Wait until it is as expected, at most as long as what changes may take."""
    latest = time.monotonic() + WITHIN_S
    while (found := asked()) != expected:
        assert time.monotonic() < latest, found
        time.sleep(0.2)


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


def test_health_and_reflection_follow_the_policy(
    files: DoorFiles, tmp_path: Path
) -> None:
    """Health is for callers unless the policy says for anybody; reflection is off
    unless it is asked for, and then for callers."""
    ca = files.shown()
    with serving(files, tmp_path) as server, calling(token_address(server), ca) as none:
        assert "CREDENTIAL_MISSING" == health(none)
        known = with_metadata(
            none, (("authorization", f"Bearer {files.token('auditor')}"),)
        )
        assert "OK" == health(known)
        assert "UNIMPLEMENTED" == reflection(known)
        text = (files.folder / "policy.toml").read_text(encoding="utf-8")
        files.write("policy.toml", f'health = "anybody"\n{text}')
        wait_until(lambda: health(none), "OK")
        assert "CREDENTIAL_MISSING" == cities(none)


def health(channel: grpc.Channel) -> str:
    stub: Any = health_pb2_grpc.HealthStub(channel)
    request = health_pb2.HealthCheckRequest()
    return outcome(lambda: stub.Check(request, timeout=PATIENCE_S))


def reflection(channel: grpc.Channel) -> str:
    stub: Any = reflection_pb2_grpc.ServerReflectionStub(channel)
    ask = reflection_pb2.ServerReflectionRequest(list_services="")
    return outcome(lambda: list(stub.ServerReflectionInfo(iter([ask]))))
