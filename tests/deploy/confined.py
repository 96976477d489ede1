"""Runs a command under what deploy/gongji.service takes from the service.

    python -m tests.deploy.confined COMMAND ARGUMENT…

systemd applies the unit's directives where it is process 1; here the same filter of
system calls (by libseccomp, from the same lists), no new privileges, no memory that is
written and executed, and the same address families.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

UNIT: Final = Path(__file__).parents[2] / "deploy" / "gongji.service"

_PR_SET_NO_NEW_PRIVS: Final = 38
_PR_SET_MDWE: Final = 65
_EPERM: Final = 1
_ERRNO: Final = 0x00050000 | _EPERM
_ALLOW: Final = 0x7FFF0000
_FAMILIES: Final = {"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10}


def directives(name: str) -> list[str]:
    """Return the values of a directive of the unit, line by line."""
    lines = UNIT.read_text(encoding="utf-8").splitlines()
    return [line.partition("=")[2] for line in lines if line.partition("=")[0] == name]


def allowed_calls() -> set[str]:
    """Return the system calls that the unit allows."""
    groups = dict(_groups())
    allowed: set[str] = set()
    for value in directives("SystemCallFilter"):
        removed = value.startswith("~")
        names = set(_expanded(value.removeprefix("~").split(), groups))
        allowed = allowed - names if removed else allowed | names
    return allowed


def _groups() -> Iterator[tuple[str, list[str]]]:
    """Yield the groups that systemd knows, and what is in each."""
    command = ["systemd-analyze", "syscall-filter"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - our own
    name = ""
    members: list[str] = []
    for line in listed.stdout.splitlines():
        if line.startswith("@"):
            yield name, members
            name, members = line.split()[0], []
        elif line.strip() and not line.strip().startswith("#"):
            members.append(line.strip())
    yield name, members


def _expanded(names: list[str], groups: dict[str, list[str]]) -> Iterator[str]:
    for name in names:
        if name.startswith("@"):
            yield from _expanded(groups[name], groups)
        else:
            yield name


class _Compared(ctypes.Structure):
    """How an argument of a system call is compared (`struct scmp_arg_cmp`)."""

    _fields_ = (
        ("arg", ctypes.c_uint),
        ("op", ctypes.c_int),
        ("datum_a", ctypes.c_uint64),
        ("datum_b", ctypes.c_uint64),
    )


def confine() -> None:
    """Give up what the unit takes. OSError."""
    process = ctypes.CDLL(None, use_errno=True)
    for option in (_PR_SET_NO_NEW_PRIVS, _PR_SET_MDWE):
        if process.prctl(option, 1, 0, 0, 0):
            raise OSError(ctypes.get_errno(), f"prctl {option}")
    files = int(directives("LimitNOFILE")[0])
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(files, hard), min(files, hard)))
    _filter()


def _filter() -> None:
    library: Any = ctypes.CDLL(ctypes.util.find_library("seccomp") or "libseccomp.so.2")
    library.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(library.seccomp_init(ctypes.c_uint32(_ERRNO)))
    for name in sorted(allowed_calls() - {"socket"}):
        number = library.seccomp_syscall_resolve_name(name.encode())
        # Of another architecture.
        if number >= 0:
            library.seccomp_rule_add(context, ctypes.c_uint32(_ALLOW), number, 0)
    socket = library.seccomp_syscall_resolve_name(b"socket")
    (families,) = directives("RestrictAddressFamilies")
    for family in families.split():
        # 4: equal.
        compared = _Compared(0, 4, _FAMILIES[family], 0)
        rule = library.seccomp_rule_add_array
        if rule(context, ctypes.c_uint32(_ALLOW), socket, 1, ctypes.byref(compared)):
            raise OSError(f"no rule for {family}")
    if library.seccomp_load(context):
        raise OSError("the filter is refused")


if __name__ == "__main__":
    confine()
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606 - the tests' own command
