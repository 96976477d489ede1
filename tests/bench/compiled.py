"""Builds the load client and the slow disk from their C sources, once for each version of them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).parent
BUILT = HERE.parents[1] / "var" / "bench"


def load_client() -> Path:
    """The load client. RuntimeError says in Chinese what is missing."""
    return _compiled("load.c", "load", "-lnghttp2")


def slow_flush() -> Path:
    """The library that slows flushes down. RuntimeError as above."""
    return _compiled("slowflush.c", "slowflush.so", "-shared", "-fPIC", "-ldl")


def _compiled(source: str, name: str, *options: str) -> Path:
    made, written = BUILT / name, HERE / source
    if made.exists() and made.stat().st_mtime >= written.stat().st_mtime:
        return made
    if (gcc := shutil.which("gcc")) is None:
        msg = "找不到 gcc, 压测客户端须当场编译: 请安装, 如 apt-get install gcc"
        raise RuntimeError(msg)
    BUILT.mkdir(parents=True, exist_ok=True)
    command = [gcc, "-O2", "-Wall", "-o", str(made), str(written), *options]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)  # noqa: S603 - our own source
    if "nghttp2.h" in done.stderr or "-lnghttp2" in done.stderr:
        msg = (
            "找不到 nghttp2 的头文件或库, 压测客户端须用它编译: 请安装, "
            "如 apt-get install libnghttp2-dev"
        )
        raise RuntimeError(msg)
    if done.returncode:
        msg = f"{source} 编译失败: {done.stderr[-2000:]}"
        raise RuntimeError(msg)
    return made
