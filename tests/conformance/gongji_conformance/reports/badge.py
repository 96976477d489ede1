"""The badge of a city: its tier and how many laws and cases hold, as a small picture."""

from __future__ import annotations

from html import escape
from typing import Final

from gongji_conformance.reports.report import CityReport

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


def svg(city: CityReport) -> str:
    """A picture 20 pixels high: the city's name at the left, tier and counts at the right."""
    held = city.counts["pass"] + city.counts["not-applicable"]
    left, right = f"gongji {city.name}", f"{city.tier.name} {held}/{sum(city.counts.values())}"
    widths = [_width(left), _width(right)]
    title = escape(f"{left}: {right}" + (f", 有效至 {city.tier.until}" if city.tier.until else ""))
    colour = COLOURS[city.tier.tier] if city.counts["fail"] + city.counts["suite-error"] == 0 else COLOURS["none"]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{sum(widths)}" height="20" role="img" aria-label="{title}">'
        f"<title>{title}</title>"
        f'<rect width="{widths[0]}" height="20" fill="#3b4248"/>'
        f'<rect x="{widths[0]}" width="{widths[1]}" height="20" fill="{colour}"/>'
        '<g fill="#fff" font-family="Noto Sans CJK SC,Microsoft YaHei,sans-serif" font-size="12" text-anchor="middle">'
        f'<text x="{widths[0] / 2}" y="14">{escape(left)}</text>'
        f'<text x="{widths[0] + widths[1] / 2}" y="14">{escape(right)}</text></g></svg>\n'
    )


def _width(text: str) -> int:
    return 12 + sum(_NARROW if character.isascii() else _WIDE for character in text)
