"""Say which later settlements a reversal would leave as they are, though split otherwise.

Only the accumulators are recomputed. The row of the table behind each settlement is
read from its own trace, so what the registry says today of patient and institution
does not matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from msgspec import Struct

from gongji.model.commands import Decision
from gongji.model.facts import Facts, Need
from gongji.model.settlement import Settlement
from gongji.rules.shapes import Counted, Meter
from gongji.settlement.former import settled_at_of
from gongji.settlement.meters import name_of
from gongji.settlement.reverse import Reverse, Reversed, of_same_year
from gongji.settlement.rows import row_share
from gongji.settlement.split import FundShare, Used, fund_share
from gongji.settlement.trace import fund_inputs
from gongji.settlement.trace_rows import row_inputs


class Affected(Struct, frozen=True):
    """A later settlement that stands, and what it would be without the one reversed."""

    settlement: Settlement
    would_be: FundShare

    @property
    def surplus(self) -> FundShare:
        """Return what it took more than it would; either figure may be negative."""
        return FundShare(
            self.settlement.deductible_fen - self.would_be.deductible_fen,
            self.settlement.fund_fen - self.would_be.fund_fen,
        )

    def counts_at(self, instant: datetime) -> bool:
        """Return whether the accumulators held its share at an instant after it."""
        reversed_at = self.settlement.reversed_at
        return reversed_at is None or reversed_at > instant


class Previewed(Struct, frozen=True):
    """What `Reverse` would answer, and the later settlements it would leave as they are."""

    reversed: Reversed
    affected: tuple[Affected, ...]


class PreviewReversal(Struct, frozen=True):
    """Answer what a `Reverse` would do (validate_only), writing nothing.

    The decision and its refusals are the same, but no tombstone is left.
    """

    command: Reverse

    def needs(self, facts: Facts) -> Iterator[Need]:
        """Return what `Reverse` needs, then all settlements of the patient."""
        yield from self.command.needs(facts)
        original = self.command.original(facts)
        if original is None or not facts.has(original):
            return
        settlement = facts.get(Settlement, original.value)
        if settlement is not None:
            yield Need(Settlement, "patient", settlement.bill.patient)

    def decide(self, facts: Facts) -> Decision[Previewed]:
        """Decide as `Reverse`, with the settlements affected."""
        answer = self.command.decide(facts).answer
        year = of_same_year(answer.settlement, facts)
        return Decision(Previewed(answer, affected_by(answer.settlement, year)))


def affected_by(
    reversed_one: Settlement, year: Iterable[Settlement]
) -> tuple[Affected, ...]:
    """Return the standing settlements of that year that it made different, in order.

    The year is gone through again without it. A settlement in between that has been
    reversed since counts up to its reversal, as it did.
    """
    taken = FundShare(reversed_one.deductible_fen, reversed_one.fund_fen)
    removed = _Removed(reversed_one, taken, reversed_one.bill.in_scope_fen)
    place = place_in_year(reversed_one)
    later_ones = [s for s in year if place_in_year(s) > place]
    affected: list[Affected] = []
    for later in sorted(later_ones, key=place_in_year):
        settled_at = settled_at_of(later)
        counted = [
            _Removed(a.settlement, a.surplus)
            for a in affected
            if a.counts_at(settled_at)
        ]
        would_be = _without([removed, *counted], later)
        candidate = Affected(later, would_be)
        if candidate.surplus != FundShare():
            affected.append(candidate)
    return tuple([a for a in affected if a.settlement.reversed_at is None])


class _Removed(Struct, frozen=True):
    """What would not have been counted: of a settlement, its share or its surplus."""

    settlement: Settlement
    share: FundShare
    in_scope_fen: int = 0

    def of(self, meter: Meter, key: str) -> int:
        """Return how much less a meter of that key would have read."""
        if key not in self.settlement.counted_on:
            return 0
        counted = {
            Counted.BORNE: self.share.deductible_fen,
            Counted.PAID: self.share.fund_fen,
            Counted.IN_SCOPE: self.in_scope_fen,
        }
        return counted[meter.of]


def _less(
    read: Mapping[Meter, int], removed: Iterable[_Removed], settlement: Settlement
) -> dict[Meter, int]:
    """Return what the meters of a settlement would have read."""
    keys = {key.rpartition("/")[2]: key for key in settlement.meters_before}
    own = settlement.accumulator_key
    return {
        meter: fen - sum([r.of(meter, keys.get(name_of(meter), own)) for r in removed])
        for meter, fen in read.items()
    }


def _without(removed: Iterable[_Removed], settlement: Settlement) -> FundShare:
    """Return the fund's share, had its meters read so much less."""
    line, own = settlement.lines[0], settlement.accumulator_key
    by_row = row_inputs(line)
    if by_row is not None:
        in_scope_fen, row, read = by_row
        return row_share(in_scope_fen, row, _less(read, removed, settlement))
    inputs = fund_inputs(line)
    if inputs is None:
        return FundShare()
    in_scope_fen, benefit, used = inputs
    for share in [r.share for r in removed if own in r.settlement.counted_on]:
        used = Used(
            used.deductible_fen - share.deductible_fen,
            used.fund_fen - share.fund_fen,
        )
    return fund_share(in_scope_fen, benefit, used)


def place_in_year(settlement: Settlement) -> tuple[datetime, int, int, bool, str]:
    """Return where a settlement stands among those of its year."""
    # The settlements of one batch bear one instant. Accumulators only grow, so they
    # order these; one that added nothing follows the one that left them so.
    return (
        settled_at_of(settlement),
        settlement.fund_paid_after_fen,
        settlement.deductible_used_after_fen,
        settlement.deductible_fen + settlement.fund_fen == 0,
        settlement.settlement_id,
    )
