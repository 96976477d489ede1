"""What late facts change of a person's credits and premiums."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from gongji.account import ledger
from gongji.account.correction import (
    CorrectCredit,
    CorrectedCredit,
    Correction,
    due_now,
)
from gongji.account.premium import conditions_of_paid, needs_of_paid
from gongji.account.refund import RefundedPremium, RefundPremium
from gongji.cities.city import Cities
from gongji.model.account import Account, Credit, Premium
from gongji.model.causes import ChangedIn, FactBehind, facts_behind
from gongji.model.commands import Command, Decision
from gongji.model.conditions import Condition
from gongji.model.decided import DecidedBy, RuleRef
from gongji.model.facts import Facts, Need, by_key
from gongji.model.people import Person
from gongji.model.refusals import NothingToResettle, Refusal
from gongji.model.revisions import OWNER, PersonRevision, known_at


class LateCredit(Struct, frozen=True, kw_only=True):
    """A month's credit that is another amount now; what would move and what be owed.

    `refusal` if what is due cannot be said; `home` is where its person is insured now.
    """

    credit: Credit
    due_fen: int = 0
    fen: int = 0
    owed_fen: int = 0
    rule: RuleRef | None = None
    area_code: str = ""
    home: str = ""
    refusal: Refusal | None = None
    facts: tuple[FactBehind, ...] = ()


class LatePremium(Struct, frozen=True):
    """A premium whose conditions were not met, by what is known now."""

    premium: Premium
    conditions: tuple[tuple[RuleRef, Condition], ...]
    facts: tuple[FactBehind, ...]


class ReviewCredits(Struct, frozen=True):
    """Ask which of these credits of a person are other amounts now, in their order."""

    person_no: str
    credit_ids: tuple[str, ...]
    cities: Cities

    def needs(self, _: Facts) -> Iterator[Need]:
        """Return person, account, credits, and what was known of the person."""
        yield by_key(Person, self.person_no)
        yield by_key(Account, self.person_no)
        yield Need(PersonRevision, OWNER, self.person_no)
        for credit_id in self.credit_ids:
            yield by_key(Credit, credit_id)

    def decide(self, facts: Facts) -> Decision[tuple[LateCredit, ...]]:
        """Return what is otherwise; of a purse each takes what those before it left."""
        person = facts.get(Person, self.person_no)
        if person is None:
            return Decision(())
        account = ledger.account_of(facts, self.person_no)
        late: list[LateCredit] = []
        for credit_id in self.credit_ids:
            credit = facts.get(Credit, credit_id)
            if credit is None or credit.taken_back_at is not None:
                continue
            one = self._late(credit, person, account, facts)
            if one is not None:
                late.append(one)
                account = replace(account, balance_fen=account.balance_fen + one.fen)
        return Decision(tuple(late))

    def _late(
        self, credit: Credit, person: Person, account: Account, facts: Facts
    ) -> LateCredit | None:
        behind = _behind(self.person_no, credit.corrected_at or credit.at, facts)
        home = person.place_on(facts.today)
        try:
            due = due_now(person, credit, self.cities)
        except Refusal as refusal:
            # Its traceback would keep the facts alive.
            refused = refusal.with_traceback(None)
            return LateCredit(credit=credit, home=home, refusal=refused, facts=behind)
        if (due.fen, due.source) == (credit.fen, credit.source):
            return None
        correction = Correction(credit, due, account)
        return LateCredit(
            credit=credit,
            due_fen=due.fen,
            fen=correction.purse_fen,
            owed_fen=correction.owed_fen,
            rule=due.rule,
            area_code=due.decided_by.area_code if due.decided_by else "",
            home=home,
            facts=behind,
        )


class ReviewPremiums(Struct, frozen=True):
    """Ask which premiums were paid against conditions, as told under a person.

    A premium of two people who changed is told under the member.
    """

    person_no: str
    keys: tuple[str, ...]
    changed: ChangedIn
    cities: Cities

    def needs(self, facts: Facts) -> Iterator[Need]:
        """Return the premiums; then both people and their bindings."""
        needs = [by_key(Premium, key) for key in self.keys]
        yield from needs
        if not all(map(facts.has, needs)):
            return
        for premium in self._standing(facts):
            yield from needs_of_paid(premium)
            for number in (premium.holder, premium.member):
                yield Need(PersonRevision, OWNER, number)

    def decide(self, facts: Facts) -> Decision[tuple[LatePremium, ...]]:
        """Return those whose conditions were not met."""
        late = []
        for premium in self._standing(facts):
            if not self._tells(premium, facts):
                continue
            conditions = conditions_of_paid(premium, facts, self.cities)
            if conditions:
                both = (premium.member, premium.holder)
                behind = [_behind(number, premium.paid_at, facts) for number in both]
                premium_change = LatePremium(
                    premium, conditions, (*behind[0], *behind[1])
                )
                late.append(premium_change)
        return Decision(tuple(late))

    def _standing(self, facts: Facts) -> Iterator[Premium]:
        for key in self.keys:
            premium = facts.get(Premium, key)
            if premium is None or premium.refunded_at is not None:
                continue
            if self.person_no in {premium.holder, premium.member}:
                yield premium

    def _tells(self, premium: Premium, facts: Facts) -> bool:
        if premium.member == self.person_no:
            return True
        return not self.changed.covers((Person, premium.member), facts)


def _behind(person_no: str, at: datetime, facts: Facts) -> tuple[FactBehind, ...]:
    """Return what is known otherwise of a person than at an instant."""
    former = facts.where(PersonRevision, OWNER, person_no)
    known = known_at(facts.get(Person, person_no), former, at)
    if known is None:
        return ()
    return facts_behind({(Person, person_no): known.revision}, facts)


class ResettleCredit(CorrectCredit, frozen=True):
    """Correct a month's credit that is another amount now. NothingToResettle."""

    wire = (("person_no", "credit.person"), ("month", "credit.month"))

    def decide(self, facts: Facts) -> Decision[CorrectedCredit]:
        """Decide the difference, as `CorrectCredit`."""
        decision = super().decide(facts)
        if not decision.writes:
            raise NothingToResettle(
                f"{self.month} 应划入的金额与已划入的相同，无须补差",
                field="credit.month",
            )
        return decision


