"""What becomes of each mutant, and the score over all of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from gongji.cities.city import City

FULL_BP: Final = 10_000


@dataclass(
    frozen=True,
    slots=True,
)
class Killed:
    """A change some case noticed, and which."""

    name: str
    by: str


@dataclass(
    frozen=True,
    slots=True,
)
class Survivor:
    """A change no case noticed, and the case that would notice it."""

    name: str
    hook: str
    where: str
    change: str
    suggestion: str


@dataclass(
    frozen=True,
    slots=True,
)
class Equivalent:
    """A change nobody could notice, or no city at all, and why."""

    name: str
    reason: str


MutantVerdict = Killed | Survivor | Equivalent


@dataclass(
    frozen=True,
    slots=True,
)
class Score:
    """How much of a city its cases pin down."""

    city: City
    killed: tuple[Killed, ...]
    survived: tuple[Survivor, ...]
    equivalent: tuple[Equivalent, ...]
    seconds: float
    whole: bool = True
    """Whether every mutant was tried, not only a sample."""

    @classmethod
    def of(
        cls,
        city: City,
        verdicts: Iterable[MutantVerdict],
        seconds: float,
        *,
        whole: bool,
    ) -> Score:
        """Sort the verdicts by what they are."""
        verdicts = list(verdicts)
        return cls(
            city=city,
            killed=tuple(mutant for mutant in verdicts if isinstance(mutant, Killed)),
            survived=tuple(
                mutant for mutant in verdicts if isinstance(mutant, Survivor)
            ),
            equivalent=tuple(
                mutant for mutant in verdicts if isinstance(mutant, Equivalent)
            ),
            seconds=seconds,
            whole=whole,
        )

    @property
    def ratio_bp(self) -> int:
        """Noticed among those that could be, in basis points, rounded down.

        All of none is all.
        """
        counted = len(self.killed) + len(self.survived)
        if counted:
            return len(self.killed) * FULL_BP // counted
        return FULL_BP
