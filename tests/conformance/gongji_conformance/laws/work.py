"""A request of each method within a caller's own, and for whom it is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import cached_property
from typing import Any, Final

from gongji.v1 import (
    access_pb2,
    account_pb2,
    binding_pb2,
    city_pb2,
    consequence_pb2,
    event_pb2,
    filing_pb2,
    log_pb2,
    packet_pb2,
    registry_pb2,
    sandbox_pb2,
    settlement_pb2,
    statement_pb2,
    types_pb2,
)

from gongji_conformance.city import requests
from gongji_conformance.city.callers import EVERY, CallerUnderTest
from gongji_conformance.city.city import NOW, CityUnderTest
from gongji_conformance.city.population import InventedPerson
from gongji_conformance.city.stubs import new_id, stamp
from gongji_conformance.city.stubs import person as ref
from gongji_conformance.laws.asking import AskedFor, ask_as, asked
from gongji_conformance.laws.claim_work import CLAIM_REQUESTS
from gongji_conformance.laws.rights import WORK, without_channel
from gongji_conformance.laws.wallet_work import WALLET_REQUESTS, WalletRequest

MONTH: Final = "2025-08"
DAY: Final = "2025-09-30"


class CallersWork:
    """What a caller works on in a city: people, a binding, a settlement of its own."""

    def __init__(self, city: CityUnderTest, caller: CallerUnderTest) -> None:
        self.city = city
        self.caller = caller

    @cached_property
    def family(self) -> tuple[InventedPerson, InventedPerson]:
        """A holder and a member who is bound to the holder's purse."""
        holder, member = self.city.people.couple(giver=200, member=150)
        application = self.city.application(
            holder, member, channel=self.channel or self.city.requirements.local_channel
        )
        self.city.approve(self.city.submit(application))
        return holder, member

    @cached_property
    def institution(self) -> str:
        """The caller's institution, any if its work is at none."""
        own = [code for code in self.caller.stated.institutions if code != EVERY]
        if not own:
            return self.city.people.institution("二级")
        # Of a policy elsewhere: the sandbox need not have registered it.
        self.city.people.register_institution(own[0])
        return own[0]

    @cached_property
    def channel(self) -> str:
        """A channel of the caller's that the city has; "" if it has none."""
        own, there = self.caller.stated.channels, self.city.requirements.channels
        if EVERY in own or self.caller.kind == "operator":
            return self.city.requirements.local_channel
        return next((channel for channel in own if channel in there), "")

    def methods(self) -> list[str]:
        """Return the methods of the caller's work that the city has for it."""
        # Would take from all other laws what they work on.
        missing = {"Reset"} | without_channel(self.caller.kind, self.channel)
        return sorted(WORK[self.caller.kind] - missing)

    @cached_property
    def binding_id(self) -> str:
        """The family's binding, made through the caller's channel."""
        return str(self.city.bindings(self.holder)[0].binding_id)

    @cached_property
    def settlement_id(self) -> str:
        """A settlement of the member's at the caller's institution."""
        request = settlement_pb2.SettleRequest(request_id=new_id(), bill=self.bill())
        return self.city.stubs.settlements.Settle(request).settlement.settlement_id

    def bill(self) -> settlement_pb2.Bill:
        """Return a bill of the member's at the caller's institution."""
        bill = self.city.bill(self.member)
        bill.institution_code = self.institution
        return bill

    def call(self, method: str) -> AskedFor:
        """Return a call of a method within the caller's own."""
        return CALLS[method](self)

    @property
    def holder(self) -> InventedPerson:
        """The family's holder."""
        return self.family[0]

    @property
    def member(self) -> InventedPerson:
        """The family's member."""
        return self.family[1]


def _submit(work: CallersWork) -> AskedFor:
    """Apply for another couple: the family is bound."""
    holder, member = work.city.people.couple()
    application = work.city.application(holder, member)
    application.channel = work.channel
    # Who applies does not consent for the other.
    application.ClearField("consent")
    return asked(application, subject=holder)


def _consent(work: CallersWork) -> AskedFor:
    return asked(
        binding_pb2.RecordConsentRequest(
            request_id=new_id(),
            binding_id=work.binding_id,
            consent=requests.consent(NOW, "本人"),
        ),
        subject=work.member,
    )


def _review(work: CallersWork) -> AskedFor:
    approve = binding_pb2.REVIEW_VERDICT_APPROVE
    return asked(requests.review(work.binding_id, approve))


def _bindings(work: CallersWork) -> AskedFor:
    holder = ref(work.holder.person_no)
    listed = binding_pb2.ListBindingsRequest(holder=holder)
    return asked(listed, subject=work.holder)


def _of_claim(method: str) -> Callable[[CallersWork], AskedFor]:
    request = CLAIM_REQUESTS[method]
    return lambda work: asked(request(work.city, work.holder), subject=work.holder)


def _unbind(work: CallersWork) -> AskedFor:
    unbind = binding_pb2.UnbindRequest(
        request_id=new_id(), binding_id=work.binding_id, channel=work.channel
    )
    return asked(unbind, subject=work.holder)


