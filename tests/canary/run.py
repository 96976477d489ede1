"""One run of a server with everything planted, and what it left where."""

from __future__ import annotations

import asyncio
import sqlite3
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import grpc
import pytest
from gongji.binding.workdays import Workdays
from gongji.cities.loading import load_cities
from gongji.client import log
from gongji.serve import service
from gongji.serve.metrics.page import metrics_served
from gongji.serve.settings import DATABASE, Settings
from gongji.store.genesis import stored_rows
from gongji.store.schema import Schema
from gongji.store.seal import Vault
from gongji.store.sql import SQLITE
from gongji.v1 import (
    access_pb2,
    account_pb2,
    binding_pb2,
    city_pb2,
    packet_pb2,
    registry_pb2,
    settlement_pb2,
    statement_pb2,
    types_pb2,
)
from gongji.v1.access_pb2_grpc import AccessServiceStub
from gongji.v1.account_pb2_grpc import AccountServiceStub
from gongji.v1.binding_pb2_grpc import BindingServiceStub
from gongji.v1.city_pb2_grpc import CityServiceStub
from gongji.v1.packet_pb2_grpc import PacketServiceStub
from gongji.v1.registry_pb2_grpc import RegistryServiceStub
from gongji.v1.settlement_pb2_grpc import SettlementServiceStub
from gongji.v1.statement_pb2_grpc import StatementServiceStub

from tests.canary import outputs, walked
from tests.canary.planted import (
    HOLDER,
    HOLDER_CARD,
    MEMBER,
    MEMBER_CARD,
    PLANTED,
    PLUGINS,
)
from tests.canary.planted import people as planted_people
from tests.canary.shown import planted_evidence
from tests.canary.walked import MARK
from tests.cli.started import TODAY
from tests.doors.served import INSTITUTION
from tests.scaffold.service import Service, import_header, import_rows

Call = tuple[Callable[..., Any], Any]

HOSPITAL = "H34110000002"

CALLER = "CanaryCaller7706"
"""What a caller of the sandbox calls itself: in the log, and no label of a metric."""


def new_id() -> str:
    """Return the id of another request."""
    return str(uuid.uuid4())


