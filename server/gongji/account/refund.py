"""Refund a relative's premium (代缴退费): whole, to the purse and from where it went.

The rules of the city that let it be paid say, on the day of the refund, until when. The
premium stays on record, and its year may be paid again. No binding is asked for: money
goes back where it came from, also after an unbinding.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from gongji.account import ledger
from gongji.account.ledger import Inconsistent
from gongji.cities.city import Cities
from gongji.model.account import Account, Entry, Premium, PurseMovement
from gongji.model.commands import Command, Decision
from gongji.model.decided import DecidedBy, RuleRef
from gongji.model.facts import Facts, Need, by_key
from gongji.model.ids import derived_id
from gongji.model.refusals import PremiumNotFound, RefundTooLate
from gongji.rules.benefits import PremiumTerms
from gongji.rules.clauses import Ruled
from gongji.rules.codes import SHANGHAI, EntryKind
from gongji.rules.hookspecs import CityRules
from gongji.rules.phrases import refund_in_words


class RefundedPremium(Struct, frozen=True):
    """A premium as it stands refunded, what came back, and the rule that allowed it."""

    premium: Premium
    movement: PurseMovement
    rule: RuleRef
    decided_by: DecidedBy


class RefundPremium(Command[RefundedPremium], frozen=True, kw_only=True):
    """Give back the premium of that id, paid for the member's `year`; `why` is kept."""

    answer_type = RefundedPremium

    premium_id: str
    member: str
    year: int
    why: str
    cities: Cities

    @property
    def _key(self) -> str:
        return Premium.key_of(self.member, self.year)

    def needs(self, facts: Facts) -> Iterator[Need]:
        """Return the premium; then the purse that paid it, and the entry that says to whom."""
        premium = by_key(Premium, self._key)
        yield premium
        paid = facts.get(Premium, self._key) if facts.has(premium) else None
        if paid is not None:
            yield by_key(Account, paid.holder)
            yield by_key(Entry, _entry_of_payee(paid))

    def decide(self, facts: Facts) -> Decision[RefundedPremium]:
        """Decide the mirror image of the payment.

        PremiumNotFound, CityNotServed, NotInForce, RefundTooLate.
        """
        premium = self.standing(facts)
        city = self.cities.of(premium.decided_by.area_code)
        terms = city.rules(facts.today).answer(CityRules.premiums)
        _refuse_late(premium, terms, facts.today)
        return self.booked(premium, facts)

    def booked(
        self, premium: Premium, facts: Facts, *, not_due: bool = False
    ) -> Decision[RefundedPremium]:
        """Return the answer with every record. CityNotServed, NotInForce."""
        city = self.cities.of(premium.decided_by.area_code)
        rules = city.rules(facts.today)
        terms = rules.value(CityRules.premiums)
        rule = rules.ref(CityRules.premiums, *terms.clauses.refund)
        account, movement = ledger.moved(
            ledger.account_of(facts, premium.holder), premium.fen
        )
        refunded = replace(
            premium,
            refunded_at=facts.now,
            refunded_why=self.why,
            refunded_by=city.decided_by,
            not_due=not_due,
        )
        entries = self._entries(premium, movement, facts)
        answer = RefundedPremium(refunded, movement, rule, city.decided_by)
        return Decision(answer, (refunded, account, *entries))

    def standing(self, facts: Facts) -> Premium:
        """Return the premium. PremiumNotFound unless it stands."""
        premium = facts.get(Premium, self._key)
        if (
            premium is None
            or premium.premium_id != self.premium_id
            or premium.refunded_at is not None
        ):
            raise PremiumNotFound(
                f"{self.member} {self.year} 年度没有编号为 {self.premium_id} 的代缴："
                "未曾代缴，或已退费",
                field="premium_id",
            )
        return premium

    def _entries(
        self, premium: Premium, movement: PurseMovement, facts: Facts
    ) -> tuple[Entry, ...]:
        # The member may have moved since: it comes back from whom it went to.
        paid = facts.get(Entry, _entry_of_payee(premium))
        if paid is None:
            msg = f"premium {premium.premium_id} is stored without its entries"
            raise Inconsistent(msg)
        return ledger.purse_entries(
            derived_id("F", self.request.key),
            movement,
            other=paid.ledger_account,
            kind=EntryKind.PREMIUM_REFUNDED,
            at=facts.now,
            reference=premium.premium_id,
        )


def _refuse_late(premium: Premium, terms: Ruled[PremiumTerms], today: date) -> None:
    if today > last_day(premium.paid_at, premium.year, terms.value):
        raise RefundTooLate(
            f"{premium.year} 年度的居民医保费已不能退费：{refund_in_words(terms.value)}",
            field="premium_id",
            clauses=terms.value.clauses.refund or terms.clauses,
            paid_on=str(premium.paid_at.astimezone(SHANGHAI).date()),
            premium_id=premium.premium_id,
        )


def _entry_of_payee(premium: Premium) -> str:
    # The first of its transaction; the purse's is the second.
    return f"{premium.premium_id}/000"


def last_day(paid_at: datetime, year: int, terms: PremiumTerms) -> date:
    """Return the last day on which a premium of a year is refunded."""
    paid_on = paid_at.astimezone(SHANGHAI).date()
    last = paid_on - timedelta(days=1)
    if terms.refund_days:
        last = paid_on + timedelta(days=terms.refund_days)
    if terms.refund_before_year:
        last = max(last, date(year, 1, 1) - timedelta(days=1))
    return last
