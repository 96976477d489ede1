"""An earlier release, installed from its wheels into a virtual environment of its own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib import metadata
from pathlib import Path
from typing import Final

from tests.bench.compiled import BUILT

NEEDED: Final = ("gongji", "gongji_chuzhou")
"""The projects without which the load cannot be served: its people live in Chuzhou."""


@dataclass(frozen=True, slots=True)
class Release:
    """A release that can be served: its version, and the interpreter that has it."""

    version: str
    python: Path


def wheels_in(paths: Iterable[Path]) -> list[Path]:
    """Return the wheels given, and those in the folders given.

    ValueError, in Chinese, if one of those needed is missing or comes twice.
    """
    wheels = [wheel.resolve() for path in paths for wheel in _wheels_at(path)]
    projects = [_parts(wheel)[0] for wheel in wheels]
    for project in NEEDED:
        if (count := projects.count(project)) != 1:
            found = "、".join(sorted(projects)) or "无"
            msg = f"须恰有一个 {project} 的 wheel，得到 {count} 个；给出的是 {found}"
            raise ValueError(msg)
    return wheels


def _wheels_at(path: Path) -> Iterator[Path]:
    return iter(sorted(path.glob("*.whl"))) if path.is_dir() else iter([path])


def _parts(wheel: Path) -> tuple[str, str]:
    """Return project and version of a wheel, which its name says (PEP 427)."""
    project, version = wheel.name.split("-")[:2]
    return project, version


def installed(wheels: Sequence[Path]) -> Release:
    """Return the release of some wheels, installed unless it has been before.

    Its dependencies are those of this environment, so that only our own code differs.
    RuntimeError with the installer's last words.
    """
    home = BUILT / "releases" / _digest(wheels)
    python = home / "bin" / "python"
    versions = dict(map(_parts, wheels))
    whole = home / "whole"
    if not whole.exists():
        shutil.rmtree(home, ignore_errors=True)
        venv.create(home, with_pip=True)
        _install(python, wheels, home / "constraints.txt")
        whole.touch()
    return Release(versions["gongji"], python)


def _digest(wheels: Iterable[Path]) -> str:
    digest = sha256(sys.version.encode())
    for wheel in sorted(wheels):
        digest.update(wheel.read_bytes())
    # Today's dependencies too: a release is measured with the same.
    digest.update("\n".join(_dependencies()).encode())
    return digest.hexdigest()[:16]


def _install(python: Path, wheels: Sequence[Path], constraints: Path) -> None:
    constraints.write_text("\n".join(_dependencies()) + "\n", encoding="utf-8")
    command = [python, "-m", "pip", "install", "--quiet"]
    command += ["--disable-pip-version-check", "--constraint", constraints, *wheels]
    run = subprocess.run(  # noqa: S603 - wheels the caller names
        list(map(str, command)),
        capture_output=True,
        encoding="utf-8",
        check=False,
        env=clean_environment(),
    )
    if run.returncode:
        raise RuntimeError(f"装不上较早的版本：{run.stderr.strip()[-1000:]}")


def _dependencies() -> list[str]:
    """Return what is installed here besides our own projects, each with its version."""
    found = {
        f"{re.sub(r'[-_.]+', '-', each.name).lower()}=={each.version}"
        for each in metadata.distributions()
        if not each.name.startswith("gongji")
    }
    return sorted(found)


def clean_environment() -> dict[str, str]:
    """Return this environment without what would lead to today's modules."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
