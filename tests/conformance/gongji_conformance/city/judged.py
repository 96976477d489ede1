"""A city under judgement: what the server says of it, invented people in it, and the calls every law makes."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any, Final

from gongji.v1 import account_pb2, binding_pb2, city_pb2, settlement_pb2

from gongji_conformance.cases.case import Bill
from gongji_conformance.city import requests, words
from gongji_conformance.city.asked import Asked
from gongji_conformance.city.wire import Wire, new_id
from gongji_conformance.city.wire import person as ref
from gongji_conformance.city.world import Someone, World

NOW: Final = datetime(2025, 9, 30, 10, tzinfo=words.SHANGHAI)
"""A Tuesday on which counters are open; the next eight days are a holiday."""

EVERY_PROOF: Final = tuple(f"{material}{words.ORIGINAL}" for material in words.MATERIALS)


class Judged:
    """One city on the server under judgement, on a working day."""

    def __init__(self, summary: city_pb2.CitySummary, wire: Wire, world: World) -> None:
        self.summary = summary
        self.wire = wire
        self.world = world
        self.area_code = summary.area_code

    @cached_property
    def rules(self) -> city_pb2.GetCityResponse:
        """The city's rules of the day."""
        return self.wire.cities.GetCity(self.asking())

    @cached_property
    def asked(self) -> Asked:
        """What the rules ask of an application."""
        return self.world.asked(self.area_code, NOW.date())

    def asking(self, day: str = "") -> city_pb2.GetCityRequest:
        """A request for the rules of a day."""
        return city_pb2.GetCityRequest(area_code=self.area_code, day=day or str(NOW.date()))

    def application(self, holder: Someone, member: Someone, *, channel: str = "") -> binding_pb2.SubmitBindingRequest:
        """A spouse's application with everything anybody may ask for."""
        channel = channel or self.asked.local_channel
        return requests.application(
            self.asked, holder, member, "配偶", channel, now=NOW, materials=EVERY_PROOF, consent="本人"
        )

    def bind(self, holder: Someone, member: Someone) -> binding_pb2.Binding:
        """A binding in force: applied for, and approved where it has to be."""
        return self.approved(self.wire.bindings.SubmitBinding(self.application(holder, member)).binding)

    def approved(self, binding: binding_pb2.Binding) -> binding_pb2.Binding:
        """The binding, approved where it waits for that."""
        if binding.state == binding_pb2.BINDING_STATE_UNDER_REVIEW:
            binding = self.wire.bindings.ReviewBinding(approval(binding)).binding
        return binding

    def bill(self, patient: Someone, *, use: words.Use = "order") -> settlement_pb2.Bill:
        """A bill of 1,680.00 yuan at a level-2 hospital with all four parts, of which the fund pays some."""
        told = Bill(
            patient=patient.name,
            at="二级",
            use=use,
            in_scope=Decimal("1500.05"),
            first_selfpay=Decimal("79.95"),
            above_limit=Decimal(40),
            out_of_catalogue=Decimal(60),
        )
        return requests.bill(told, patient, self.world.institution("二级"), NOW.date())

    def settling(self, patient: Someone, *, use: words.Use = "order") -> settlement_pb2.SettleRequest:
        """A request to settle that bill."""
        return settlement_pb2.SettleRequest(request_id=new_id(), bill=self.bill(patient, use=use))

    def elsewhere(self, patient: Someone, filing: str = "") -> settlement_pb2.QuoteRequest:
        """A quote of a bill of 2,000.00 yuan from a level-3 hospital in another pooling area."""
        told = Bill(patient=patient.name, at="外地三级", in_scope=Decimal(2000), filing=filing)
        return settlement_pb2.QuoteRequest(
            bill=requests.bill(told, patient, self.world.institution(told.at), NOW.date())
        )

    def apart(self) -> tuple[Someone, Someone]:
        """Two employees of this city and of another pooling area of the province."""
        other = "340800" if self.area_code[:4] != "3408" else "341000"
        return self.world.one(balance=300), self.world.one(insured=other)

    def premium(self, holder: Someone, member: Someone) -> account_pb2.PayPremiumRequest:
        """A request to pay a member's premium of next year, 400.00 yuan, from the holder's purse."""
        return account_pb2.PayPremiumRequest(
            request_id=new_id(),
            holder=ref(holder.person_no),
            member=ref(member.person_no),
            year=str(NOW.year + 1),
            fen=400_00,
        )

    def reversal(self, settled: settlement_pb2.Settlement) -> settlement_pb2.ReverseRequest:
        """A request to take a settlement back."""
        return settlement_pb2.ReverseRequest(request_id=new_id(), settlement_id=settled.settlement_id)

    def quote(self, patient: Someone) -> settlement_pb2.Settlement:
        """What settling that bill would come to now."""
        return self.wire.settlements.Quote(settlement_pb2.QuoteRequest(bill=self.bill(patient))).settlement

    def balance(self, someone: Someone) -> int:
        """A purse's balance in fen."""
        return self.wire.accounts.GetAccount(account_pb2.GetAccountRequest(person=ref(someone.person_no))).balance_fen

    def settlements(self, someone: Someone) -> list[Any]:
        """The settlements of a patient."""
        request = settlement_pb2.ListSettlementsRequest(patient=ref(someone.person_no))
        return list(self.wire.settlements.ListSettlements(request).rows)

    def bindings(self, holder: Someone) -> list[Any]:
        """The bindings of a holder."""
        request = binding_pb2.ListBindingsRequest(holder=ref(holder.person_no))
        return list(self.wire.bindings.ListBindings(request).bindings)


def approval(binding: binding_pb2.Binding) -> binding_pb2.ReviewBindingRequest:
    """A reviewer's approval."""
    return binding_pb2.ReviewBindingRequest(
        request_id=new_id(),
        binding_id=binding.binding_id,
        reviewer="conformance",
        verdict=binding_pb2.REVIEW_VERDICT_APPROVE,
    )
