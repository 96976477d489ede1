"""Nothing becomes active half done: every check, field, proof, agreement and consent a
city asks for was given."""

from __future__ import annotations

from collections.abc import Callable

from gongji.model.binding import Application, Binding, Material, MemberDetails
from gongji.model.people import Kin
from gongji.model.refusals import Refusal
from gongji.rules.channels import Asked, ChannelId, MaterialKind
from gongji.rules.codes import BindingState, ConsentMethod
from gongji.rules.hookspecs import CityRules
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.binding.applying import PLACES, Applicants, cities

CHANNELS = [
    (pinyin, channel)
    for pinyin in PLACES
    for channel in cities()
    .named(pinyin)
    .rules(Applicants().now.date())
    .value(CityRules.channels)
]
KINDS = [kind.value for kind in MaterialKind]


@st.composite
def half_done(draw: st.DrawFn) -> tuple[str, Applicants, Application]:
    """An application through some channel of some city with any of its parts left out,
    on record or not."""
    pinyin, channel = draw(st.sampled_from(CHANNELS))
    across = draw(st.booleans())
    world = Applicants(
        pinyin,
        member={"place": "341000" if across and pinyin == "anqing" else PLACES[pinyin]},
    )
    if draw(st.booleans()):
        world.add(replace(world.get("H"), kin=(Kin("M", "10", "登记"),)))
    full = world.application(channel)
    details = MemberDetails(
        **{
            name: getattr(full.member_details, name)
            for name in ("name", "certificate_number", "phone", "insured_place")
            if draw(st.booleans())
        }
    )
    given_materials = draw(st.lists(st.sampled_from(KINDS), max_size=4, unique=True))
    return (
        pinyin,
        world,
        replace(
            full,
            identity_checks=frozenset(
                draw(
                    st.lists(st.sampled_from(sorted(full.identity_checks)), unique=True)
                )
            ),
            member_details=details,
            materials=tuple(
                Material(kind, draw(st.booleans()), "附件") for kind in given_materials
            ),
            agreement=full.agreement if draw(st.booleans()) else None,
            consent=world.consent(ConsentMethod.OWN_ACCOUNT)
            if draw(st.booleans())
            else None,
        ),
    )


def _demands(
    pinyin: str, channel: ChannelId, world: Applicants, binding: Application
) -> list[str]:
    """What the rules of the city ask of the channel and the application does not have,
    read off the rule values."""
    rules = cities().named(pinyin).rules(world.now.date())
    on_record = any(kin.person_no == "M" for kin in world.get("H").kin)
    missing = [
        c.value
        for c in rules.value(CityRules.identity_checks)[channel]
        if c.value not in binding.identity_checks
    ]
    missing += [
        f.value
        for f in rules.value(CityRules.fields_asked)[channel]
        if not getattr(binding.member_details, f.value)
    ]
    for need in rules.value(CityRules.materials)[channel]:
        wanted = {kind.value for kind in need.one_of}
        given = [
            m
            for m in binding.materials
            if m.kind in wanted and (m.original or not need.original)
        ]
        if not given and (need.asked is Asked.ALWAYS or not on_record):
            missing.append(need.name)
    if binding.agreement is None:
        missing.append("agreement")
    return missing


def test_never_active_half_done(effort: Callable[..., settings]) -> None:
    """An application that lacks anything its city and channel ask for is refused, and
    without consent it waits."""

    @effort(short=150, long=3000)
    @given(half_done())
    def prove(case: tuple[str, Applicants, Application]) -> None:
        pinyin, world, application = case
        missing = _demands(pinyin, application.channel, world, application)
        try:
            binding: Binding | None = world.submit(application)
        except Refusal:
            binding = None
        if missing:
            assert binding is None
        elif binding is not None and binding.state is BindingState.ACTIVE:
            consent = (
                cities().named(pinyin).rules(world.now.date()).value(CityRules.consent)
            )
            assert application.consent is not None or not consent.required
            assert binding.active_at == world.now

    prove()
