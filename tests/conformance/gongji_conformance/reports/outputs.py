"""Writes what a run leaves behind: report.json, report.html, one badge for each city; junit.xml is pytest's own."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from gongji_conformance.reports import badge, page, report
from gongji_conformance.reports.report import Report

JUNIT: Final = "junit.xml"


def write(folder: Path, made: Report) -> list[Path]:
    """Writes the files; each of them. OSError where the folder cannot be written."""
    folder.mkdir(parents=True, exist_ok=True)
    alone = len(made.cities) == 1
    files = {
        "report.json": report.as_json(made),
        "report.html": page.html(made).encode(),
        **{("badge.svg" if alone else f"badge-{city.pinyin}.svg"): badge.svg(city).encode() for city in made.cities},
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in files]
