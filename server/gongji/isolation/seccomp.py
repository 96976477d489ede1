"""Leave a process the system calls of plain computing (Linux seccomp), and no others.

No socket, no new process or thread, no signal to others, no write but to what is open.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import sys
from collections.abc import Iterator
from typing import Final

_X86_64, _AARCH64 = 0, 1

_ARCHITECTURES: Final = {
    "x86_64": (_X86_64, 0xC000003E),
    "aarch64": (_AARCH64, 0xC00000B7),
}
"""The column of `_ALLOWED`, and the kernel's AUDIT_ARCH, of each machine we know."""

# None: the machine has no such call.
_ALLOWED: Final[dict[str, tuple[int, int | None]]] = {
    # reading what Landlock leaves, and writing to what is open
    "read": (0, 63),
    "pread64": (17, 67),
    "readv": (19, 65),
    "write": (1, 64),
    "writev": (20, 66),
    "close": (3, 57),
    "close_range": (436, 436),
    "lseek": (8, 62),
    "fstat": (5, 80),
    "stat": (4, None),
    "lstat": (6, None),
    "newfstatat": (262, 79),
    "statx": (332, 291),
    "access": (21, None),
    "faccessat": (269, 48),
    "faccessat2": (439, 439),
    "open": (2, None),
    "openat": (257, 56),
    "openat2": (437, 437),
    "readlink": (89, None),
    "readlinkat": (267, 78),
    "getcwd": (79, 17),
    "getdents": (78, None),
    "getdents64": (217, 61),
    "dup": (32, 23),
    "dup2": (33, None),
    "dup3": (292, 24),
    "fcntl": (72, 25),
    "ioctl": (16, 29),
    "poll": (7, None),
    "ppoll": (271, 73),
    "select": (23, None),
    "pselect6": (270, 72),
    # memory
    "mmap": (9, 222),
    "munmap": (11, 215),
    "mprotect": (10, 226),
    "mremap": (25, 216),
    "madvise": (28, 233),
    "brk": (12, 214),
    # its own signals
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "sigaltstack": (131, 132),
    # what it is, the hour, chance
    "getpid": (39, 172),
    "getppid": (110, 173),
    "gettid": (186, 178),
    "getuid": (102, 174),
    "geteuid": (107, 175),
    "getgid": (104, 176),
    "getegid": (108, 177),
    "getrandom": (318, 278),
    "clock_gettime": (228, 113),
    "clock_getres": (229, 114),
    "clock_nanosleep": (230, 115),
    "nanosleep": (35, 101),
    "gettimeofday": (96, 169),
    "time": (201, None),
    "times": (100, 153),
    "getrusage": (98, 165),
    "uname": (63, 160),
    "sysinfo": (99, 179),
    "futex": (202, 98),
    "sched_yield": (24, 124),
    "sched_getaffinity": (204, 123),
    "membarrier": (324, 283),
    # its end, and what the C library does by itself
    "exit": (60, 93),
    "exit_group": (231, 94),
    "restart_syscall": (219, 128),
    "getrlimit": (97, 163),
    "umask": (95, 166),
    "arch_prctl": (158, None),
    "rseq": (334, 293),
    "set_robust_list": (273, 99),
}
"""Number of each allowed system call on x86_64 and on aarch64."""

_TGKILL, _PRLIMIT = (234, 131), (302, 261)

_ALLOW, _EPERM = 0x7FFF0000, 0x00050001

_LOAD, _EQUAL, _BELOW, _RETURN = 0x20, 0x15, 0x35, 0x06
"""Instructions of a filter: load a word, jump if equal, jump if at least, return."""

_NR, _ARCH = 0, 4

_X32: Final = 0x40000000
"""From here on numbers mean the x32 calls of an x86_64 kernel."""

_PR_SET_NO_NEW_PRIVS, _PR_GET_SECCOMP, _PR_SET_SECCOMP = 38, 21, 22

_FILTER: Final = 2


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def available() -> bool:
    """Return whether this machine and kernel can filter system calls."""
    if sys.platform != "linux" or platform.machine() not in _ARCHITECTURES:
        return False
    return _prctl(_PR_GET_SECCOMP, 0, 0) >= 0


def restrict() -> None:
    """Refuse this process every other system call from now on. OSError."""
    code = b"".join(_filter())
    program = _Program(len(code) // 8, code)
    if (
        _prctl(_PR_SET_NO_NEW_PRIVS, 1, 0) < 0
        or _prctl(_PR_SET_SECCOMP, _FILTER, ctypes.addressof(program)) < 0
    ):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_SECCOMP)")


def _prctl(option: int, first: int, second: int) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    return int(libc.prctl(option, ctypes.c_ulong(first), ctypes.c_void_p(second), 0, 0))


def _filter() -> Iterator[bytes]:
    """Yield the instructions; each test that fails goes on with the next one."""
    column, architecture = _ARCHITECTURES[platform.machine()]
    yield _instruction(_LOAD, _ARCH)
    yield from _unless(_EQUAL, architecture, _EPERM)
    yield _instruction(_LOAD, _NR)
    yield from _when(_BELOW, _X32, _EPERM)
    for numbers in _ALLOWED.values():
        number = numbers[column]
        if number is not None:
            yield from _when(_EQUAL, number, _ALLOW)
    # Reading a limit, that is prlimit64 without new limits: its third argument is null.
    yield from _with_argument(_PRLIMIT[column], 2, 0)
    # A signal to itself, as abort() sends.
    yield from _with_argument(_TGKILL[column], 0, os.getpid())
    yield _instruction(_RETURN, _EPERM)


def _with_argument(number: int, place: int, value: int) -> Iterator[bytes]:
    """Yield what allows a call if an argument has one value, both words of it."""
    low = 16 + 8 * place
    yield _instruction(_EQUAL, number, 0, 7)
    yield _instruction(_LOAD, low)
    yield _instruction(_EQUAL, value, 0, 4)
    yield _instruction(_LOAD, low + 4)
    yield _instruction(_EQUAL, 0, 0, 1)
    yield _instruction(_RETURN, _ALLOW)
    yield _instruction(_RETURN, _EPERM)
    yield _instruction(_RETURN, _EPERM)


def _when(test: int, value: int, result: int) -> Iterator[bytes]:
    yield _instruction(test, value, 0, 1)
    yield _instruction(_RETURN, result)


def _unless(test: int, value: int, result: int) -> Iterator[bytes]:
    yield _instruction(test, value, 1, 0)
    yield _instruction(_RETURN, result)


def _instruction(code: int, value: int, true: int = 0, false: int = 0) -> bytes:
    """Return one instruction as the kernel reads it (struct sock_filter)."""
    return struct.pack("=HBBI", code, true, false, value)
