"""Claims on paper: states, what is paid, and what is refused before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace as replace_rule
from datetime import date, timedelta
from typing import Any, Final

import pytest
from gongji.claim.life import TRANSITIONS, ClaimStep
from gongji.model.account import Account
from gongji.model.claim import Claim
from gongji.model.claim_refusals import (
    ClaimNotFound,
    ClaimNotOffered,
    ClaimPapersMissing,
    ClaimPlaceChanged,
    ClaimTooLate,
    InvoiceUsed,
)
from gongji.model.refusals import (
    FilingRequired,
    IllegalTransition,
    MalformedField,
    NotLastSettlement,
    Refusal,
)
from gongji.model.settlement import Accumulator, Bill, Settlement
from gongji.rules.benefits import Reversal
from gongji.rules.codes import AccountUse, ClaimState, VisitKind
from gongji.rules.hookspecs import CityRules
from gongji.settlement.recompute import Recompute
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.claim import claiming
from tests.scaffold.people import ANQING, NOW
from tests.scaffold.world import NewWorld, World
from tests.settlement.test_resettle import tell

NONE: Final = AccountUse.NONE

S, R, P, X, Z, W = ClaimState

MODEL: Final = {
    "pass": ({S}, R),
    "return": ({S}, ClaimState.RETURNED),
    "pay": ({R}, ClaimState.PAID),
    "refuse": ({R}, ClaimState.REFUSED),
    "withdraw": ({S, R}, ClaimState.WITHDRAWN),
}
"""From which states each step is taken, and where it leads: written down once more."""

STEPS: Final[dict[str, Callable[[World, str], Any]]] = {
    "pass": claiming.review,
    "return": lambda w, c: claiming.review(w, c, passes=False),
    "pay": lambda w, c: w.do(claiming.decision(w, c)),
    "refuse": lambda w, c: w.do(claiming.decision(w, c, pays=False)),
    "withdraw": claiming.withdraw,
}


def town(new_world: NewWorld) -> World:
    world = new_world()
    world.hospital(5)
    world.person("P1")
    world.add(Account("P1", 500_00, 1))
    return world


def cash_bill(world: World, fen: int = 2000_00, **changes: Any) -> Bill:
    return world.visit("P1", fen, account_use=NONE, **changes)


@given(steps=st.lists(st.sampled_from(sorted(MODEL)), max_size=6))
def test_states(new_world: NewWorld, steps: list[str]) -> None:
    """Each step is taken from the states of the model only, and the history tells all."""
    world = town(new_world)
    claim = claiming.submit(world, cash_bill(world), "1")
    state, told = ClaimState.SUBMITTED, [ClaimState.SUBMITTED]
    for step in steps:
        starts, end = MODEL[step]
        if state in starts:
            STEPS[step](world, claim.claim_id)
            state = end
            told.append(end)
        else:
            with pytest.raises(IllegalTransition):
                STEPS[step](world, claim.claim_id)
        stored = world.record(Claim, claim.claim_id)
        assert state is stored.state
        assert told == [event.state for event in stored.history]
    assert (state is ClaimState.PAID) == bool(world.all(Settlement))


def test_table() -> None:
    """The table has the steps of the model, and every state but the first is reached."""
    table = {(start, step): end for (start, step), end in TRANSITIONS.items()}
    names = dict(zip(ClaimStep, MODEL, strict=True))
    assert table == {
        (start, step): MODEL[name][1]
        for step, name in names.items()
        for start in MODEL[name][0]
    }
    assert set(ClaimState) - {ClaimState.SUBMITTED} == set(table.values())


BILLS: Final = st.builds(
    lambda parts, kind, days: (parts, kind, days),
    st.tuples(*[st.integers(0, 3000_00)] * 4).filter(any),
    st.sampled_from([VisitKind.OUTPATIENT, VisitKind.EMERGENCY, VisitKind.PHARMACY]),
    st.integers(0, 400),
)


def bill_of(world: World, parts: tuple[int, ...], kind: VisitKind, days: int) -> Bill:
    """Return a bill with these parts, of a visit so many days ago."""
    out, above, first, inside = parts
    return replace(
        cash_bill(world, 1),
        out_of_catalogue_fen=out,
        above_limit_fen=above,
        first_selfpay_fen=first,
        in_scope_fen=inside,
        total_fen=sum(parts),
        visit_kind=kind,
        service_day=NOW.date() - timedelta(days=days),
    )


def posted_by_claims(world: World) -> Counter[str]:
    """Return what the entries of all ledger accounts add up to."""
    posted: Counter[str] = Counter()
    for account, fen, _ in world.posted():
        posted[account] += fen
    return posted


def received(world: World) -> Counter[str]:
    """Return what must be posted: the fund pays the person, and nothing else moves."""
    paid = sum(claim.paid_fen for claim in world.all(Claim))
    return Counter({"claimant:P1": paid, "fund:3411:310": -paid} if paid else {})


@given(bills=st.lists(BILLS, min_size=1, max_size=4))
def test_paid_as_settled(new_world: NewWorld, bills: list[Any]) -> None:
    """A claim is paid what Settle has the fund pay of the same bill, fen by fen."""
    settling, paying = town(new_world), town(new_world)
    for described in bills:
        bill = bill_of(settling, *described)
        settled = settling.settle(bill)
        claim = claiming.paid(paying, bill)
        ours = paying.record(Settlement, claim.settlement_id)
        assert settled.fund_fen == claim.paid_fen == ours.fund_fen
        assert settled.lines == ours.lines
    assert settling.all(Accumulator) == paying.all(Accumulator)
    assert {"P1": 500_00} == paying.balances()
    assert posted_by_claims(paying) == received(paying)


def test_recomputed(new_world: NewWorld) -> None:
    """What a claim was paid by is decided again as it was."""
    world = town(new_world)
    claim = claiming.paid(world, cash_bill(world), "1")
    settlement = world.record(Settlement, claim.settlement_id)
    again = world.decide(Recompute(settlement.settlement_id, world.cities)).answer
    assert again.as_now.equal


@pytest.mark.parametrize("claimed", [False, True])
def test_not_named_to_the_institution(family: NewWorld, claimed: bool) -> None:  # noqa: FBT001
    """If a later claim is to be reversed first, only another claim's reversal names it."""
    world = family(reversal=Reversal.LAST_FIRST)
    settlement_ids = []
    for minutes, by_claim in enumerate([claimed, True]):
        world.now = NOW + timedelta(minutes=minutes)
        settlement_ids.append(use(world, str(minutes), "pay" if by_claim else "settle"))
    first, last = settlement_ids
    with pytest.raises(NotLastSettlement) as refused:
        world.reverse(first)
    assert (last if claimed else "") == refused.value.metadata["last"]


