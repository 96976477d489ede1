"""Claims over a world: what is handed in, and the steps of a claim."""

from __future__ import annotations

from gongji.binding.workdays import Workdays
from gongji.claim.decide import DecideClaim, ReviewClaim, WithdrawClaim
from gongji.claim.submit import SubmitClaim
from gongji.model.binding import Material
from gongji.model.claim import Claim, ClaimForm, ClaimInvoice, ClaimItem
from gongji.model.settlement import Bill
from gongji.rules.codes import ClaimReason
from gongji.rules.elsewhere import ClaimPaper

from tests.scaffold.world import World

PAPERS = tuple(
    [Material(paper.value, original=True, reference="R1") for paper in ClaimPaper]
)


def form(
    bill: Bill, *numbers: str, materials: tuple[Material, ...] = PAPERS
) -> ClaimForm:
    """Return what is handed in for a bill: its invoices share its total."""
    first, *others = numbers or ("",)
    invoices = [ClaimInvoice(first, bill.total_fen - len(others))]
    invoices += [ClaimInvoice(number, 1) for number in others]
    return ClaimForm(
        bill=bill,
        invoices=tuple(invoices),
        items=(ClaimItem("XJ01CA", bill.total_fen),),
        reason=ClaimReason.NO_CARD,
        materials=materials,
    )


def submission(world: World, handed_in: ClaimForm) -> SubmitClaim:
    """Return the command that hands it in."""
    return SubmitClaim(
        request=world.request("SubmitClaim"),
        form=handed_in,
        cities=world.cities,
        workdays=Workdays(),
    )


def submit(world: World, bill: Bill, *numbers: str) -> Claim:
    """Hand a claim of a bill in."""
    return world.do(submission(world, form(bill, *numbers)))


def reviewing(world: World, claim_id: str, *, passes: bool = True) -> ReviewClaim:
    """Return the command that passes a claim on, or returns it."""
    return ReviewClaim(
        request=world.request("ReviewClaim"),
        claim_id=claim_id,
        reviewer="R-1",
        passes=passes,
        remark="" if passes else "清单不全",
    )


def review(world: World, claim_id: str, *, passes: bool = True) -> Claim:
    """Pass a claim on, or return it."""
    return world.do(reviewing(world, claim_id, passes=passes))


def decision(
    world: World,
    claim_id: str,
    *,
    pays: bool = True,
    decider: str = "R-2",
    similar_checked: bool = False,
) -> DecideClaim:
    """Return the command that pays a claim, or refuses it."""
    return DecideClaim(
        request=world.request("DecideClaim"),
        claim_id=claim_id,
        decider=decider,
        pays=pays,
        remark="" if pays else "不属于支付范围",
        similar_checked=similar_checked,
        cities=world.cities,
    )


def withdraw(world: World, claim_id: str) -> Claim:
    """Take a claim back."""
    request = world.request("WithdrawClaim")
    return world.do(WithdrawClaim(request=request, claim_id=claim_id))


def paid(world: World, bill: Bill, *numbers: str) -> Claim:
    """Hand a claim in, pass it on and pay it, whatever is alike."""
    claim = submit(world, bill, *numbers)
    review(world, claim.claim_id)
    return world.do(decision(world, claim.claim_id, similar_checked=True))
