"""How this program was called, for the commands that it tells people to type."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from pathlib import Path
from typing import Final

NAME: Final = "gongji"

# A command in a sentence or on a line of its own; neither a path nor one that is as it
# can be typed already.
_TYPED: Final = re.compile(
    rf"(?<![\w./\\-])(?<!-m ){NAME}(?= [a-z][a-z-]+\b)", re.ASCII
)


def own_command() -> str:
    """Return how this program was called: by name, by a path, or as a module."""
    called = Path(sys.argv[0])
    if called.name == "__main__.py":
        return f"{_shown(Path(sys.executable))} -m {NAME}"
    if called.name != NAME:
        # Run within another program, such as a test.
        return NAME
    return _shown(called)


def tool_command(name: str) -> str:
    """Return how a tool is called that was installed with this program."""
    beside = Path(sys.executable).parent / name
    return _shown(beside) if beside.exists() else name


def as_installed(text: str) -> str:
    """Return a text in which commands of this program are as they can be typed."""
    return _TYPED.sub(lambda _: own_command(), text)


def _shown(program: Path) -> str:
    """Return a program as short as it can be typed here."""
    found = shutil.which(program.name)
    # Another name of it is another program: python knows its environment by its path.
    if found and Path(found).absolute() == program.absolute():
        return program.name
    here = Path.cwd()
    path = program.absolute()
    # From the root every path is relative, and shorter by nothing.
    if here.parent != here and path.is_relative_to(here):
        path = path.relative_to(here)
    return shlex.quote(str(path))
