"""What the figures were taken on."""

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
    """Machine, disk and versions, by name."""
    return {
        "处理器": f"{_processor()}, {os.cpu_count()} 核",
        "内核": f"{platform.system()} {platform.release()}",
        "磁盘": _filesystem(on.folder),
        "Python": platform.python_version(),
        **{name: version(name) for name in ("grpcio", "protobuf", "uvloop")},
        "SQLite": sqlite3.sqlite_version,
        "PostgreSQL": on.postgres_version() or "未用",
    }


def _processor() -> str:
    found = re.search(
        r"^model name\s*:\s*(.+)$",
        Path("/proc/cpuinfo").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    return found[1] if found else platform.machine()


def _filesystem(folder: Path) -> str:
    """Kind of the filesystem: a flush to memory costs nothing, so it has to be known."""
    told = subprocess.run(  # noqa: S603 - coreutils, our own folder
        ["/usr/bin/stat", "-f", "-c", "%T", str(folder)],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    return told.stdout.strip() or "不明"
