"""What `make dist` builds is whole, and works where nothing else of ours is installed."""

from __future__ import annotations

import json
import re
import tarfile
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest
from gongji import __version__

from tests.dist.conftest import Run
from tests.dist.projects import PROJECTS, ROOT


def stem(name: str) -> str:
    """How the files of a project begin."""
    return f"{name.replace('-', '_')}-{__version__}"


def in_wheel(dist: Path, name: str) -> dict[str, bytes]:
    """Every file of a wheel."""
    with zipfile.ZipFile(dist / f"{stem(name)}-py3-none-any.whl") as wheel:
        return {file: wheel.read(file) for file in wheel.namelist()}


def in_sdist(dist: Path, name: str) -> set[str]:
    """The names of a sdist's files, from its own top."""
    with tarfile.open(dist / f"{stem(name)}.tar.gz") as sdist:
        return {
            member.name.removeprefix(f"{stem(name)}/")
            for member in sdist.getmembers()
            if member.isfile()
        }


def sources(package: Path) -> dict[str, bytes]:
    """Every file of a package, as a wheel names it."""
    return {
        path.relative_to(package.parent).as_posix(): path.read_bytes()
        for path in files_of(package)
    }


def files_of(folder: Path) -> list[Path]:
    """Every file below a folder but compiled Python."""
    return [
        path
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    ]


def test_each_project_is_built(dist: Path) -> None:
    """The folder holds one sdist and one wheel of each project, of this version, and
    nothing else."""
    expected = {
        f"{stem(name)}{end}"
        for name in PROJECTS
        for end in (".tar.gz", "-py3-none-any.whl")
    }
    assert expected == {path.name for path in dist.iterdir()}


@pytest.mark.parametrize("name", PROJECTS)
def test_a_wheel_is_whole(dist: Path, name: str) -> None:
    """A wheel holds every file of its package (templates, samples, cases), and beside
    them metadata only."""
    files = in_wheel(dist, name)
    package = {
        file: content for file, content in files.items() if ".dist-info/" not in file
    }
    assert sources(PROJECTS[name].package) == package


@pytest.mark.parametrize("name", PROJECTS)
def test_a_wheel_carries_its_licence(dist: Path, name: str) -> None:
    """Each wheel names Apache-2.0 and holds its text."""
    info = f"{stem(name)}.dist-info"
    files = in_wheel(dist, name)
    metadata = message_from_bytes(files[f"{info}/METADATA"])
    assert ("Apache-2.0", ["LICENSE"]) == (
        metadata["License-Expression"],
        metadata.get_all("License-File"),
    )
    assert (ROOT / "LICENSE").read_bytes() == files[f"{info}/licenses/LICENSE"]


@pytest.mark.parametrize("name", PROJECTS)
def test_a_sdist_is_whole(dist: Path, name: str) -> None:
    """A sdist holds the package, the licence and the README; the wheel beside it was
    built from it."""
    project = PROJECTS[name]
    expected = {
        path.relative_to(project.folder).as_posix()
        for path in files_of(project.package)
    }
    expected |= {"LICENSE", "README.md", "pyproject.toml"}
    assert set() == expected - in_sdist(dist, name)


def test_the_sdist_holds_the_protos(dist: Path) -> None:
    """Whoever has the sdist of `gongji` can compile the protos, and compare them with
    those released."""
    expected = {path.relative_to(ROOT).as_posix() for path in files_of(ROOT / "protos")}
    assert set() == expected - in_sdist(dist, "gongji")


def test_it_is_the_wheel_that_runs(run: Run, environment: Path) -> None:
    """The environment takes `gongji` from its own site-packages."""
    where = run(
        "python",
        "-c",
        "import gongji, gongji_anqing; print(gongji.__file__, gongji_anqing.__file__)",
    )
    assert 0 == where.returncode, where.stderr
    assert all(path.startswith(str(environment)) for path in where.stdout.split())


def test_demo(run: Run) -> None:
    """`gongji demo` tells its day to the end."""
    told = run("gongji", "demo")
    assert (0, "") == (told.returncode, told.stderr)
    assert "已撤销" in told.stdout.splitlines()[-1]


def test_cities(run: Run) -> None:
    """`gongji cities` finds the three cities by their entry points."""
    told = run("gongji", "--json", "cities")
    assert 0 == told.returncode, told.stderr
    cities = {
        city["pinyin"]: city["version"] for city in json.loads(told.stdout)["cities"]
    }
    assert dict.fromkeys(("anqing", "chuzhou", "huangshan"), __version__) == cities


def test_conformance(run: Run) -> None:
    """`gongji conformance` judges a city by the register and the cases that came in the wheels."""
    judged = run("gongji", "conformance", "chuzhou", "--quick")
    assert 0 == judged.returncode, judged.stdout + judged.stderr


def test_a_new_city(run: Run, tmp_path: Path) -> None:
    """`gongji new-city` writes its project from the templates that came in the wheel."""
    made = run(
        "gongji",
        "new-city",
        "--answers",
        str(ROOT / "tests" / "kit" / "wuhu.toml"),
        "--out",
        "wuhu",
    )
    assert 0 == made.returncode, made.stderr
    assert (tmp_path / "wuhu" / "pyproject.toml").is_file()


def test_an_extra_is_asked_for_by_name(run: Run) -> None:
    """What an extra brings is not there, and the sentence that says so names the extra."""
    told = run(
        "gongji", "serve", "--database", "postgresql://127.0.0.1:1/x", "--data", "var"
    )
    assert 0 != told.returncode
    assert re.search(r"pip install 'gongji\[postgres\]'", told.stdout + told.stderr)