def test_elsewhere_without_a_filing(new_world: NewWorld) -> None:
    """A bill that nobody filed cannot be settled directly, and is paid on a claim."""
    world = town(new_world)
    away = world.hospital(5, ANQING)
    bill = cash_bill(world, institution_code=away.code)
    with pytest.raises(FilingRequired):
        world.settle(bill)
    assert claiming.paid(world, bill, "1").paid_fen > 0


def test_reversed(new_world: NewWorld) -> None:
    """A payment taken back goes back from the person to the fund, and frees the invoice."""
    world = town(new_world)
    claim = claiming.paid(world, cash_bill(world), "1")
    world.reverse(claim.settlement_id)
    assert 0 == sum(fen for account, fen, _ in world.posted() if "claimant" in account)
    assert 0 == world.all(Accumulator)[0].fund_paid_fen
    world.settle(cash_bill(world, invoice_no="1"))


def use(world: World, number: str, way: str) -> str:
    """Use an invoice in some way; return the id of what can be undone."""
    if way == "settle":
        return world.settle(cash_bill(world, invoice_no=number)).settlement_id
    claim = claiming.submit(world, cash_bill(world), number)
    if way == "claim":
        return claim.claim_id
    claiming.review(world, claim.claim_id)
    claim = world.do(claiming.decision(world, claim.claim_id, similar_checked=True))
    return claim.settlement_id


WAYS: Final = ("settle", "claim", "pay")


@given(
    steps=st.lists(
        st.tuples(st.sampled_from("12"), st.sampled_from((*WAYS, "undo"))), max_size=10
    )
)
def test_an_invoice_pays_once(
    new_world: NewWorld, steps: list[tuple[str, str]]
) -> None:
    """Whatever the order: an invoice is used once until what used it is undone."""
    world = town(new_world)
    used: dict[str, tuple[str, str]] = {}
    for number, way in steps:
        if way == "undo":
            if number in used:
                how, key = used.pop(number)
                undo = claiming.withdraw if how == "claim" else World.reverse
                undo(world, key)
        elif number in used:
            with pytest.raises(InvoiceUsed):
                use(world, number, way)
        else:
            used[number] = (way, use(world, number, way))


def test_invoices_of_one_claim(new_world: NewWorld) -> None:
    """Each invoice of a claim is used by it; another institution's number is another one."""
    world = town(new_world)
    elsewhere = world.hospital(4, ANQING)
    claiming.submit(world, cash_bill(world), "1", "2")
    for number in "12":
        with pytest.raises(InvoiceUsed):
            world.settle(cash_bill(world, invoice_no=number))
    world.settle(cash_bill(world, invoice_no="3"))
    claiming.submit(world, cash_bill(world, institution_code=elsewhere.code), "1")


