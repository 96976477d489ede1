"""Refunding a premium: whole, to the purse and from where it went, until the rule's day."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from gongji.account.premium import PaidPremium, PayPremium
from gongji.account.refund import RefundedPremium, RefundPremium
from gongji.cities.anhui import member_terms, premiums, uses
from gongji.model import refusals
from gongji.model.account import Account, Entry, Premium, PurseMovement
from gongji.rules.benefits import PremiumTerms, Use
from gongji.rules.binding import EnrolmentTerms
from gongji.rules.codes import SHANGHAI, EntryKind, Purpose, Scheme
from hypothesis import given
from hypothesis import strategies as st

from tests.binding.applying import cities
from tests.scaffold.people import ANQING
from tests.scaffold.world import NewWorld, World

NOW = datetime(2025, 11, 20, 10, 0, tzinfo=SHANGHAI)
RESIDENT = "15"
PREMIUM = frozenset({Purpose.RESIDENT_PREMIUM})
TERMS = premiums()[0].value


def populated(world: World) -> World:
    """Two holders with 5,000 yuan each, bound to a resident for premiums."""
    for holder in ("H", "H2"):
        world.person(holder)
        world.add(Account(holder, 5000_00, 1))
        world.bind(holder, "M", NOW - timedelta(days=1), purposes=PREMIUM)
    world.person("M", RESIDENT)
    return world


@pytest.fixture
def chuzhou() -> World:
    """Chuzhou as installed."""
    return populated(World(cities(), NOW))


def pay(world: World, holder: str = "H", fen: int = 400_00) -> PaidPremium:
    return world.do(
        PayPremium(
            request=world.request("PayPremium"),
            holder=holder,
            member="M",
            year=2026,
            fen=fen,
            cities=world.cities,
        )
    )


def refund(world: World, premium_id: str, year: int = 2026) -> RefundedPremium:
    return world.do(
        RefundPremium(
            request=world.request("RefundPremium"),
            premium_id=premium_id,
            member="M",
            year=year,
            why="金额有误",
            cities=world.cities,
        )
    )


def test_a_wrong_amount_has_a_way_back(chuzhou: World) -> None:
    """4,000.00 paid instead of 400.00 is refunded, and the right amount paid."""
    wrong = pay(chuzhou, fen=4000_00).premium
    refunded = refund(chuzhou, wrong.premium_id)
    assert PurseMovement("H", 4000_00, 5000_00, 3) == refunded.movement
    assert (NOW, "金额有误") == (
        refunded.premium.refunded_at,
        refunded.premium.refunded_why,
    )
    assert ("premiums", ("T62",)) == (refunded.rule.hook, refunded.rule.clauses)
    right = pay(chuzhou).premium
    references = [entry.reference for entry in chuzhou.all(Entry)]
    assert [wrong.premium_id] * 4 + [right.premium_id] * 2 == references


def test_a_refund_mirrors_the_payment(chuzhou: World) -> None:
    """What the scheme received leaves it, and what left the purse comes back."""
    refund(chuzhou, pay(chuzhou).premium.premium_id)
    assert [
        ("premium:3411:390", 400_00, None),
        ("purse:H", -400_00, EntryKind.PREMIUM),
        ("premium:3411:390", -400_00, None),
        ("purse:H", 400_00, EntryKind.PREMIUM_REFUNDED),
    ] == chuzhou.posted()


def test_every_premium_of_a_year_stays_on_record(chuzhou: World) -> None:
    """Whatever is refunded and paid again, by whom ever: each is kept, oldest first."""
    paid = []
    for holder in ("H", "H2", "H"):
        premium = pay(chuzhou, holder).premium
        paid.append((premium.premium_id, holder, premium.rules))
        refund(chuzhou, premium.premium_id)
    last = pay(chuzhou).premium
    assert [last] == chuzhou.all(Premium)
    assert paid == [(p.premium_id, p.holder, p.rules) for p in last.former]
    assert {(NOW, "金额有误")} == {(p.refunded_at, p.refunded_why) for p in last.former}


def test_it_comes_back_from_where_it_went(chuzhou: World) -> None:
    """The member has moved, the binding ended: the money goes back all the same."""
    premium = pay(chuzhou).premium
    chuzhou.person("M", RESIDENT, ANQING)
    del chuzhou.records[type(chuzhou.bind("H", "M", NOW)), "B-H-M"]
    assert 5000_00 == refund(chuzhou, premium.premium_id).movement.balance_after_fen
    received = [fen for name, fen, _ in chuzhou.posted() if name.startswith("premium")]
    assert [400_00, -400_00] == received
    assert 1 == len({n for n, _, _ in chuzhou.posted() if n.startswith("premium")})


def test_only_a_standing_premium_is_refunded(chuzhou: World) -> None:
    """Another id, another year, and one refunded before are not found."""
    premium_id = pay(chuzhou).premium.premium_id
    before = dict(chuzhou.records)
    for named, year in (("P0", 2026), (premium_id, 2025)):
        with pytest.raises(refusals.PremiumNotFound):
            refund(chuzhou, named, year)
    assert before == chuzhou.records
    refund(chuzhou, premium_id)
    with pytest.raises(refusals.PremiumNotFound):
        refund(chuzhou, premium_id)


LAST_DAYS = {
    "until its year begins": (TERMS, date(2025, 12, 31)),
    "days after payment, into the year": (
        replace(TERMS, refund_days=60),
        date(2026, 1, 19),
    ),
    "days after payment alone": (
        replace(TERMS, refund_before_year=False, refund_days=10),
        date(2025, 11, 30),
    ),
}


def of_terms(new_world: NewWorld, terms: PremiumTerms) -> World:
    """A city with these terms, in which purses may pay premiums."""
    residents = EnrolmentTerms(schemes=frozenset({Scheme.RESIDENT}), or_enrolling=True)
    world = new_world(
        now=NOW,
        uses=replace(uses()[0].value, aid_at=frozenset(Use)),
        member_terms={
            **member_terms()[0].value,
            Purpose.RESIDENT_PREMIUM: residents,
        },
        premiums=terms,
    )
    return populated(world)


@pytest.mark.parametrize(("terms", "last"), LAST_DAYS.values(), ids=LAST_DAYS)
def test_until_when(new_world: NewWorld, terms: PremiumTerms, last: date) -> None:
    """It is refunded on the rule's last day, and no more on the next."""
    world = of_terms(new_world, terms)
    premium_id = pay(world).premium.premium_id
    world.now = datetime(last.year, last.month, last.day, 23, 59, tzinfo=SHANGHAI)
    world.now += timedelta(minutes=1)
    with pytest.raises(refusals.RefundTooLate, match="不能退费") as refused:
        refund(world, premium_id)
    assert {"T62"} == {clause.id for clause in refused.value.clauses}
    assert "2025-11-20" == refused.value.metadata["paid_on"]
    world.now -= timedelta(minutes=1)
    assert 400_00 == refund(world, premium_id).movement.fen


