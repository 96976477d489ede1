"""Profile wallet: the medical insurance wallet, which is another business than binding."""

from __future__ import annotations

from gongji.v1 import city_pb2

from gongji_conformance.city.judged import NOW, Judged
from gongji_conformance.city.wire import Refused, ask
from gongji_conformance.laws.law import law


@law("WALLET-GUIDE-001")
def test_guide_tells_the_wallet(gongji_city: Judged) -> None:
    """The guide tells every step of opening the wallet."""
    request = city_pb2.GetGuideRequest(area_code=gongji_city.area_code, day=str(NOW.date()))
    guide = gongji_city.wire.cities.GetGuide(request).text
    steps = gongji_city.asked.rule("wallet")["procedure"]["steps"]
    assert [] == [step["text"] for step in steps if step["text"] not in guide]


@law("WALLET-BIND-001")
def test_the_wallet_binds_nobody(gongji_city: Judged) -> None:
    """Opening the wallet binds nobody: the rule says so, and there is no channel of that name."""
    assert gongji_city.asked.rule("wallet")["binds"] is False
    holder, member = gongji_city.world.couple()
    application = gongji_city.application(holder, member)
    application.channel = "wallet"
    refused = ask(gongji_city.wire.bindings.SubmitBinding, application)
    assert isinstance(refused, Refused)
    assert "UNKNOWN_CHANNEL" == refused.reason
    assert [] == gongji_city.bindings(holder)
