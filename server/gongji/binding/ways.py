"""The ways that help (办法): changes of which each way is tried before it is told.

Nothing is promised that was not tried: each way is applied and decided again before it
is named.
"""

from __future__ import annotations

from collections.abc import (
    Callable,
    Iterable,
    Sequence,
)
from typing import Final

from gongji.binding import corrections
from gongji.binding.case import (
    Case,
    Change,
    Unmet,
)
from gongji.model.conditions import Way
from gongji.rules.channels import (
    ChannelId,
)

MOST_WAYS: Final = 3
"""How many ways a citizen is offered; more would not help to choose."""

# Far above what the conditions need: each change meets one for good.
_MOST_STEPS: Final = 12

Check = Callable[[Case], Sequence[Unmet]]
"""Says which conditions a case does not meet."""

Usable = Callable[[Change], bool]
"""Says whether a change can be made where the ways are told."""


def ways(
    case: Case,
    open_channels: Iterable[ChannelId],
    check: Check,
    usable: Usable = lambda _: True,
) -> tuple[Way, ...]:
    """Return ways that work now, the shortest first; none if nothing would help."""
    current = case.application.channel
    alternatives = [channel for channel in open_channels if channel != current]
    starts = [[], *([corrections.through(case, channel)] for channel in alternatives)]
    working: dict[tuple[str, ...], Way] = {}
    for start in starts:
        changes = _way_from(case, start, check, usable)
        if changes is not None:
            way = tuple([change.step for change in changes])
            working.setdefault(tuple([step.text for step in way]), way)
    shortest = sorted(working.values(), key=len)
    return tuple(shortest[:MOST_WAYS])


def _way_from(
    case: Case, start: list[Change], check: Check, usable: Usable
) -> list[Change] | None:
    """Return the changes that meet one condition after another, none superfluous."""
    changes = list(start)
    for _ in range(_MOST_STEPS):
        unmet = check(_after(case, changes))
        if not unmet:
            return _needed(case, changes, check)
        change = next(filter(usable, unmet[0].changes), None)
        if change is None:
            return None
        changes.append(change)
    return None


def _needed(case: Case, changes: list[Change], check: Check) -> list[Change]:
    """Return the changes without those that the others make superfluous."""
    needed = changes
    for change in changes:
        without = [step for step in needed if step is not change]
        if not check(_after(case, without)):
            needed = without
    return needed


def _after(case: Case, changes: list[Change]) -> Case:
    for change in changes:
        case = change.apply(case)
    return case
