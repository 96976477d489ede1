"""Curves of what the fund pays of a year's first bill, as coordinates of an inline SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, count
from typing import Final

from gongji.rules.binding import NO_LIMIT, NoLimit
from gongji.rules.money import Rounding, least_for, share, yuan

WIDTH: Final = 360
HEIGHT: Final = 240
LEFT, RIGHT, TOP, BOTTOM = 56, 12, 12, 28
"""What is kept free around a curve for the figures of its axes."""

_YUAN: Final = 100
_TICKS: Final = 5
_BEYOND: Final = 10_000_00
"""How far a curve is drawn behind the deductible if no limit ends its rise; fen."""

_Corner = tuple[int, int]
"""An amount in scope and what the fund pays of it, in fen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rise:
    """What a curve is made of: nothing up to the deductible, a ratio, a limit; fen."""

    place: str
    deductible_fen: int
    ratio_bp: int
    limit_fen: int | NoLimit
    rounding: Rounding

    @property
    def end_fen(self) -> int:
        """The amount in scope from which nothing changes, or how far it is drawn."""
        if self.limit_fen is NO_LIMIT or not self.ratio_bp:
            return self.deductible_fen + _BEYOND
        # The fund pays a limit of nothing from the first fen.
        if not self.limit_fen:
            return self.deductible_fen
        needed = least_for(self.limit_fen, self.ratio_bp, self.rounding)
        return self.deductible_fen + needed

    def paid(self, in_scope_fen: int) -> int:
        """Return what the fund pays of an amount in scope, in fen."""
        above = max(0, in_scope_fen - self.deductible_fen)
        fund = share(above, self.ratio_bp, self.rounding)
        return fund if self.limit_fen is NO_LIMIT else min(fund, self.limit_fen)

    def corners(self, farthest_fen: int) -> list[_Corner]:
        """Return where the curve turns, and its end."""
        turns = (0, self.deductible_fen, self.end_fen, farthest_fen)
        return [(fen, self.paid(fen)) for fen in turns]


@dataclass(frozen=True, slots=True)
class CurveLine:
    """The line of some places; `points` are those of an SVG polyline."""

    place: str
    points: str


@dataclass(frozen=True, slots=True)
class Tick:
    """A figure on an axis, in yuan, and where it stands."""

    yuan: str
    at: int


@dataclass(frozen=True, slots=True)
class Curve:
    """The lines of one people, and the figures of both axes."""

    people: str
    lines: tuple[CurveLine, ...]
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]


def curve_of(people: str, rises: Sequence[Rise]) -> Curve:
    """Return the lines of all places on common axes, a little beyond the last turn."""
    farthest = max(_YUAN, *(rise.end_fen * 5 // 4 for rise in rises))
    lines = {rise.place: rise.corners(farthest) for rise in rises}
    highest = max(1, *(paid for _, paid in chain.from_iterable(lines.values())))
    return Curve(
        people,
        tuple(
            CurveLine(place, _polyline(corners, farthest, highest))
            for place, corners in lines.items()
        ),
        tuple(
            Tick(_in_yuan(fen), _across(fen, farthest)) for fen in _figures(farthest)
        ),
        tuple(Tick(_in_yuan(fen), _up(fen, highest)) for fen in _figures(highest)),
    )


def _polyline(corners: Sequence[_Corner], farthest: int, highest: int) -> str:
    at = [f"{_across(fen, farthest)},{_up(paid, highest)}" for fen, paid in corners]
    return " ".join(at)


def _across(fen: int, farthest: int) -> int:
    return LEFT + fen * (WIDTH - LEFT - RIGHT) // farthest


def _up(fen: int, highest: int) -> int:
    return HEIGHT - BOTTOM - fen * (HEIGHT - TOP - BOTTOM) // highest


def _figures(most: int) -> range:
    """Return round amounts from 0 on, at most `_TICKS` above it."""
    for scale in count():
        for leading in (1, 2, 5):
            step = leading * 10**scale
            if most // step <= _TICKS:
                return range(0, most + 1, step)
    raise AssertionError


def _in_yuan(fen: int) -> str:
    """Return yuan, without decimals if there are no fen."""
    text = yuan(fen)
    return text if fen % _YUAN else text.partition(".")[0]
