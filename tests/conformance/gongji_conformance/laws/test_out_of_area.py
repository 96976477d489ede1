"""Profile out-of-area: care and relatives in another pooling area of the province."""

from __future__ import annotations

from gongji.v1 import city_pb2, settlement_pb2

from gongji_conformance.city.judged import NOW, Judged
from gongji_conformance.city.wire import Refused, ask
from gongji_conformance.laws.capability import across_only, hooks_of
from gongji_conformance.laws.law import law


@law("OUT-OF-AREA-SETTLE-001")
def test_elsewhere_needs_a_filing(gongji_city: Judged) -> None:
    """Without a filing a bill from elsewhere is refused; with one the fund pays as at home."""
    patient = gongji_city.world.one()
    refused = ask(gongji_city.wire.settlements.Quote, gongji_city.elsewhere(patient))
    assert isinstance(refused, Refused)
    assert "FILING_REQUIRED" == refused.reason
    filed = gongji_city.elsewhere(patient, filing="BA20250930001")
    home = settlement_pb2.QuoteRequest(bill=filed.bill)
    home.bill.institution_code, home.bill.filing_no = gongji_city.world.institution("三级"), ""
    there, here = (gongji_city.wire.settlements.Quote(request).settlement for request in (filed, home))
    assert (here.deductible_fen, here.fund_fen) == (there.deductible_fen, there.fund_fen)


@law("OUT-OF-AREA-BIND-001")
def test_relatives_elsewhere(gongji_city: Judged) -> None:
    """A pair of two areas is bound like any other."""
    holder, member = gongji_city.apart()
    gongji_city.bind(holder, member)
    assert [member.person_no] == [binding.member for binding in gongji_city.bindings(holder)]


@law("OUT-OF-AREA-CHANNEL-001")
def test_channels_for_elsewhere_only(gongji_city: Judged) -> None:
    """A channel that is for two areas refuses a pair of one."""
    for channel in across_only(gongji_city.asked):
        application = gongji_city.application(*gongji_city.world.couple(), channel=channel)
        assert (channel, {"channels"}) == (
            channel,
            hooks_of(ask(gongji_city.wire.bindings.SubmitBinding, application)),
        )


@law("OUT-OF-AREA-GUIDE-001")
def test_guide_tells_care_elsewhere(gongji_city: Judged) -> None:
    """The guide tells every step of being treated in another area."""
    request = city_pb2.GetGuideRequest(area_code=gongji_city.area_code, day=str(NOW.date()))
    guide = gongji_city.wire.cities.GetGuide(request).text
    steps = gongji_city.asked.rule("out_of_area")["procedure"]["steps"]
    assert steps
    assert [] == [step["text"] for step in steps if step["text"] not in guide]
