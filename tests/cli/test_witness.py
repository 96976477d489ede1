"""`gongji log witness|consistency` before services that are honest, or bent in one way."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from click.testing import Result
from gongji.v1 import log_pb2 as pb
from gongji.v1.log_pb2_grpc import (
    LogServiceServicer,
    add_LogServiceServicer_to_server,
)

from tests.cli.command import gongji
from tests.client.logs import OTHER_KEY, KeptLog, body_of

# ruff: noqa: N802 - methods bear the names the protos give them


class BentService(LogServiceServicer):
    """Shows whatever log it is given, at an address."""

    address = ""
    log = KeptLog.of(300)
    refuses = False

    def GetCheckpoint(
        self, request: pb.GetCheckpointRequest, context: Any
    ) -> pb.GetCheckpointResponse:
        """The checkpoint of the log, none of an empty one."""
        if self.refuses:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, "")
        if not self.log.bodies:
            return pb.GetCheckpointResponse()
        return pb.GetCheckpointResponse(checkpoint=self.log.checkpoint())

    def GetConsistencyProof(
        self, request: pb.GetConsistencyProofRequest, context: Any
    ) -> pb.GetConsistencyProofResponse:
        """What its tree proves."""
        path, checkpoint = self.log.consistency(request.from_size)
        return pb.GetConsistencyProofResponse(path=path, checkpoint=checkpoint)

    def GetInclusionProof(self, request: Any, context: Any) -> Any:
        """Nobody asks."""
        raise NotImplementedError

    def ListLeaves(self, request: Any, context: Any) -> Any:
        """Nobody asks."""
        raise NotImplementedError


@pytest.fixture
def service() -> Iterator[BentService]:
    bent = BentService()
    server = grpc.server(ThreadPoolExecutor(2))
    add_LogServiceServicer_to_server(bent, server)
    bent.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    yield bent
    server.stop(None).wait()


def log_command(service: BentService, *arguments: str | Path) -> Result:
    """Run a command of the log against it."""
    return gongji("log", *arguments, "--target", service.address)


HONEST = KeptLog.of(300)

ANEW = list(map(body_of, range(1000, 1400)))

BENT: dict[str, tuple[KeptLog, str]] = {
    "older": (KeptLog.of(299), "尾部被截去：曾见 300 叶，现在只有 299 叶"),
    "of one leaf": (KeptLog.of(1), "尾部被截去"),
    "empty": (KeptLog([]), "尾部被截去：曾见 300 叶，现在一叶也没有"),
    "another root": (KeptLog([*HONEST.bodies[:-1], ANEW[0]]), "有两个根"),
    "forked early": (KeptLog(ANEW[:310]), "日志分叉"),
    "forked late": (KeptLog([*HONEST.bodies[:299], *ANEW[:9]]), "日志分叉"),
    "another name": (KeptLog.of(301, origin="gongji.example/b"), "所认定的公钥"),
    "another key": (KeptLog.of(301, key=OTHER_KEY), "--accept-key"),
}


@pytest.mark.parametrize("name", BENT)
def test_a_witness_ends_at_a_bent_log_and_goes_on_with_the_honest_one(
    service: BentService, tmp_path: Path, name: str
) -> None:
    """It says how the log is bent, keeps nothing of it, and forgets nothing."""
    seen = tmp_path / "seen"
    assert 0 == log_command(service, "witness", seen).exit_code
    kept = {path.name for path in seen.iterdir()}
    service.log, said = BENT[name]
    result = log_command(service, "witness", seen)
    assert 1 == result.exit_code
    assert said in result.stderr
    assert kept == {path.name for path in seen.iterdir()}
    service.log = KeptLog.of(301)
    assert 0 == log_command(service, "witness", seen).exit_code


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("older", "尾部被截去"),
        ("another root", "两个根"),
        ("forked early", "互相矛盾"),
        ("forked late", "互相矛盾"),
        ("another key", "有效签名"),
    ],
)
def test_one_checkpoint_that_was_kept_finds_the_same(
    service: BentService, tmp_path: Path, name: str, said: str
) -> None:
    """A tail cut off, two logs of one size, a fork, a key that is not the log's."""
    kept, key = tmp_path / "kept", HONEST.public_key
    assert 0 == log_command(service, "checkpoint", kept).exit_code
    service.log = BENT[name][0]
    asked = ("consistency", kept, tmp_path / "proof", "--log-key", key)
    result = log_command(service, *asked)
    assert (1, False) == (result.exit_code, (tmp_path / "proof").exists())
    assert said in result.stderr


def test_a_witness_follows_a_key_that_was_changed_if_told(
    service: BentService, tmp_path: Path
) -> None:
    """What was seen under the former key still binds the log; the former key signs
    nothing any more."""
    seen, rotated = tmp_path / "seen", KeptLog.of(310, key=OTHER_KEY)
    log_command(service, "witness", seen)
    service.log = rotated
    asked = ("witness", seen, "--log-key", rotated.public_key)
    assert "--accept-key" in log_command(service, *asked).stderr
    assert 0 == log_command(service, *asked, "--accept-key").exit_code
    assert 0 == log_command(service, "witness", seen).exit_code
    for log, said in (
        (KeptLog.of(320), "--accept-key"),
        (KeptLog.of(250, key=OTHER_KEY), "曾见 310 叶"),
        (KeptLog(ANEW, key=OTHER_KEY), "日志分叉"),
    ):
        service.log = log
        result = log_command(service, "witness", seen)
        assert (1, True) == (result.exit_code, said in result.stderr)


def test_a_witness_that_goes_on_outlives_a_service_that_is_away(
    service: BentService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It tells that it saw nothing, asks again, and ends at a fork; one that was never
    answered ends at once."""
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        service.refuses = len(slept) == 1
        if len(slept) == 2:
            service.log = KeptLog(ANEW)

    monkeypatch.setattr(time, "sleep", sleep)
    seen = tmp_path / "seen"
    result = log_command(service, "witness", seen, "--every", "7")
    assert (1, [7, 7]) == (result.exit_code, slept)
    assert "7 秒之后再试" in result.stderr
    assert "日志分叉" in result.stderr
    service.refuses = True
    assert 1 == log_command(service, "witness", seen, "--every", "7").exit_code


def test_a_changed_key_must_be_of_the_same_log(
    service: BentService, tmp_path: Path
) -> None:
    """A key of another name is another log's; without a key there is none to accept."""
    seen = tmp_path / "seen"
    log_command(service, "witness", seen)
    other = KeptLog.of(301, origin="gongji.example/b")
    for key, code, said in (
        (("--log-key", other.public_key), 1, "这是另一份账本"),
        (("--log-key", "x"), 1, "公钥应写作"),
        ((), 2, "须与 --log-key 同写"),
    ):
        result = log_command(service, "witness", seen, *key, "--accept-key")
        assert (code, True) == (result.exit_code, said in result.stderr)
