"""Draw the ratios: bars by subject and number of callers, as plain SVG.

It changes only with the figures.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple
from xml.sax.saxutils import escape

from tests.bench.rounds import Results
from tests.bench.subjects import Subject

HEIGHT: Final = 240
LEFT, TOP, BOTTOM, RIGHT = 44, 46, 62, 12
FLOOR: Final = TOP + HEIGHT
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
    """Return calls a second of each subject by those of `against`, as SVG.

    At the same number of callers; subjects not measured at each are left out.
    """
    rows = list(_rows(results, subjects, callers, against))
    top = _top_of(rows)
    group = BAR * len(callers) + GAP
    width = LEFT + group * len(rows) + RIGHT
    parts = [*_grid(top, width), *_legend(callers)]
    for place, row in enumerate(rows):
        x = LEFT + GAP // 2 + place * group
        for i, ratio in enumerate(row.ratios):
            parts += _bar(ratio, x + i * BAR, top, _colour(i))
        parts += _name(row.title, x + (group - GAP) / 2)
    return _document(width, parts)


class Bars(NamedTuple):
    """A subject's ratios by number of callers; None if one was not measured."""

    title: str
    ratios: list[float | None]


def _rows(
    results: Results, subjects: Sequence[Subject], callers: Sequence[int], against: str
) -> Iterator[Bars]:
    for subject in subjects:
        name = subject.name
        if name != against and set(callers) <= set(subject.callers):
            ratios = [results.ratio((name, n), (against, n)) for n in callers]
            yield Bars(subject.title, ratios)


def _top_of(rows: Sequence[Bars]) -> float:
    """Return the highest value of the scale: a step above 1 and the highest ratio."""
    top = 1.0
    for row in rows:
        for ratio in row.ratios:
            top = max(top, ratio or 0.0)
    return top // STEP * STEP + STEP


def _document(width: int, parts: Sequence[str]) -> str:
    size = f'width="{width}" height="{FLOOR + BOTTOM}"'
    ground = _tag("rect", width="100%", height="100%", fill="#fff")
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size}>',
        f"<style>{STYLE}</style>",
        ground,
        *parts,
        "</svg>",
        "",
    ]
    return "\n".join(lines)


def _tag(name: str, text: str = "", **attributes: object) -> str:
    """Return an element; an attribute `class_` is written without its underscore."""
    written = [name]
    for key, value in attributes.items():
        written.append(f'{key.rstrip("_")}="{value}"')
    opening = " ".join(written)
    return f"<{opening}>{text}</{name}>" if text else f"<{opening}/>"


def _colour(place: int) -> str:
    return COLOURS[place % len(COLOURS)]


def _grid(top: float, width: int) -> Iterator[str]:
    for step in range(round(top / STEP) + 1):
        value = step * STEP
        y = FLOOR - value / top * HEIGHT
        yield _tag(
            "line",
            x1=LEFT,
            x2=width - RIGHT,
            y1=f"{y:.1f}",
            y2=f"{y:.1f}",
            stroke="#888" if value in {0, 1} else "#e5e5e5",
        )
        yield _tag("text", f"{value:.2f}", class_="e", x=LEFT - 6, y=f"{y + 4:.1f}")


def _legend(callers: Sequence[int]) -> Iterator[str]:
    title = "每秒调用数 / 同样装束的空应答；调用方的数目："
    yield _tag("text", title, x=LEFT, y=16)
    for i, count in enumerate(callers):
        x = LEFT + i * 70
        yield _tag("rect", x=x, y=24, width=12, height=12, fill=_colour(i))
        yield _tag("text", str(count), x=x + 17, y=34)


def _bar(ratio: float | None, x: float, top: float, colour: str) -> Iterator[str]:
    middle = x + BAR / 2 - 1
    if ratio is None:
        yield _tag("text", "未测", class_="n m", x=middle, y=FLOOR - 4)
        return
    height = ratio / top * HEIGHT
    y = FLOOR - height
    yield _tag(
        "rect",
        x=x,
        y=f"{y:.1f}",
        width=BAR - 2,
        height=f"{height:.1f}",
        fill=colour,
    )
    yield _tag("text", f"{ratio:.2f}", class_="n m", x=middle, y=f"{y - 3:.1f}")


def _name(title: str, x: float) -> Iterator[str]:
    """Yield the title below its bars, a line each part."""
    for i, part in enumerate(title.split(", ")):
        yield _tag("text", escape(part), class_="m", x=x, y=FLOOR + 18 + 15 * i)
