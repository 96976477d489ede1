"""Transfer money to a relative's wallet (医保钱包转账), within the sender's city's terms.

The money leaves the sender's purse at once and is held until the receiver accepts it or
the instant `returns_at` is reached.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from gongji.account import ledger
from gongji.cities.city import Cities, City
from gongji.model.account import Account, PurseMovement, has_purse
from gongji.model.commands import Command, Decision
from gongji.model.facts import Facts, Need, by_key
from gongji.model.ids import derived_id
from gongji.model.people import Person, alive_on
from gongji.model.refusals import (
    BalanceShort,
    MalformedField,
    NoAccount,
    PersonNotFound,
    Refusal,
)
from gongji.model.wallet import WalletAccount, WalletTransfer
from gongji.model.wallet_refusals import (
    NotARelative,
    TransfersClosed,
    TransfersUsedUp,
    TransferTooLarge,
    TransferWaiting,
)
from gongji.rules.binding import NoLimit
from gongji.rules.codes import SHANGHAI
from gongji.rules.hookspecs import CityRules
from gongji.rules.money import MAX_FEN, yuan
from gongji.rules.phrases import hours_in_words
from gongji.rules.wallet import WalletTerms
from gongji.wallet import holding
from gongji.wallet.opening import person_deceased, wallet_of


class SentTransfer(Struct, frozen=True):
    """A transfer as made, and what left the sender's purse."""

    transfer: WalletTransfer
    movement: PurseMovement


