"""Memory is told of before it has run out, whatever bounds it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from gongji.serve import memory
from gongji.serve.memory import MemoryUse, memory_uses, watch_memory
from structlog.testing import capture_logs

MIB = 1024 * 1024
MEMINFO = "MemTotal: 1024 kB\nMemFree: 1 kB\nMemAvailable: 256 kB\n"

VERSION_2 = {
    "proc/self/cgroup": "0::/system.slice/gongji.service\n",
    "sys/fs/cgroup/system.slice/gongji.service/memory.max": "max\n",
    "sys/fs/cgroup/system.slice/memory.max": f"{100 * MIB}\n",
    "sys/fs/cgroup/system.slice/memory.current": f"{95 * MIB}\n",
    "sys/fs/cgroup/system.slice/memory.stat": f"anon 1\ninactive_file {3 * MIB}\n",
}
VERSION_1 = {
    "proc/self/cgroup": "4:memory:/pod/7\n0::/\n",
    "sys/fs/cgroup/memory/pod/7/memory.limit_in_bytes": f"{100 * MIB}\n",
    "sys/fs/cgroup/memory/pod/7/memory.usage_in_bytes": f"{95 * MIB}\n",
    "sys/fs/cgroup/memory/pod/7/memory.stat": f"total_inactive_file {3 * MIB}\n",
    "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
}
CONTAINER = {
    "proc/self/cgroup": "0::/../../elsewhere\n",
    "sys/fs/cgroup/memory.max": f"{100 * MIB}\n",
    "sys/fs/cgroup/memory.current": f"{92 * MIB}\n",
}
NONE = {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "max\n"}
ODD = {"proc/self/cgroup": "\n:\n", "sys/fs/cgroup/memory.max": "what\n"}

OF_GROUP = [MemoryUse(92 * MIB, 100 * MIB, "cgroup")]
CASES = {
    "version 2": (VERSION_2, OF_GROUP),
    "version 1": (VERSION_1, OF_GROUP),
    "container": (CONTAINER, OF_GROUP),
    "none": (NONE, []),
    "odd": (ODD, []),
    "nothing to read": ({}, []),
}


@pytest.mark.parametrize(("files", "expected"), CASES.values(), ids=CASES)
def test_the_narrowest_groups_are_found(
    files: dict[str, str], expected: list[MemoryUse], tmp_path: Path
) -> None:
    """What bounds this process is found in both versions, without what can be taken back."""
    for name, text in {**files, "proc/meminfo": MEMINFO}.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="ascii")
    machine = MemoryUse(768 * 1024, 1024 * 1024, "machine")
    assert [*expected, machine] == list(memory_uses(tmp_path))


async def test_what_is_short_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nine tenths of a limit are an event, less are none."""
    uses = [MemoryUse(89 * MIB, 100 * MIB, "machine"), *OF_GROUP]
    monkeypatch.setattr(memory, "memory_uses", lambda: iter(uses))
    with capture_logs() as lines:
        watching = asyncio.ensure_future(watch_memory())
        await asyncio.sleep(0)
        watching.cancel()
    told = [(line["event"], line["used_mib"], line["of"]) for line in lines]
    assert [("memory_short", 92, "cgroup")] == told


def test_this_machine_says_something() -> None:
    """A process on Linux finds what it uses of the machine."""
    assert any(0 < use.used < use.limit for use in memory_uses())
