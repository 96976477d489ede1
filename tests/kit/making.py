"""A fourth city made from its answers and installed beside the three, with nothing of
this repository touched."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
WUHU = HERE / "wuhu.toml"
BIN = Path(sys.executable).parent
SECONDS = 600
"""How long a tool may take; a whole conformance run takes half a minute alone, and
minutes beside other work."""


@dataclass(frozen=True, slots=True)
class Kit:
    """A project, the folder it is installed into, and an empty folder to work in."""

    project: Path
    site: Path
    desk: Path

    def run(
        self, *command: str | Path, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """A command of this environment with the city installed; from the empty folder
        unless told otherwise."""
        program, *arguments = map(str, command)
        return subprocess.run(  # noqa: S603 - our own tools
            [str(BIN / program), *arguments],
            cwd=cwd or self.desk,
            env=self.environment(),
            capture_output=True,
            encoding="utf-8",
            check=False,
            timeout=SECONDS,
        )

    def environment(self) -> dict[str, str]:
        """This environment with the city on its path; pytest, no command of ours, says
        what it says in its encoding."""
        plain = {
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONIOENCODING": "utf-8",
            "COLUMNS": "200",
        }
        return {**os.environ, **plain, "PYTHONPATH": str(self.site)}

    def conformance(
        self, *options: str, city: str = "wuhu"
    ) -> subprocess.CompletedProcess[str]:
        """The conformance suite over the city."""
        plain = ("-q", "-p", "no:cacheprovider", "-p", "no:xdist")
        return self.run(
            "pytest",
            *plain,
            "--pyargs",
            "gongji_conformance",
            "--gongji-city",
            city,
            *options,
        )


def make(folder: Path, path: Path, pinyin: str) -> Kit:
    """A city made from an answers file and installed into a folder of its own."""
    kit = Kit(folder / f"gongji-{pinyin}", folder / "site", folder / "desk")
    kit.desk.mkdir()
    ran = kit.run("gongji", "new-city", "--answers", path, "--out", kit.project)
    assert 0 == ran.returncode, ran.stderr
    install(kit)
    return kit


def every_year(folder: Path) -> Path:
    """Return a calendar file that knows all years, so that no year is one whose
    holidays are not published yet."""
    path = folder / "calendar.toml"
    path.write_text(
        "".join(f"[{year}]\noff = []\n" for year in range(2026, 2100)), encoding="utf-8"
    )
    return path


def install(kit: Kit) -> None:
    """Installs the project as it stands, from a wheel, without a network."""
    offline = (
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
        "--disable-pip-version-check",
        "--upgrade",
    )
    ran = kit.run("pip", "install", "-q", *offline, "--target", kit.site, kit.project)
    assert 0 == ran.returncode, ran.stderr
