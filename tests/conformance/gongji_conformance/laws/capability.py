"""What a city may declare not to have, and how it shows that it has it not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from gongji.v1 import binding_pb2

from gongji_conformance.city import claims, requests, words
from gongji_conformance.city.city import CityUnderTest
from gongji_conformance.city.requirements import Requirements
from gongji_conformance.city.stubs import CallRefused, ask

RESIDENT: Final = 390
"""The scheme of residents (城乡居民医保)."""


@dataclass(
    frozen=True,
    slots=True,
)
class CityCapability:
    """Something not every city has.

    `declared` reads it from the rules. `denied` raises AssertionError if the city
    does all the same what it declares not to do.
    """

    id: str
    name: str
    declared: Callable[[Requirements], bool]
    denied: Callable[[CityUnderTest], None]


# --- declared ---------------------------------------------------------------------


def counters(rules: Requirements) -> list[str]:
    """Return the channels that are closed at times."""
    channels = rules.channels.items()
    return [key for key, channel in channels if channel["hours"] != "always"]


def across_only(rules: Requirements) -> list[str]:
    """Return the channels that take none but pairs of two areas."""
    channels = rules.channels.items()
    return [
        key for key, channel in channels if channel["across"] == "only_across_areas"
    ]


def reviewed(rules: Requirements) -> list[str]:
    """Return the channels on which a review may come before the binding."""
    reviews = rules.rule("review_latency").items()
    return [key for key, review in reviews if review["at_once"] != "always"]


def _schemes(rules: Requirements, purpose: str) -> list[int]:
    """Return the schemes whose members may be bound for a purpose."""
    return list(rules.rule("member_terms").get(purpose, {}).get("schemes", []))


def _has_counter(rules: Requirements) -> bool:
    return bool(counters(rules))


def _has_bank(rules: Requirements) -> bool:
    return "bank" in rules.channels


def _has_consent(rules: Requirements) -> bool:
    return bool(rules.rule("consent")["required"])


def _has_review(rules: Requirements) -> bool:
    return bool(reviewed(rules))


def _has_resident_member(rules: Requirements) -> bool:
    return RESIDENT in _schemes(rules, "1")


def _has_resident_premium(rules: Requirements) -> bool:
    paid = "resident_premium" in rules.rule("uses")["aid_at"]
    return paid and bool(_schemes(rules, "2"))


def _has_reverse_any(rules: Requirements) -> bool:
    return bool(rules.rule("reversal") == "any")


def _has_filing(rules: Requirements) -> bool:
    return bool(rules.rule("out_of_area")["filing_before_direct_settlement"])


def _has_claims(rules: Requirements) -> bool:
    return bool(rules.rule("out_of_area").get("claims"))


def _has_across_areas(rules: Requirements) -> bool:
    return bool(rules.rule("scope") == "province")


def _has_across_only(rules: Requirements) -> bool:
    return bool(across_only(rules))


def _has_wallet(rules: Requirements) -> bool:
    return bool(rules.rule("wallet")["procedure"]["steps"])


# --- denied -----------------------------------------------------------------------


def _no_channel(*names: str) -> Callable[[CityUnderTest], None]:
    """Channels of these names are unknown."""

    def denied(city: CityUnderTest) -> None:
        for name in names:
            application = city.application(*city.people.couple())
            application.channel = name
            answer = ask(city.stubs.bindings.SubmitBinding, application)
            assert (name, "UNKNOWN_CHANNEL") == (name, _reason(answer))

    return denied


def _no_review(city: CityUnderTest) -> None:
    """Every binding is in force at once, and a review of it comes too late."""
    binding = city.submit(city.application(*city.people.couple()))
    assert binding_pb2.BINDING_STATE_ACTIVE == binding.state
    request = requests.review(
        binding.binding_id,
        binding_pb2.REVIEW_VERDICT_REFUSE,
        "RELATION_NOT_PROVED",
    )
    answer = ask(city.stubs.bindings.ReviewBinding, request)
    assert isinstance(answer, CallRefused)


def _no_consent(city: CityUnderTest) -> None:
    """An application without the member's consent does not wait for it."""
    application = city.application(*city.people.couple())
    application.ClearField("consent")
    binding = city.submit(application)
    assert binding_pb2.BINDING_STATE_AWAITING_CONSENT != binding.state


