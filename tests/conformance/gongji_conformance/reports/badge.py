"""The badge of a city: its tier and how many laws and cases hold, as a picture."""

from __future__ import annotations

from typing import Final, NamedTuple

from gongji_conformance.reports.report import CityReport
from gongji_conformance.reports.template import ENVIRONMENT

COLOURS: Final = {
    "bronze": "#8c5a2b",
    "silver": "#5f6b76",
    "gold": "#9a7400",
    "platinum": "#33658a",
    "none": "#a4262c",
    "unrated": "#6b6b6b",
}
"""Dark enough for white letters."""
_WIDE, _NARROW = 12, 7
"""Width of a Chinese and of a Latin character at 12 pixels."""
_MARGINS: Final = 12


class _Field(NamedTuple):
    """One half of the badge."""

    text: str

    @property
    def width(self) -> int:
        """Its width in pixels."""
        widths = [_NARROW if letter.isascii() else _WIDE for letter in self.text]
        return _MARGINS + sum(widths)


def svg(city: CityReport) -> str:
    """Return a picture 20 pixels high: the city's name, its tier and counts."""
    counts = city.counts
    tier = city.tier
    held = counts["pass"] + counts["not-applicable"]
    left = _Field(f"gongji {city.name}")
    total = sum(counts.values())
    right = _Field(f"{tier.name} {held}/{total}")
    until = f"，有效至 {tier.until}" if tier.until else ""
    failed = counts["fail"] + counts["suite-error"]
    return ENVIRONMENT.get_template("badge.svg").render(
        left=left,
        right=right,
        title=f"{left.text}: {right.text}{until}",
        colour=COLOURS["none" if failed else tier.tier],
    )
