"""The five programs as their READMEs build and run them, in a folder that has only `examples`."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.examples.shell import ROOT, blocks_in, shell

_INSTALLS = ("apt-get install", "pip install", "make run")
"""What the test finds installed or started, and does not type."""

_NOT_COPIED = shutil.ignore_patterns("node_modules", "gongji", "gongjiv1")
"""What a clone does not have."""

_CLIENTS = {"Start": "Client", "start.js": "client.js", "start.py": "client.py"}
"""What does the suite's tasks, where it is another program than the one that starts."""


@dataclass(frozen=True, slots=True)
class Language:
    """A folder of `examples`, with the commands that it needs."""

    folder: str
    needs: tuple[str, ...]

    @property
    def blocks(self) -> list[str]:
        """The commands of its README that are typed; the last one runs the program."""
        written = blocks_in(ROOT / "examples" / self.folder / "README.md")
        return [
            block for block in written if not any(one in block for one in _INSTALLS)
        ]

    @property
    def run(self) -> str:
        """The command that runs the program, without its argument."""
        return self.blocks[-1].strip().splitlines()[-1].rpartition(" ")[0]

    def client(self, folder: Path) -> list[str]:
        """Return the command that does the suite's tasks, whatever the folder it is run in."""
        words = shlex.split(self.run)
        head, _, name = words[-1].rpartition("/")
        words[-1] = f"{head}/{_CLIENTS.get(name, name)}".lstrip("/")
        return [re.sub(r"^(out|examples)/", rf"{folder}/\1/", word) for word in words]


JAVA = Language("java", ("java", "javac", "protoc", "grpc_java_plugin"))
GO = Language("go", ("go", "protoc", "protoc-gen-go", "protoc-gen-go-grpc"))
NODE = Language("node", ("node", "npm"))
PYTHON = Language("python", ())
CPP = Language("cpp", ("g++", "cmake", "pkg-config", "protoc", "grpc_cpp_plugin"))

LANGUAGES = (JAVA, GO, NODE, PYTHON, CPP)


def prepare(folder: Path) -> None:
    """Lay out what the READMEs find in a clone; fail with what is not installed."""
    for language in LANGUAGES:
        missing = [name for name in language.needs if shutil.which(name) is None]
        if missing:
            pytest.fail(
                f"没有找到 {'、'.join(missing)}：make examples 需要 "
                f"examples/{language.folder}/README.md 开头所装的"
            )
    shutil.copytree(ROOT / "examples", folder / "examples", ignore=_NOT_COPIED)
    (folder / "protos").symlink_to(ROOT / "protos")
    python = folder / "out" / "venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    # -S leaves out the .pth files, and with them the editable gongji.
    packages = sysconfig.get_path("purelib")
    python.write_text(
        f'#!/bin/sh\nPYTHONPATH={packages} exec {sys.executable} -S "$@"\n', "utf-8"
    )
    python.chmod(0o755)


def build(folder: Path) -> None:
    """Type what each README builds with, two languages at a time."""
    with ThreadPoolExecutor(2) as pool:
        # The longest first.
        list(pool.map(lambda one: _built(folder, one), (CPP, JAVA, GO, NODE, PYTHON)))


def _built(folder: Path, language: Language) -> None:
    with shell(folder, {}, {}) as one:
        for block in language.blocks[:-1]:
            one.type(f"set -e\n{block}")
