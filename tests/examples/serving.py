"""A service with the sample's people, as a process of its own."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def serving(folder: Path, *options: str) -> Iterator[int]:
    """Start a service in a folder, with the sample's people; its port."""
    argv = [sys.executable, "-m", "gongji", "serve", "--sample", *options]
    with subprocess.Popen(  # noqa: S603 - our own
        [*argv, "--address", "127.0.0.1:0"],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            lines = iter(process.stderr or ())
            matches = (re.search(r"正在 \S+:(\d+) 服务", line) for line in lines)
            yield int(next(match[1] for match in matches if match))
        finally:
            process.terminate()
