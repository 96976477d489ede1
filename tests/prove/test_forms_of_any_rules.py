"""A form filled in is accepted whatever a city's rules say, not only as those of today do."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import product
from typing import Any, Final

from gongji.binding.form import FormQuery
from gongji.cities.city import Cities
from gongji.model.people import Certificate
from gongji.rules.binding import AgreementTerms, ConsentTerms
from gongji.rules.channels import (
    Asked,
    AtOnce,
    IdentityCheck,
    MaterialKind,
    MaterialNeed,
    MemberField,
    ReviewLatency,
)
from gongji.rules.clauses import Clause, Timeline, ruled
from gongji.rules.codes import Purpose
from gongji_conformance.city.form import expected_state, filled
from msgspec.structs import replace

from tests.binding.applying import PLACES, TUESDAY, with_values
from tests.binding.filling import BOTH_SCHEMES, Family
from tests.scaffold.people import identity_number

CITY: Final = "anqing"

CHANNELS: Final = (
    *("wanshitong", "minip_wechat", "minip_alipay", "national_app"),
    *("window", "bank"),
)

CONSENTS: Final = tuple(
    ConsentTerms(
        required=required,
        guardian_below_years=years,
        member_checked_by=frozenset(checks),
    )
    for required, years, checks in product(
        (True, False), (0, 8, 14, 18), ((), (IdentityCheck.FACE,), tuple(IdentityCheck))
    )
)

PROOFS: Final[tuple[tuple[MaterialNeed, ...], ...]] = (
    (),
    (
        MaterialNeed(
            name="一种", one_of=(MaterialKind.BIRTH_CERTIFICATE,), original=True
        ),
    ),
    (
        MaterialNeed(name="任一种", one_of=tuple(MaterialKind)),
        MaterialNeed(
            name="查不到时的原件",
            one_of=(MaterialKind.MARRIAGE_CERTIFICATE,),
            original=True,
            asked=Asked.RELATION_NOT_ON_RECORD,
        ),
    ),
)

LATENCIES: Final = (
    ReviewLatency(at_once=AtOnce.ALWAYS),
    ReviewLatency(at_once=AtOnce.IF_CHECKS_PASS, working_days=1),
    ReviewLatency(at_once=AtOnce.NEVER, working_days=20, earliest_working_days=3),
)

AGES: Final = (0, 8, 13, 14, 17, 18, 60, None)


@cache
def served(place: int) -> Cities:
    """Return the cities, one of them with one rule of consent, the others in turn."""
    each: dict[str, Any] = {
        "materials": PROOFS[place % len(PROOFS)],
        "review_latency": LATENCIES[place // 3 % len(LATENCIES)],
        "identity_checks": frozenset(IdentityCheck),
        "fields_asked": frozenset(MemberField),
    }
    values: dict[str, Any] = {
        hook: dict.fromkeys(CHANNELS, value) for hook, value in each.items()
    }
    agreement = AgreementTerms(
        agreement_id="{id}", version="第{}版", title="{协议}", act="{同意}"
    )
    values |= {"consent": CONSENTS[place], "agreement": agreement}
    return with_values(CITY, {hook: _ever(value) for hook, value in values.items()})


def _ever(value: Any) -> Timeline[Any]:
    invented = Clause.assumption("T9001", "虚构的{条款}。")
    return ruled(value, since="2022-07-01", clauses=[invented])


def families() -> Iterator[tuple[Family, int | None]]:
    """Yield a family of each age under each rule of consent."""
    query = FormQuery(
        holder_city=PLACES[CITY],
        member_city=PLACES[CITY],
        channel="wanshitong",
        relation="27",
        purposes=frozenset({Purpose.VISIT}),
    )
    for place, age in product(range(len(CONSENTS)), AGES):
        on_record = bool(place // 9 % 2)
        family = Family(query, on_record=on_record, served=served(place))
        _make_of_age(family, age)
        yield family, age


def _make_of_age(family: Family, age: int | None) -> None:
    """Have the member be of an age to the day; nothing tells it if it is None."""
    member = family.get("M")
    certificate = member.certificate
    if age is not None:
        born = f"{TUESDAY.year - age}0930"
        certificate = Certificate("01", identity_number(1, born=born))
    undated = tuple([replace(one, psn_type="") for one in BOTH_SCHEMES])
    family.add(replace(member, certificate=certificate, enrolments=undated))


def test_any_rules_make_a_form_that_is_accepted() -> None:
    """Whoever consents as the form allows at his age is accepted, and stands as foreseen;
    so does who leaves the consent for later."""
    for (family, age), consents in product(families(), (True, False)):
        form = family.form()
        known = family.known(age=age, consents=consents)
        binding = family.send(filled(form, known))
        assert expected_state(form, known) == int(binding.state), (family.query, age)
