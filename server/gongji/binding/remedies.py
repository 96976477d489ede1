"""What would help: the smallest sets of changes with which a refused application would pass.

Nothing is promised that was not tried: every way is applied to the case and decided
again before it is told.
"""

from __future__ import annotations

from collections.abc import Iterable

from gongji.binding.eligibility import Case, Change, failing, through

MOST_WAYS = 3
"""Ways told to a citizen; more would not help him choose."""

_MOST_STEPS = 12

Way = tuple[str, ...]
"""The changes of one way, as sentences."""


def ways(case: Case, open_channels: Iterable[str]) -> tuple[Way, ...]:
    """Ways that work now, the shortest first; none where nothing the applicant can do
    would help."""
    starts = [
        [],
        *(
            [through(case, other)]
            for other in open_channels
            if other != case.application.channel
        ),
    ]
    found = [
        tuple(c.text for c in way)
        for start in starts
        if (way := _way(case, start)) is not None
    ]
    shortest = sorted(dict.fromkeys(found), key=len)
    return tuple(shortest[:MOST_WAYS])


def _way(case: Case, start: list[Change]) -> list[Change] | None:
    """From a start, meet one condition after another; then leave out whatever was not needed."""
    taken = list(start)
    for _ in range(_MOST_STEPS):
        unmet = failing(_with(case, taken))
        if not unmet:
            return _needed(case, taken)
        if not unmet[0].changes:
            return None
        taken.append(unmet[0].changes[0])
    return None


def _needed(case: Case, taken: list[Change]) -> list[Change]:
    """The changes without those that the others make superfluous."""
    for change in list(taken):
        rest = [c for c in taken if c is not change]
        if not failing(_with(case, rest)):
            taken = rest
    return taken


def _with(case: Case, changes: list[Change]) -> Case:
    for change in changes:
        case = change.apply(case)
    return case
