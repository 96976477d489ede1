"""Decide a patient's settlements once more, in order, on what is known now.

Each is decided as of its own instant: the bindings of then, the purses as they were, the
registry and the rules as known now. What one would have taken more or less of a year's
deductible and limit is carried to those after it. A giver is asked for no more than he
paid when the visit was first settled; the patient's own purse for no more than it held
then; no purse for more than it holds now with what is refunded.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from operator import itemgetter
from typing import Any, Final, TypeAlias

from msgspec import Struct

from gongji.account.ledger import Inconsistent
from gongji.cities.city import Cities
from gongji.model.account import Account, AccountKey
from gongji.model.facts import Facts, Need
from gongji.model.refusals import Refusal
from gongji.model.settlement import Accumulator, Bill, MeterReading, Settlement
from gongji.model.wallet import WalletAccount
from gongji.rules.codes import Scheme
from gongji.settlement.alike import alike_since, needs_of_alike_since
from gongji.settlement.former import FormerFacts, Held
from gongji.settlement.invoices import needs_of_use_since, used_since
from gongji.settlement.preview import place_in_year
from gongji.settlement.settle import Quote, decide_bill
from gongji.settlement.split import Used

_Places: TypeAlias = list[tuple[tuple[Any, ...], Settlement]]
"""Settlements in the order of the year, each with its place."""

_PLACE: Final = itemgetter(0)


class Course:
    """What the settlements decided so far leave to those after them.

    `deductible` and `fund` are what accumulators have more than stored, by key, `meters`
    what readings have, `purses` what purses and wallets have more than their balances.
    Fen, negative if less.
    """

    def __init__(self) -> None:
        self.deductible: Counter[str] = Counter()
        self.fund: Counter[str] = Counter()
        self.meters: Counter[str] = Counter()
        self.purses: Counter[AccountKey] = Counter()
        self._years: dict[str, _Places] = {}

    def earlier(self, own: Settlement, facts: Facts) -> Iterator[Settlement]:
        """Yield a patient's settlements before one of them, reversed or not."""
        patient = own.bill.patient
        # Sorted once: a year of a hundred visits asks a hundred times.
        places = self._years.get(patient)
        if places is None:
            of_patient = facts.where(Settlement, "patient", patient)
            places = sorted([(place_in_year(s), s) for s in of_patient], key=_PLACE)
            self._years[patient] = places
        until = bisect_left(places, place_in_year(own), key=_PLACE)
        return (settlement for _, settlement in places[:until])

    def take(self, again: Redecided) -> None:
        """Carry a settlement's difference on."""
        before, after = again.before, again.after
        # What was withdrawn is in no accumulator, and back in the purses.
        if not before.withdrawn:
            self.deductible[before.accumulator_key] -= before.deductible_fen
            self.fund[before.accumulator_key] -= before.fund_fen
            self.meters.subtract(before.meters_added)
            for movement in before.movements:
                self.purses[movement.key] -= movement.fen
        if after is None:
            return
        self.deductible[after.accumulator_key] += after.deductible_fen
        self.fund[after.accumulator_key] += after.fund_fen
        self.meters.update(after.meters_added)
        for key, fen in again.charged.items():
            self.purses[key] -= fen


class Redecided(Struct, frozen=True, kw_only=True):
    """A settlement under review and what it is on what is known now.

    `after` has no id, time and movements; `charged` is what each purse pays, in fen. It
    is None if the bill would be refused now, as `refusal` says.
    """

    before: Settlement
    after: Settlement | None = None
    charged: dict[AccountKey, int] = {}
    refusal: Refusal | None = None

    @property
    def differs(self) -> bool:
        """Return whether anybody pays otherwise, or the year's meters stand otherwise."""
        after = self.after
        if self.before.withdrawn:
            return after is not None
        if after is None or after.bill != self.before.bill:
            return True
        paid = {m.key: -m.fen for m in self.before.movements}
        return paid != self.charged or _meters(after) != _meters(self.before)