def test_two_people(new_world: NewWorld) -> None:
    """Whoever reviewed a claim does not decide it."""
    world = town(new_world)
    claim = claiming.submit(world, cash_bill(world), "1")
    claiming.review(world, claim.claim_id)
    with pytest.raises(IllegalTransition):
        world.do(claiming.decision(world, claim.claim_id, decider="R-1"))


def test_insured_elsewhere_since(new_world: NewWorld) -> None:
    """No office pays from another city's fund: it refuses the claim, or lets it go."""
    world = town(new_world)
    claim = claiming.submit(world, cash_bill(world), "1")
    claiming.review(world, claim.claim_id)
    tell(world, "P1", first_place=ANQING)
    with pytest.raises(ClaimPlaceChanged):
        world.do(claiming.decision(world, claim.claim_id))
    world.do(claiming.decision(world, claim.claim_id, pays=False))
    assert ANQING == claiming.submit(world, cash_bill(world), "1").decided_by.area_code


def late(world: World) -> None:
    world.now = NOW.replace(year=NOW.year + 2, month=1, day=1)
    claiming.submit(world, cash_bill(world, service_day=NOW.date()), "1")


def too_few_papers(world: World) -> None:
    handed_in = claiming.form(cash_bill(world), "1", materials=claiming.PAPERS[:2])
    world.do(claiming.submission(world, handed_in))


def unequal(world: World) -> None:
    handed_in = claiming.form(cash_bill(world), "1")
    world.do(claiming.submission(world, replace(handed_in, items=handed_in.items * 2)))


REFUSED: Final[dict[str, tuple[type[Refusal], Callable[[World], Any]]]] = {
    "late": (ClaimTooLate, late),
    "papers": (ClaimPapersMissing, too_few_papers),
    "items": (MalformedField, unequal),
    "twice": (MalformedField, lambda w: claiming.submit(w, cash_bill(w), "1", "1")),
    "purse": (
        MalformedField,
        lambda w: claiming.submit(
            w, w.visit("P1", 100_00, account_use=AccountUse.OWN), "1"
        ),
    ),
    "wallet": (
        MalformedField,
        lambda w: claiming.submit(w, cash_bill(w, use_wallet=True), "1"),
    ),
    "number": (
        MalformedField,
        lambda w: claiming.submit(w, cash_bill(w, invoice_no="1"), "1"),
    ),
    "message": (
        MalformedField,
        lambda w: claiming.submit(w, cash_bill(w, msgid="M1"), "1"),
    ),
    "unknown": (ClaimNotFound, lambda w: claiming.review(w, "K1")),
}


@pytest.mark.parametrize(
    ("asks", "field"),
    [
        ({"account_use": AccountUse.OWN}, "bill.account_use"),
        ({"givers": ("P2",)}, "bill.givers"),
        ({"use_wallet": True}, "bill.use_wallet"),
    ],
)
def test_what_a_claim_asks_is_named(
    new_world: NewWorld, asks: dict[str, Any], field: str
) -> None:
    """A claim that asks a purse or wallet to pay is told by which field it does."""
    world = town(new_world)
    with pytest.raises(MalformedField) as refused:
        claiming.submit(world, replace(cash_bill(world), **asks), "1")
    assert field == refused.value.field


@pytest.mark.parametrize("name", REFUSED)
def test_refused(new_world: NewWorld, name: str) -> None:
    """What cannot be claimed is refused by name, with clauses if a rule refuses it."""
    reason, act = REFUSED[name]
    with pytest.raises(reason) as refused:
        act(town(new_world))
    assert type(refused.value) is reason
    assert bool(refused.value.clauses) == (reason in {ClaimTooLate, ClaimPapersMissing})
    assert "" != refused.value.field


def test_last_day(new_world: NewWorld) -> None:
    """A claim is taken on the last day of the year after the visit's."""
    world = town(new_world)
    world.now = NOW.replace(year=NOW.year + 1, month=12, day=31)
    claim = claiming.submit(
        world, cash_bill(world, service_day=date(NOW.year, 1, 1)), "1"
    )
    assert (ClaimState.SUBMITTED, world.now) == (claim.state, claim.submitted_at)


def test_a_city_without_claims(new_world: NewWorld) -> None:
    """A city whose rule says nothing of claims takes none: plugins of before stay valid."""
    provincial = town(new_world)
    rules = provincial.cities.of("341100").rules(NOW.date())
    terms = replace_rule(rules.value(CityRules.out_of_area), claims=None)
    world = new_world(out_of_area=terms)
    world.hospital(5)
    world.person("P1")
    with pytest.raises(ClaimNotOffered) as refused:
        claiming.submit(world, cash_bill(world), "1")
    assert refused.value.clauses
    # An invoice is paid once there, too.
    world.settle(cash_bill(world, invoice_no="1"))
    with pytest.raises(InvoiceUsed) as used:
        world.settle(cash_bill(world, invoice_no="1"))
    assert used.value.clauses