class CanaryRun:
    """Calls over one channel; keeps how each refused one ended, and what masks show."""

    def __init__(self, channel: grpc.Channel) -> None:
        self.registry = RegistryServiceStub(channel)
        self.bindings = BindingServiceStub(channel)
        self.settlements = SettlementServiceStub(channel)
        self.accounts = AccountServiceStub(channel)
        self.accesses = AccessServiceStub(channel)
        self.packets = PacketServiceStub(channel)
        self.statements = StatementServiceStub(channel)
        self.cities = CityServiceStub(channel)
        self.refusals = bytearray()
        self.shown = bytearray()
        self.packet = bytearray()
        self.copied = bytearray()
        self.settlement_id = ""
        self.told = bytearray()
        """What is said of planted requests to whoever made them."""
        self.plants: dict[str, str] = {}
        """Method and field in which a text was planted."""

    def ask(self, call: Callable[..., Any], request: Any) -> Any:
        """Return the reply, None if it is refused: then keep all that was said."""
        try:
            return call(request)
        except grpc.RpcError as error:
            trailers: Any = error.trailing_metadata() or ()
            for _, value in trailers:
                self.refusals += value if isinstance(value, bytes) else value.encode()
            self.refusals += str(error.details()).encode()
            return None

    def everything(self) -> None:
        """Make good calls, refused ones and malformed ones."""
        self.registry.ImportInstitutions(iter(_institutions()))
        rows = [import_header(new_id()), *import_rows(*planted_people())]
        self.registry.ImportPersons(iter(rows))
        binding_id = self._bound()
        self._settled()
        self._credited()
        for call, request in self._refused(binding_id):
            self.ask(call, request)
        institution = registry_pb2.GetInstitutionRequest(code=HOSPITAL)
        # A fault of ours, which says what it was about.
        self.ask(self.registry.GetInstitution, institution)
        for number in (HOLDER, MEMBER):
            ref = types_pb2.PersonRef(person_no=number)
            request = registry_pb2.GetPersonRequest(person=ref)
            reply = self.registry.GetPerson(request, metadata=_for(number))
            self.shown += reply.SerializeToString()
        self._asked()

    def _asked(self) -> None:
        """Ask for what anybody, an auditor and the member herself are shown."""
        listed = self.cities.ListCities(city_pb2.ListCitiesRequest())
        self.shown += listed.SerializeToString()
        packet = packet_pb2.GetPacketRequest(settlement_id=self.settlement_id)
        self.packet += self.packets.GetPacket(packet).SerializeToString()
        ref = types_pb2.PersonRef(person_no=MEMBER)
        unasked = {0, statement_pb2.STATEMENT_SIDE_WALLET}  # none is open
        for side in set(statement_pb2.StatementSide.values()) - unasked:
            issue = statement_pb2.IssueStatementRequest(person=ref, side=side)
            issued = self.statements.IssueStatement(issue)
            self.shown += issued.SerializeToString()
        account = account_pb2.GetAccountRequest(person=ref)
        self.accounts.GetAccount(account, metadata=(("x-gongji-caller", CALLER),))
        copy = access_pb2.ExportPersonRequest(person=ref)
        for page in self.accesses.ExportPerson(copy, metadata=_for(MEMBER)):
            self.copied += page.SerializeToString()

    def walk(self, channel: grpc.Channel) -> None:
        """Plant every field of every request, of metadata and of the path."""
        self.registry.ImportInstitutions(_institutions(INSTITUTION["own", "own"]))
        rows = [import_header(new_id()), *import_rows(*walked.people())]
        self.registry.ImportPersons(iter(rows))
        for plant in walked.plants(self.settlement_id):
            self.plants[plant.mark] = f"{plant.method.name} {plant.field}"
            self.told += walked.said(channel, plant)
        for field, mark, refusal in walked.subjects(channel):
            self.plants[mark] = field
            self.told += refusal
        for refusal in walked.strange(channel):
            self.refusals += refusal

    def _credited(self) -> None:
        malformed = account_pb2.CreditRequest(
            request_id=PLANTED["the holder's phone"],
            person=types_pb2.PersonRef(person_no=HOLDER),
            month=TODAY[:7],
        )
        self.ask(self.accounts.Credit, malformed)
        credit = account_pb2.CreditRequest(
            request_id=new_id(),
            person=types_pb2.PersonRef(person_no=HOLDER),
            month=TODAY[:7],
        )
        self.ask(self.accounts.Credit, credit)

    def _bound(self) -> str:
        reply = self.ask(self.bindings.SubmitBinding, application())
        assert reply is not None, bytes(self.refusals).decode(errors="replace")
        binding_id: str = reply.binding.binding_id
        review = binding_pb2.ReviewBindingRequest(
            request_id=new_id(),
            binding_id=binding_id,
            reviewer="1001",
            verdict=binding_pb2.REVIEW_VERDICT_APPROVE,
            remark=PLANTED["a reviewer's remark"],
        )
        self.ask(self.bindings.ReviewBinding, review)
        return binding_id

    def _settled(self) -> None:
        bill = Service.bill(
            patient=types_pb2.PersonRef(person_no=MEMBER),
            filing_no=PLANTED["a filing number"],
            service_day=TODAY,
        )
        request = settlement_pb2.SettleRequest(request_id=new_id(), bill=bill)
        done = self.settlements.Settle(request)
        self.settlement_id = done.settlement.settlement_id
        reverse = settlement_pb2.ReverseRequest(
            request_id=new_id(),
            settlement_id=self.settlement_id,
            why=PLANTED["why it was reversed"],
        )
        self.settlements.Reverse(reverse)

    def _refused(self, binding_id: str) -> Iterator[Call]:
        """Yield calls that say personal things and end in a refusal."""
        yield from self._refused_applications()
        yield from self._refused_look_ups()
        review = binding_pb2.ReviewBindingRequest(
            request_id=new_id(),
            binding_id=binding_id,
            reviewer="1001",
            verdict=binding_pb2.REVIEW_VERDICT_REFUSE,
            remark=PLANTED["a reviewer's remark"],
        )
        yield self.bindings.ReviewBinding, review
        yield from [(self.settlements.Settle, bill) for bill in planted_evidence()]

    def _refused_applications(self) -> Iterator[Call]:
        yield self.bindings.SubmitBinding, application()
        yield self.bindings.SubmitBinding, application(relation="99")
        yield self.bindings.SubmitBinding, application(channel="nowhere")
        wrong = binding_pb2.MemberDetails(
            name=PLANTED["the holder's name"],
            certificate_number=HOLDER_CARD,
            phone=PLANTED["the holder's phone"],
            insured_place="341100",
        )
        yield self.bindings.SubmitBinding, application(member_details=wrong)
        long = binding_pb2.MemberDetails(name=PLANTED["the member's name"] * 50)
        yield self.bindings.SubmitBinding, application(member_details=long)

    def _refused_look_ups(self) -> Iterator[Call]:
        card = types_pb2.Certificate(type="01", number=MEMBER_CARD[:-1])
        ref = types_pb2.PersonRef(certificate=card)
        yield self.registry.GetPerson, registry_pb2.GetPersonRequest(person=ref)
        yield self.accounts.GetAccount, account_pb2.GetAccountRequest(person=ref)
        yield self.accesses.ListAccesses, access_pb2.ListAccessesRequest(person=ref)
        holder, _ = planted_people()
        holder.phone += "\x00"
        yield self._import, [import_header(new_id()), *import_rows(holder)]

    def _import(self, messages: Any) -> Any:
        return self.registry.ImportPersons(iter(messages))


