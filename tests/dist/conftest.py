"""What `make dist` has built, and an environment with that and nothing else of ours."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.dist.projects import PROJECTS, ROOT

# Built by `make dist` only, which names the folder.
NAMED = os.environ.get("GONGJI_DIST")
collect_ignore_glob = [] if NAMED else ["test_*.py"]

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def dist() -> Path:
    """The folder with the sdists and wheels."""
    return ROOT / (NAMED or "dist")


@pytest.fixture(scope="session")
def environment(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment: our wheels, and of other packages those alone that the
    wheels ask for, without extras.

    Those are linked from the environment of the tests, which takes no network and no time.
    """
    folder = tmp_path_factory.mktemp("fresh") / "venv"
    venv.create(folder, symlinks=True, with_pip=False)
    python = folder / "bin" / "python"
    (site,) = folder.glob("lib/python*/site-packages")
    for name in sorted(required(*PROJECTS)):
        link(name, site)
    wheels = [
        str(next(dist.glob(f"{name.replace('-', '_')}-*.whl"))) for name in PROJECTS
    ]
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(python),
        "install",
        "-q",
        "--no-deps",
        "--no-index",
        *wheels,
    ]
    subprocess.run(pip, check=True)  # noqa: S603 - our own wheels
    return folder


@pytest.fixture
def run(environment: Path, tmp_path: Path) -> Run:
    """Runs a command of the environment in an empty folder."""

    def runs(command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        argv = [str(environment / "bin" / command), *arguments]
        return subprocess.run(
            argv,
            cwd=tmp_path,
            env=outside(),
            capture_output=True,
            text=True,
            check=False,
        )  # noqa: S603 - our own

    return runs


def required(*names: str) -> set[str]:
    """Every distribution that these ask for, directly or through others; themselves left out."""
    found, waiting = set[str](), list(names)
    while waiting:
        for text in distribution(waiting.pop()).requires or ():
            requirement = Requirement(text)
            if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
                continue
            name = canonicalize_name(requirement.name)
            if name not in found | set(names):
                found.add(name)
                waiting.append(name)
    return found


def link(name: str, site: Path) -> None:
    """Link what a distribution has installed beside its metadata into another site-packages."""
    for top in tops(name):
        target, source = site / top, Path(str(distribution(name).locate_file(top)))
        if not target.exists() and source.exists():
            target.symlink_to(source)


def tops(name: str) -> Iterator[str]:
    """Names at the top of site-packages; scripts lie elsewhere."""
    yield from {file.parts[0] for file in distribution(name).files or ()} - {
        "..",
        "__pycache__",
    }


def outside() -> Mapping[str, str]:
    """The environment's variables without any that lead Python back to this repository."""
    return {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("PYTHON", "GONGJI", "VIRTUAL_ENV"))
    }
