"""A service with the sample's people, as a process of its own."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SAMPLE = ("serve", "--sample")
"""What `make run` runs."""
SANDBOX = ("sandbox", "--page-address", "127.0.0.1:0")
"""What `make sandbox` runs, with its page anywhere."""


@contextmanager
def serving(folder: Path, *options: str) -> Iterator[int]:
    """Start `gongji` with these options in a folder; its port."""
    argv = [sys.executable, "-m", "gongji", *options, "--address", "127.0.0.1:0"]
    with subprocess.Popen(  # noqa: S603 - our own
        argv, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            lines = iter(process.stderr or ())
            matches = (re.search(r'"address":"[^"]*:(\d+)"', line) for line in lines)
            yield int(next(match[1] for match in matches if match))
        finally:
            process.terminate()
