"""The ratios as a picture: bars by subject and number of callers, as plain SVG that
changes only with the figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from xml.sax.saxutils import escape

from tests.bench.rounds import Results
from tests.bench.subjects import Subject

HEIGHT: Final = 240
LEFT, TOP, BOTTOM, RIGHT = 44, 46, 62, 12
BAR, GAP = 26, 30
COLOURS: Final = ("#c6dbef", "#6baed6", "#2171b5", "#08306b")
STEP: Final = 0.25
STYLE: Final = (
    "text{font:12px sans-serif;"
    "fill:#333}.n{font-size:10px}.m{text-anchor:middle}.e{text-anchor:end}"
)


def drawn(
    results: Results, subjects: Sequence[Subject], callers: Sequence[int], against: str
) -> str:
    """Calls a second of each subject by those of `against` at the same number of callers."""
    shown = [
        s
        for s in subjects
        if s.name != against and len(set(s.callers) & set(callers)) == len(callers)
    ]
    ratios = {
        (s.name, n): results.ratio((s.name, n), (against, n))
        for s in shown
        for n in callers
    }
    top = max([1.0, *(r for r in ratios.values() if r)]) // STEP * STEP + STEP
    group = BAR * len(callers) + GAP
    width, floor = LEFT + group * len(shown) + RIGHT, TOP + HEIGHT
    parts = [*_grid(top, width, floor), *_legend(callers)]
    for place, subject in enumerate(shown):
        x = LEFT + GAP // 2 + place * group
        for i, count in enumerate(callers):
            parts += _bar(
                ratios[subject.name, count],
                x + i * BAR,
                floor,
                top,
                COLOURS[i % len(COLOURS)],
            )
        parts += _name(subject.title, x + (group - GAP) / 2, floor + 18)
    size = f'width="{width}" height="{floor + BOTTOM}"'
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size}>\n<style>{STYLE}</style>\n'
        f"{_ground()}\n{body}\n</svg>\n"
    )


def _ground() -> str:
    return '<rect width="100%" height="100%" fill="#fff"/>'


def _grid(top: float, width: int, floor: int) -> list[str]:
    parts = []
    for step in range(round(top / STEP) + 1):
        value = step * STEP
        y = floor - value / top * HEIGHT
        colour = "#888" if value in {0, 1} else "#e5e5e5"
        parts.append(
            f'<line x1="{LEFT}" x2="{width - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="{colour}"/>'
        )
        parts.append(
            f'<text class="e" x="{LEFT - 6}" y="{y + 4:.1f}">{value:.2f}</text>'
        )
    return parts


def _legend(callers: Sequence[int]) -> list[str]:
    parts = [
        f'<text x="{LEFT}" y="16">每秒调用数 / 同样装束的空应答; 调用方的数目:</text>'
    ]
    for i, count in enumerate(callers):
        x = LEFT + i * 70
        parts.append(
            f'<rect x="{x}" y="24" width="12" height="12" fill="{COLOURS[i % len(COLOURS)]}"/>'
        )
        parts.append(f'<text x="{x + 17}" y="34">{count}</text>')
    return parts


def _bar(
    ratio: float | None, x: float, floor: int, top: float, colour: str
) -> list[str]:
    if ratio is None:
        return [f'<text class="n m" x="{x + BAR / 2 - 1}" y="{floor - 4}">未测</text>']
    height = ratio / top * HEIGHT
    y = floor - height
    return [
        f'<rect x="{x}" y="{y:.1f}" width="{BAR - 2}" height="{height:.1f}" fill="{colour}"/>',
        f'<text class="n m" x="{x + BAR / 2 - 1}" y="{y - 3:.1f}">{ratio:.2f}</text>',
    ]


def _name(title: str, x: float, y: float) -> list[str]:
    """The title below its bars, a line each part."""
    parts = title.split(", ")
    return [
        f'<text class="m" x="{x}" y="{y + 15 * i}">{escape(part)}</text>'
        for i, part in enumerate(parts)
    ]
