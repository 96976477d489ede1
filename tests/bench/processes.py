"""What a server's processes use: the one that was started and all it has begun."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path
from time import sleep
from typing import Final

_LOOK_S: Final = 0.5

_LOOKS: Final = 600

_RESTING_S: Final = 0.01
"""CPU of a server that only looks now and then whether there is something to do."""

_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")


def family(pid: int) -> list[int]:
    """Return a process and all that descend from it."""
    members = [pid]
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with suppress(FileNotFoundError):  # a thread that has just ended
            children = (thread / "children").read_text(encoding="ascii").split()
            for child in children:
                members += family(int(child))
    return members


def cpu_s(pid: int) -> float:
    """Return the seconds of CPU a server's processes have used so far."""
    ticks = 0
    for member in family(pid):
        stat = Path(f"/proc/{member}/stat").read_text(encoding="ascii")
        # The name of the program stands in brackets and may hold spaces.
        fields = stat.rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / _TICKS_PER_S


def await_rest(pid: int) -> None:
    """Wait until a server's processes have nothing to do. TimeoutError after minutes."""
    used = cpu_s(pid)
    for _ in range(_LOOKS):
        sleep(_LOOK_S)
        before, used = used, cpu_s(pid)
        if used - before <= _RESTING_S:
            return
    raise TimeoutError(f"服务（进程 {pid}）一直没有空下来")


def peak_mib(pid: int) -> float:
    """Return the most memory each of a server's processes has held, added up, in MiB.

    Pages that several of them share count in each.
    """
    return sum(_status_mib(member, "VmHWM") for member in family(pid))


def most_mib(pid: int) -> float:
    """Return the most memory that any of a server's processes has held so far, in MiB."""
    return max([_status_mib(member, "VmHWM") for member in family(pid)])


def held_mib(pid: int) -> list[float]:
    """Return what each of a server's processes holds now, in MiB, the server's own first."""
    return [_status_mib(member, "VmRSS") for member in family(pid)]


def _status_mib(pid: int, figure: str) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    (kib,) = re.findall(rf"{figure}:\s+(\d+) kB", status)
    return int(kib) / 1024
