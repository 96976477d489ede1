"""A service of the national algorithms from its making to its backup, AES and SHA-2
raising wherever this program calls them, in each of its processes.

`make gm` runs the whole suite so.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from gongji.audit.checkpoint import SM2, verifier_of
from gongji.client.credentials import LOCAL_TOKEN
from gongji.serve.settings import SIGNING_KEY

from tests.cli.command import gongji
from tests.cli.started import Caller, run, started
from tests.gm.__main__ import TESTS, surroundings

REFEREE = TESTS.parent / "examples" / "referee" / "verify_packet.py"


@pytest.fixture
def guarded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Guard the processes that are started; nothing may have been called by the end."""
    calls = tmp_path / "calls"
    for name, value in surroundings(calls).items():
        monkeypatch.setenv(name, value)
    # Chosen by the option alone.
    monkeypatch.delenv("GONGJI_TEST_CRYPTO", raising=False)
    yield calls
    assert not calls.exists(), calls.read_text("utf-8")


def succeeding(*arguments: str) -> str:
    """What a command prints that succeeds."""
    done = run(*arguments)
    assert 0 == done.returncode, done.stderr
    return done.stdout


def told(*command: str) -> str:
    """What another program prints that succeeds."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603


def served(data: Path, kept: str, packet: str) -> str:
    """The public key of a service that has settled a bill, and ended in order.

    It leaves the bill's packet, and a checkpoint, in files.
    """
    at = ["--no-gateway", "--crypto", "gm", "--sample", "--data", str(data)]
    with started(*at) as server:
        with Caller(server) as caller:
            settled = caller.settle().settlement.settlement_id
        target = ("--target", server.address, "--token-file", str(data / LOCAL_TOKEN))
        signed = succeeding("--json", "log", "checkpoint", kept, "--now", *target)
        succeeding("explain", settled, "--packet", packet, *target)
        server.end()
    return str(json.loads(signed)["public_key"])


def test_a_service_of_the_national_algorithms(guarded: Path, tmp_path: Path) -> None:
    """It settles and signs with SM2; a packet, a checkpoint kept elsewhere, every row and
    a backup hold; told another suite it does not start."""
    data, kept = tmp_path / "var", str(tmp_path / "kept")
    packet = str(tmp_path / "packet.json")
    key = served(data, kept, packet)
    assert verifier_of(key).key_kind is SM2
    found = told(sys.executable, "-I", str(REFEREE), packet, "--key", key)
    assert "检查点签名有效" in found
    assert "1 份文档与摘要一致" in found
    at = ("--data", str(data))
    succeeding("verify", "--jobs", "1", "--checkpoint", kept, *at)
    succeeding("backup", str(tmp_path / "backup"), *at)
    refused = gongji("serve", "--crypto", "standard", *at)
    assert 1 == refused.exit_code
    assert "该数据库用的是 gm（SM4-GCM、SM3、SM2）" in refused.stderr
    assert "OID: SM2" in told(
        "openssl", "pkey", "-text", "-in", str(data / SIGNING_KEY)
    )
    assert not guarded.exists()


def test_the_guard_holds(tmp_path: Path) -> None:
    """What hashes with SHA-2 or seals with AES in our modules raises, and is written down."""
    calls = tmp_path / "calls"
    program = (
        "from gongji.audit.hashing import sha256\n"
        "from gongji.store.keys.suite import STANDARD\n"
        "from gongji.store.seal import Vault\n"
        "for call in (lambda: sha256(b''), lambda: Vault(bytes(32), suite=STANDARD).ring):\n"
        "    try:\n"
        "        call()\n"
        "    except Exception as raised:\n"
        "        print(type(raised).__name__)\n"
    )
    done = subprocess.run(  # noqa: S603 - our own
        [sys.executable, "-c", program],
        env={**os.environ, **surroundings(calls)},
        check=True,
        capture_output=True,
        text=True,
    )
    assert ["ForbiddenAlgorithmError"] * 2 == done.stdout.split()
    assert 2 == len(
        re.findall(r"^\w+ called by gongji\.", calls.read_text(), re.MULTILINE)
    )