def _explain(work: CallersWork) -> AskedFor:
    """Ask why one's own request was refused; who binds nobody asks for one never made."""
    refused = new_id()
    if not work.channel or "RecordConsent" not in WORK[work.caller.kind]:
        return asked(binding_pb2.ExplainRefusalRequest(request_id=refused))
    # The family is bound already: its consent comes too late.
    consent = _consent(work)
    for message in consent.messages:
        message.request_id = refused  # type: ignore[attr-defined] # a consent's
    ask_as(work.caller, "RecordConsent", consent)
    explain = binding_pb2.ExplainRefusalRequest(request_id=refused)
    return asked(explain, subject=consent.subject)


def _settle(work: CallersWork) -> AskedFor:
    return asked(settlement_pb2.SettleRequest(request_id=new_id(), bill=work.bill()))


def _settlements(work: CallersWork) -> AskedFor:
    listed = settlement_pb2.ListSettlementsRequest(patient=ref(work.member.person_no))
    return asked(listed, subject=work.member)


def _statement_of(work: CallersWork) -> statement_pb2.IssueStatementRequest:
    return statement_pb2.IssueStatementRequest(
        person=ref(work.holder.person_no), side=statement_pb2.STATEMENT_SIDE_ACCOUNT
    )


def _verified(work: CallersWork) -> AskedFor:
    """Ask for what somebody else has issued, as whoever is shown it does."""
    issued = work.city.stubs.statements.IssueStatement(_statement_of(work))
    number = issued.statement.statement_no
    return asked(
        statement_pb2.VerifyStatementRequest(statement_no=number, code=issued.code)
    )


def _refund(work: CallersWork) -> AskedFor:
    refund = account_pb2.RefundPremiumRequest(
        request_id=new_id(),
        premium_id="P0000000000",
        member=ref(work.member.person_no),
        year=str(NOW.year + 1),
    )
    return asked(refund, subject=work.holder)


def _monthly(request: type[_Monthly]) -> Callable[[CallersWork], AskedFor]:
    """Return the call of a method about one person's month."""
    return lambda work: asked(
        request(request_id=new_id(), person=ref(work.holder.person_no), month=MONTH)
    )


def _of_holder(request: type[Any]) -> Callable[[CallersWork], AskedFor]:
    """Return the call of a method about one person, who asks for it."""
    return lambda work: asked(
        request(person=ref(work.holder.person_no)), subject=work.holder
    )


def _of_wallet(make: WalletRequest) -> Callable[[CallersWork], AskedFor]:
    """Return the call of a method of the wallet, between holder and member."""

    def call(work: CallersWork) -> AskedFor:
        message, whose = make(work.holder, work.member)
        return asked(message, subject=whose)

    return call


def _own_import(work: CallersWork) -> AskedFor:
    """Ask for an import of one's own: one that nobody made is nobody's."""
    may = "ImportPersons" in WORK[work.caller.kind]
    stubs = work.caller.stubs if may else work.city.stubs
    messages: Any = _imported(work, _header()).messages
    made = stubs.registry.ImportPersons(iter(messages)).summary
    return asked(registry_pb2.GetImportRequest(import_id=made.import_id))


def _imported(work: CallersWork, header: registry_pb2.ImportHeader) -> AskedFor:
    """Import the family's holder again, of whom nothing changes."""
    holder = work.holder
    person = types_pb2.Person(
        person_no=holder.person_no,
        certificate=types_pb2.Certificate(type="01", number=holder.certificate_number),
        name=holder.name,
        phone=holder.phone,
        insured_place=holder.insured_place,
    )
    return asked(
        registry_pb2.ImportPersonsRequest(header=header),
        registry_pb2.ImportPersonsRequest(person=person),
    )


def _resettle(work: CallersWork) -> AskedFor:
    again = consequence_pb2.ResettleRequest(
        request_id=new_id(), settlement_id=work.settlement_id
    )
    return asked(again)


_Monthly = (
    account_pb2.CreditRequest
    | account_pb2.CorrectCreditRequest
    | account_pb2.TakeBackCreditRequest
)

