"""Nothing becomes active half done: every check, field, proof, agreement and consent a
city asks for was given."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeVar

from gongji.cities.city import DayRules
from gongji.model.binding import Application, Binding, Material, MemberDetails
from gongji.model.people import Kin
from gongji.model.refusals import Refusal
from gongji.rules.channels import Asked, MaterialKind, MaterialNeed
from gongji.rules.codes import BindingState, ConsentMethod
from gongji.rules.hookspecs import CityRules
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import asdict, replace

from tests.binding.applying import PLACES, TUESDAY, Applicants, cities

if TYPE_CHECKING:
    from tests.prove.conftest import Effort

T = TypeVar("T")


def rules_of(pinyin: str) -> DayRules:
    """Return a city's rules on the day of the applications."""
    return cities().named(pinyin).rules(TUESDAY.date())


CHANNELS = [
    (pinyin, channel)
    for pinyin in PLACES
    for channel in rules_of(pinyin).value(CityRules.channels)
]
KINDS = [kind.value for kind in MaterialKind]


@st.composite
def half_done(draw: st.DrawFn) -> tuple[str, Applicants, Application]:
    """Draw an application through some channel of some city with any part left out.

    The relation is on record or not.
    """
    pinyin, channel = draw(st.sampled_from(CHANNELS))
    world = draw_applicants(draw, pinyin)
    full = world.application(channel)
    details = draw_details(draw, full.member_details)
    materials = draw_materials(draw)
    checks = st.lists(st.sampled_from(sorted(full.identity_checks)), unique=True)
    partial = replace(
        full,
        identity_checks=frozenset(draw(checks)),
        member_details=details,
        materials=materials,
        agreement=draw_or_none(draw, full.agreement),
        consent=draw_or_none(draw, world.consent(ConsentMethod.OWN_ACCOUNT)),
    )
    return pinyin, world, partial


def draw_applicants(draw: st.DrawFn, pinyin: str) -> Applicants:
    """Draw holder and member, of one city or of two, their relation on record or not."""
    across = draw(st.booleans()) and pinyin == "anqing"
    place = PLACES["huangshan" if across else pinyin]
    world = Applicants(pinyin, member={"place": place})
    if draw(st.booleans()):
        kin = (Kin("M", "10", "登记"),)
        world.add(replace(world.get("H"), kin=kin))
    return world


def draw_details(draw: st.DrawFn, full: MemberDetails) -> MemberDetails:
    """Draw the details with any of them left out."""
    typed = {name: text for name, text in asdict(full).items() if draw(st.booleans())}
    return MemberDetails(**typed)


def draw_materials(draw: st.DrawFn) -> tuple[Material, ...]:
    """Draw up to four materials, originals and copies."""
    kinds = draw(st.lists(st.sampled_from(KINDS), max_size=4, unique=True))
    return tuple(Material(kind, draw(st.booleans()), "附件") for kind in kinds)


def draw_or_none(draw: st.DrawFn, value: T) -> T | None:
    """Draw a value or its absence."""
    return value if draw(st.booleans()) else None


def unmet(
    rules: DayRules, application: Application, *, on_record: bool
) -> Iterator[str]:
    """Yield what the city asks of the channel and the application does not have.

    Read off the rule values.
    """
    channel = application.channel
    for check in rules.value(CityRules.identity_checks)[channel]:
        if check.value not in application.identity_checks:
            yield check.value
    for field in rules.value(CityRules.fields_asked)[channel]:
        if not getattr(application.member_details, field.value):
            yield field.value
    for need in rules.value(CityRules.materials)[channel]:
        if need.asked is not Asked.ALWAYS and on_record:
            continue
        if not any(proves(material, need) for material in application.materials):
            yield need.name
    if application.agreement is None:
        yield "agreement"


def proves(material: Material, need: MaterialNeed) -> bool:
    """Return whether a material is of a kind and form that a channel accepts."""
    kinds = {kind.value for kind in need.one_of}
    return material.kind in kinds and (material.original or not need.original)


def submitted(world: Applicants, application: Application) -> Binding | None:
    """Return the binding; None if the application is refused."""
    try:
        return world.submit(application)
    except Refusal:
        return None


def test_never_active_half_done(effort: Effort) -> None:
    """An application that lacks anything its city and channel ask for is refused, and
    without consent it waits."""

    @effort(short=150, long=3000)
    @given(half_done())
    def holds(case: tuple[str, Applicants, Application]) -> None:
        pinyin, world, application = case
        rules = rules_of(pinyin)
        on_record = any(kin.person_no == "M" for kin in world.get("H").kin)
        demands = list(unmet(rules, application, on_record=on_record))
        binding = submitted(world, application)
        if demands:
            assert binding is None
            return
        if binding is None or binding.state is not BindingState.ACTIVE:
            return
        consent = rules.value(CityRules.consent)
        assert application.consent is not None or not consent.required
        assert binding.active_at == world.now

    holds()
