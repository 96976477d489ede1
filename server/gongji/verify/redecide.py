"""What is decided again, each stored decision with the query that makes it once more."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final, Literal

from msgspec import Struct

from gongji.account.recompute import CreditAsThen, RefundAsThen, payments_of
from gongji.model.account import Credit, FormerPremium, Premium
from gongji.model.commands import Query
from gongji.model.facts import Facts
from gongji.model.settlement import Settlement
from gongji.settlement.former import Purses
from gongji.settlement.recompute import DecideAsThen, Recomputation, ReversalAsThen
from gongji.verify.finding import Discrepancy, masked

_NOT_AS_STORED: Final = "按当时重算与所存不同："


class Redecision(Struct, frozen=True):
    """One stored decision, made once more.

    `at` is when it was made; None of one that may name no rules whenever it was.
    `since` is what such decisions name their rules since: since rules are kept, or since
    there is a log.
    """

    table: str
    key: str
    at: datetime | None
    names_rules: bool
    query: Query[Any]
    unlike: Callable[[Any], str]
    since: Literal["rules", "log"] = "rules"

    def told(self, facts: Facts) -> str:
        """Return what is not as it is stored, "" if all is. NotLoaded; anything."""
        return self.unlike(self.query.decide(facts).answer)

    def found(self, told: str) -> Discrepancy:
        """Return what does not hold."""
        return Discrepancy(
            phase="decisions", table=self.table, key=self.key, message=told
        )


def _settlement(stored: Settlement, purses: Purses) -> Iterator[Redecision]:
    yield Redecision(
        "settlement",
        stored.settlement_id,
        stored.settled_at,
        bool(stored.decided_by.rules_digest),
        DecideAsThen(stored, purses),
        lambda again: _unlike(stored, again),
    )
    if stored.reversed_at is not None and not stored.superseded:
        yield Redecision(
            "settlement",
            stored.settlement_id,
            stored.reversed_at,
            stored.reversed_by is not None,
            ReversalAsThen(stored, stored.reversed_at, stored.reversed_by),
            _told,
            since="log",
        )


def _credit(stored: Credit, _: Purses) -> Iterator[Redecision]:
    query = CreditAsThen(stored)
    # One that was corrected to nothing named no rules at first.
    nothing = stored.corrected_at is not None and not stored.fen
    yield Redecision(
        "credit",
        masked(stored.credit_id),
        None if nothing else query.at,
        bool(stored.rules_digest),
        query,
        _told,
    )


def _premium(stored: Premium, _: Purses) -> Iterator[Redecision]:
    for query in payments_of(stored):
        named = bool(query.paid.decided_by.rules_digest)
        at = query.paid.paid_at
        yield Redecision("premium", masked(stored.key), at, named, query, _told)
        yield from _refund(stored, query.paid)


def _refund(stored: Premium, paid: Premium | FormerPremium) -> Iterator[Redecision]:
    if paid.refunded_at is None or paid.not_due:
        return
    yield Redecision(
        "premium",
        masked(stored.key),
        paid.refunded_at,
        paid.refunded_by is not None,
        RefundAsThen(paid, stored.year, paid.refunded_at, paid.refunded_by),
        _told,
        since="log",
    )


def redecisions(stored: Any, purses: Purses) -> Iterator[Redecision]:
    """Yield the decisions of a record; `purses` are those of the facts they are made over."""
    return _OF[type(stored)](stored, purses)


_OF: Final[Mapping[type, Callable[[Any, Purses], Iterator[Redecision]]]] = {
    Settlement: _settlement,
    Credit: _credit,
    Premium: _premium,
}

KINDS: Final = {"settlement": Settlement, "credit": Credit, "premium": Premium}
"""The kinds of records that are decided again, by table."""


def _told(told: str) -> str:
    return told and f"{_NOT_AS_STORED}{told}"


def _unlike(stored: Settlement, again: Recomputation) -> str:
    """Return what of a settlement is not as it is stored, "" if all is."""
    if again.equal:
        return ""
    if again.impossible:
        return f"不能按当时重算：{again.impossible}"
    return _NOT_AS_STORED + "；".join(_differences(stored, again))


def _differences(stored: Settlement, again: Recomputation) -> Iterator[str]:
    """Yield each field that is decided otherwise; amounts with both."""
    if again.refusal is not None:
        yield f"当时应予拒绝（{again.refusal.reason()}）"
    for name in again.different:
        before, after = getattr(stored, name), getattr(again.settlement, name)
        amounts = f" 应为 {after} 分，所存 {before} 分" if name.endswith("_fen") else ""
        yield f"{name}{amounts}"
