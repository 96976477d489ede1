"""Both clients as their READMEs run them, against a sandbox that is a process of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.examples import node
from tests.scaffold.kept import give_kept

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
TASKS = (EXAMPLES / "tasks.json").read_text(encoding="utf-8")
PATIENCE_S = 60
RESULTS = [
    {"outcome": "done", "fund_fen": "10000"},  # (1000.00 - 800.00) at 50 % (C58, C61)
    {"outcome": "done", "fund_fen": "10000", "replayed": False},
    {"outcome": "refused", "code": "NOT_FOUND", "reason": "SETTLEMENT_NOT_FOUND"},
]


@pytest.fixture
def target(tmp_path: Path) -> Iterator[str]:
    """Start a sandbox with the sample's people; its address."""
    command = [
        sys.executable,
        "-m",
        "gongji",
        "serve",
        "--sandbox",
        "--sample",
        "--address",
        "127.0.0.1:0",
    ]
    give_kept(tmp_path / "var")
    with subprocess.Popen(  # noqa: S603 - our own
        [*command, "--data", str(tmp_path / "var")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            matches = (
                re.search(r"正在 (\S+:\d+) 服务", line) for line in process.stderr or ()
            )
            yield next(match[1] for match in matches if match)
        finally:
            process.terminate()


def performed(argv: list[str], target: str, **variables: str) -> list[dict[str, Any]]:
    """Return the results of the tasks, without what differs each time."""
    environment = {
        **os.environ,
        **variables,
        "GONGJI_TARGET": target,
        "GONGJI_TASK": TASKS,
    }
    run = subprocess.run(  # noqa: S603 - our own
        argv,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert 0 == run.returncode, run.stderr
    results = [json.loads(line) for line in run.stdout.splitlines()]
    assert results[1].pop("settlement_id")
    assert results[2].pop("message")
    return results


@pytest.fixture
def compiled(tmp_path: Path) -> Path:
    """Compile the protos as the README of the Python client does."""
    folder = tmp_path / "compiled"
    folder.mkdir()
    outputs = [f"--python_out={folder}", f"--grpc_python_out={folder}"]
    protos = sorted(
        str(path) for path in (ROOT / "protos" / "gongji" / "v1").glob("*.proto")
    )
    compiler = [sys.executable, "-m", "grpc_tools.protoc", f"-I{ROOT / 'protos'}"]
    subprocess.run([*compiler, *outputs, *protos], check=True, timeout=PATIENCE_S)  # noqa: S603 - our own
    return folder


def test_python(target: str, compiled: Path) -> None:
    """The Python client does its tasks with the compiled protos and nothing of ours."""
    path = os.pathsep.join([str(compiled), sysconfig.get_path("purelib")])
    # -S leaves out the .pth files, and with them the editable gongji.
    python = [sys.executable, "-S"]
    imported = subprocess.run(  # noqa: S603 - our own
        [
            *python,
            "-c",
            "from gongji.v1 import settlement_pb2; print(settlement_pb2.__file__)",
        ],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert imported.stdout.startswith(str(compiled))

    client = EXAMPLES / "python" / "client.py"
    assert RESULTS == performed([*python, str(client)], target, PYTHONPATH=path)


def test_node(target: str) -> None:
    """The Node client reads the protos as they are and does its tasks."""
    node.install()

    assert RESULTS == performed(
        [node.node(), str(EXAMPLES / "node" / "client.js")], target
    )