def application(**changes: Any) -> binding_pb2.SubmitBindingRequest:
    """Return the application of the planted holder for the planted member."""
    details = binding_pb2.MemberDetails(
        name=PLANTED["the member's name"],
        certificate_number=MEMBER_CARD,
        phone=PLANTED["the member's phone"],
        insured_place="341100",
    )
    material = binding_pb2.Material(
        kind="marriage_certificate",
        original=True,
        reference=PLANTED["a material's reference"],
    )
    fields: dict[str, Any] = {
        "request_id": new_id(),
        "holder": types_pb2.PersonRef(person_no=HOLDER),
        "member": types_pb2.PersonRef(person_no=MEMBER),
        "relation": "10",
        "purposes": [types_pb2.PURPOSE_VISIT],
        "channel": "wanshitong",
        "member_details": details,
        "materials": [material],
        "identity_checks": ["real_name", "e_voucher"],
        "agreement": _agreement(),
        "consent": _consent(),
        **changes,
    }
    return binding_pb2.SubmitBindingRequest(**fields)


def _for(number: str) -> Any:
    """Return the metadata that says for whom a call is made."""
    subject = access_pb2.Subject(
        person=types_pb2.PersonRef(person_no=number),
        identification=access_pb2.IDENTIFICATION_FACE,
        evidence="face-0001",
        purpose=access_pb2.ACCESS_PURPOSE_OWN_REQUEST,
    )
    subject.identified_at.GetCurrentTime()
    return (("x-gongji-subject-bin", subject.SerializeToString()),)


def _agreement() -> binding_pb2.AgreementAccepted:
    accepted = binding_pb2.AgreementAccepted(
        agreement_id="chuzhou-family-aid-notice", version="2025", text_sha256="0" * 64
    )
    accepted.at.GetCurrentTime()
    return accepted


