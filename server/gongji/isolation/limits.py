"""What a process that answers gives up before it runs code that is not ours."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from gongji.isolation import landlock, seccomp

MEMORY_BYTES: Final = 512 * 2**20
"""Address space of a process that answers."""

CPU_S: Final = 10
"""Processor seconds of a process that answers."""

_DESCRIPTORS: Final = 64

_INSTALLED: Final = frozenset({"site-packages", "dist-packages"})
"""Folders of the standard library's that hold what was installed beside it."""


def lacking() -> Iterator[str]:
    """Yield, in Chinese, what this machine cannot keep a plugin from."""
    # The interface is ours; a kernel that does not have it says so, and changes nothing.
    version = landlock.version()
    if not version:
        yield "读文件（内核没有 Landlock）"
    if not seccomp.available():
        yield (
            "使用网络、另起进程、向别的进程发信号"
            "（内核没有 seccomp，或处理器不是 x86_64、aarch64）"
        )
    if sys.platform == "win32":
        yield "占用内存与处理器，也不能让它另成一个受限的进程（本系统没有 setrlimit、fork）"


def confine(reads: Iterable[Path]) -> None:
    """Give up everything but computing and reading the interpreter and `reads`. OSError."""
    _set_limits()
    if landlock.version():
        own = tuple(reads)
        # Modules are found by listing the folder they lie in.
        listed = {path.parent for path in own}
        landlock.restrict([*_interpreter(), *own], listed)
    if seccomp.available():
        seccomp.restrict()


def _interpreter() -> Iterator[Path]:
    """Yield what holds the standard library and gongji itself."""
    library = Path(sysconfig.get_path("stdlib"))
    yield from (path for path in library.iterdir() if path.name not in _INSTALLED)
    # Extension modules may lie beside it.
    yield from (Path(at) for at in sys.path if Path(at).name == "lib-dynload")
    yield Path(__file__).resolve().parent.parent


def _set_limits() -> None:
    """Bound memory, processor time, files and processes, where the system has bounds."""
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415 - there is none on Windows

    # Of processes none, which root is not held to: the system calls are refused too.
    limits = {
        resource.RLIMIT_AS: MEMORY_BYTES,
        resource.RLIMIT_CPU: CPU_S,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: _DESCRIPTORS,
        resource.RLIMIT_NPROC: 0,
    }
    for limit, most in limits.items():
        # macOS refuses some; a lower one that is set already stays.
        with suppress(ValueError, OSError):
            resource.setrlimit(limit, (most, most))
    os.umask(0o077)
