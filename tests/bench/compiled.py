"""Build the load client and the slow disk from their C sources, once a version."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Final

HERE = Path(__file__).parent
BUILT = HERE.parents[1] / "var" / "bench"

_NEEDED: Final = {
    ("nghttp2.h", "-lnghttp2"): "libnghttp2-dev",
    ("openssl/", "-lssl", "-lcrypto"): "libssl-dev",
}
"""What the compiler or linker names if a package is missing."""


def load_client() -> Path:
    """Return the load client. RuntimeError says in Chinese what is missing."""
    return _compiled("load.c", "load", "-lnghttp2", "-lssl", "-lcrypto")


def slow_flush() -> Path:
    """Return the library that slows flushes down. RuntimeError as above."""
    return _compiled("slowflush.c", "slowflush.so", "-shared", "-fPIC", "-ldl")


def _compiled(source: str, name: str, *options: str) -> Path:
    binary = BUILT / name
    text = HERE / source
    if binary.exists() and binary.stat().st_mtime >= text.stat().st_mtime:
        return binary
    if (gcc := shutil.which("gcc")) is None:
        msg = "找不到 gcc，压测客户端须当场编译：请安装，如 apt-get install gcc"
        raise RuntimeError(msg)
    BUILT.mkdir(parents=True, exist_ok=True)
    command = [gcc, "-O2", "-Wall", "-o", str(binary), str(text), *options]
    run = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)  # noqa: S603 - our own source
    for signs, package in _NEEDED.items():
        if any(sign in run.stderr for sign in signs):
            msg = (
                f"找不到 {package} 的头文件或库，压测客户端须用它编译：请安装，"
                f"如 apt-get install {package}"
            )
            raise RuntimeError(msg)
    if run.returncode:
        msg = f"{source} 编译失败：{run.stderr[-2000:]}"
        raise RuntimeError(msg)
    return binary