def _no_resident(city: CityUnderTest) -> None:
    """A relative of the resident scheme is refused for that."""
    application = city.application(city.people.one(), city.people.one("居民"))
    answer = ask(city.stubs.bindings.SubmitBinding, application)
    assert "member_terms" in hooks_of(answer)


def _no_premium(city: CityUnderTest) -> None:
    """Neither is anybody bound for it, nor is a premium taken from a purse."""
    holder = city.people.one(balance=1000)
    member = city.people.one("居民")
    application = city.application(holder, member)
    application.purposes[:] = [words.PURPOSES["居民医保缴费"]]
    bound = ask(city.stubs.bindings.SubmitBinding, application)
    paid = ask(city.stubs.accounts.PayPremium, city.premium(holder, member))
    assert "NOT_ELIGIBLE" == _reason(bound)
    assert "NOT_ELIGIBLE" == _reason(paid)
    assert 1000_00 == city.balance(holder)


def _no_filing(city: CityUnderTest) -> None:
    """A bill from elsewhere is settled without any filing."""
    request = city.quoting_elsewhere(city.people.one())
    assert "OK" == _reason(ask(city.stubs.settlements.Quote, request))


def _no_claims(city: CityUnderTest) -> None:
    """No claim on paper is taken."""
    request = claims.claim(city.bill(city.people.one()))
    assert "CLAIM_NOT_OFFERED" == _reason(ask(city.stubs.claims.SubmitClaim, request))


def _one_area(city: CityUnderTest) -> None:
    """A pair of two areas is refused for that."""
    application = city.application(*city.apart())
    answer = ask(city.stubs.bindings.SubmitBinding, application)
    assert "scope" in hooks_of(answer)


def _all_take_neighbours(city: CityUnderTest) -> None:
    """Every channel takes a pair of one area."""
    for channel in city.requirements.channels:
        application = city.application(*city.people.couple(), channel=channel)
        application.validate_only = True
        answer = ask(city.stubs.bindings.SubmitBinding, application)
        assert (channel, False) == (channel, isinstance(answer, CallRefused))


def _no_wallet(city: CityUnderTest) -> None:
    """The guide knows nothing of a wallet."""
    assert "医保钱包" not in city.guide().text


def _last_first(city: CityUnderTest) -> None:
    """The earlier of two settlements is not taken back before the later."""
    patient = city.people.one()
    first = city.settle(patient)
    city.settle(patient)
    request = city.reversal(first.settlement_id)
    assert isinstance(ask(city.stubs.settlements.Reverse, request), CallRefused)


def _reason(answer: Any) -> str:
    if isinstance(answer, CallRefused):
        return answer.reason
    return "OK"


def hooks_of(answer: Any) -> set[str]:
    """Return the hooks an application was refused by.

    AssertionError if it was not refused.
    """
    assert isinstance(answer, CallRefused)
    return {condition.hook for condition in answer.conditions}


_ALL: Final = (
    CityCapability(
        "counter",
        "有开放时间的窗口",
        _has_counter,
        _no_channel("window", "bank"),
    ),
    CityCapability("bank", "合作银行网点", _has_bank, _no_channel("bank")),
    CityCapability("consent", "使用人另行同意", _has_consent, _no_consent),
    CityCapability("review", "绑定审核", _has_review, _no_review),
    CityCapability(
        "resident-member",
        "居民医保亲属用于就医购药",
        _has_resident_member,
        _no_resident,
    ),
    CityCapability(
        "resident-premium",
        "代缴居民医保费",
        _has_resident_premium,
        _no_premium,
    ),
    CityCapability("reverse-any", "任意一笔可撤销", _has_reverse_any, _last_first),
    CityCapability("filing", "异地就医备案", _has_filing, _no_filing),
    CityCapability("claims", "手工结算", _has_claims, _no_claims),
    CityCapability("across-areas", "跨统筹区共济", _has_across_areas, _one_area),
    CityCapability(
        "across-only",
        "只受理异地共济的渠道",
        _has_across_only,
        _all_take_neighbours,
    ),
    CityCapability("wallet", "医保钱包", _has_wallet, _no_wallet),
)

CAPABILITIES: Final = {capability.id: capability for capability in _ALL}
