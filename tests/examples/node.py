"""Node as the examples need it: found, new enough, and with the modules of the lock file."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "examples" / "node"
OLDEST = 18


def node() -> str:
    """Return the path of node; the test fails if it is missing or too old."""
    path = shutil.which("node") or pytest.fail(
        f"没有找到 node: make examples 需要 node {OLDEST} 或更新版本与 npm"
    )
    version = subprocess.run(  # noqa: S603 - node itself
        [path, "--version"], capture_output=True, text=True, check=True
    ).stdout.strip()
    if int(version.removeprefix("v").partition(".")[0]) < OLDEST:
        pytest.fail(f"node {version} 太旧：make examples 需要 node {OLDEST} 或更新版本")
    return path


def install() -> None:
    """Install the pinned modules, unless they are there and no older than the lock file."""
    lock, installed = (
        FOLDER / "package-lock.json",
        FOLDER / "node_modules" / ".package-lock.json",
    )
    if installed.exists() and installed.stat().st_mtime >= lock.stat().st_mtime:
        return
    npm = shutil.which("npm") or pytest.fail(
        "没有找到 npm: make examples 用它安装 Node 客户端的模块"
    )
    run = subprocess.run(  # noqa: S603 - npm itself
        [npm, "ci"], cwd=FOLDER, capture_output=True, text=True, check=False
    )
    assert 0 == run.returncode, f"npm ci 没有成功：{run.stderr}"