class SendTransfer(Command[SentTransfer], frozen=True, kw_only=True):
    """Transfer `fen` from the sender's purse to the receiver's wallet.

    `relation` is what the receiver is to the sender. MalformedField for an amount out of
    range, or a transfer to oneself.
    """

    answer_type = SentTransfer

    sender: str
    receiver: str
    relation: str
    fen: int
    cities: Cities

    def __post_init__(self) -> None:
        if not 1 <= self.fen <= MAX_FEN:
            raise MalformedField("转账金额须大于 0 且不超过十亿元", field="fen")
        if self.sender == self.receiver:
            raise MalformedField("receiver：不能转给本人", field="receiver")

    def needs(self, facts: Facts) -> Iterator[Need]:
        """Return the sender, both wallets, the purse; then what the wallet has held."""
        yield by_key(Person, self.sender)
        yield by_key(Account, self.sender)
        yield by_key(WalletAccount, self.receiver)
        own = by_key(WalletAccount, self.sender)
        yield own
        wallet = facts.get(WalletAccount, self.sender) if facts.has(own) else None
        for transfer_id in wallet.held if wallet else ():
            yield by_key(WalletTransfer, transfer_id)

    def decide(self, facts: Facts) -> Decision[SentTransfer]:
        """Decide the transfer.

        PersonNotFound, CityNotServed, NotInForce, PersonDeceased, NoAccount,
        WalletNotFound, NotARelative, TransfersClosed, TransferTooLarge,
        TransfersUsedUp, TransferWaiting, BalanceShort.
        """
        city = self._city(facts)
        wallet = wallet_of(facts, self.sender, "sender")
        # Of whom the registry does not know, no more is told than of whom it does.
        wallet_of(facts, self.receiver, "receiver")
        purse = ledger.account_of(facts, self.sender)
        self._refuse(city, wallet, purse, facts)
        transfer = self._transfer(city, facts)
        account, movement, entries = holding.sent(transfer, purse)
        after = replace(
            wallet,
            sent_on=facts.today,
            sent=wallet.sent_by(facts.today) + 1,
            held=(*wallet.held, transfer.transfer_id),
        )
        answer = SentTransfer(transfer, movement)
        return Decision(answer, (account, after, *entries), creates=(transfer,))

    def _city(self, facts: Facts) -> City:
        """Return the sender's city.

        PersonNotFound, CityNotServed, PersonDeceased, NoAccount.
        """
        person = facts.get(Person, self.sender)
        if person is None:
            raise PersonNotFound(f"没有编号为 {self.sender} 的人员", field="sender")
        city = self.cities.of(person.place_on(facts.today))
        if not alive_on(person, facts.today):
            answer = city.rules(facts.today).answer(CityRules.wallet_terms)
            refusal = person_deceased("sender")
            refusal.clauses = answer.value.clauses.alive or answer.clauses
            raise refusal.within(city.area_code)
        if not has_purse(person, facts.get(Account, self.sender)):
            raise NoAccount(
                f"{self.sender} 从未参加职工医保，没有个人账户", field="sender"
            ).within(city.area_code)
        return city

    def _transfer(self, city: City, facts: Facts) -> WalletTransfer:
        rules = city.rules(facts.today)
        return WalletTransfer(
            transfer_id=derived_id("T", self.request.key),
            sender=self.sender,
            receiver=self.receiver,
            relation=self.relation,
            fen=self.fen,
            sent_at=facts.now,
            returns_at=returns_at(rules.value(CityRules.wallet_terms), facts.now),
            rules=(
                rules.ref(CityRules.wallet_terms),
                rules.ref(CityRules.relations),
            ),
            decided_by=city.decided_by,
        )

    def _refuse(
        self, city: City, wallet: WalletAccount, purse: Account, facts: Facts
    ) -> None:
        """Raise the first thing that the city's terms, or the purse, say against it."""
        rules = city.rules(facts.today)
        relatives = rules.value(CityRules.relations).codes
        answer = rules.answer(CityRules.wallet_terms)
        for refusal in (
            *self._refusals_of_itself(answer.value, relatives),
            *self._refusals_of_now(answer.value, wallet, facts),
            *self._short(answer.value, purse),
        ):
            refusal.clauses = refusal.clauses or answer.clauses
            raise refusal.within(city.area_code)

    def _refusals_of_itself(
        self, terms: WalletTerms, relatives: Container[str]
    ) -> Iterator[Refusal]:
        """Yield what is wrong with the transfer whenever it is made."""
        if self.relation not in relatives:
            yield NotARelative(
                f"relation：{self.relation} 不在可以转账的亲属范围之内",
                field="relation",
                clauses=terms.clauses.relation,
            )
        most = terms.most_fen
        if not isinstance(most, NoLimit) and self.fen > most:
            yield TransferTooLarge(
                f"每笔转账不超过 {yuan(most)} 元，得到 {yuan(self.fen)} 元",
                field="fen",
                clauses=terms.clauses.amount,
                most_fen=str(most),
            )

    def _refusals_of_now(
        self, terms: WalletTerms, wallet: WalletAccount, facts: Facts
    ) -> Iterator[Refusal]:
        """Yield what keeps the wallet from another transfer now."""
        cited, times = terms.clauses, terms.transfers_a_day
        if not terms.open_at(facts.now.astimezone(SHANGHAI).time()):
            opens_at = f"{terms.closed_until:%H:%M}"
            yield TransfersClosed(
                hours_in_words(terms), clauses=cited.hours, opens_at=opens_at
            )
        if not isinstance(times, NoLimit) and wallet.sent_by(facts.today) >= times:
            yield TransfersUsedUp(
                f"每日最多转账 {times} 次，今日已转 {wallet.sent} 次",
                clauses=cited.number,
                times=str(times),
            )
        waiting = _waiting(wallet, facts)
        if terms.one_at_a_time and waiting:
            yield TransferWaiting(
                "前一笔转账尚未被接收，不得再转",
                clauses=cited.waiting,
                transfer_id=waiting[0],
            )

    def _short(self, terms: WalletTerms, purse: Account) -> Iterator[Refusal]:
        """Yield that the purse does not hold all of it."""
        if purse.balance_fen < self.fen:
            yield BalanceShort(
                f"个人账户余额 {yuan(purse.balance_fen)} 元，"
                f"不足以转出 {yuan(self.fen)} 元",
                field="fen",
                clauses=terms.clauses.amount,
                balance_fen=str(purse.balance_fen),
                short_fen=str(self.fen - purse.balance_fen),
            )


def returns_at(terms: WalletTerms, sent_at: datetime) -> datetime:
    """Return the instant of the next civil day at which a transfer goes back."""
    following = sent_at.astimezone(SHANGHAI).date() + timedelta(days=1)
    return datetime.combine(following, terms.returns_at, SHANGHAI)


def _waiting(wallet: WalletAccount, facts: Facts) -> list[str]:
    """Return the transfers that still wait: those that are due back do no more."""
    held = [facts.get(WalletTransfer, transfer_id) for transfer_id in wallet.held]
    return [
        transfer.transfer_id
        for transfer in held
        if transfer and transfer.waits_at(facts.now)
    ]
