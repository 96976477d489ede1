"""Random schedules of transfers, of bills, of crashes and of time, beside the model."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from copy import deepcopy
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final

from gongji.account.forward import BringForward
from gongji.cities.city import Cities
from gongji.model.commands import Answer, Query, Request
from gongji.model.ids import derived_id
from gongji.model.refusals import Refusal
from gongji.rules.codes import SHANGHAI, AccountUse
from gongji.settlement.reverse import Reverse
from gongji.settlement.settle import Settle, settlement_id_of
from gongji.wallet.ending import AcceptTransfer, DeclineTransfer, ReturnTransfer
from gongji.wallet.sending import SendTransfer

from tests.scaffold.people import CHUZHOU, bill, institution, person
from tests.wallet.books import Books, CrashedError
from tests.wallet.model import Money
from tests.wallet.wallets import wallet

START: Final = datetime(2025, 12, 30, 12, 0, tzinfo=SHANGHAI)
"""Before a year's end."""

TIMES: Final = ("05:59:59", "06:00:00", "21:59:59", "22:00:00", "00:00:00", "12:00:00")

POINTS: Final = ("begin", "insert", "upsert", "commit", "answer")

Step = tuple[Query[Any], Callable[[datetime], object]]
"""What is done, and what the model says of it as of an instant."""


