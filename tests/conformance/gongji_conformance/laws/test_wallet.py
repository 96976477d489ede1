"""Profile wallet: the medical insurance wallet, another business than binding."""

from __future__ import annotations

from gongji_conformance.city.city import CityUnderTest
from gongji_conformance.city.stubs import CallRefused, ask
from gongji_conformance.laws.law import law


@law("WALLET-GUIDE-001")
def test_guide_tells_the_wallet(gongji_city: CityUnderTest) -> None:
    """The guide tells every step of opening the wallet."""
    guide = gongji_city.guide().text
    steps = gongji_city.requirements.rule("wallet")["procedure"]["steps"]
    assert [] == [step["text"] for step in steps if step["text"] not in guide]


@law("WALLET-BIND-001")
def test_the_wallet_binds_nobody(gongji_city: CityUnderTest) -> None:
    """Opening the wallet binds nobody: by rule, and no channel has its name."""
    assert gongji_city.requirements.rule("wallet")["binds"] is False
    holder, member = gongji_city.people.couple()
    application = gongji_city.application(holder, member)
    application.channel = "wallet"
    refused = ask(gongji_city.stubs.bindings.SubmitBinding, application)
    assert isinstance(refused, CallRefused)
    assert "UNKNOWN_CHANNEL" == refused.reason
    assert [] == gongji_city.bindings(holder)
