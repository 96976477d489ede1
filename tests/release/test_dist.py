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

from tests.release.conftest import Run
from tests.release.projects import PROJECTS, ROOT


def stem(name: str) -> str:
    """Return how the files of a project begin."""
    return f"{name.replace('-', '_')}-{__version__}"


def in_wheel(dist: Path, name: str) -> dict[str, bytes]:
    """Return every file of a wheel with its content."""
    with zipfile.ZipFile(dist / f"{stem(name)}-py3-none-any.whl") as wheel:
        return {file: wheel.read(file) for file in wheel.namelist()}


def in_sdist(dist: Path, name: str) -> set[str]:
    """Return the names of a sdist's files, from its own top."""
    with tarfile.open(dist / f"{stem(name)}.tar.gz") as sdist:
        return {
            member.name.removeprefix(f"{stem(name)}/")
            for member in sdist.getmembers()
            if member.isfile()
        }


def sources(package: Path) -> dict[str, bytes]:
    """Return every file of a package under the name it has in a wheel."""
    return {
        path.relative_to(package.parent).as_posix(): path.read_bytes()
        for path in files_of(package)
    }


def files_of(folder: Path) -> list[Path]:
    """Return every file below a folder but compiled Python."""
    return [
        path
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    ]


def test_each_project_is_built(dist: Path) -> None:
    """The folder holds one sdist and one wheel of each project, of this version."""
    expected = {
        f"{stem(name)}{end}"
        for name in PROJECTS
        for end in (".tar.gz", "-py3-none-any.whl")
    }
    assert expected == {path.name for path in dist.iterdir()}


@pytest.mark.parametrize("name", PROJECTS)
def test_a_wheel_is_whole(dist: Path, name: str) -> None:
    """A wheel holds each file of its package (templates, samples, cases), and metadata."""
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
    """A sdist holds the package, the licence and the README."""
    project = PROJECTS[name]
    expected = {
        path.relative_to(project.folder).as_posix()
        for path in files_of(project.package)
    }
    expected |= {"LICENSE", "README.md", "pyproject.toml"}
    assert set() == expected - in_sdist(dist, name)


def test_the_sdist_holds_the_protos(dist: Path) -> None:
    """The sdist of `gongji` holds the protos and their released image."""
    expected = {path.relative_to(ROOT).as_posix() for path in files_of(ROOT / "protos")}
    assert set() == expected - in_sdist(dist, "gongji")


def test_it_is_the_wheel_that_runs(run: Run, environment: Path) -> None:
    """The environment takes `gongji` from its own site-packages."""
    result = run(
        "python",
        "-c",
        "import gongji, gongji_anqing; print(gongji.__file__, gongji_anqing.__file__)",
    )
    assert 0 == result.returncode, result.stderr
    assert all(path.startswith(str(environment)) for path in result.stdout.split())


def test_demo(run: Run) -> None:
    """`gongji demo` tells its day to the end."""
    result = run("gongji", "demo")
    assert (0, "") == (result.returncode, result.stderr)
    told, *_ = result.stdout.partition("\n\n以上都是服务的答复")
    assert "\t退回\t" in told.splitlines()[-1]


def test_cities(run: Run) -> None:
    """`gongji cities` finds the three cities by their entry points."""
    result = run("gongji", "--json", "cities")
    assert 0 == result.returncode, result.stderr
    cities = {
        city["pinyin"]: city["version"] for city in json.loads(result.stdout)["cities"]
    }
    assert dict.fromkeys(("anqing", "chuzhou", "huangshan"), __version__) == cities


def test_conformance(run: Run) -> None:
    """`gongji conformance` judges a city by the register and the cases that came in the wheels."""
    result = run("gongji", "conformance", "chuzhou", "--quick")
    assert 0 == result.returncode, result.stdout + result.stderr


def test_a_new_city(run: Run, tmp_path: Path) -> None:
    """`gongji new-city` writes its project from the templates that came in the wheel."""
    result = run(
        "gongji",
        "new-city",
        "--answers",
        str(ROOT / "tests" / "kit" / "wuhu.toml"),
        "--out",
        "wuhu",
    )
    assert 0 == result.returncode, result.stderr
    assert (tmp_path / "wuhu" / "pyproject.toml").is_file()


def test_an_extra_is_asked_for_by_name(run: Run) -> None:
    """What an extra brings is not there, and the sentence that says so names the extra."""
    result = run(
        "gongji", "serve", "--database", "postgresql://127.0.0.1:1/x", "--data", "var"
    )
    assert 0 != result.returncode
    assert re.search(r"pip install 'gongji\[postgres\]'", result.stdout + result.stderr)