def _meters(settlement: Settlement) -> tuple[object, ...]:
    return (
        settlement.meters_added,
        settlement.further_fen,
        settlement.accumulator_key,
        settlement.deductible_fen,
        settlement.fund_fen,
        settlement.cash_fen,
    )


class YearFacts(FormerFacts):
    """The facts one settlement is decided over again, after those before it were."""

    __slots__ = ("_course",)

    def __init__(self, base: Facts, settlement: Settlement, course: Course) -> None:
        super().__init__(base, settlement, as_known=False)
        self._course = course

    def sources(self, need: Need) -> Iterator[Need]:
        """Yield what must be known now."""
        if need.kind is Account or need.kind is WalletAccount:
            yield need
        # What a wallet held then its history tells.
        if need.kind is not Account:
            yield from super().sources(need)

    def _held(self, key: AccountKey) -> Held | None:
        present = self._base.get(*key)
        if present is None:
            return None
        held_now = present.balance_fen + self._course.purses[key]
        if not self._settlement.withdrawn:
            held_now += _paid_by(key, self._settlement)
        least = min([held_now, *self._limits(key)])
        return max(0, least), 0

    def _limits(self, key: AccountKey) -> Iterator[int]:
        """Yield what bounds a purse: each time its visit was settled, what it had then."""
        first, *again = self._times_settled()
        if key[0] is WalletAccount:
            yield self._held_at(key, first)
        if key[1] == first.bill.patient:
            yield from _held_then(key, first)
        else:
            yield _paid_by(key, first)
        for settlement in again:
            yield from _held_then(key, settlement)

    def _held_at(self, key: AccountKey, first: Settlement) -> int:
        """Return what was in a wallet when its visit was first settled.

        Of a wallet its line tells nothing if it was not asked for any, or could not pay.
        """
        history = self._purses.of(key)
        entry = history.of(first.settlement_id)
        if entry is not None:
            return entry.balance_after_fen - entry.fen
        before = history.before(self._settled_at)
        return before[0] if before else 0

    def _times_settled(self) -> list[Settlement]:
        """Return the settlements of its visit, from the first one to itself."""
        times = [self._settlement]
        # hot path: most were settled once.
        if self._settlement.replaces:
            of_patient = self._base.where(
                Settlement, "patient", self._settlement.bill.patient
            )
            by_id = {s.settlement_id: s for s in of_patient}
            while times[0].replaces:
                times.insert(0, by_id[times[0].replaces])
        return times

    def _accumulator(self, key: str) -> Accumulator | None:
        own = self._settlement
        used = Used(0, 0)
        if key == own.accumulator_key:
            used = Used(
                own.deductible_used_after_fen - own.deductible_fen,
                own.fund_paid_after_fen - own.fund_fen,
            )
            counted = self._resettled_since(key)
        else:
            counted = self._counted(key)
        for sign, earlier in counted:
            used = Used(
                used.deductible_fen + sign * earlier.deductible_fen,
                used.fund_fen + sign * earlier.fund_fen,
            )
        person_no, scheme, area, year = key.split("/")
        return Accumulator(
            person_no,
            Scheme(int(scheme)),
            area,
            int(year),
            max(0, used.deductible_fen + self._course.deductible[key]),
            max(0, used.fund_fen + self._course.fund[key]),
        )

    def _reading(self, key: str) -> MeterReading:
        own = self._settlement
        if key in own.meters_before:
            before, counted = own.meters_before[key], self._resettled_since(key)
        else:
            before, counted = 0, self._counted(key)
        for sign, earlier in counted:
            before += sign * earlier.meters_added.get(key, 0)
        return MeterReading.of(key, max(0, before + self._course.meters[key]))

    def _resettled_since(self, key: str) -> Iterator[tuple[int, Settlement]]:
        """Yield what its accumulator did not know yet: earlier ones settled again since.

        One that was only reversed stays counted: later settlements stand (T4).
        """
        booked_at = _booked_at(self._settlement)
        for earlier in self._earlier():
            again = earlier.replaces or earlier.superseded
            if not again or key not in earlier.counted_on:
                continue
            if earlier.replaces and _booked_at(earlier) > booked_at:
                yield 1, earlier
            reversed_at = earlier.reversed_at
            if earlier.superseded and reversed_at and reversed_at > booked_at:
                yield -1, earlier

    def _counted(self, key: str) -> Iterator[tuple[int, Settlement]]:
        """Yield the earlier ones that stand, for an accumulator it was not settled on."""
        for earlier in self._earlier():
            if key in earlier.counted_on and earlier.reversed_at is None:
                yield 1, earlier

    def _earlier(self) -> Iterator[Settlement]:
        return self._course.earlier(self._settlement, self._base)


