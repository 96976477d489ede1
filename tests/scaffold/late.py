"""What late facts change in a world, asked in every way, and made good."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from gongji.model import refusals
from gongji.model.causes import ChangedIn, Record
from gongji.model.people import Institution, Person
from gongji.model.settlement import Settlement
from gongji.settlement.late import LateSettlement, ReviewPatient
from gongji.settlement.resettle import Resettle

from tests.scaffold.world import World


def told(world: World, changed: ChangedIn) -> list[LateSettlement]:
    """Return the late settlements as told under every record, in every order of visits."""
    late: list[LateSettlement] = []
    for patient, under, reached_by in ways(world):
        query = ReviewPatient(patient, under, changed, world.cities, reached_by)
        late += world.decide(query).answer.settlements
    return late


def ways(world: World) -> Iterator[tuple[str, Record, str]]:
    """Yield each way that leads to a patient: himself, givers, visits to institutions."""
    for patient in world.all(Person):
        for giver in world.all(Person):
            yield patient.person_no, (Person, giver.person_no), ""
    for visit in world.all(Settlement):
        bill = visit.bill
        under = (Institution, bill.institution_code)
        yield bill.patient, under, visit.settlement_id


def make_good(world: World, changed: ChangedIn) -> None:
    """Settle each year of a patient again that is told."""
    years = set()
    for late in told(world, changed):
        before = late.again.before
        year = (before.bill.patient, before.bill.service_day.year)
        if year in years:
            continue
        years.add(year)
        request = world.request("Resettle")
        with suppress(refusals.NothingToResettle):
            world.do(
                Resettle(
                    request=request,
                    settlement_id=before.settlement_id,
                    later=True,
                    returned=None,
                    why="",
                    cities=world.cities,
                )
            )
