"""Whoever fills in a form and reads nothing else is accepted; who gets none would not be."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import pytest
from gongji.binding.form import FormQuery
from gongji.model.refusals import Refusal
from gongji.rules.codenames import RELATION_NAMES
from gongji.rules.codes import MarkKind, Purpose
from gongji.rules.hookspecs import CityRules
from gongji_conformance.city.form import expected_state, filled

from tests.binding.applying import ELSEWHERE, PLACES, TUESDAY, cities
from tests.binding.filling import Family
from tests.prove.conftest import LONG

PURPOSES = (
    frozenset({Purpose.VISIT}),
    frozenset({Purpose.RESIDENT_PREMIUM}),
    frozenset(Purpose),
)

ANOTHER_PROVINCE = "320100"

MARKS = (frozenset[str](), frozenset({MarkKind.CROSS_PROVINCE_FILING.value}))


def queries(pinyin: str) -> Iterator[FormQuery]:
    """Yield every channel and relation with every purpose, member's place and mark.

    In a short run each channel and relation with one of these, in turn.
    """
    home = PLACES[pinyin]
    channels = cities().of(home).rules(TUESDAY.date()).value(CityRules.channels)
    about = list(product(PURPOSES, (home, ELSEWHERE[pinyin], ANOTHER_PROVINCE), MARKS))
    for place, (channel, relation) in enumerate(product(channels, RELATION_NAMES)):
        chosen = about if LONG else [about[place % len(about)]]
        for purposes, member_city, marks in chosen:
            yield FormQuery(
                holder_city=home,
                member_city=member_city,
                channel=channel,
                relation=relation,
                purposes=purposes,
                marks=marks,
            )


@pytest.mark.parametrize("pinyin", PLACES)
def test_a_form_that_is_filled_in_is_accepted(pinyin: str) -> None:
    """Every form leads to the binding it foresees; where there is none, the application
    is refused for what the form was refused for."""
    for place, query in enumerate(queries(pinyin)):
        # In pairs, or short runs would see half of the purposes on record only.
        family = Family(query, on_record=bool(place // 2 % 2))
        try:
            form = family.form()
        except Refusal as refusal:
            assert_refused_so(family, refusal)
            continue
        known = family.known(consents=bool(place % 3))
        binding = family.send(filled(form, known))
        assert (query, expected_state(form, known)) == (query, int(binding.state))


def assert_refused_so(family: Family, refusal: Refusal) -> None:
    """The bare application is refused too, for all that the form was refused for; what the
    member's city says is not told to whoever does not name the member."""
    with pytest.raises(type(refusal)) as caught:
        family.apply()
    own = ("", family.query.holder_city)
    conditions = {(c.hook, c.message) for c in refusal.conditions if c.city in own}
    assert conditions <= {(c.hook, c.message) for c in caught.value.conditions}
    if not refusal.conditions:
        assert refusal.message == caught.value.message
