"""Writes what a run leaves behind: report.json, report.html, a badge for each city.

junit.xml is pytest's own.
"""

from __future__ import annotations

from pathlib import Path

from gongji_conformance.reports import badge, page, report
from gongji_conformance.reports.report import CityReport, Report


def write(folder: Path, run_report: Report) -> list[Path]:
    """Write the files and return them. OSError if the folder cannot be written."""
    folder.mkdir(
        parents=True,
        exist_ok=True,
    )
    files = {
        "report.json": report.as_json(run_report),
        "report.html": page.html(run_report).encode(),
    }
    for city in run_report.cities:
        files[_badge_name(city, run_report)] = badge.svg(city).encode()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in files]


def _badge_name(city: CityReport, run_report: Report) -> str:
    alone = len(run_report.cities) == 1
    if alone:
        return "badge.svg"
    return f"badge-{city.pinyin}.svg"
