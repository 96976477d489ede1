"""Java as the examples need it: a JDK, and grpc-java as Debian packages it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

JARS = Path("/usr/share/java")
_NEEDED = (
    "grpc-netty",
    "grpc-protobuf",
    "gson",
    "geronimo-annotation-1.3-spec",
    "netty-handler",
    "perfmark-api",
    "protobuf-util",
)
_PROGRAMS = ("java", "javac", "protoc", "grpc_java_plugin")


def require() -> None:
    """Fail with what is missing, and the section that says how to install it."""
    missing = [name for name in _PROGRAMS if shutil.which(name) is None]
    missing += [f"{JARS}/{jar}.jar" for jar in _NEEDED if not _there(jar)]
    if missing:
        pytest.fail(
            f"没有找到 {'、'.join(missing)}：make examples 需要 docs/operate.md"
            "「正式运行」开头的 Debian 软件包"
        )


def _there(jar: str) -> bool:
    return (JARS / f"{jar}.jar").exists()
