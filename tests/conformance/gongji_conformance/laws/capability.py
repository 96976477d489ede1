"""What a city may declare not to have, read from its rules; and how it shows that it then really has it not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from gongji.v1 import binding_pb2, city_pb2

from gongji_conformance.city import words
from gongji_conformance.city.asked import Asked
from gongji_conformance.city.judged import NOW, Judged
from gongji_conformance.city.wire import Refused, ask, new_id


@dataclass(frozen=True, slots=True)
class Capability:
    """Something not every city has: how its rules declare it, and what must be seen where they do not.

    `denied` raises AssertionError where the city does all the same what it declares not to do.
    """

    id: str
    name: str
    declared: Callable[[Asked], bool]
    denied: Callable[[Judged], None]


def counters(asked: Asked) -> list[str]:
    """The channels that are closed at times."""
    return [key for key, channel in asked.channels.items() if channel["hours"] != "always"]


def across_only(asked: Asked) -> list[str]:
    """The channels that take none but pairs of two areas."""
    return [key for key, channel in asked.channels.items() if channel["across"] == "only_across_areas"]


def _reviewed(asked: Asked) -> list[str]:
    """The channels on which a review may come before the binding."""
    return [key for key, review in asked.rule("review_latency").items() if review["at_once"] != "always"]


def _schemes(asked: Asked, purpose: str) -> list[int]:
    """The schemes whose members may be bound for a purpose."""
    return list(asked.rule("member_terms").get(purpose, {}).get("schemes", []))


def _no_channel(*names: str) -> Callable[[Judged], None]:
    """Channels of these names are unknown."""

    def denied(city: Judged) -> None:
        for name in names:
            application = city.application(*city.world.couple())
            application.channel = name
            answer = ask(city.wire.bindings.SubmitBinding, application)
            assert (name, "UNKNOWN_CHANNEL") == (name, _reason(answer))

    return denied


def _no_review(city: Judged) -> None:
    """Every binding is in force at once, and a review of it comes too late."""
    binding = city.wire.bindings.SubmitBinding(city.application(*city.world.couple())).binding
    assert binding_pb2.BINDING_STATE_ACTIVE == binding.state
    request = binding_pb2.ReviewBindingRequest(
        request_id=new_id(),
        binding_id=binding.binding_id,
        reviewer="conformance",
        verdict=binding_pb2.REVIEW_VERDICT_REFUSE,
        reason_code="RELATION_NOT_PROVED",
    )
    assert isinstance(ask(city.wire.bindings.ReviewBinding, request), Refused)


def _no_consent(city: Judged) -> None:
    """An application without the member's consent does not wait for it."""
    application = city.application(*city.world.couple())
    application.ClearField("consent")
    binding = city.wire.bindings.SubmitBinding(application).binding
    assert binding_pb2.BINDING_STATE_AWAITING_CONSENT != binding.state


def _no_resident(city: Judged) -> None:
    """A relative of the resident scheme is refused for that."""
    refused = ask(city.wire.bindings.SubmitBinding, city.application(city.world.one(), city.world.one("居民")))
    assert "member_terms" in hooks_of(refused)


def _no_premium(city: Judged) -> None:
    """Neither is anybody bound for it, nor is a premium taken from a purse."""
    holder, member = city.world.one(balance=1000), city.world.one("居民")
    application = city.application(holder, member)
    application.purposes[:] = [words.PURPOSES["居民医保缴费"]]
    answers = (
        ask(city.wire.bindings.SubmitBinding, application),
        ask(city.wire.accounts.PayPremium, city.premium(holder, member)),
    )
    assert ["NOT_ELIGIBLE", "NOT_ELIGIBLE"] == [_reason(answer) for answer in answers]
    assert 1000_00 == city.balance(holder)


def _no_filing(city: Judged) -> None:
    """A bill from elsewhere is settled without any filing."""
    assert "OK" == _reason(ask(city.wire.settlements.Quote, city.elsewhere(city.world.one())))


def _one_area(city: Judged) -> None:
    """A pair of two areas is refused for that."""
    assert "scope" in hooks_of(ask(city.wire.bindings.SubmitBinding, city.application(*city.apart())))


def _all_take_neighbours(city: Judged) -> None:
    """Every channel takes a pair of one area."""
    for channel in city.asked.channels:
        application = city.application(*city.world.couple(), channel=channel)
        application.validate_only = True
        assert (channel, False) == (channel, isinstance(ask(city.wire.bindings.SubmitBinding, application), Refused))


def _no_wallet(city: Judged) -> None:
    """The guide knows nothing of a wallet."""
    request = city_pb2.GetGuideRequest(area_code=city.area_code, day=str(NOW.date()))
    assert "医保钱包" not in city.wire.cities.GetGuide(request).text


def _last_first(city: Judged) -> None:
    """The earlier of two settlements is not taken back before the later."""
    patient = city.world.one()
    first, _ = (city.wire.settlements.Settle(city.settling(patient)).settlement for _ in range(2))
    assert isinstance(ask(city.wire.settlements.Reverse, city.reversal(first)), Refused)


def _reason(answer: Any) -> str:
    return answer.reason if isinstance(answer, Refused) else "OK"


def hooks_of(answer: Any) -> set[str]:
    """The hooks an application was refused by. AssertionError where it was not refused."""
    assert isinstance(answer, Refused)
    return {condition.hook for condition in answer.conditions}


_ALL: Final = (
    Capability("counter", "有开放时间的窗口", lambda asked: bool(counters(asked)), _no_channel("window", "bank")),
    Capability("bank", "合作银行网点", lambda asked: "bank" in asked.channels, _no_channel("bank")),
    Capability("consent", "使用人另行同意", lambda asked: asked.rule("consent")["required"], _no_consent),
    Capability("review", "绑定审核", lambda asked: bool(_reviewed(asked)), _no_review),
    Capability("resident-member", "居民医保亲属用于就医购药", lambda asked: 390 in _schemes(asked, "1"), _no_resident),
    Capability(
        "resident-premium",
        "代缴居民医保费",
        lambda asked: "resident_premium" in asked.rule("uses")["aid_at"] and bool(_schemes(asked, "2")),
        _no_premium,
    ),
    Capability("reverse-any", "任意一笔可撤销", lambda asked: asked.rule("reversal") == "any", _last_first),
    Capability(
        "filing",
        "异地就医备案",
        lambda asked: asked.rule("out_of_area")["filing_before_direct_settlement"],
        _no_filing,
    ),
    Capability("across-areas", "跨统筹区共济", lambda asked: asked.rule("scope") == "province", _one_area),
    Capability("across-only", "只受理异地共济的渠道", lambda asked: bool(across_only(asked)), _all_take_neighbours),
    Capability("wallet", "医保钱包", lambda asked: bool(asked.rule("wallet")["procedure"]["steps"]), _no_wallet),
)

CAPABILITIES: Final = {capability.id: capability for capability in _ALL}
