"""Bring a balance forward (结转转入), and correct one that was wrong (结转更正).

A balance of a batch is that batch's total of one person and year: the same total again
books nothing, another one the difference. Without a batch each is a movement of its
own, and a negative one corrects what came before. The laws: what was brought forward in
all is never below 0, and no purse gives back what it no longer holds.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import ClassVar

from msgspec.structs import replace

from gongji.account import ledger
from gongji.account.credit import Credited, person_with_purse
from gongji.model.account import Account, BroughtForward, Entry, PurseMovement
from gongji.model.commands import Command, Decision
from gongji.model.facts import Facts, Need, by_key
from gongji.model.ids import derived_id
from gongji.model.people import Person
from gongji.model.refusals import (
    BalanceSpent,
    BroughtForwardShort,
    FutureMonth,
    MalformedField,
)
from gongji.rules.codes import EntryKind
from gongji.rules.money import MAX_FEN, yuan

_FIELD = "brought_forward_fen"


class BringForward(Command[Credited], frozen=True):
    """Bring a balance forward: of a batch its total, else so much more or less.

    `year` 0 is the civil year of the call. MalformedField for an amount out of range,
    and for a year without a batch.
    """

    answer_type = Credited

    wire = (("person_no", "person"),)

    # Every request of the method has this field, and its digest is stored.
    month: ClassVar[str] = ""

    person_no: str
    brought_forward_fen: int
    batch: str = ""
    year: int = 0

    def __post_init__(self) -> None:
        if self.batch and not 0 <= self.brought_forward_fen <= MAX_FEN:
            raise MalformedField(
                "一个批次的结转金额是该批次的合计，不得为负，且不超过十亿元",
                field=_FIELD,
            )
        if not self.batch and not 0 < abs(self.brought_forward_fen) <= MAX_FEN:
            raise MalformedField(
                "没有批次的结转金额不得为 0，且不超过十亿元", field=_FIELD
            )
        if self.year and not self.batch:
            raise MalformedField("结转的年度只与批次（batch）一并给出", field="year")

    @classmethod
    def content_names(cls) -> list[str]:
        """Return the fields, those of every version's requests first."""
        return ["person_no", "month", "brought_forward_fen", "batch", "year"]

    @property
    def content(self) -> Mapping[str, object]:
        """Return the content; without a batch it is that of the requests of before."""
        content = dict(super().content)
        if not self.batch:
            del content["batch"], content["year"]
        return content

    def needs(self, _: Facts) -> Iterator[Need]:
        """Return the person, the account and everything brought forward before."""
        yield by_key(Person, self.person_no)
        yield by_key(Account, self.person_no)
        yield Need(BroughtForward, "person_no", self.person_no)

    def decide(self, facts: Facts) -> Decision[Credited]:
        """Decide the movement; nothing is written if a batch's total is as before.

        PersonNotFound, NoAccount, FutureMonth, BroughtForwardShort, BalanceSpent.
        """
        _ = person_with_purse(facts, self.person_no)
        brought = facts.where(BroughtForward, "person_no", self.person_no)
        before = self._before(brought, facts)
        fen = self.brought_forward_fen
        moved_fen = fen - before.fen if self.batch else fen
        account = ledger.account_of(facts, self.person_no)
        self._refuse_short(moved_fen, brought)
        self._refuse_spent(moved_fen, before, account)
        after, movement = ledger.moved(account, moved_fen)
        answer = Credited(moved_fen, movement, None)
        if not moved_fen:
            return Decision(answer)
        entries = self._entries(self._mended(before, brought), movement, facts)
        total = replace(before, fen=before.fen + moved_fen, at=facts.now)
        return Decision(answer, (total, after, *entries))

    def _entries(
        self, mended: BroughtForward | None, movement: PurseMovement, facts: Facts
    ) -> tuple[Entry, ...]:
        kind = EntryKind.BROUGHT_FORWARD_CORRECTED
        return ledger.purse_entries(
            self._transaction_id,
            movement,
            other=ledger.BROUGHT_FORWARD,
            kind=kind if mended else EntryKind.BROUGHT_FORWARD,
            at=facts.now,
            reference=mended.reference if mended else self._transaction_id,
        )

    @property
    def _transaction_id(self) -> str:
        return derived_id("C", self.request.key)

    def _before(
        self, brought: Iterable[BroughtForward], facts: Facts
    ) -> BroughtForward:
        """Return the batch as it stands, or opened by this movement. FutureMonth."""
        self._refuse_future(facts.today.year)
        opened = BroughtForward(
            person_no=self.person_no,
            year=self.year or facts.today.year,
            batch=self.batch,
            fen=0,
            reference=self._transaction_id,
            at=facts.now,
        )
        return next((b for b in brought if b.key == opened.key), opened)

    def _mended(
        self, before: BroughtForward, brought: Collection[BroughtForward]
    ) -> BroughtForward | None:
        """Return what the movement corrects; None if it brings a balance of its own."""
        if self.batch:
            return before if before in brought else None
        if self.brought_forward_fen > 0:
            return None
        # There is one, for less than nothing cannot have been brought in all.
        return max(brought, key=_newest)

    def _refuse_future(self, this_year: int) -> None:
        """Refuse a year that is mistyped; the next one's balances may be at hand already."""
        if self.year > this_year + 1:
            raise FutureMonth(
                f"结转年度 {self.year} 晚于明年，今年是 {this_year} 年", field="year"
            )

    def _refuse_short(self, moved_fen: int, brought: Iterable[BroughtForward]) -> None:
        in_all = sum(b.fen for b in brought)
        if in_all + moved_fen < 0:
            raise BroughtForwardShort(
                f"{self.person_no} 结转转入的合计为 {yuan(in_all)} 元，"
                f"不能收回 {yuan(-moved_fen)} 元",
                field=_FIELD,
                brought_forward_fen=str(in_all),
                taken_back_fen=str(-moved_fen),
            )

    def _refuse_spent(
        self, moved_fen: int, before: BroughtForward, account: Account
    ) -> None:
        if account.balance_fen + moved_fen < 0:
            raise BalanceSpent(
                f"结转须收回 {yuan(-moved_fen)} 元，"
                f"账户余额 {yuan(account.balance_fen)} 元，其余已被使用",
                field=_FIELD,
                brought_forward_fen=str(before.fen),
                taken_back_fen=str(-moved_fen),
                balance_fen=str(account.balance_fen),
            )


def _newest(brought: BroughtForward) -> tuple[object, str]:
    return brought.at, brought.key
