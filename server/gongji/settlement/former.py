"""The facts a settlement was decided over, found again in what is stored now.

Purses and accumulators from its own movements and figures, else from what was entered
and settled before it; bindings from their history. The registry is read as known then
or as known now: the latter answers what the settlement would have been, had everything
known today been known at its time.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias, TypeVar, cast

from gongji.account.ledger import Inconsistent, ledger_account_of
from gongji.binding import life
from gongji.model.account import Account, AccountKey, Entry
from gongji.model.binding import Binding
from gongji.model.decided import RuleRef
from gongji.model.facts import Facts, Need
from gongji.model.filing import Filing
from gongji.model.people import area_of_institution
from gongji.model.revisions import (
    OWNER,
    REVISIONS,
    known_at,
    revision_needs,
    revision_of,
)
from gongji.model.settlement import Accumulator, Line, MeterReading, Settlement
from gongji.model.wallet import WalletAccount
from gongji.rules.codes import BindingState, FilingKind, pooling_area
from gongji.rules.hookspecs import CityRules

T = TypeVar("T")

_MOMENT: Final = timedelta(microseconds=1)

Held: TypeAlias = tuple[int, int]
"""Balance in fen and version of a purse or wallet."""


class RevisionNotKept(Exception):  # noqa: N818 - a state of the registry, told as it is
    """A settlement names a revision of the registry that is not stored."""


class PurseHistory:
    """The entries of one purse or wallet in order, gone through once however many ask."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._entries = sorted(entries, key=lambda entry: entry.version_after)
        self._instants = [entry.at for entry in self._entries]
        self._of = {entry.transaction_id: entry for entry in self._entries}

    def of(self, transaction_id: str) -> Entry | None:
        """Return the entry of a transaction, None if it did not move the purse."""
        return self._of.get(transaction_id)

    def before(self, at: datetime) -> Held | None:
        """Return what the last entry before an instant left in it, None without."""
        count = bisect_left(self._instants, at)
        if not count:
            return None
        last = self._entries[count - 1]
        return last.balance_after_fen, last.version_after

    def was_empty(self, at: datetime) -> bool:
        """Return whether the purse was empty before or between the entries of an instant."""
        # Of what was entered at one instant nobody knows what came before, what after.
        before = self.before(at)
        first, end = bisect_left(self._instants, at), bisect_right(self._instants, at)
        balances = [entry.balance_after_fen for entry in self._entries[first:end]]
        return before is None or not before[0] or 0 in balances


