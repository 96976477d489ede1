"""A server with a policy: who is admitted, by certificate, token and front."""

from __future__ import annotations

from base64 import b64encode
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from tests.cli.doors import (
    HOW,
    balance,
    calling,
    cities,
    door_files,
    outcome,
    serving,
    token_address,
    wait_until,
)
from tests.cli.started import Started
from tests.patience import PATIENCE_S
from tests.scaffold.credentials import DoorFiles, with_metadata


@pytest.fixture
def files(tmp_path: Path) -> DoorFiles:
    return door_files(tmp_path / "doors")


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


@pytest.mark.parametrize("how", HOW)
def test_a_front_is_believed(how: str, files: DoorFiles, tmp_path: Path) -> None:
    """What a front forwards of its caller's certificate is who calls, each refusal with
    its sentence; whoever else says so is refused."""
    files.certificate("front")
    der = files.certificate("auditor").certificate.public_bytes(Encoding.DER)
    forwarded = b64encode(der).decode()
    files.certificate("feeder")
    expected = {
        ("front", forwarded, "0"): "OK",
        ("front", forwarded, "10"): "CREDENTIAL_EXPIRED",
        ("front", forwarded, "18"): "CREDENTIAL_INVALID",
        ("front", "", "0"): "CREDENTIAL_MISSING",
        ("feeder", forwarded, "0"): "CREDENTIAL_INVALID",
    }
    with serving(files, tmp_path, how) as server:
        outcomes = {
            told: balance_behind(server.address, files, *told) for told in expected
        }
        with calling(server.address, files.shown("front")) as channel:
            assert "NOT_PERMITTED" == balance(channel)
    assert expected == outcomes


def balance_behind(
    address: str, files: DoorFiles, name: str, certificate: str, verified: str
) -> str:
    """Return what becomes of a question that somebody says to forward."""
    told = (
        ("x-gongji-client-cert", certificate),
        ("x-gongji-client-verify", verified),
    )
    with calling(address, files.shown(name)) as channel:
        return balance(with_metadata(channel, told))


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
