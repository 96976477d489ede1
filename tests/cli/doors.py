"""A server with a policy, and calls on connections of their own, for tests."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
from gongji.client.connection import refusal_of
from gongji.v1 import account_pb2, account_pb2_grpc, city_pb2, city_pb2_grpc

from tests.chaos.served import free_port
from tests.cli.started import PERSON, Started, started
from tests.patience import PATIENCE_S
from tests.scaffold.credentials import DoorFiles, with_metadata

HOW = ["--gateway", "--no-gateway"]

AUDITOR = 'kind = "auditor"\ncities = ["*"]'
FEEDER = 'kind = "feeder"\ncities = ["3411"]'
FRONT = 'kind = "front"'

WITHIN_S = 10
"""Seconds within which what is taken out is refused (issue 8, line 1)."""


def door_files(folder: Path) -> DoorFiles:
    """Write what a server with three callers needs."""
    files = DoorFiles.at(folder)
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


def wait_until(asked: Callable[[], str], expected: str) -> None:
    """Wait until it is as expected, at most as long as what changes may take."""
    latest = time.monotonic() + WITHIN_S
    while (found := asked()) != expected:
        assert time.monotonic() < latest, found
        time.sleep(0.2)
