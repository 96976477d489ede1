"""A month's credit corrected to what is due now: up, down, from another source, spent."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date, datetime

import pytest
from gongji.account.correction import CorrectCredit, CorrectedCredit
from gongji.account.credit import CreditAccount, TakeBackCredit
from gongji.cities.anhui import account_crediting
from gongji.model import refusals
from gongji.model.account import Account, Credit, Entry, PurseMovement
from gongji.model.people import Enrolment, Person
from gongji.rules.codes import SHANGHAI, EnrolmentStatus, EntryKind, Scheme
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace as revised

from tests.scaffold.world import NewWorld, World

NOW = datetime(2025, 9, 30, 10, 0, tzinfo=SHANGHAI)
MONTH = "2025-09"
ACTIVE = Enrolment(Scheme.EMPLOYEE, "11", EnrolmentStatus.NORMAL, date(2020, 1, 1))
RETIRED = revised(ACTIVE, psn_type="12")
OWN, FUND, OWED = "premium:3411", "fund:3411:310", "owed:P1"


@pytest.fixture
def paid(new_world: NewWorld) -> World:
    """P1 with a base of 5,000 yuan and a credit of 100; retired people have 75."""
    return credited(new_world)


def credited(new_world: NewWorld) -> World:
    terms = replace(account_crediting()[0].value, retired_fen=75_00)
    world = new_world(account_crediting=terms)
    world.person("P1", enrolments=(ACTIVE,), first_base_fen=5000_00)
    request = world.request("Credit")
    world.do(CreditAccount(request, "P1", MONTH, world.cities))
    return world


def known(world: World, base_fen: int = 5000_00, enrolment: Enrolment = ACTIVE) -> None:
    """Let the registry say something else of P1."""
    person = world.record(Person, "P1")
    world.add(revised(person, first_base_fen=base_fen, enrolments=(enrolment,)))


def spend(world: World, fen: int) -> None:
    """Take fen out of the purse in another way."""
    account = world.record(Account, "P1")
    world.add(Account("P1", account.balance_fen - fen, account.version + 1))


def correct(world: World) -> CorrectedCredit:
    request = world.request("CorrectCredit")
    return world.do(CorrectCredit(request, "P1", MONTH, "基数更正", world.cities))


def take_back(world: World) -> PurseMovement:
    request = world.request("TakeBackCredit")
    return world.do(TakeBackCredit(request, "P1", MONTH, ""))


def last(world: World) -> list[tuple[str, int, EntryKind | None]]:
    """Return the postings of the last transaction."""
    *_, entry = world.all(Entry)
    return world.posted(entry.transaction_id)


def test_upwards(paid: World) -> None:
    """A base that was too low: the difference is credited, and names the credit."""
    known(paid, 8000_00)
    answer = correct(paid)
    assert (100_00, 160_00, 0) == (answer.before_fen, answer.due_fen, answer.owed_fen)
    assert PurseMovement("P1", 60_00, 160_00, 2) == answer.movement
    assert answer.rule is not None
    moved = [(OWN, -60_00, None), ("purse:P1", 60_00, EntryKind.CREDIT_CORRECTED)]
    assert moved == last(paid)
    assert {f"P1/{MONTH}"} == {entry.reference for entry in paid.all(Entry)}
    (credit,) = paid.all(Credit)
    assert (160_00, NOW, "基数更正") == (
        credit.fen,
        credit.corrected_at,
        credit.corrected_why,
    )


def test_downwards(paid: World) -> None:
    """A base that was too high: the difference is taken back."""
    known(paid, 4000_00)
    assert PurseMovement("P1", -20_00, 80_00, 2) == correct(paid).movement
    moved = [(OWN, 20_00, None), ("purse:P1", -20_00, EntryKind.CREDIT_CORRECTED)]
    assert moved == last(paid)


def test_retired_after_all(paid: World) -> None:
    """Who had retired is credited by the fund; his own premium gets back what it gave."""
    known(paid, enrolment=RETIRED)
    assert -25_00 == correct(paid).movement.fen
    assert [
        (OWN, 100_00, None),
        (FUND, -75_00, None),
        ("purse:P1", -25_00, EntryKind.CREDIT_CORRECTED),
    ] == last(paid)


def test_nothing_was_due(paid: World) -> None:
    """Who was not insured that month gives the whole credit back, under no rule."""
    known(paid, enrolment=revised(ACTIVE, until=date(2025, 8, 31)))
    answer = correct(paid)
    assert (0, -100_00, None) == (answer.due_fen, answer.movement.fen, answer.rule)


def test_nothing_differs(paid: World) -> None:
    """A credit that is as it should be is left alone, and so is one corrected before."""
    before = dict(paid.records)
    assert 0 == correct(paid).movement.fen
    assert before == paid.records
    known(paid, 8000_00)
    correct(paid)
    before = dict(paid.records)
    assert 0 == correct(paid).movement.fen
    assert before == paid.records


def test_what_is_spent_is_owed(paid: World) -> None:
    """The purse gives what it holds; the rest is owed, and collected when asked again."""
    spend(paid, 90_00)
    known(paid, 4000_00)
    answer = correct(paid)
    assert (-10_00, 0, 10_00) == (
        answer.movement.fen,
        answer.movement.balance_after_fen,
        answer.owed_fen,
    )
    assert [
        (OWN, 20_00, None),
        (OWED, -10_00, None),
        ("purse:P1", -10_00, EntryKind.CREDIT_CORRECTED),
    ] == last(paid)
    paid.add(Account("P1", 50_00, 9))
    again = correct(paid)
    assert (-10_00, 0) == (again.movement.fen, again.owed_fen)
    assert [
        (OWED, 10_00, None),
        ("purse:P1", -10_00, EntryKind.CREDIT_CORRECTED),
    ] == last(paid)


def test_a_credit_goes_back_with_what_is_owed_of_it(paid: World) -> None:
    """Taken back whole means with what is owed of it; nothing is owed after."""
    spend(paid, 90_00)
    known(paid, 4000_00)
    correct(paid)
    with pytest.raises(refusals.BalanceSpent) as refused:
        take_back(paid)
    assert "9000" == refused.value.metadata["credited_fen"]
    paid.add(Account("P1", 90_00, 9))
    assert PurseMovement("P1", -90_00, 0, 10) == take_back(paid)
    assert 0 == sum(fen for name, fen, _ in paid.posted() if name == OWED)
    assert 0 == sum(fen for name, fen, _ in paid.posted() if name == OWN)


def test_only_a_standing_credit_is_corrected(paid: World) -> None:
    """A month never credited, or taken back, has no credit to correct."""
    take_back(paid)
    with pytest.raises(refusals.CreditNotFound):
        correct(paid)


def test_what_cannot_be_said_is_not_corrected(paid: World) -> None:
    """Without a contribution base nothing is known to be due: nothing is taken back."""
    known(paid, 0)
    with pytest.raises(refusals.NoContributionBase):
        correct(paid)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("base"), st.integers(1, 9000_00)),
        st.tuples(st.just("spend"), st.integers(1, 200_00)),
        st.tuples(st.just("gain"), st.integers(1, 200_00)),
    ),
    max_size=12,
)


class Purse:
    """The model beside the world: what came and went in other ways."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.others_fen = 0

    def step(self, step: str, fen: int) -> None:
        """Take a step, and correct the credit after it."""
        if step == "base":
            known(self.world, fen)
        else:
            moved = fen if step == "gain" else -min(fen, self.world.balances()["P1"])
            spend(self.world, -moved)
            self.others_fen += moved
        correct(self.world)

    def check(self) -> None:
        """Hold the books against the credit, and the purse against both."""
        books = Counter[str]()
        for name, fen, _ in self.world.posted():
            books[name] += fen
        (credit,) = self.world.all(Credit)
        balance_fen = self.world.balances()["P1"]
        assert (-credit.fen, -credit.owed_fen) == (books[OWN], books[OWED])
        assert balance_fen == books["purse:P1"] + self.others_fen
        assert not (credit.owed_fen and balance_fen)
        assert 0 == books.total()


@given(steps=STEPS)
def test_forth_and_back(new_world: NewWorld, steps: list[tuple[str, int]]) -> None:
    """Whatever becomes known and is spent: the sources gave what is due, what the purse
    lacks of it is owed, and once all is due again as at first nothing is left over."""
    purse = Purse(credited(new_world))
    for step in [*steps, ("base", 5000_00), ("gain", 1000_00)]:
        purse.step(*step)
        purse.check()
    (credit,) = purse.world.all(Credit)
    assert (100_00, 0) == (credit.fen, credit.owed_fen)