class TransferSchedule:
    """One schedule: three people, some twenty steps, each of which may be cut off."""

    def __init__(
        self, books: Books, cities: Cities, clock: list[datetime], seed: int
    ) -> None:
        self.chance = Random(seed)  # noqa: S311 - to be had again by the seed
        self.books, self.cities, self.clock = books, cities, clock
        self.money = Money()
        self.people = [f"{seed}{letter}" for letter in "ABC"]
        self.ends = self.paid_by_wallets = 0
        self.hospital = institution(5)
        books.add(self.hospital)
        # The third uses the wallet elsewhere.
        self.money.here = set(self.people[:2])
        for serial, number in enumerate(self.people):
            place = CHUZHOU if number in self.money.here else "310100"
            books.add(person(number, serial), wallet(number, use_place=place))

    def live(self, steps: int = 20) -> None:
        """Take so many steps; the books say after each what the model says."""
        for number in self.people:
            self._do([self._credit(number, 3000_00)])
        for _ in range(steps):
            self._pass_time()
            some = self.chance.choice((1, 1, 1, 2, 3))
            self._do([self._step() for _ in range(some)])
            self.compare()
        self._end()

    def compare(self) -> None:
        """Hold the rows of the books against the model."""
        money, people = self.money, self.people
        assert {p: money.purses[p] for p in people} == self.books.purses(people)
        assert {p: money.wallets[p] for p in people} == self.books.wallets(people)
        holds = self.books.holds(money.transfers)
        for name, entries in holds.items():
            fen = money.transfers[name].fen
            # Held from one entry to another one: never ended twice.
            assert sorted(entries) == ([fen] if name in money.held else [-fen, fen])
        total = sum([*money.purses.values(), *money.wallets.values()])
        assert money.credited == total + sum(money.held.values()) + money.paid

    def _end(self) -> None:
        """Let two days pass: by then nothing is held."""
        self.clock[0] += timedelta(days=2)
        for name in self.money.transfers:
            self._do([self._return(name)])
        assert {} == self.money.held
        self.compare()
        self.ends = len(self.money.transfers)
        self.paid_by_wallets = sum(paid.wallet for paid in self.money.bills.values())

    def _pass_time(self) -> None:
        """Go on a little, or to the next instant at which something changes."""
        now = self.clock[0]
        if self.chance.random() < 0.6:
            self.clock[0] = now + timedelta(seconds=self.chance.choice((0, 1, 900)))
            return
        named = datetime.strptime(self.chance.choice(TIMES), "%H:%M:%S").time()  # noqa: DTZ007 - a time of day
        then = datetime.combine(now.date(), named, SHANGHAI)
        self.clock[0] = then if then > now else then + timedelta(days=1)

    # --- one step ---------------------------------------------------------------------

    def _do(self, steps: list[Step]) -> None:
        """Take steps in one transaction; whatever is cut off is tried until it is answered."""
        tried = self.clock[0]
        outcomes = self.books.run([query for query, _ in steps], self._cut())
        if outcomes is not None:
            for step, outcome in zip(steps, outcomes, strict=True):
                self._agree(outcome, step, [tried])
            return
        if self.chance.random() < 0.5:
            self._pass_time()
        for step in steps:
            self._again(step, tried)

    def _again(self, step: Step, tried: datetime) -> None:
        """Try a step that was cut off, which may have been done for all that."""
        query, _ = step
        outcomes = None
        while outcomes is None:
            outcomes = self.books.run([query], self._cut())
        self._agree(outcomes[0], step, [tried, self.clock[0]])

    def _cut(self) -> Callable[[str], None]:
        """Return what ends the process at one point, of most transactions at none."""
        point = self.chance.choice(POINTS) if self.chance.random() < 0.3 else ""
        left = [self.chance.choice((1, 1, 2, 3))]

        def at(reached: str) -> None:
            if reached == point:
                left[0] -= 1
                if not left[0]:
                    raise CrashedError

        return at

    def _step(self) -> Step:
        transfers = list(self.money.transfers)
        drawn = self.chance.random()
        if drawn < 0.08:
            return self._credit(self.chance.choice(self.people), 500_00)
        if drawn < 0.23:
            return self._bill()
        if drawn < 0.5 or not transfers:
            return self._send()
        name = self.chance.choice(transfers[-4:])
        if drawn < 0.75:
            return self._answer(name, accept=True)
        if drawn < 0.82:
            return self._answer(name, accept=False)
        return self._return(name)

    def _request(self, method: str) -> Request:
        number = uuid.UUID(int=self.chance.getrandbits(128))
        return Request(str(number), "test", method)

    def _credit(self, who: str, fen: int) -> Step:
        command = BringForward(self._request("Credit"), who, fen)
        return command, lambda _: self.money.credit(who, fen)

    def _send(self) -> Step:
        who, to = self.chance.sample(self.people, 2)
        fen = self.chance.choice((1, 100_00, 999_99, 2000_00, 2000_01))
        request = self._request("Transfer")
        name = derived_id("T", request.key)
        command = SendTransfer(
            request=request,
            sender=who,
            receiver=to,
            relation="10",
            fen=fen,
            cities=self.cities,
        )
        return command, lambda at: self.money.send(name, at, who, to, fen)

    def _bill(self) -> Step:
        """Pay a bill, or take one back."""
        bills = list(self.money.bills)
        if bills and self.chance.random() < 0.33:
            return self._reverse(self.chance.choice(bills[-3:]))
        return self._pay()

    def _pay(self) -> Step:
        """Have somebody treated: mostly for more than the purse, or the wallet, holds."""
        who, fen = self.chance.choice(self.people), self.chance.choice((1, 4000_00))
        use_wallet = self.chance.random() < 0.8
        request = self._request("Settle")
        treated = bill(
            who,
            self.hospital,
            out_of_catalogue_fen=fen,
            service_day=self.clock[0].date(),
            account_use=AccountUse.OWN,
            use_wallet=use_wallet,
        )
        name = settlement_id_of(request.key)
        return (
            Settle(request, treated, self.cities),
            lambda _: self.money.pay(name, who, fen, use_wallet=use_wallet),
        )

    def _reverse(self, name: str) -> Step:
        command = Reverse(self._request("Reverse"), name, "", "", self.cities)
        return command, lambda _: self.money.reverse(name)

    def _answer(self, name: str, *, accept: bool) -> Step:
        kind: Any = AcceptTransfer if accept else DeclineTransfer
        command = kind(
            request=self._request(kind.__name__),
            transfer_id=name,
            receiver=self.money.transfers[name].receiver,
        )
        return command, lambda at: self.money.answer(name, at, accept=accept)

    def _return(self, name: str) -> Step:
        return ReturnTransfer(name), lambda at: self.money.give_back(name, at)

    def _agree(self, outcome: object, step: Step, instants: list[datetime]) -> None:
        """Have the model do what was done, as of when it was, and say the same of it."""
        query, told_of = step
        if isinstance(outcome, Refusal):
            # Of which try it is the refusal, it does not say.
            said = {self._tried(told_of, at) for at in dict.fromkeys(instants)}
            assert type(outcome).__name__ in said, (outcome, said)
            return
        assert isinstance(outcome, Answer), outcome
        if isinstance(query, ReturnTransfer):
            # Of tries that were cut off any may have done it: the books say whether.
            back = self.books.returned(query.transfer_id)
            known = self.money.transfers[query.transfer_id].state == "returned"
            if back and not known:
                assert any(told_of(at) for at in instants), outcome
            elif not back and len(instants) == 1:
                assert not told_of(instants[0]), outcome
            return
        told = told_of(outcome.at.astimezone(SHANGHAI))
        assert told == "", (told, outcome)

    def _tried(self, model: Callable[[datetime], object], at: datetime) -> object:
        """Return what the model says as of an instant, and leave it as it is."""
        kept = deepcopy(self.money)
        said = model(at)
        self.money = kept
        return said
