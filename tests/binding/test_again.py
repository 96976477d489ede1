"""A pair that a fact parted and that is bound again is bound once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from gongji.binding.status import ShowBindings
from gongji.model.account import Account
from gongji.model.binding import Binding
from gongji.model.people import Enrolment, Person
from gongji.model.refusals import NotEligible
from gongji.model.settlement import Bill
from gongji.rules.codes import AccountUse, BindingState, EnrolmentStatus, Scheme
from msgspec.structs import replace

from tests.binding.applying import TUESDAY, Applicants
from tests.scaffold.people import SINCE
from tests.settlement.recomputing import kept, recomputed

ACTIVE, ENDED = BindingState.ACTIVE, BindingState.ENDED
DAY = timedelta(days=1)
PARTED = TUESDAY.date() - 20 * DAY

TERMINATED_FOR_TEN_DAYS = (
    Enrolment(Scheme.EMPLOYEE, "11", EnrolmentStatus.NORMAL, SINCE, PARTED - DAY),
    Enrolment(
        Scheme.EMPLOYEE,
        "11",
        EnrolmentStatus.TERMINATED,
        PARTED,
        PARTED + 9 * DAY,
    ),
    Enrolment(Scheme.EMPLOYEE, "11", EnrolmentStatus.NORMAL, PARTED + 10 * DAY),
)
NEVER_TERMINATED = (Enrolment(Scheme.EMPLOYEE, "11", EnrolmentStatus.NORMAL, SINCE),)

CHANNELS = {"chuzhou": "wanshitong", "anqing": "minip_wechat"}
"""Chuzhou binds at once, Anqing through a review."""


@pytest.fixture(params=CHANNELS)
def city(request: pytest.FixtureRequest) -> str:
    """A city."""
    return str(request.param)


@pytest.fixture
def parted(city: str) -> Applicants:
    """H and M, bound a hundred days ago and parted by a termination of H since."""
    world = Applicants(city)
    world.bind("H", "M", TUESDAY - 100 * DAY, relation="10")
    world.add(Account("H", 500_00, 1))
    world.hospital(2, world.get("H").first_place)
    tell(world, TERMINATED_FOR_TEN_DAYS)
    assert [ENDED] == states(world)
    return world


def tell(world: Applicants, enrolments: tuple[Enrolment, ...]) -> None:
    """Have the registry say so of the holder."""
    world.add(replace(world.record(Person, "H"), enrolments=enrolments))


def states(world: Applicants) -> list[BindingState]:
    """Return how the bindings stand, in the order they were made."""
    shown = world.decide(ShowBindings(world.all(Binding), world.cities)).answer
    return [binding.state for binding in shown]


def visit(world: Applicants) -> Bill:
    """Return a bill of M that asks H."""
    return world.visit("M", 100_00, account_use=AccountUse.CITY_ORDER)


def aid(world: Applicants) -> int:
    """Return what H gives for a visit of M."""
    return world.quote(visit(world)).aid_fen


def apply(world: Applicants) -> Binding:
    """Apply again."""
    return world.submit(world.application(CHANNELS[world.city.pinyin]))


def bind_again(world: Applicants) -> Binding:
    """Bind the pair again: at once, or by an application that is reviewed."""
    applied = apply(world)
    if applied.state is ACTIVE:
        return applied
    return world.do(world.review(applied.binding_id, approve=True))


def test_the_new_one_pays(parted: Applicants) -> None:
    """The purse pays by the new binding, whatever became of the old one."""
    assert 0 == aid(parted)
    bind_again(parted)
    assert [ENDED, ACTIVE] == states(parted)
    assert 100_00 == aid(parted)


def test_settled_at_the_instant_of_the_new_one(parted: Applicants) -> None:
    """A bill of the instant at which the new one took the old one's place is recomputed
    as it was, though of two things of one instant the order is not stored."""
    kept(parted)
    bind_again(parted)
    done = parted.settle(visit(parted))
    assert 100_00 == done.aid_fen
    again = recomputed(parted, done.settlement_id)
    assert again.as_then.equal


def test_the_old_one_is_not_restored_beside_it(parted: Applicants) -> None:
    """If the fact is taken back, one binding stands: unbound from it, they are unbound."""
    new = bind_again(parted)
    tell(parted, NEVER_TERMINATED)
    assert [ENDED, ACTIVE] == states(parted)
    parted.do(parted.unbind(new.binding_id, CHANNELS[parted.city.pinyin]))
    assert [ENDED, ENDED] == states(parted)
    assert 0 == aid(parted)


@pytest.mark.parametrize("city", ["anqing"], indirect=True)
def test_what_waits_leaves_the_old_one(parted: Applicants) -> None:
    """Until the new one is in force, the old one comes back if the fact is taken back."""
    waiting = apply(parted)
    tell(parted, NEVER_TERMINATED)
    assert [ACTIVE, BindingState.UNDER_REVIEW] == states(parted)
    with pytest.raises(NotEligible):
        parted.do(parted.review(waiting.binding_id, approve=True))
