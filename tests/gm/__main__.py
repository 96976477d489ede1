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

_VERSION_2: Final = "databases of version 2 are sealed with AES, whatever opens them"

STANDARD: Final[Mapping[str, str]] = {
    "tests/store/test_version_2.py": _VERSION_2,
    "tests/store/test_migrations.py::test_version_2_is_brought_forward": _VERSION_2,
    "tests/store/test_version_3.py::test_balances_of_before_are_one_batch_a_year": _VERSION_2,
    "tests/audit/test_tree.py": "judged by pymerkle, which has no SM3",
    "tests/audit/test_checkpoint.py::test_the_published_note_and_key_are_understood": (
        "an Ed25519 key of somebody else"
    ),
    "tests/store/test_key_sources.py::test_a_database_whose_master_is_in_a_token": (
        "a token wraps by AES"
    ),
    "tests/store/test_key_sources.py::test_a_master_moves_from_a_file_into_a_token": (
        "a token wraps by AES"
    ),
    "tests/store/test_key_sources.py::test_sources_are_named": "asks by the standard suite",
    "tests/cli/test_key_sources.py::test_served_and_verified[token]": (
        "a token wraps by AES"
    ),
    "tests/cli/test_key_sources.py::test_from_a_file_into_a_token_and_back": (
        "a token wraps by AES"
    ),
    "tests/cli/test_key_sources.py::test_a_server_that_does_not_know_the_new_source": (
        "a token wraps by AES"
    ),
    "tests/cli/test_demo.py::test_it_runs_beside_a_configured_service": (
        "what it starts is told nothing of the environment, the suite included"
    ),
    "tests/cli/test_check.py::test_refused[a row is missing, so that it does not even load]": (
        "what is isolated is told nothing of the environment, the suite included"
    ),
    "tests/serve/test_checkpointing.py::test_a_key_of_another_kind_is_refused": "Ed25519",
    "tests/serve/test_checkpointing.py::"
    "test_the_key_is_made_once_and_readable_by_nobody_else[Ed25519]": "Ed25519",
    "tests/cli/test_crypto.py": "is about both suites",
}
"""Tests that are about the standard suite, and why they do not run with the other one."""


def surroundings(calls: Path) -> dict[str, str]:
    """Return the environment of a process in which AES and SHA-2 raise."""
    path = os.pathsep.join(filter(None, (str(SITE), os.environ.get("PYTHONPATH"))))
    return {**os.environ, "PYTHONPATH": path, CALLS: str(calls)}


def main() -> int:
    """Run pytest; return its exit code, 1 for calls that nobody has told of."""
    with TemporaryDirectory(prefix="gm-") as folder:
        calls = Path(folder) / "calls"
        command = [sys.executable, "-m", "pytest", *sys.argv[1:]]
        # A module that is not imported can call nothing.
        ways = {test: "deselect" if "::" in test else "ignore" for test in STANDARD}
        command += [f"--{way}={test}" for test, way in ways.items()]
        environment = {**surroundings(calls), "GONGJI_TEST_CRYPTO": "gm"}
        code = subprocess.run(command, env=environment, check=False).returncode  # noqa: S603
        if calls.exists():
            sys.stderr.write(calls.read_text("utf-8"))
            code = code or 1
    return code


if __name__ == "__main__":
    sys.exit(main())
