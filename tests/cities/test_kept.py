"""Cities as they are kept: one document decides as the plugin did, without the plugin."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import date, timedelta
from functools import cache
from typing import Any

import pytest
from gongji import CityRules
from gongji.audit.hashing import default_hasher, digest_of
from gongji.cities import anhui
from gongji.cities.adoption import Adoption, RetiredCredit
from gongji.cities.city import Cities, City
from gongji.cities.encoding import UnreadableRules
from gongji.cities.kept import (
    KeepRules,
    city_of,
    document_of,
    rules_of,
)
from gongji.cities.loading import load_cities
from gongji.model.account import Account
from gongji.model.decided import KeptRules
from gongji.model.facts import Need
from gongji.model.refusals import Refusal
from gongji.rules.clauses import Clause, Grade
from gongji.rules.codes import AccountUse, VisitKind
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.scaffold.cities import city, shipped
from tests.scaffold.people import NOW
from tests.scaffold.world import World

FROM = date(2025, 1, 1)

FIGURE = Clause("运营方", "七十元", "运营方设定", Grade.OPERATOR)


INSTALLED = shipped()

WITH_FIGURE = "figure"

NAMES = [
    f"{city.pinyin}-{laid_over}"
    for city in INSTALLED.all
    for laid_over in ("", WITH_FIGURE, *(c.name for c in city.candidates))
]
"""Every city as it is, with an operator's figure, and with each adoption there is."""


@cache
def served_as(name: str) -> City:
    """Return the city of a name."""
    pinyin, _, laid_over = name.partition("-")
    served = INSTALLED.named(pinyin)
    area_code = served.area_code
    if laid_over == WITH_FIGURE:
        credit = RetiredCredit(area_code, 70_00, FROM, FIGURE)
        served = load_cities(retired_credits=[credit]).of(area_code)
    elif laid_over:
        served = load_cities([Adoption(area_code, laid_over, FROM)]).of(area_code)
    # A document says the rules, not which files stated them.
    return replace(served, plugin_digest="")


def kept(served: City) -> City:
    """Return a city read from its own document."""
    return city_of(served.rules_digest, document_of(served))


@pytest.mark.parametrize("name", NAMES)
def test_a_kept_city_answers_alike(name: str) -> None:
    """Every hook answers alike on every day, cited alike, by the same authority."""
    served = served_as(name)
    back = kept(served)
    for (first, theirs), (day, ours) in zip(
        served.periods(), back.periods(), strict=True
    ):
        assert (first, list(theirs.all())) == (day, list(ours.all()))
        for hook, _ in theirs.all():
            asked = getattr(CityRules, hook)
            assert (theirs.ref(asked), theirs.provincial(hook)) == (
                ours.ref(asked),
                ours.provincial(hook),
            )


@pytest.mark.parametrize("name", NAMES)
def test_a_kept_city_is_the_same_city(name: str) -> None:
    """It says the same of itself, has the same clauses and the same document."""
    served = served_as(name)
    back = kept(served)
    assert (served.name, served.overridden, served.candidates, served.timelines) == (
        back.name,
        back.overridden,
        back.candidates,
        back.timelines,
    )
    assert served.decided_by == back.decided_by
    assert document_of(served) == document_of(back)
    for ruled in (value for line in served.timelines.values() for value in line):
        assert all(back.clause(c.id) == served.clause(c.id) for c in ruled.clauses)


BILLS = st.fixed_dictionaries(
    {
        "in_scope_fen": st.integers(0, 5_000_00),
        "first_selfpay_fen": st.integers(0, 300_00),
        "out_of_catalogue_fen": st.integers(1, 300_00),
        "visit_kind": st.sampled_from([VisitKind.OUTPATIENT, VisitKind.EMERGENCY]),
        "account_use": st.sampled_from(AccountUse),
        "residue": st.booleans(),
        "service_day": st.integers(0, 500).map(
            lambda days: NOW.date() - timedelta(days=days)
        ),
    }
)


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(NAMES),
    patient=st.sampled_from(["P", "R"]),
    level=st.sampled_from([3, 6, 9, 11]),
    drawn=st.lists(BILLS, min_size=1, max_size=3),
)
def test_a_kept_city_settles_alike(
    name: str, patient: str, level: int, drawn: list[dict[str, Any]]
) -> None:
    """Whatever the bills, each is settled, or refused, to the fen and the clause."""
    served = served_as(name)
    outcomes = []
    for decider in (served, kept(served)):
        world = World(Cities((decider,)), NOW)
        outcomes.append(_settled(world, served, patient, level, drawn))
    assert outcomes[0] == outcomes[1]


