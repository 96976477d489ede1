"""What exactly was judged and by what: versions, and a digest over the files of each package."""

from __future__ import annotations

import hashlib
import platform
from functools import cache
from importlib import metadata, util
from pathlib import Path
from typing import Final

import msgspec

from gongji_conformance.cases.case import CITIES

SUITE, CORE = "gongji-conformance", "gongji"
_LEFT_OUT: Final = frozenset({"__pycache__"})
_TOOLS: Final = ("pytest", "grpcio", "protobuf", "msgspec")
"""Packages whose versions a repetition needs beside our own."""


class Package(msgspec.Struct, frozen=True, kw_only=True):
    """A distribution: name, version, and SHA-256 over its files as they are here; "" where they are not here."""

    name: str
    version: str
    digest: str = ""


def of_folder(folder: Path) -> str:
    """SHA-256 over the names and contents of a package's files, what Python compiles from them left out."""
    told = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        inside = path.relative_to(folder)
        if _LEFT_OUT.isdisjoint(inside.parts):
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            told.update(f"{inside.as_posix()} {content}\n".encode())
    return told.hexdigest()


@cache
def _of_package(name: str) -> str:
    spec = util.find_spec(name)
    folders = list(spec.submodule_search_locations or ()) if spec else []
    return of_folder(Path(folders[0])) if folders else ""


def suite() -> Package:
    """The suite itself."""
    return Package(name=SUITE, version=metadata.version(SUITE), digest=_of_package("gongji_conformance"))


def core(version: str, *, here: bool) -> Package:
    """The core that decided, of the version its replies name; its files only where it ran in this process."""
    installed = metadata.version(CORE)
    return Package(name=CORE, version=version or (installed if here else ""), digest=_of_package(CORE) if here else "")


def plugin(pinyin: str, name: str, version: str) -> Package:
    """A city's plugin as the server names it; digested where the same version is installed here."""
    for entry in metadata.entry_points(group=CITIES, name=pinyin):
        if entry.dist is not None and (entry.dist.name, entry.dist.version) == (name, version):
            return Package(name=name, version=version, digest=_of_package(entry.module.partition(".")[0]))
    return Package(name=name, version=version)


def requirements(*judged: Package) -> list[str]:
    """What has to be installed to repeat a run, exactly."""
    ours = [f"{package.name}=={package.version}" for package in judged if package.version]
    return [*dict.fromkeys(ours), *(f"{tool}=={metadata.version(tool)}" for tool in _TOOLS)]


def python() -> str:
    """The interpreter and the machine."""
    return f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"
