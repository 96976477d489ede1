"""Each call that writes leaves one leaf: what, who, for whom, by which rules, over what."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, NamedTuple

import grpc
import pytest
from gongji.access.policy import FilePolicy
from gongji.access.rights import RIGHTS
from gongji.audit.leaf import Leaf, body_of
from gongji.binding.workdays import Workdays
from gongji.cities.kept import KeepRules
from gongji.model.commands import Listing
from gongji.model.people import Kin, Person
from gongji.rpc.services import services_of
from gongji.rules.codes import Purpose
from gongji.serve.clock import SandboxClock
from gongji.store import open_store
from gongji.v1 import (
    access_pb2,
    account_pb2,
    binding_pb2,
    consequence_pb2,
    registry_pb2,
    sandbox_pb2,
    settlement_pb2,
    statement_pb2,
    types_pb2,
)

from tests.audit import money_steps
from tests.audit.saying import LeafSaid, said
from tests.canary.run import application as planted
from tests.doors.served import POLICY
from tests.rpc.conftest import over_ipc
from tests.rpc.services.acting import application, consent, metadata, subject
from tests.rpc.services.test_premium import PREMIUMS
from tests.scaffold.cities import shipped
from tests.scaffold.claims import decide_in, review_in, submit_in, withdraw_in
from tests.scaffold.filings import end_in, file_in
from tests.scaffold.people import NOW, identity_number
from tests.scaffold.service import HOSPITAL, Service, import_header, import_rows
from tests.scaffold.world import NewWorld, World

READS: Final = (
    *("ListAccesses", "ExportPerson", "GetAccount", "ListEntries", "GetBinding"),
    *("ListBindings", "ListCities", "GetCity", "GetGuide", "Consequences"),
    *("GetCheckpoint", "GetInclusionProof", "GetConsistencyProof", "ListLeaves"),
    *("GetPacket", "GetPerson", "GetInstitution", "GetImport", "ListImports"),
    *("GetClock", "Quote", "GetSettlement", "ReconcileTotals", "ReconcileDetails"),
    *("GetWallet", "ListTransfers"),
    *("Recompute", "ListSettlements", "DescribeForm", "ExplainRefusal", "Watch"),
    "VerifyStatement",
    *("GetFiling", "ListFilings", "GetClaim", "ListClaims"),
    # Clock, faults and tokens of a sandbox are its process's own.
    *("GetBenefitYear", "SetClock", "OrderFault", "IssueVoucher"),
)
"""Methods that write nothing but who looked at whose data."""


OWN: Final = ("RecordAccesses", "Genesis")
"""What was looked at before is written a moment later; what outlives a reset begins the
log that follows."""


@dataclass
class Life:
    """A service and what has been written so far."""

    service: Service
    ids: dict[str, str] = field(default_factory=dict)

    async def call(self, stub: Any, request: Any, whose: str = "P1") -> Any:
        """Return the reply to `root`, who acts for somebody."""
        return await stub(request, metadata=metadata("root", subject(whose)))

    def asked(self, kind: type, **fields: Any) -> Any:
        """Return a request of its own."""
        return kind(request_id=self.service.new_id(), **fields)

    async def new(self, step: Awaitable[None]) -> list[LeafSaid]:
        """Return what the leaves of a step say."""
        before = {leaf.body for leaf in await self._leaves()}
        await step
        new = [leaf for leaf in await self._leaves() if leaf.body not in before]
        return [said(leaf) for leaf in new if body_of(leaf).what not in OWN]

    async def _leaves(self) -> list[Leaf]:
        return await self.service.store.page(Listing(kind=Leaf, limit=10_000))


async def institutions(life: Life) -> None:
    row = types_pb2.Institution(
        code="H34110000009",
        name="某医院",
        kind=types_pb2.INSTITUTION_KIND_HOSPITAL,
        hosp_lv=5,
        designated_from="2020-01-01",
    )
    header = registry_pb2.ImportHeader(request_id=life.service.new_id())
    kind = registry_pb2.ImportInstitutionsRequest
    rows = iter([kind(header=header), kind(institution=row)])
    await life.call(life.service.registry.ImportInstitutions, rows)


async def persons(life: Life) -> None:
    row = life.service.person(9, insured_place="341100")
    rows = iter([import_header(life.service.new_id()), *import_rows(row)])
    await life.call(life.service.registry.ImportPersons, rows)


async def submit(life: Life) -> None:
    _, member = life.service.world.all(Person)[:2]
    agreement = binding_pb2.AgreementAccepted(
        agreement_id="anhui-family-aid", version="2025", text_sha256="0" * 64
    )
    agreement.at.FromDatetime(NOW)
    request = planted(
        relation="12",
        holder=life.service.ref("P1"),
        member=life.service.ref("P2"),
        member_details=binding_pb2.MemberDetails(
            name=member.name,
            certificate_number=member.certificate.number,
            phone=member.phone,
            insured_place="341100",
        ),
        agreement=agreement,
        consent=None,
    )
    reply = await life.call(life.service.bindings.SubmitBinding, request)
    life.ids["binding"] = reply.binding.binding_id


async def record_consent(life: Life) -> None:
    named = {"binding_id": life.ids["binding"], "consent": consent()}
    request = life.asked(binding_pb2.RecordConsentRequest, **named)
    await life.call(life.service.bindings.RecordConsent, request, "P2")


async def review(life: Life) -> None:
    request = life.asked(
        binding_pb2.ReviewBindingRequest,
        binding_id=life.ids["binding"],
        reviewer="1001",
        verdict=binding_pb2.REVIEW_VERDICT_APPROVE,
    )
    await life.call(life.service.bindings.ReviewBinding, request)


async def unbind(life: Life) -> None:
    named = {"binding_id": life.ids["binding"], "channel": "window"}
    request = life.asked(binding_pb2.UnbindRequest, **named)
    await life.call(life.service.bindings.Unbind, request)


async def settle(life: Life) -> None:
    bill = life.service.bill(patient=life.service.ref("P2"))
    request = life.asked(settlement_pb2.SettleRequest, bill=bill)
    reply = await life.call(life.service.settlements.Settle, request, "P2")
    life.ids["settlement"] = reply.settlement.settlement_id


async def resettle(life: Life) -> None:
    returned = consequence_pb2.ReturnedParts(in_scope_fen=900_00)
    named = {"settlement_id": life.ids["settlement"], "returned": returned}
    request = life.asked(consequence_pb2.ResettleRequest, **named)
    await life.call(life.service.consequences.Resettle, request, "P2")


async def reverse(life: Life) -> None:
    named = {"settlement_id": life.ids["settlement"]}
    request = life.asked(settlement_pb2.ReverseRequest, **named)
    await life.call(life.service.settlements.Reverse, request, "P2")


async def pay_premium(life: Life) -> None:
    named = {"holder": life.service.ref("P1"), "member": life.service.ref("R")}
    request = life.asked(
        account_pb2.PayPremiumRequest, year="2026", fen=400_00, **named
    )
    reply = await life.call(life.service.accounts.PayPremium, request)
    life.ids["premium"] = reply.premium_id


async def refund_premium(life: Life) -> None:
    request = life.asked(
        account_pb2.RefundPremiumRequest,
        premium_id=life.ids["premium"],
        member=life.service.ref("R"),
        year="2026",
    )
    await life.call(life.service.accounts.RefundPremium, request, "R")


async def issue_statement(life: Life) -> None:
    request = statement_pb2.IssueStatementRequest(
        person=life.service.ref("P1"), side=statement_pb2.STATEMENT_SIDE_ACCOUNT
    )
    await life.call(life.service.statements.IssueStatement, request)


async def erase(life: Life) -> None:
    request = life.asked(access_pb2.ErasePersonRequest, person=life.service.ref("R9"))
    await life.call(life.service.access.ErasePerson, request, "R9")


async def reset(life: Life) -> None:
    request = life.asked(sandbox_pb2.ResetRequest)
    await life.call(life.service.sandbox.Reset, request)


Step = Callable[[Life], Awaitable[None]]


class Expected(NamedTuple):
    """What the leaf of a step says.

    subject  for whom; "" if for nobody
    decided  whether it names the rules of a city
    known    whose revisions it was decided over
    request  whether it has an id by which it can be repeated
    """

    method: str
    step: Callable[[Life], Awaitable[None]]
    subject: str = "P1"
    decided: bool = True
    known: tuple[str, ...] = ()
    request: bool = True


SEEN: Final = ("P1", "P2", HOSPITAL)

WRITES: Final = (
    Expected("ImportInstitutions", institutions, decided=False),
    Expected("ImportPersons", persons, decided=False),
    Expected("SubmitBinding", submit, known=("P1", "P2", "R")),
    Expected("RecordConsent", record_consent, "P2", known=("P1", "P2", "R")),
    Expected("ReviewBinding", review, known=("P1", "P2", "R")),
    Expected("Credit", money_steps.bring_forward, decided=False, known=("P1",)),
    Expected("Credit", money_steps.credit, known=("P1",)),
    Expected("CorrectCredit", money_steps.correct_credit, known=("P1",)),
    Expected("Settle", settle, "P2", known=SEEN),
    Expected("Resettle", resettle, "P2", known=SEEN),
    Expected("Reverse", reverse, "P2", known=SEEN),
    Expected("PayPremium", pay_premium, known=("P1", "R")),
    Expected("RefundPremium", refund_premium, "R"),
    Expected("OpenWallet", money_steps.open_wallet, known=("P1",)),
    Expected("ChangeWalletPlace", money_steps.change_place),
    Expected("Transfer", money_steps.send, known=("P1",)),
    Expected("AcceptTransfer", money_steps.accept, "P2", known=("P2",)),
    Expected("DeclineTransfer", money_steps.decline, "P2"),
    Expected(
        "TakeBackCredit", money_steps.take_back_credit, decided=False, known=("P1",)
    ),
    Expected("IssueStatement", issue_statement, decided=False, request=False),
    Expected("Unbind", unbind, known=("P1", "P2")),
    Expected("File", file_in, "P2", known=("P2",)),
    Expected("EndFiling", end_in, "P2"),
    Expected("SubmitClaim", submit_in, "P2", known=("P2", HOSPITAL)),
    Expected("WithdrawClaim", withdraw_in, "P2"),
    Expected("SubmitClaim", submit_in, "P2", known=("P2", HOSPITAL)),
    Expected("ReviewClaim", review_in),
    Expected("DecideClaim", decide_in, known=("P2", HOSPITAL)),
    Expected("ErasePerson", erase, "R9", decided=False, known=("R9",)),
    Expected("Reset", reset, "", decided=False),
)
"""In their order: each goes on from those before."""

BEFORE: Final = {"ImportPersons": "ClaimImport", "ImportInstitutions": "ClaimImport"}
"""An import makes its request its own before it writes."""


def family(world: World) -> list[object]:
    """P1 and P2, a couple, and the resident R whose premium P1 may pay."""
    details: dict[str, Any] = {
        "name": "赵某某",
        "phone": "13800001234",
        "first_base_fen": 500_000,
    }
    couple = (("P1", Kin("P2", "12", "t")), ("P2", Kin("P1", "11", "t")))
    people = [world.person(number, kin=(kin,), **details) for number, kin in couple]
    purposes = frozenset({Purpose.RESIDENT_PREMIUM})
    bound = world.bind("P1", "R", NOW - timedelta(days=1), purposes=purposes)
    resident = world.person("R", "15", name="赵某某")
    wallets = money_steps.records(world)
    return [*people, *wallets, resident, bound, world.hospital(2, code=HOSPITAL)]


@pytest.fixture
async def life(new_world: NewWorld) -> AsyncIterator[Life]:
    """A sandbox under a policy, whose purses may pay premiums."""
    values: Any = PREMIUMS
    clock, world = SandboxClock(NOW), new_world(**values)
    store = open_store(":memory:", clock)
    await store.apply(KeepRules(world.cities))
    policy = FilePolicy.of(POLICY)
    offer = services_of(store, world.cities, Workdays(), clock, policy, sandbox=clock)
    async with over_ipc(offer) as server:
        service = Service(server, store, world, clock)
        await service.write(*family(world))
        yield Life(service)
        await service.channel.close()
    await store.close()


def test_every_method_is_in_the_table() -> None:
    """One that is added says whether it writes, and what its leaf then says."""
    assert sorted(RIGHTS) == sorted({*READS, *[one.method for one in WRITES]})


def expected(one: Expected) -> list[LeafSaid]:
    """Return what the leaves of a step must say."""
    sandbox = one.method == "Reset"
    leaf = LeafSaid(
        one.method,
        "root",
        "" if sandbox else "operator",
        one.subject,
        one.request and not sandbox,
        ("341100",) if one.decided else (),
        frozenset(one.known),
    )
    before = BEFORE.get(one.method)
    return [leaf._replace(what=before), leaf] if before else [leaf]


async def test_each_call_that_writes_leaves_its_leaf(life: Life) -> None:
    """One, and besides it only what was looked at before, and the rules that outlive a
    reset."""
    for one in WRITES:
        assert expected(one) == await life.new(one.step(life)), one.method


async def refused(life: Life, call: Any, request: Any) -> None:
    """Make a call that is refused."""
    with pytest.raises(grpc.aio.AioRpcError):
        await life.call(call, request)


async def test_what_is_refused_for_good_has_its_leaf(life: Life) -> None:
    """Other refusals decide nothing, and write nothing."""
    service = life.service
    request = application(service, "P1", "P2")
    (leaf,) = await life.new(refused(life, service.bindings.SubmitBinding, request))
    known = frozenset({"P1", "P2", "R"})
    told = ("SubmitBinding", "root", "operator", "P1", True, (), known)
    assert LeafSaid(*told) == leaf
    bill = service.bill(institution_code="H34110000404")
    request = life.asked(settlement_pb2.SettleRequest, bill=bill)
    assert [] == await life.new(refused(life, service.settlements.Settle, request))


async def test_what_is_only_tried_has_a_leaf_if_it_counts_as_a_guess(
    life: Life,
) -> None:
    """Whose guess it was is told, and that it was no application."""
    typed = binding_pb2.MemberDetails(name="王某某")
    request = application(
        life.service, "P1", "P2", member_details=typed, validate_only=True
    )
    call = life.service.bindings.SubmitBinding
    (leaf,) = await life.new(refused(life, call, request))
    assert ("TrialApplication", "root", "operator", "P1", False) == leaf[:5]


async def test_a_quote_has_a_leaf_if_it_counts_as_a_guess(life: Life) -> None:
    """Who showed a number that is not the patient's is told, of a quote as well."""
    shown = settlement_pb2.VisitEvidence(
        type=settlement_pb2.EVIDENCE_TYPE_IDENTITY_CARD, number=identity_number(77)
    )
    bill = life.service.bill(evidence=shown)
    request = settlement_pb2.QuoteRequest(bill=bill)
    (leaf,) = await life.new(refused(life, life.service.settlements.Quote, request))
    assert ("TrialQuote", "root", "operator", "P1", False) == leaf[:5]


def test_rules_are_named_with_the_plugin_whose_files_gave_them() -> None:
    """Its name, version and digest, and the digest of its rules."""
    (city, *_) = shipped().all
    decided = city.decided_by
    assert (city.plugin, city.version) == (decided.plugin, decided.plugin_version)
    assert decided.plugin_digest == city.plugin_digest != ""
    assert decided.rules_digest == city.rules_digest != ""
