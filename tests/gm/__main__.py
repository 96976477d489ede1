"""Run tests over databases of the national algorithms, AES and SHA-2 raising where ours.

    python -m tests.gm [what pytest takes]

It exits with 1 also if something of ours called them and what was raised was caught.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

SITE: Final = Path(__file__).with_name("site")

TESTS: Final = SITE.parents[1]

CALLS: Final = "GONGJI_GM_CALLS"

STANDARD: Final[Mapping[str, str]] = {}
"""Tests that are about the standard suite, and why."""


def surroundings(calls: Path) -> dict[str, str]:
    """Return the environment of a process in which AES and SHA-2 raise."""
    path = os.pathsep.join(filter(None, (str(SITE), os.environ.get("PYTHONPATH"))))
    return {**os.environ, "PYTHONPATH": path, CALLS: str(calls)}


def main() -> int:
    """Run pytest; return its exit code, 1 for calls that nobody has told of."""
    with TemporaryDirectory(prefix="gm-") as folder:
        calls = Path(folder) / "calls"
        command = [sys.executable, "-m", "pytest", *sys.argv[1:]]
        command += [f"--deselect={test}" for test in STANDARD]
        environment = {**surroundings(calls), "GONGJI_TEST_CRYPTO": "gm"}
        code = subprocess.run(command, env=environment, check=False).returncode  # noqa: S603
        if calls.exists():
            sys.stderr.write(calls.read_text("utf-8"))
            code = code or 1
    return code


if __name__ == "__main__":
    sys.exit(main())