CALLS: Final[Mapping[str, Callable[[CallersWork], AskedFor]]] = {
    "ListCities": lambda _: asked(city_pb2.ListCitiesRequest()),
    "GetCity": lambda work: asked(
        city_pb2.GetCityRequest(area_code=work.city.area_code, day=DAY)
    ),
    "GetGuide": lambda work: asked(
        city_pb2.GetGuideRequest(area_code=work.city.area_code, day=DAY)
    ),
    "DescribeForm": lambda work: asked(
        binding_pb2.DescribeFormRequest(
            holder_city=work.city.area_code, member_city=work.city.area_code, day=DAY
        )
    ),
    "SubmitBinding": _submit,
    "RecordConsent": _consent,
    "ReviewBinding": _review,
    "GetBinding": lambda work: asked(
        binding_pb2.GetBindingRequest(binding_id=work.binding_id),
        subject=work.holder,
    ),
    "ListBindings": _bindings,
    "Unbind": _unbind,
    "ExplainRefusal": _explain,
    "Quote": lambda work: asked(settlement_pb2.QuoteRequest(bill=work.bill())),
    "Settle": _settle,
    "Reverse": lambda work: asked(work.city.reversal(work.settlement_id)),
    "GetSettlement": lambda work: asked(
        settlement_pb2.GetSettlementRequest(settlement_id=work.settlement_id),
        subject=work.member,
    ),
    "Recompute": lambda work: asked(
        settlement_pb2.RecomputeRequest(settlement_id=work.settlement_id)
    ),
    "GetPacket": lambda work: asked(
        packet_pb2.GetPacketRequest(settlement_id=work.settlement_id)
    ),
    "ListSettlements": _settlements,
    "GetBenefitYear": lambda work: asked(
        settlement_pb2.GetBenefitYearRequest(
            person=ref(work.member.person_no), institution_code=work.institution
        ),
        subject=work.member,
    ),
    "ReconcileTotals": lambda work: asked(requests.totals(work.institution, DAY)),
    "ReconcileDetails": lambda work: asked(requests.details(work.institution, DAY)),
    **{method: _of_claim(method) for method in CLAIM_REQUESTS},
    "File": lambda work: asked(work.city.filing(work.holder), subject=work.holder),
    "EndFiling": lambda work: asked(
        work.city.filing_end(work.holder), subject=work.holder
    ),
    "GetFiling": lambda work: asked(
        filing_pb2.GetFilingRequest(filing_no=work.city.file(work.holder)),
        subject=work.holder,
    ),
    "ListFilings": _of_holder(filing_pb2.ListFilingsRequest),
    "GetAccount": _of_holder(account_pb2.GetAccountRequest),
    "ListEntries": _of_holder(account_pb2.ListEntriesRequest),
    "Credit": _monthly(account_pb2.CreditRequest),
    "CorrectCredit": _monthly(account_pb2.CorrectCreditRequest),
    "TakeBackCredit": _monthly(account_pb2.TakeBackCreditRequest),
    "PayPremium": lambda work: asked(
        work.city.premium(work.holder, work.member), subject=work.holder
    ),
    "RefundPremium": _refund,
    **{name: _of_wallet(make) for name, make in WALLET_REQUESTS.items()},
    "ImportPersons": lambda work: _imported(work, _header()),
    "ImportInstitutions": lambda _: asked(
        registry_pb2.ImportInstitutionsRequest(header=_header())
    ),
    "GetPerson": _of_holder(registry_pb2.GetPersonRequest),
    "GetInstitution": lambda work: asked(
        registry_pb2.GetInstitutionRequest(code=work.institution)
    ),
    "ListImports": lambda _: asked(
        registry_pb2.ListImportsRequest(registry=registry_pb2.REGISTRY_PERSONS)
    ),
    "GetImport": _own_import,
    "ListAccesses": _of_holder(access_pb2.ListAccessesRequest),
    "ExportPerson": _of_holder(access_pb2.ExportPersonRequest),
    "ErasePerson": lambda work: asked(
        access_pb2.ErasePersonRequest(
            request_id=new_id(),
            person=ref(work.holder.person_no),
            validate_only=True,
        )
    ),
    "Consequences": lambda _: asked(
        consequence_pb2.ConsequencesRequest(since=stamp(NOW + timedelta(days=1)))
    ),
    "IssueStatement": lambda work: asked(_statement_of(work), subject=work.holder),
    "VerifyStatement": _verified,
    "Watch": lambda work: asked(
        event_pb2.WatchRequest(until_now=True), subject=work.holder
    ),
    "Resettle": _resettle,
    "GetCheckpoint": lambda _: asked(log_pb2.GetCheckpointRequest()),
    "GetConsistencyProof": lambda _: asked(log_pb2.GetConsistencyProofRequest()),
    "GetInclusionProof": lambda work: asked(
        log_pb2.GetInclusionProofRequest(settlement_id=work.settlement_id)
    ),
    "ListLeaves": lambda _: asked(log_pb2.ListLeavesRequest(limit=1)),
    "GetClock": lambda _: asked(sandbox_pb2.GetClockRequest()),
    # Withdraws what nobody has ordered.
    "OrderFault": lambda _: asked(sandbox_pb2.OrderFaultRequest(request_id=new_id())),
    "IssueVoucher": lambda work: asked(
        sandbox_pb2.IssueVoucherRequest(
            request_id=new_id(),
            person_no=work.member.person_no,
            institution_code=work.institution,
        )
    ),
    "SetClock": lambda _: asked(
        sandbox_pb2.SetClockRequest(request_id=new_id(), now=stamp(NOW))
    ),
}
"""A call of each method within a caller's own."""


def _header() -> registry_pb2.ImportHeader:
    return registry_pb2.ImportHeader(request_id=new_id())
