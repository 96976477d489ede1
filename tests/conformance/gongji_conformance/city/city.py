"""A city under test: what the server says of it, and the calls laws make."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any, Final

from gongji.v1 import (
    account_pb2,
    binding_pb2,
    city_pb2,
    filing_pb2,
    settlement_pb2,
)

from gongji_conformance.city import requests, words
from gongji_conformance.city.access import Access
from gongji_conformance.city.callers import CallersUnderTest
from gongji_conformance.city.described import BillDescription
from gongji_conformance.city.population import (
    Couple,
    InventedPerson,
    Population,
)
from gongji_conformance.city.recorder import Recorder
from gongji_conformance.city.requests import Wishes
from gongji_conformance.city.requirements import Requirements
from gongji_conformance.city.stubs import Stubs, new_id
from gongji_conformance.city.stubs import person as ref

NOW: Final = datetime(2025, 9, 30, 10, tzinfo=words.SHANGHAI)
"""A Tuesday on which counters are open; the next eight days are a holiday."""

EVERY_PROOF: Final = tuple(
    f"{material}{words.ORIGINAL}" for material in words.MATERIALS
)
GIVER_YUAN, MEMBER_YUAN = 200, 150
"""What a family's giver and member have at first."""


class CityUnderTest:
    """One city on the server under test, on a working day."""

    def __init__(
        self,
        summary: city_pb2.CitySummary,
        stubs: Stubs,
        people: Population,
        callers: CallersUnderTest | None = None,
    ) -> None:
        self.summary = summary
        self.callers = callers or CallersUnderTest({}, Access(target=""), Recorder())
        self.stubs = stubs
        self.people = people
        self.area_code = summary.area_code

    # --- rules ----------------------------------------------------------------------

    @cached_property
    def rules(self) -> city_pb2.GetCityResponse:
        """The city's rules of the day."""
        return self.stubs.cities.GetCity(self.get_city())

    @cached_property
    def requirements(self) -> Requirements:
        """What the rules require of an application."""
        return self.people.requirements(self.area_code, NOW.date())

    def get_city(self, day: str = "") -> city_pb2.GetCityRequest:
        """Return a request for the rules of a day."""
        day = day or str(NOW.date())
        return city_pb2.GetCityRequest(
            area_code=self.area_code,
            day=day,
        )

    def guide(self) -> city_pb2.GetGuideResponse:
        """Return the city's guide (办理指南) of the day."""
        day = str(NOW.date())
        request = city_pb2.GetGuideRequest(
            area_code=self.area_code,
            day=day,
        )
        return self.stubs.cities.GetGuide(request)

    # --- bindings -------------------------------------------------------------------

    def application(
        self,
        holder: InventedPerson,
        member: InventedPerson,
        *,
        channel: str = "",
    ) -> binding_pb2.SubmitBindingRequest:
        """Return a spouse's application with everything anybody may ask for."""
        wishes = Wishes(
            holder=holder,
            member=member,
            relation="配偶",
            channel=channel or self.requirements.local_channel,
            now=NOW,
            materials=EVERY_PROOF,
            consent="本人",
        )
        return requests.application(self.requirements, wishes)

    def submit(
        self, application: binding_pb2.SubmitBindingRequest
    ) -> binding_pb2.Binding:
        """Submit an application. grpc.RpcError if it is refused."""
        return self.stubs.bindings.SubmitBinding(application).binding

    def bind(
        self, holder: InventedPerson, member: InventedPerson
    ) -> binding_pb2.Binding:
        """Bring a binding into force: apply for it, approve it if it waits."""
        application = self.application(holder, member)
        return self.approve(self.submit(application))

    def family(self) -> Couple:
        """Return a giver and a bound member with 200 and 150 yuan."""
        giver, member = self.people.couple(
            giver=GIVER_YUAN,
            member=MEMBER_YUAN,
        )
        self.bind(giver, member)
        return giver, member

    def approve(self, binding: binding_pb2.Binding) -> binding_pb2.Binding:
        """Approve a binding if it waits for that."""
        if binding.state != binding_pb2.BINDING_STATE_UNDER_REVIEW:
            return binding
        request = requests.review(
            binding.binding_id, binding_pb2.REVIEW_VERDICT_APPROVE
        )
        return self.stubs.bindings.ReviewBinding(request).binding

    def bindings(self, holder: InventedPerson) -> list[Any]:
        """Return the bindings of a holder."""
        request = binding_pb2.ListBindingsRequest(holder=ref(holder.person_no))
        answer = self.stubs.bindings.ListBindings(request)
        return list(answer.bindings)

    # --- bills ----------------------------------------------------------------------

    def bill(
        self, patient: InventedPerson, *, use: words.Use = "order"
    ) -> settlement_pb2.Bill:
        """Return a bill of 1,680.00 yuan with all four parts from a level-2 hospital.

        The fund pays some of it.
        """
        return self._sent(
            patient,
            BillDescription(
                patient=patient.name,
                at="二级",
                use=use,
                in_scope=Decimal("1500.05"),
                first_selfpay=Decimal("79.95"),
                above_limit=Decimal(40),
                out_of_catalogue=Decimal(60),
            ),
        )

    def _sent(
        self, patient: InventedPerson, bill: BillDescription
    ) -> settlement_pb2.Bill:
        institution = self.people.institution(bill.at)
        return requests.bill(bill, patient, institution, NOW.date())

    def settling(
        self, patient: InventedPerson, *, use: words.Use = "order"
    ) -> settlement_pb2.SettleRequest:
        """Return a request to settle that bill."""
        bill = self.bill(patient, use=use)
        return settlement_pb2.SettleRequest(
            request_id=new_id(),
            bill=bill,
        )

    def settle(
        self, patient: InventedPerson, *, use: words.Use = "order"
    ) -> settlement_pb2.Settlement:
        """Settle that bill."""
        request = self.settling(patient, use=use)
        return self.stubs.settlements.Settle(request).settlement

    def quote(self, patient: InventedPerson) -> settlement_pb2.Settlement:
        """Quote that bill."""
        request = settlement_pb2.QuoteRequest(bill=self.bill(patient))
        return self.stubs.settlements.Quote(request).settlement

    def quoting_elsewhere(
        self, patient: InventedPerson, filing: str = ""
    ) -> settlement_pb2.QuoteRequest:
        """Return a quote of 2,000.00 yuan at a level-3 hospital of another area."""
        bill = BillDescription(
            patient=patient.name,
            at="外地三级",
            in_scope=Decimal(2000),
            filing=filing,
        )
        return settlement_pb2.QuoteRequest(bill=self._sent(patient, bill))

    def file(self, patient: InventedPerson) -> str:
        """File that somebody lives where 外地 is, from today on; return the number."""
        return self.stubs.filings.File(self.filing(patient)).filing.filing_no

    def filing(self, patient: InventedPerson) -> filing_pb2.FileRequest:
        """Return the request to file that."""
        area = requests.area_of(self.people.institution("外地三级"))
        return requests.filing(patient.person_no, [area], NOW.date())

    def filing_end(self, patient: InventedPerson) -> filing_pb2.EndFilingRequest:
        """File that, and return the request to end it from today on."""
        return filing_pb2.EndFilingRequest(
            request_id=new_id(),
            filing_no=self.file(patient),
            from_day=str(NOW.date()),
        )

    def reversal(self, settlement_id: str) -> settlement_pb2.ReverseRequest:
        """Return a request to take a settlement back."""
        return settlement_pb2.ReverseRequest(
            request_id=new_id(),
            settlement_id=settlement_id,
        )

    def settlements(self, patient: InventedPerson) -> list[Any]:
        """Return the settlements of a patient."""
        request = settlement_pb2.ListSettlementsRequest(patient=ref(patient.person_no))
        answer = self.stubs.settlements.ListSettlements(request)
        return list(answer.rows)

    # --- people and purses ----------------------------------------------------------

    @property
    def other_area(self) -> str:
        """Another pooling area of the province."""
        if self.area_code[:4] != "3408":
            return "340800"
        return "341000"

    def serves(self, area_code: str) -> bool:
        """Return whether the service serves a city."""
        cities = self.stubs.cities.ListCities(city_pb2.ListCitiesRequest()).cities
        return any(city.area_code == area_code for city in cities)

    def apart(self) -> Couple:
        """Register two employees, of this city and of another pooling area."""
        holder = self.people.one(balance=300)
        return holder, self.people.one(insured=self.other_area)

    def premium(
        self, holder: InventedPerson, member: InventedPerson
    ) -> account_pb2.PayPremiumRequest:
        """Return a request to pay next year's premium, 400.00 yuan, from a purse."""
        return account_pb2.PayPremiumRequest(
            request_id=new_id(),
            holder=ref(holder.person_no),
            member=ref(member.person_no),
            year=str(NOW.year + 1),
            fen=400_00,
        )

    def balance(self, person: InventedPerson) -> int:
        """Return a purse's balance in fen."""
        request = account_pb2.GetAccountRequest(person=ref(person.person_no))
        return self.stubs.accounts.GetAccount(request).balance_fen