def _consent() -> binding_pb2.Consent:
    given = binding_pb2.Consent(
        method=binding_pb2.CONSENT_METHOD_OWN_ACCOUNT,
        reference=PLANTED["a consent's reference"],
    )
    given.at.GetCurrentTime()
    return given


def _institutions(
    code: str = HOSPITAL,
) -> Iterator[registry_pb2.ImportInstitutionsRequest]:
    header = registry_pb2.ImportHeader(request_id=new_id())
    yield registry_pb2.ImportInstitutionsRequest(header=header)
    row = types_pb2.Institution(
        code=code,
        name="试验医院",
        kind=types_pb2.INSTITUTION_KIND_HOSPITAL,
        hosp_lv=3,
        designated_from="2020-01-01",
    )
    yield registry_pb2.ImportInstitutionsRequest(institution=row)


async def outputs_of(
    folder: Path,
    captured: pytest.CaptureFixture[bytes],
    patch: pytest.MonkeyPatch,
    *,
    walk: bool = False,
    plugins: bool = False,
) -> tuple[Mapping[str, bytes], Mapping[str, str]]:
    """Run a server over a folder with everything planted; return its outputs by name.

    With `walk` also every field of every request is planted, and commands are run: then
    also where each mark was planted. With `plugins` some are installed that cannot serve.
    """
    data = folder / "var"
    settings = Settings(address="127.0.0.1:0", data=data, sandbox=True, trace_ratio=1)
    with ExitStack() as stack:
        stack.enter_context(outputs.temporary(folder / "tmp", patch))
        spans = stack.enter_context(outputs.collected_spans(patch))
        packages = PLUGINS if plugins else ()
        stack.enter_context(outputs.installed_in(folder / "site", *packages))
        async with (
            metrics_served("127.0.0.1:0") as metrics,
            service.running(settings, load_cities(), Workdays()) as port,
        ):
            run, found = await asyncio.to_thread(
                _called, data, port.address, metrics, folder, walk=walk
            )
        found["spans"] = bytes(spans)
    printed = captured.readouterr()
    return found | _afterwards(folder, printed.err + printed.out), run.plants


def _afterwards(folder: Path, log: bytes) -> dict[str, bytes]:
    """Return what is there once the server has ended."""
    data = folder / "var"
    return {
        "log": log,
        "files afterwards": outputs.of_files(data),
        "temporary files afterwards": outputs.of_files(folder / "tmp"),
        "texts of rows": _texts(data),
    }


def _called(
    data: Path, address: str, metrics: str, folder: Path, *, walk: bool
) -> tuple[CanaryRun, dict[str, bytes]]:
    """Make all calls; return what was answered, and what commands say afterwards."""
    options = [("grpc.primary_user_agent", f"{MARK}99999")] if walk else []
    with grpc.insecure_channel(address, options) as channel:
        run = CanaryRun(channel)
        run.everything()
        if walk:
            run.walk(channel)
        # The log with its records, that an auditor hands on.
        exported = b"".join(log.exported(channel, records=True))
    found = {
        "export": outputs.decoded(exported),
        "metrics": outputs.of_page(metrics, CALLER),
        "processes": outputs.of_processes(),
        "refusals": bytes(run.refusals),
        "replies": bytes(run.shown),
        "packet": bytes(run.packet),
        "member's copy": bytes(run.copied),
        "told": bytes(run.told),
        "files while serving": outputs.of_files(data),
        "temporary files": outputs.of_files(folder / "tmp"),
    }
    if walk:
        found |= outputs.of_commands(data, address, metrics, folder)
    return run, found


def _texts(data: Path) -> bytes:
    """Return what the log tells of every row without a salt."""
    schema = Schema(Vault.ephemeral())
    texts = []
    with closing(sqlite3.connect(data / DATABASE)) as connection:
        for kind, form in schema.forms.items():
            clear = [place for place, _ in form.clear]
            for page in stored_rows(connection, SQLITE, schema.table(kind)):
                texts += [str(row[place]) for row in page for place in clear]
    return "\n".join(texts).encode()
