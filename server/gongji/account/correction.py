"""Correct a month's credit (划入补差) to what is due on what is known now.

The difference is booked as an entry that names the credit: up or down, each part where
it came from. What the purse no longer holds is owed by the person, in a ledger account
of their own; it is collected when the correction is asked for again.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from gongji.account import ledger
from gongji.account.credit import (
    CreditDue,
    OfMonth,
    amount_due,
    crediting_city,
    known_person,
    standing_credit,
)
from gongji.account.ledger import Posting
from gongji.cities.city import Cities
from gongji.model.account import Account, Credit, Entry, PurseMovement
from gongji.model.commands import Decision
from gongji.model.decided import DecidedBy, RuleRef
from gongji.model.facts import Facts
from gongji.model.ids import derived_id
from gongji.model.people import Person
from gongji.model.refusals import CreditNotFound, NotEnrolled
from gongji.rules.codes import EntryKind


class CorrectedCredit(Struct, frozen=True):
    """A credit before and now, what moved in the purse, and what is still owed.

    No rule if nothing is due.
    """

    before_fen: int
    due_fen: int
    owed_fen: int
    movement: PurseMovement
    rule: RuleRef | None
    decided_by: DecidedBy | None = None


class Correction(Struct, frozen=True):
    """A credit, its purse and what is due: the difference, before it is booked."""

    credit: Credit
    due: CreditDue
    account: Account

    @property
    def purse_fen(self) -> int:
        """Return what moves in the purse: all that is due to it, or what it holds."""
        return max(self._wanted_fen, -self.account.balance_fen)

    @property
    def owed_fen(self) -> int:
        """Return what is owed after it."""
        return self.purse_fen - self._wanted_fen

    @property
    def _wanted_fen(self) -> int:
        return self.due.fen - self.credit.in_purse_fen

    def booked(
        self, transaction_id: str, why: str, facts: Facts
    ) -> Decision[CorrectedCredit]:
        """Return the answer with every record; none if nothing differs."""
        account, movement = ledger.moved(self.account, self.purse_fen)
        corrected = replace(
            self.credit,
            fen=self.due.fen,
            source=self.due.source,
            owed_fen=self.owed_fen,
        )
        answer = CorrectedCredit(
            before_fen=self.credit.fen,
            due_fen=self.due.fen,
            owed_fen=self.owed_fen,
            movement=movement,
            rule=self.due.rule,
            decided_by=self.due.decided_by,
        )
        if corrected == self.credit:
            return Decision(answer)
        corrected = replace(
            corrected,
            corrected_at=facts.now,
            corrected_why=why,
            rules_digest=self.due.rules_digest,
        )
        entries = self._entries(transaction_id, movement, facts)
        return Decision(answer, (corrected, account, *entries))

    def _entries(
        self, transaction_id: str, movement: PurseMovement, facts: Facts
    ) -> tuple[Entry, ...]:
        credit, due = self.credit, self.due
        sources = {credit.source: credit.fen}
        sources[due.source] = sources.get(due.source, 0) - due.fen
        postings = [Posting(name, fen) for name, fen in sources.items()]
        owed = ledger.owed_account(credit.person_no)
        postings.append(Posting(owed, credit.owed_fen - self.owed_fen))
        postings.append(ledger.purse_posting(movement, EntryKind.CREDIT_CORRECTED))
        return ledger.balanced(transaction_id, postings, facts.now, credit.credit_id)


class CorrectCredit(OfMonth[CorrectedCredit], frozen=True):
    """Bring the standing credit of a month to what is due now; `why` is kept with it.

    MalformedField for a malformed month.
    """

    answer_type = CorrectedCredit

    why: str
    cities: Cities

    def decide(self, facts: Facts) -> Decision[CorrectedCredit]:
        """Decide the difference.

        PersonNotFound, CreditNotFound; CityNotServed, NotInForce, NoContributionBase,
        ParameterNotSet if what is due cannot be said.
        """
        person = known_person(facts, self.person_no)
        credit = standing_credit(facts, self.credit_id)
        if credit is None:
            raise CreditNotFound(
                f"{self.person_no} 的 {self.month} 没有可更正的划入：未曾划入，或已收回",
                field="month",
            )
        correction = Correction(
            credit=credit,
            due=due_now(person, credit, self.cities),
            account=ledger.account_of(facts, self.person_no),
        )
        transaction_id = derived_id("D", self.request.key)
        return correction.booked(transaction_id, self.why, facts)


def due_now(person: Person, credit: Credit, cities: Cities) -> CreditDue:
    """Return what is due of a standing credit by what is known now.

    CityNotServed, NotInForce, NoContributionBase, ParameterNotSet if it cannot be said.
    """
    try:
        return amount_due(person, credit.month, cities)
    except NotEnrolled:
        # Whoever was not insured that month after all is due nothing of it.
        city = crediting_city(person, credit.month, cities)
        return CreditDue(0, credit.source, rules_digest=city.rules_digest)