def test_where_nothing_is_refunded(new_world: NewWorld) -> None:
    """A city may refund nothing, not even on the day of payment."""
    world = of_terms(new_world, replace(TERMS, refund_before_year=False, refund_days=0))
    premium_id = pay(world).premium.premium_id
    with pytest.raises(refusals.RefundTooLate, match="不予退费"):
        refund(world, premium_id)


STEPS = st.lists(
    st.tuples(st.sampled_from(["H", "H2", "refund"]), st.integers(9_99, 5000_01)),
    max_size=12,
)


class Payments:
    """The model beside the world: balances, and the premium that stands."""

    def __init__(self) -> None:
        self.world = populated(World(cities(), NOW))
        self.balances = dict.fromkeys(("H", "H2"), 5000_00)
        self.standing: Premium | None = None

    def refund(self) -> None:
        """Refund what stands."""
        if self.standing is not None:
            refund(self.world, self.standing.premium_id)
            self.balances[self.standing.holder] += self.standing.fen
            self.standing = None

    def pay(self, holder: str, fen: int) -> None:
        """Pay, or see the world refuse what cannot be."""
        if self.standing is not None or not 10_00 <= fen <= 5000_00:
            with pytest.raises((refusals.AlreadyPaid, refusals.NotEligible)):
                pay(self.world, holder, fen)
            return
        self.standing = pay(self.world, holder, fen).premium
        self.balances[holder] -= fen


@given(steps=STEPS)
def test_forth_and_back(steps: list[tuple[str, int]]) -> None:
    """Whatever is paid and refunded: one premium stands at most, the scheme holds just
    that, and purses change by exactly the entries."""
    model = Payments()
    for step, fen in steps:
        if step == "refund":
            model.refund()
        else:
            model.pay(step, fen)
        assert model.balances == model.world.balances()
    posted = model.world.posted()
    received = sum(fen for name, fen, _ in posted if "premium" in name)
    assert (model.standing.fen if model.standing else 0) == received