def _settled(
    world: World, served: City, patient: str, level: int, drawn: list[dict[str, Any]]
) -> list[object]:
    for number, psn_type in (("P", "11"), ("R", "12"), ("G", "11")):
        world.person(number, psn_type, served.area_code)
        world.add(Account(number, 300_00, 1))
    for member in ("P", "R"):
        world.bind("G", member, NOW)
    world.hospital(level, served.area_code)
    outcomes: list[object] = []
    for changes in drawn:
        try:
            outcomes.append(world.settle(world.visit(patient, **changes)))
        except Refusal as refusal:
            outcomes.append(str(refusal))
    return outcomes


def test_every_hash_seed_gives_one_digest() -> None:
    """The digest is the same whatever order this Python gives sets."""
    program = (
        "from gongji.cities.loading import load_cities\n"
        "print([c.rules_digest for c in load_cities().all])"
    )
    told = {
        subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-c", program],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            text=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert {str([c.rules_digest for c in INSTALLED.all])} == told


def test_other_figures_have_another_digest() -> None:
    """One version of a plugin with another figure, adoption or day is another document."""
    assert len(NAMES) == len({served_as(name).rules_digest for name in NAMES})


def test_a_changed_document_is_refused() -> None:
    """A document that is not what its digest names decides nothing."""
    served = served_as(NAMES[0])
    changed = document_of(served).replace(b"60", b"61")
    with pytest.raises(UnreadableRules, match="已被改动"):
        city_of(served.rules_digest, changed)


def _edited(served: City, **changes: Any) -> bytes:
    """Return a city's document with other entries; None leaves one out."""
    document = json.loads(document_of(served))
    entries = dict(document["$map"]) | changes
    pairs = [[name, value] for name, value in entries.items() if value is not None]
    return json.dumps({"$map": pairs}).encode()


def test_another_format_is_refused() -> None:
    """A document of a later format is not read as one of ours."""
    document = _edited(served_as(NAMES[0]), format=2)
    with pytest.raises(UnreadableRules, match="第 1 版格式"):
        city_of(digest_of(default_hasher(), document), document)


def _timelines_without(served: City, hook: str) -> Any:
    timelines = dict(json.loads(document_of(served))["$map"])["timelines"]["$map"]
    return {"$map": [pair for pair in timelines if pair[0] != hook]}


def test_a_hook_of_later_is_answered_by_the_province() -> None:
    """A document of before a hook was there decides by what the province answers."""
    served = city("341100", "滁州市")
    days = dict(json.loads(document_of(served))["$map"])["provincial"]["$map"]
    document = _edited(
        served,
        timelines=_timelines_without(served, "notes"),
        provincial={"$map": [pair for pair in days if pair[0] != "notes"]},
    )
    back = city_of(digest_of(default_hasher(), document), document)
    assert anhui.notes() == back.timelines["notes"]
    assert back.rules(FROM).provincial("notes")
    assert list(served.timelines) == list(back.timelines)


def test_a_hook_that_is_gone_is_told() -> None:
    """A document that answers a question nobody asks any more is not read past it."""
    timelines = json.loads(document_of(served_as(NAMES[0])))
    entries = dict(timelines["$map"])["timelines"]["$map"]
    document = _edited(
        served_as(NAMES[0]),
        timelines={"$map": [*entries, ["horoscope", entries[0][1]]]},
    )
    with pytest.raises(UnreadableRules, match="没有的钩子 horoscope"):
        city_of(digest_of(default_hasher(), document), document)


def test_rules_are_written_once() -> None:
    """What is stored keeps the instant it was first used at; what is missing is added."""
    served = INSTALLED
    world = World(served, NOW)
    world.do(KeepRules(served))
    world.now = NOW + timedelta(days=1)
    adopted = served_as("anqing-V2")
    world.do(KeepRules(Cities((*served.all, adopted))))
    stored = {kept.digest: kept.first_used_at for kept in world.all(KeptRules)}
    expected = {c.rules_digest: NOW for c in served.all}
    assert expected | {adopted.rules_digest: world.now} == stored


def test_stored_rules_are_found_by_digest() -> None:
    """A stored document gives its city; one that is not there is named."""
    served = INSTALLED
    world = World(served, NOW)
    world.do(KeepRules(served))
    first = served.all[0]
    facts = world.facts([Need(KeptRules, "", d) for d in (first.rules_digest, "0")])
    assert first.timelines == rules_of(first.rules_digest, facts).timelines
    with pytest.raises(UnreadableRules, match="没有摘要为 0 的规则文档"):
        rules_of("0", facts)