def _paid_by(key: AccountKey, settlement: Settlement) -> int:
    return -sum([m.fen for m in settlement.movements if m.key == key])


def _held_then(key: AccountKey, settlement: Settlement) -> Iterator[int]:
    """Yield what a purse held if a settlement asked it for some, as far as it tells."""
    for line in settlement.lines:
        if line.key != key or not line.inputs.get("needed", 0):
            continue
        before = [
            m.balance_after_fen - m.fen for m in settlement.movements if m.key == key
        ]
        emptied = line.fen < line.inputs["needed"]
        # Settled again, it may hold more than it was allowed to pay.
        yield line.fen if emptied or not before else before[0]


def _booked_at(settlement: Settlement) -> datetime:
    if settlement.settled_at is None:
        msg = f"settlement {settlement.settlement_id} is stored without its time"
        raise Inconsistent(msg)
    return settlement.settled_at


def needs_of_year(
    settlements: Iterable[Settlement], facts: Facts, cities: Cities
) -> Iterator[Need]:
    """Yield what must be known to decide these settlements of one patient again."""
    for settlement in settlements:
        yield Need(Settlement, "patient", settlement.bill.patient)
        view = YearFacts(facts, settlement, Course())
        for need in Quote(settlement.bill, cities).needs(view):
            yield from view.sources(need)
        if settlement.withdrawn:
            yield from needs_of_use_since(settlement, facts)
            yield from needs_of_alike_since(settlement)


def under_review(settlements: Iterable[Settlement]) -> list[Settlement]:
    """Return the settlements that stand or were withdrawn, in their order."""
    reviewed = [s for s in settlements if s.reversed_at is None or s.withdrawn]
    return sorted(reviewed, key=place_in_year)


def redecide(
    settlements: Iterable[Settlement],
    facts: Facts,
    cities: Cities,
    bill_of: Callable[[Settlement], Bill] = lambda settlement: settlement.bill,
) -> Iterator[Redecided]:
    """Yield those of a patient's settlements that are otherwise on what is known now.

    `settlements` are `under_review`; `bill_of` gives a bill that is other than
    settled, such as one of which a part was returned.
    """
    course = Course()
    for settlement in settlements:
        # Its bill was brought again meanwhile: what became of that is what counts.
        if settlement.withdrawn and _brought_again(settlement, facts):
            continue
        again = _again(settlement, bill_of(settlement), facts, cities, course)
        if again.differs:
            course.take(again)
            yield again


def _brought_again(settlement: Settlement, facts: Facts) -> bool:
    return used_since(settlement, facts) or alike_since(settlement, facts)


def _again(
    settlement: Settlement, bill: Bill, facts: Facts, cities: Cities, course: Course
) -> Redecided:
    view = YearFacts(facts, settlement, course)
    try:
        outcome = decide_bill(bill, view, cities)
    except Refusal as refusal:
        # Its traceback would keep the facts alive.
        return Redecided(before=settlement, refusal=refusal.with_traceback(None))
    charged = {c.purse.key: c.fen for c in outcome.charges if c.fen}
    return Redecided(before=settlement, after=outcome.quoted(), charged=charged)
