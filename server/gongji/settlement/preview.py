"""What a reversal would leave as it is: later settlements that stand, though without it
they had been split otherwise.

Only the accumulators are thought otherwise. The row of the table each settlement was
decided by is read from its own trace, so what the registry says today of patient and
institution does not matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from msgspec import Struct

from gongji.account.ledger import Inconsistent
from gongji.model.commands import Decision
from gongji.model.facts import Facts, Need, by_key
from gongji.model.settlement import Settlement
from gongji.settlement.reverse import Reverse, Reversed, of_same_year
from gongji.settlement.split import FundShare, Used, fund_share
from gongji.settlement.trace import fund_inputs


class Affected(Struct, frozen=True):
    """A later settlement that stands, and what deductible and fund would have been
    without the one reversed; fen."""

    settlement: Settlement
    would_be: FundShare


class Previewed(Struct, frozen=True):
    """What `Reverse` would answer now, and the later settlements it would leave as they are."""

    reversed: Reversed
    affected: tuple[Affected, ...]


class PreviewReversal(Struct, frozen=True):
    """What a `Reverse` would do (validate_only): the same decision and refusals,
    nothing written, no tombstone."""

    command: Reverse

    def needs(self, facts: Facts) -> Iterator[Need]:
        """As `Reverse`; then the patient's settlements."""
        yield from self.command.needs(facts)
        original = by_key(Settlement, self.command.original_id)
        if (
            facts.has(original)
            and (settlement := facts.get(Settlement, original.value)) is not None
        ):
            yield Need(Settlement, "patient", settlement.bill.patient)

    def decide(self, facts: Facts) -> Decision[Previewed]:
        """As `Reverse`, and nothing to write."""
        would = self.command.decide(facts).answer
        year = of_same_year(would.settlement, facts)
        return Decision(Previewed(would, affected_by(would.settlement, year)))


def affected_by(gone: Settlement, year: Iterable[Settlement]) -> tuple[Affected, ...]:
    """The standing settlements of that patient and year that `gone` made different, in
    order of settlement.

    The year is gone through again without `gone`. A settlement between that has been
    reversed since is left out of the accumulators from then on, as it was.
    """
    left_out = FundShare(gone.deductible_fen, gone.fund_fen)
    other_since: list[tuple[Settlement, FundShare]] = []
    affected = []
    for later in sorted((s for s in year if _place(s) > _place(gone)), key=_place):
        at = _settled_at(later)
        missing = [
            more
            for other, more in other_since
            if other.reversed_at is None or other.reversed_at > at
        ]
        would_be = _without([left_out, *missing], later)
        more = FundShare(
            later.deductible_fen - would_be.deductible_fen,
            later.fund_fen - would_be.fund_fen,
        )
        if more == FundShare():
            continue
        other_since.append((later, more))
        if later.reversed_at is None:
            affected.append(Affected(later, would_be))
    return tuple(affected)


def _without(missing: Iterable[FundShare], settlement: Settlement) -> FundShare:
    """The fund's share of a settlement, had the accumulators lacked what is missing."""
    decided = fund_inputs(settlement.lines[0])
    if decided is None:
        return FundShare()
    in_scope_fen, benefit, used = decided
    for share in missing:
        used = Used(
            used.deductible_fen - share.deductible_fen, used.fund_fen - share.fund_fen
        )
    return fund_share(in_scope_fen, benefit, used)


def _settled_at(settlement: Settlement) -> datetime:
    if settlement.settled_at is None:
        msg = f"settlement {settlement.settlement_id} is stored without its time"
        raise Inconsistent(msg)
    return settlement.settled_at


def _place(settlement: Settlement) -> tuple[datetime, int, int, bool, str]:
    """Where a settlement stands among those of its year: accumulators order those of
    one instant, as they only grow."""
    return (
        _settled_at(settlement),
        settlement.fund_paid_after_fen,
        settlement.deductible_used_after_fen,
        settlement.deductible_fen + settlement.fund_fen == 0,
        settlement.settlement_id,
    )
