"""The Node reference client, held to the client conformance; needs node 18 or newer,
npm and its registry."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from pathlib import Path

import pytest
from gongji_conformance.client import report
from gongji_conformance.client.process import command
from gongji_conformance.client.verdicts import IDS, judge

NODE_CLIENT = Path(__file__).parents[1] / "conformance" / "clients" / "node"
OLDEST_NODE = 18
LIMIT_S = 60.0


def test_the_node_reference_passes() -> None:
    """@grpc/grpc-js with the protos as they are passes every scenario and every law."""
    argv = [_node(), str(NODE_CLIENT / "client.js")]
    _install()
    verdicts = asyncio.run(judge(command(argv, LIMIT_S)))
    assert ["pass"] * len(IDS) == [verdict.word for verdict in verdicts], "\n".join(
        report.text(verdicts, argv)
    )


def test_the_lock_file_names_no_registry() -> None:
    """Whoever installs uses his own registry; the contents are held by their digests."""
    lock = (NODE_CLIENT / "package-lock.json").read_text(encoding="utf-8")
    assert ('"resolved"' in lock, '"integrity"' in lock) == (False, True)


def _node() -> str:
    node = shutil.which("node") or pytest.fail(
        f"没有找到 node: make prove 需要 node {OLDEST_NODE} 或更新版本与 npm"
    )
    told = subprocess.run(  # noqa: S603 - node itself
        [node, "--version"], capture_output=True, text=True, check=True
    ).stdout.strip()
    if int(told.removeprefix("v").partition(".")[0]) < OLDEST_NODE:
        pytest.fail(f"node {told} 太旧: make prove 需要 node {OLDEST_NODE} 或更新版本")
    return node


def _install() -> None:
    """Brings the pinned modules where they are not there yet, or others are asked for."""
    lock, installed = (
        NODE_CLIENT / "package-lock.json",
        NODE_CLIENT / "node_modules" / ".package-lock.json",
    )
    if installed.exists() and installed.stat().st_mtime >= lock.stat().st_mtime:
        return
    npm = shutil.which("npm") or pytest.fail(
        "没有找到 npm: make prove 用它安装 Node 参考客户端的模块"
    )
    done = subprocess.run(  # noqa: S603 - npm itself
        [npm, "ci"], cwd=NODE_CLIENT, capture_output=True, text=True, check=False
    )
    assert 0 == done.returncode, f"npm ci 没有成功: {done.stderr}"