class Purses:
    """The histories of purses and wallets, as facts tell them that nobody writes to."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._of: dict[AccountKey, PurseHistory] = {}

    def of(self, key: AccountKey) -> PurseHistory:
        """Return the history of a purse or wallet. NotLoaded."""
        known = self._of.get(key)
        if known is None:
            account = ledger_account_of(key)
            entries = self._facts.where(Entry, "ledger_account", account)
            known = self._of[key] = PurseHistory(entries)
        return known


class FormerFacts(Facts):
    """Facts at the instant of a settlement; whatever is read is found in `base`.

    `as_known` reads the registry as known then, else as known now. `purses` are those of
    `base`, if many settlements ask for them.
    """

    __slots__ = ("_as_known", "_base", "_own", "_purses", "_settled_at", "_settlement")

    def __init__(
        self,
        base: Facts,
        settlement: Settlement,
        *,
        as_known: bool,
        purses: Purses | None = None,
    ) -> None:
        settled_at = settled_at_of(settlement)
        super().__init__(settled_at, base.keys)
        self._base = base
        self._purses = purses or Purses(base)
        self._settlement = settlement
        self._settled_at = settled_at
        self._own: dict[type, Callable[[str], Any]] = {
            Account: self._account,
            WalletAccount: self._wallet,
            Accumulator: self._accumulator,
            MeterReading: self._reading,
            Filing: self._filing,
        }
        # One of before revisions were kept names none: what is stored was known ever since.
        self._as_known = as_known and bool(settlement.known)

    def sources(self, need: Need) -> Iterator[Need]:
        """Yield what must be known now to tell what was known then."""
        if need.kind is Account or need.kind is WalletAccount:
            account = ledger_account_of((need.kind, need.value))
            yield Need(Entry, "ledger_account", account)
        elif need.kind is Accumulator or need.kind is MeterReading:
            # Its own accumulator and readings a settlement tells itself.
            if need.value not in self._settlement.counted_on:
                yield Need(Settlement, "patient", self._settlement.bill.patient)
        elif self._as_known and need.kind in REVISIONS:
            yield from self._revision_needs(need)
        else:
            yield need

    def _revision_needs(self, need: Need) -> Iterator[Need]:
        revision = self._settlement.known.get(need.value)
        if revision is None:
            yield need
            yield Need(REVISIONS[need.kind], OWNER, need.value)
        else:
            yield from revision_needs(self._base, need.kind, need.value, revision)

    def has(self, need: Need) -> bool:
        """Return whether everything that tells it is known."""
        return all(self._base.has(source) for source in self.sources(need))

    def get(self, kind: type[T], key: str) -> T | None:
        """Return the record of that key as it was, None if there was none.

        NotLoaded; RevisionNotKept.
        """
        own = self._own.get(kind)
        if own is not None:
            return cast("T | None", own(key))
        if self._as_known and kind in REVISIONS:
            return cast("T | None", self._registered(kind, key))
        record = self._base.get(kind, key)
        return None if record is None else self._former(record)

    def where(self, kind: type[T], index: str, value: str) -> list[T]:
        """Return the records whose index has that value, as they were. NotLoaded."""
        former = [self._former(r) for r in self._base.where(kind, index, value)]
        return [record for record in former if record is not None]

    def _filing(self, filing_no: str) -> Filing | None:
        """Return the filing the bill named: in force then, for it was settled."""
        filing = self._base.get(Filing, filing_no)
        if filing is not None:
            return filing.as_of(self._settled_at)
        # Filings are never deleted: this one was taken at its word, before they were kept.
        own = self._settlement
        day = own.bill.service_day
        return Filing(
            filing_no=filing_no,
            person_no=own.bill.patient,
            kind=FilingKind.LONG_TERM,
            areas=(area_of_institution(own.bill.institution_code),),
            since=day,
            until=day,
            area_code="",
            filed_at=self._settled_at,
            rule=RuleRef(CityRules.out_of_area.__name__, day, ()),
            decided_by=own.decided_by,
        )

    def _registered(self, kind: Any, key: str) -> Any:
        """Return a person or institution as known then. RevisionNotKept."""
        revision = self._settlement.known.get(key)
        if revision is None:
            # It was not asked for: what was known when it was settled.
            former = self._base.where(REVISIONS[kind], OWNER, key)
            booked_at = self._settlement.settled_at or self._settled_at
            return known_at(self._base.get(kind, key), former, booked_at)
        record = revision_of(self._base, kind, key, revision)
        if record is None:
            raise RevisionNotKept(
                f"登记库中没有 {key} 的第 {revision} 次登记，不能按当时的事实重算"
            )
        return record

    def _former(self, record: Any) -> Any:
        """Return a record as it was, None if there was none."""
        if isinstance(record, Binding):
            return self._binding(record)
        if isinstance(record, Settlement):
            return record if self._before(record) else None
        return record

    def _binding(self, binding: Binding) -> Binding | None:
        after = life.at(binding, self._settled_at)
        if all(event.at != self._settled_at for event in binding.history):
            return after
        # Of what happened at one instant the order is not stored. Every giver has a line,
        # so the lines tell which of the two states the settlement met.
        before = life.at(binding, self._settled_at - _MOMENT)
        if binding.holder in self._asked():
            return before if _is_active(before) else after
        return after if _is_active(before) else before

    def _asked(self) -> set[str]:
        """Return whose purses the settlement asked."""
        return {line.purse for line in self._settlement.lines if line.purse}

    def _account(self, person_no: str) -> Account | None:
        held = self._held((Account, person_no))
        return None if held is None else Account(person_no, *held)

    def _wallet(self, person_no: str) -> WalletAccount | None:
        """Return the wallet as the bill found it, None if none was open."""
        key: AccountKey = (WalletAccount, person_no)
        # Where it was used then its line alone says: of places no history is kept.
        places = [line.inputs.get("use_place", 0) for line in self._lines_of(key)]
        if not any(places):
            return None
        balance_fen, version = self._held(key) or (0, 0)
        return WalletAccount(
            person_no=person_no,
            use_place=str(places[0]),
            phone="",
            opened_at=self._settled_at,
            decided_by=self._settlement.decided_by,
            balance_fen=balance_fen,
            version=version,
        )

    def _lines_of(self, key: AccountKey) -> list[Line]:
        """Return the lines, at most one, that say what a purse or wallet was asked for."""
        lines = self._settlement.lines
        # hot path: most are of another person.
        return [line for line in lines if line.purse == key[1] and line.key == key]

    def _held(self, key: AccountKey) -> Held | None:
        """Return what was in a purse or wallet, None if nothing ever was."""
        history = self._purses.of(key)
        own = self._settlement
        asked = self._lines_of(key)
        if asked and own.replaces:
            # Settled again, it asked for no more than was paid before: for what it says.
            return asked[0].fen, 0
        entry = history.of(own.settlement_id)
        if entry is not None:
            # The ledger's word, not the settlement's own, which may have been changed.
            return entry.balance_after_fen - entry.fen, entry.version_after - 1
        held = history.before(self._settled_at)
        if not asked:
            return held
        # Asked for some it had nothing: what is entered at the same instant may say
        # otherwise.
        asked_for_some = asked[0].inputs.get("needed", 0) > 0
        emptied = asked_for_some and history.was_empty(self._settled_at)
        return (0, 0) if emptied else held or (0, 0)

    def _accumulator(self, key: str) -> Accumulator | None:
        own = self._settlement
        if key == own.accumulator_key:
            return _accumulated(
                own,
                own.deductible_used_after_fen - own.deductible_fen,
                own.fund_paid_after_fen - own.fund_fen,
            )
        # By what is known now it may belong to another scheme, place or year.
        of_patient = self._base.where(Settlement, "patient", own.bill.patient)
        counted = [
            s for s in of_patient if s.accumulator_key == key and self._before(s)
        ]
        if not counted:
            return None
        return _accumulated(
            counted[0],
            sum([s.deductible_fen for s in counted]),
            sum([s.fund_fen for s in counted]),
        )

    def _reading(self, key: str) -> MeterReading:
        own = self._settlement
        if key in own.meters_before:
            return MeterReading.of(key, own.meters_before[key])
        of_patient = self._base.where(Settlement, "patient", own.bill.patient)
        counted = [s.meters_added.get(key, 0) for s in of_patient if self._before(s)]
        return MeterReading.of(key, sum(counted))

    def _before(self, settlement: Settlement) -> bool:
        """Return whether another settlement was made before, and stood then."""
        if settled_at_of(settlement) >= self._settled_at:
            return False
        reversed_at = settlement.reversed_at
        return reversed_at is None or reversed_at > self._settled_at


def settled_at_of(settlement: Settlement) -> datetime:
    """Return as of when a stored settlement was decided. Inconsistent if it does not say."""
    decided_as_of = settlement.decided_as_of
    if decided_as_of is None:
        msg = f"settlement {settlement.settlement_id} is stored without its time"
        raise Inconsistent(msg)
    return decided_as_of


def _is_active(binding: Binding | None) -> bool:
    return binding is not None and binding.state is BindingState.ACTIVE


def _accumulated(
    like: Settlement, deductible_used_fen: int, fund_paid_fen: int
) -> Accumulator:
    return Accumulator(
        like.bill.patient,
        like.scheme,
        pooling_area(like.area_code),
        like.bill.service_day.year,
        deductible_used_fen,
        fund_paid_fen,
    )
