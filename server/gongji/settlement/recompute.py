"""Decide a stored settlement once more: as then, and as now (重算).

As then: by the facts and rules it was decided by, which must give what is stored. As
now: by the registry as known now and the rules loaded now, at the settlement's own
instant and place in its year, so that nothing differs but what is known and ruled.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import suppress
from datetime import datetime
from operator import attrgetter
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from gongji.cities import kept
from gongji.cities.city import Cities
from gongji.cities.encoding import UnreadableRules
from gongji.model.commands import Decision
from gongji.model.decided import DecidedBy
from gongji.model.facts import Facts, Need, by_key
from gongji.model.refusals import NotLastSettlement, Refusal, SettlementNotFound
from gongji.model.settlement import Line, Settlement
from gongji.rules.codes import SHANGHAI, Payer
from gongji.settlement.former import FormerFacts, Purses, RevisionNotKept
from gongji.settlement.reverse import last_first, later_in_year
from gongji.settlement.settle import Quote, decide_bill

_OF_THEN: Final = ("decided_by", "known")
"""What says which rules and facts decided: as now it is other than stored by its nature."""


class PayerDifference(Struct, frozen=True):
    """A payer who pays otherwise; `purse` is empty for fund and cash. Fen."""

    payer: Payer
    purse: str
    stored_fen: int
    fen: int


class Recomputation(Struct, frozen=True, kw_only=True):
    """A settlement decided once more: a settlement, a refusal, or why it cannot be.

    cities       whose rules decided
    different    the fields that are not as stored, if it was settled
    differences  who pays otherwise
    """

    cities: Cities
    settlement: Settlement | None = None
    refusal: Refusal | None = None
    impossible: str = ""
    different: tuple[str, ...] = ()
    differences: tuple[PayerDifference, ...] = ()

    @property
    def equal(self) -> bool:
        """Return whether it is as stored, to the fen and the clause."""
        return self.settlement is not None and not self.different


class Recomputed(Struct, frozen=True):
    """A stored settlement, and what it is as then and as now."""

    stored: Settlement
    as_then: Recomputation
    as_now: Recomputation


class Recompute(Struct, frozen=True):
    """Recompute one settlement, reversed or not, writing nothing."""

    settlement_id: str
    cities: Cities

    def needs(self, facts: Facts) -> Iterator[Need]:
        """Return the settlement; its rules; what a quote of its bill needs, as then."""
        original = by_key(Settlement, self.settlement_id)
        yield original
        if not facts.has(original):
            return
        stored = facts.get(Settlement, self.settlement_id)
        if stored is None:
            return
        yield from kept.needs_of(stored.decided_by)
        quote = Quote(stored.bill, self.cities)
        for as_known in (True, False):
            former = FormerFacts(facts, stored, as_known=as_known)
            # Told when it is decided: as now nothing is missing.
            with suppress(RevisionNotKept):
                for need in quote.needs(former):
                    yield from former.sources(need)

    def decide(self, facts: Facts) -> Decision[Recomputed]:
        """Decide both. SettlementNotFound."""
        stored = facts.get(Settlement, self.settlement_id)
        if stored is None:
            raise SettlementNotFound(
                f"没有编号为 {self.settlement_id} 的结算", field="settlement_id"
            )
        as_then = _as_then(stored, facts)
        known_now = FormerFacts(facts, stored, as_known=False)
        as_now = _decided(stored, known_now, self.cities, apart_from=_OF_THEN)
        return Decision(Recomputed(stored, as_then, as_now))


class DecideAsThen(Struct, frozen=True):
    """Decide a stored settlement once more, only as then; writing nothing.

    `purses` are those of the facts, if many settlements are decided over them.
    """

    stored: Settlement
    purses: Purses | None = None

    def needs(self, facts: Facts) -> Iterator[Need]:
        """Return its rules, and what a quote of its bill needs, as then."""
        stored = self.stored
        yield from kept.needs_of(stored.decided_by)
        former = FormerFacts(facts, stored, as_known=True, purses=self.purses)
        # Told when it is decided.
        with suppress(RevisionNotKept):
            for need in Quote(stored.bill, Cities(())).needs(former):
                yield from former.sources(need)

    def decide(self, facts: Facts) -> Decision[Recomputation]:
        """Decide it."""
        return Decision(_as_then(self.stored, facts, self.purses))


class ReversalAsThen(Struct, frozen=True):
    """Decide once more whether a stored settlement was the one to be reversed first.

    The answer says why it was not, "" if it was. Of what was settled or reversed at the
    very instant nobody knows whether it came before: either will do.
    """

    stored: Settlement
    reversed_at: datetime
    decided_by: DecidedBy | None

    def needs(self, facts: Facts) -> Iterator[Need]:
        """Return its rules; if they ask for an order, whatever was settled for the patient."""
        rules = list(kept.needs_of(self.decided_by)) if self.decided_by else []
        yield from rules
        if all(map(facts.has, rules)) and self._ordered(facts):
            yield Need(Settlement, "patient", self.stored.bill.patient)

    def decide(self, facts: Facts) -> Decision[str]:
        """Decide it. CityNotServed, NotInForce."""
        try:
            ordered = self._ordered(facts)
        except UnreadableRules as missing:
            return Decision(str(missing))
        if not ordered:
            return Decision("")
        later = list(filter(self._stood, later_in_year(self.stored, facts)))
        told = f"撤销时其后还有 {len(later)} 笔结算，应予拒绝（{NotLastSettlement.reason()}）"
        return Decision(told if later else "")

    def _ordered(self, facts: Facts) -> bool:
        """Return whether the last of a year was to be reversed first. UnreadableRules."""
        cities = kept.named_by(self.decided_by, facts)
        day = self.reversed_at.astimezone(SHANGHAI).date()
        return last_first(self.stored, day, cities) is not None

    def _stood(self, other: Settlement) -> bool:
        booked_at, reversed_at = other.settled_at, other.reversed_at
        if booked_at is None or booked_at >= self.reversed_at:
            return False
        return reversed_at is None or reversed_at > self.reversed_at


def _as_then(
    stored: Settlement, facts: Facts, purses: Purses | None = None
) -> Recomputation:
    if not stored.decided_by.rules_digest:
        return Recomputation(
            cities=Cities(()),
            impossible="该结算作出时规则尚未留存（没有规则摘要），不能按当时的规则重算",
        )
    known_then = FormerFacts(facts, stored, as_known=True, purses=purses)
    try:
        cities = kept.cities_of(stored.decided_by, facts)
        return _decided(stored, known_then, cities)
    except (UnreadableRules, RevisionNotKept) as missing:
        return Recomputation(cities=Cities(()), impossible=str(missing))


def _decided(
    stored: Settlement,
    facts: Facts,
    cities: Cities,
    *,
    apart_from: Collection[str] = (),
) -> Recomputation:
    try:
        settlement = decide_bill(stored.bill, facts, cities).quoted()
    except Refusal as refusal:
        return Recomputation(
            cities=cities,
            refusal=refusal.with_traceback(None),
            differences=differences_by_payer(stored.lines, ()),
        )
    different = tuple(
        [name for name in _different(stored, settlement) if name not in apart_from]
    )
    return Recomputation(
        cities=cities,
        settlement=settlement,
        different=different,
        differences=differences_by_payer(stored.lines, settlement.lines)
        if "lines" in different
        else (),
    )


_UNDECIDED: Final = (
    "settlement_id",
    "settled_at",
    "request_key",
    "movements",
    "reversed_at",
    "reversed_why",
    "first_settled_at",
    "replaces",
    "replaced_by",
    "superseded",
    "reversed_by",
    "returned_fen",
    "evidence",
)
"""What no decision on the bill says."""

_DECIDED: Final = tuple(
    [name for name in Settlement.__struct_fields__ if name not in _UNDECIDED]
)

_decided_of: Final = attrgetter(*_DECIDED)


def _different(stored: Settlement, recomputed: Settlement) -> Iterator[str]:
    """Yield the fields of the decision that are not as stored."""
    # hot path: a verification asks it of every settlement there is.
    values = zip(_decided_of(stored), _decided_of(recomputed), strict=True)
    for name, (before, after) in zip(_DECIDED, values, strict=True):
        if before != after and _worded_alike(name, before) != _worded_alike(
            name, after
        ):
            yield name
    paid = {line.key: -line.fen for line in recomputed.lines if line.purse}
    moved = {movement.key: movement.fen for movement in stored.movements}
    if {key: fen for key, fen in paid.items() if fen} != moved:
        yield "movements"


def _worded_alike(name: str, value: Any) -> Any:
    """Return a field's value without what a later core may word otherwise."""
    if name == "lines":
        return [replace(line, in_words="") for line in value]
    if name == "decided_by":
        return replace(value, core_version="", plugin_digest="")
    return value


def differences_by_payer(
    stored: tuple[Line, ...], lines: tuple[Line, ...]
) -> tuple[PayerDifference, ...]:
    """Return who pays otherwise than stored, in the order of the lines."""
    before, after = _by_payer(stored), _by_payer(lines)
    return tuple(
        PayerDifference(payer, purse, before[payer, purse], after[payer, purse])
        for payer, purse in dict.fromkeys((*before, *after))
        if before[payer, purse] != after[payer, purse]
    )


def _by_payer(lines: tuple[Line, ...]) -> Counter[tuple[Payer, str]]:
    paid: Counter[tuple[Payer, str]] = Counter()
    for line in lines:
        paid[line.payer, line.purse] += line.fen
    return paid
