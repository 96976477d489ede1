"""The five projects: where each lies, and its import package."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parents[2]


class Project(NamedTuple):
    """The folder of a `pyproject.toml`, and the package below it."""

    folder: Path
    package: Path


PROJECTS: Final[Mapping[str, Project]] = {
    "gongji": Project(ROOT, ROOT / "server" / "gongji"),
    "gongji-anqing": Project(
        ROOT / "plugins" / "anqing", ROOT / "plugins" / "anqing" / "gongji_anqing"
    ),
    "gongji-chuzhou": Project(
        ROOT / "plugins" / "chuzhou", ROOT / "plugins" / "chuzhou" / "gongji_chuzhou"
    ),
    "gongji-huangshan": Project(
        ROOT / "plugins" / "huangshan",
        ROOT / "plugins" / "huangshan" / "gongji_huangshan",
    ),
    "gongji-conformance": Project(
        ROOT / "tests" / "conformance",
        ROOT / "tests" / "conformance" / "gongji_conformance",
    ),
}
