"""The systemd unit: clean, hardened, and what it takes the service does without."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from gongji.cli import main

from tests.cli.started import Caller, started
from tests.deploy.confined import UNIT, allowed_calls, directives

MOST_EXPOSED = 2.0

with_systemd = pytest.mark.skipif(
    not shutil.which("systemd-analyze"),
    reason="needs systemd-analyze (Debian: systemd)",
)


@pytest.fixture(params=["gongji.service", "gongji-national.service"])
def unit(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """Each unit, its program one that is there."""
    name: str = request.param
    path = tmp_path / name
    text = UNIT.with_name(name).read_text(encoding="utf-8")
    path.write_text(
        text.replace(directives("ExecStart")[0].split()[0], "/bin/true"),
        encoding="utf-8",
    )
    return path


def analyzed(*words: str | Path) -> str:
    """Return what systemd-analyze says; it must end with 0."""
    command = ["systemd-analyze", *map(str, words)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own
    assert 0 == ended.returncode, ended.stdout + ended.stderr
    return ended.stdout + ended.stderr


@with_systemd
def test_the_unit_is_clean(unit: Path) -> None:
    """Systemd has nothing to say about it."""
    assert "" == analyzed("verify", unit)


@with_systemd
def test_the_unit_is_hardened(unit: Path) -> None:
    """Its exposure, as systemd reckons it, is at most 2.0 of 10."""
    told = analyzed("security", "--offline=yes", unit)
    (exposed,) = re.findall(r"Overall exposure level for \S+: ([\d.]+)", told)
    assert float(exposed) <= MOST_EXPOSED


def test_the_unit_starts_what_there_is() -> None:
    """Its command is one of ours, with options that it has."""
    (line,) = directives("ExecStart")
    program, *words = line.split()
    assert "gongji" == Path(program).name
    assert ["--config", "serve"] == [words[0], words[2]]
    assert "serve" in main.commands


@with_systemd
def test_isolation_may_do_what_it_must() -> None:
    """Rules that are not ours are confined by the kernel: that stays allowed, what gives
    privileges does not."""
    allowed = allowed_calls()
    confining = {"landlock_create_ruleset", "landlock_add_rule", "seccomp", "prlimit64"}
    assert confining | {"landlock_restrict_self", "prctl", "clone"} <= allowed
    assert not {"mount", "ptrace", "setuid", "init_module", "reboot"} & allowed


@with_systemd
@pytest.mark.skipif(sys.platform != "linux", reason="the directives are Linux's")
def test_the_service_works_under_the_unit(tmp_path: Path) -> None:
    """Under the unit's system calls, address families and memory a service with gateway
    starts, confines and serves every city's plugin, settles, and ends in order."""
    under = [sys.executable, "-m", "tests.deploy.confined"]
    data = str(tmp_path / "var")
    with started("--gateway", "--data", data, "--sample", under=under) as server:
        status = Path(f"/proc/{server.process.pid}/status").read_text(encoding="utf-8")
        assert re.search(r"^Seccomp:\s+2$", status, re.MULTILINE)
        assert [] == server.told["refused"]
        assert not [said for said in server.announced if "本机不能阻止城市插件" in said]
        with Caller(server) as caller:
            assert not caller.settle().receipt.replayed
        assert 0 == server.end()
