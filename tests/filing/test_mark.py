"""A filing of another province opens the channels that are for those who have one (A19)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from gongji.binding.asked import AskedRules
from gongji.binding.case import Case
from gongji.binding.pair import case_of, needs_of
from gongji.model.binding import Application
from gongji.rules.codes import MarkKind, Purpose

from tests.scaffold.people import ANQING, NOW
from tests.scaffold.world import NewWorld

TODAY = NOW.date()

FILED: dict[str, tuple[dict[str, Any], bool]] = {
    "of the holder": ({"person_no": "P1"}, True),
    "of the member": ({"person_no": "P2"}, True),
    "of neither": ({"person_no": "P3"}, False),
    "within the province": ({"person_no": "P1", "areas": (ANQING,)}, False),
    "from tomorrow on": ({"person_no": "P1", "since": TODAY + timedelta(1)}, False),
    "until yesterday": ({"person_no": "P1", "until": TODAY - timedelta(1)}, False),
    "ended": ({"person_no": "P1", "ended": TODAY, "ended_at": NOW}, False),
}


@pytest.mark.parametrize("named", FILED)
def test_a_filing_stands_for_the_mark(new_world: NewWorld, named: str) -> None:
    """One of either, in force today, of an area in another province; no other."""
    world = new_world()
    for number in ("P1", "P2", "P3"):
        world.person(number)
    changes, marked = FILED[named]
    world.filed(**{"areas": ("310000",), "area_code": "341100", **changes})
    application = Application(
        holder="P1",
        member="P2",
        relation="10",
        purposes=frozenset({Purpose.VISIT}),
        channel="window",
    )
    facts = world.facts(needs_of_pair(world))
    rules = world.cities.of("341100").rules(TODAY)
    asked = AskedRules(rules)
    case: Case = case_of(application, lambda *_: asked, facts, world.cities)
    assert marked is case.marked(MarkKind.CROSS_PROVINCE_FILING)


def needs_of_pair(world: Any) -> Any:
    """Return everything that is known of the pair."""
    return list(needs_of(world.facts([]), "P1", "P2"))
