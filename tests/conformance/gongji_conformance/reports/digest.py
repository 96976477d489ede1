"""What exactly was judged and by what: versions, and a digest of each package."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterator
from functools import cache
from importlib import metadata, util
from pathlib import Path
from typing import Final

import msgspec

from gongji_conformance.cases.reading import CITIES

SUITE, CORE = "gongji-conformance", "gongji"
_LEFT_OUT: Final = frozenset({"__pycache__"})
_TOOLS: Final = ("pytest", "grpcio", "protobuf", "msgspec")
"""Packages whose versions a repetition needs beside our own."""


class Package(msgspec.Struct, frozen=True, kw_only=True):
    """A distribution: name, version, SHA-256 over its files, "" if they are not here."""

    name: str
    version: str
    digest: str = ""


def of_folder(folder: Path) -> str:
    """Return a SHA-256 over the names and contents of a package's files."""
    digest = hashlib.sha256()
    for path in _files(folder):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        name = path.relative_to(folder).as_posix()
        digest.update(f"{name} {content}\n".encode())
    return digest.hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    """Yield the files a package is made of."""
    # Sorted, because the order of a directory differs from machine to machine.
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        # What Python compiles from the files differs from run to run.
        if path.is_file() and _LEFT_OUT.isdisjoint(parts):
            yield path


# Once a run: every city and every report asks for the same few.
@cache
def _of_package(name: str) -> str:
    """Return the digest of an installed package, "" if there is none."""
    spec = util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        return ""
    folder = next(iter(spec.submodule_search_locations))
    return of_folder(Path(folder))


def suite() -> Package:
    """Return the suite itself."""
    digest = _of_package("gongji_conformance")
    return Package(
        name=SUITE,
        version=metadata.version(SUITE),
        digest=digest,
    )


def core(version: str, *, in_process: bool) -> Package:
    """Return the core that decided, of the version its replies name.

    Its files are digested only if it ran in this process.
    """
    if not in_process:
        return Package(
            name=CORE,
            version=version,
        )
    version = version or metadata.version(CORE)
    return Package(
        name=CORE,
        version=version,
        digest=_of_package(CORE),
    )


def plugin(
    pinyin: str,
    name: str,
    version: str,
) -> Package:
    """Return a city's plugin, digested if the same version is installed here."""
    digest = ""
    for entry in metadata.entry_points(
        group=CITIES,
        name=pinyin,
    ):
        installed = entry.dist
        if installed is None:
            continue
        if (installed.name, installed.version) == (name, version):
            package, _, _ = entry.module.partition(".")
            digest = _of_package(package)
    return Package(
        name=name,
        version=version,
        digest=digest,
    )


def requirements(*judged: Package) -> list[str]:
    """Return what has to be installed to repeat a run, exactly."""
    own = [
        f"{package.name}=={package.version}" for package in judged if package.version
    ]
    tools = [f"{tool}=={metadata.version(tool)}" for tool in _TOOLS]
    # Several cities may come from one distribution.
    return [*dict.fromkeys(own), *tools]


def python() -> str:
    """Return the interpreter and the machine."""
    machine = f"{platform.system()} {platform.machine()}"
    return f"Python {platform.python_version()}, {machine}"
