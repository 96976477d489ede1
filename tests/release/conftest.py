"""The packages `make dist` has built, and an environment with nothing else of ours."""

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

from tests.release.projects import PROJECTS, ROOT

# Built by `make dist` only, which names the folder.
NAMED = os.environ.get("GONGJI_DIST")
collect_ignore_glob = [] if NAMED else ["test_*.py"]

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def dist() -> Path:
    """Return the folder with the sdists and wheels."""
    return ROOT / (NAMED or "dist")


@pytest.fixture(scope="session")
def environment(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make an environment with our wheels and only what they require, without extras.

    What they require is linked from the environment of the tests: no network, and a requirement
    that no wheel names is missing.
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
    """Run commands of the environment in an empty folder."""

    def runs(command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        argv = [str(environment / "bin" / command), *arguments]
        return subprocess.run(  # noqa: S603 - our own
            argv,
            cwd=tmp_path,
            env=outside(),
            capture_output=True,
            text=True,
            check=False,
        )

    return runs


def required(*names: str) -> set[str]:
    """Return every distribution that these require, directly or not; not themselves."""
    names_required, queue = set[str](), list(names)
    while queue:
        for text in distribution(queue.pop()).requires or ():
            requirement = Requirement(text)
            if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
                continue
            name = canonicalize_name(requirement.name)
            if name not in names_required | set(names):
                names_required.add(name)
                queue.append(name)
    return names_required


def link(name: str, site: Path) -> None:
    """Link what a distribution has installed beside its metadata into another site-packages."""
    for top in tops(name):
        target, source = site / top, Path(str(distribution(name).locate_file(top)))
        if not target.exists() and source.exists():
            target.symlink_to(source)


def tops(name: str) -> Iterator[str]:
    """Yield what a distribution has at the top of site-packages; scripts lie elsewhere."""
    yield from {file.parts[0] for file in distribution(name).files or ()} - {
        "..",
        "__pycache__",
    }


def outside() -> Mapping[str, str]:
    """Return the variables that do not lead Python back to this repository."""
    return {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("PYTHON", "GONGJI", "VIRTUAL_ENV"))
    }
