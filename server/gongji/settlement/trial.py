"""A quote at which a number is shown: what is guessed wrong is counted."""

from __future__ import annotations

from msgspec import Struct

from gongji.model.commands import Decision, Request
from gongji.model.evidence_refusals import EvidenceOfAnother
from gongji.model.facts import Facts, Need
from gongji.model.settlement import Settlement
from gongji.settlement.settle import QuoteOnce


class TrialQuote(Struct, frozen=True):
    """A quote of which only guesses are written: a number that is not the patient's.

    Its answer is the quote, or the refusal that it must not be answered without. The
    request has no id: it tells the log who showed the number.
    """

    request: Request
    quote: QuoteOnce

    def needs(self, facts: Facts) -> list[Need]:
        """Return what the quote needs."""
        return self.quote.needs(facts)

    def decide(self, facts: Facts) -> Decision[Settlement | EvidenceOfAnother]:
        """Decide as the quote, and keep what its refusal leaves."""
        try:
            return Decision(self.quote.decide(facts).answer)
        except EvidenceOfAnother as refusal:
            # Its traceback would keep the whole batch's facts alive.
            return Decision(refusal.with_traceback(None), refusal.leaves)
