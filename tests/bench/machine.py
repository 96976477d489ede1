"""Describe what the figures were taken on."""

from __future__ import annotations

import os
import platform
import re
import sqlite3
import subprocess
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from tests.bench.serving import Ground


def described(on: Ground) -> Mapping[str, str]:
    """Return machine, disk and versions, by name."""
    return {
        "处理器": f"{_processor()}，{os.cpu_count()} 核",
        "内核": f"{platform.system()} {platform.release()}",
        "磁盘": _filesystem(on.folder),
        "Python": platform.python_version(),
        **{name: version(name) for name in ("grpcio", "protobuf", "uvloop")},
        "SQLite": sqlite3.sqlite_version,
        "PostgreSQL": on.postgres_version() or "未用",
    }


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    model = re.search(r"^model name\s*:\s*(.+)$", cpuinfo, re.MULTILINE)
    return model[1] if model else platform.machine()


def _filesystem(folder: Path) -> str:
    """Return the kind of the filesystem: a flush to memory costs nothing."""
    run = subprocess.run(  # noqa: S603 - coreutils, our own folder
        ["/usr/bin/stat", "-f", "-c", "%T", str(folder)],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    return run.stdout.strip() or "不明"