class RefundedLate(Struct, frozen=True):
    """A premium refunded, and the conditions that were not met when it was paid."""

    refunded: RefundedPremium
    conditions: tuple[tuple[RuleRef, Condition], ...]

    @property
    def decided_by(self) -> DecidedBy:
        """Return whose rules decided."""
        return self.refunded.decided_by


class RefundLate(Command[RefundedLate], frozen=True, kw_only=True):
    """Refund a premium whose conditions were not met, by what is known now.

    However late: what the city's rule says of refunds is for premiums that were due.
    """

    answer_type = RefundedLate

    wire = (
        ("premium_id", "premium.premium_id"),
        ("member", "premium.member"),
        ("year", "premium.year"),
    )

    premium_id: str
    member: str
    year: int
    why: str
    cities: Cities

    @property
    def _refund(self) -> RefundPremium:
        return RefundPremium(
            request=self.request,
            premium_id=self.premium_id,
            member=self.member,
            year=self.year,
            why=self.why,
            cities=self.cities,
        )

    def needs(self, facts: Facts) -> Iterator[Need]:
        """Return what a refund needs, then both people and their bindings."""
        yield from self._refund.needs(facts)
        key = Premium.key_of(self.member, self.year)
        if not facts.has(by_key(Premium, key)):
            return
        premium = facts.get(Premium, key)
        if premium is not None:
            yield from needs_of_paid(premium)

    def decide(self, facts: Facts) -> Decision[RefundedLate]:
        """Decide the refund. PremiumNotFound, NothingToResettle, CityNotServed, NotInForce."""
        premium = self._refund.standing(facts)
        conditions = conditions_of_paid(premium, facts, self.cities)
        if not conditions:
            raise NothingToResettle(
                "按现在所知，代缴时的条件都符合，无须退费", field="premium.premium_id"
            )
        decision = self._refund.booked(premium, facts, not_due=True)
        return Decision(RefundedLate(decision.answer, conditions), decision.writes)
