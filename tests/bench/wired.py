"""The population under load as any release can be told it: through its calls alone.

What `ground` writes into a database is of today's schema; an earlier release has its own.
Here everything comes by calls, to which later protos only add.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import Any, Final

import grpc
from gongji.v1 import (
    account_pb2,
    account_pb2_grpc,
    binding_pb2,
    binding_pb2_grpc,
    registry_pb2,
    registry_pb2_grpc,
    settlement_pb2,
    settlement_pb2_grpc,
    types_pb2,
)
from stdnum.cn import ric

from tests.bench import ground
from tests.bench.rivals import population

PERSONS: Final = 2_000
"""Patients, as `population` has them: every fourth with a giver and no money."""

_AT_ONCE: Final = 16
_BALANCE_FEN: Final = 1_000_000_00
_MARRIED: Final = "10"
_SOURCE: Final = "民政婚姻登记"


def tell(channel: grpc.Channel) -> None:
    """Register the population, with money, bindings and half the deductibles paid.

    grpc.RpcError if the service refuses any of it; RuntimeError if a row.
    """
    _register_hospital(channel)
    import_persons(channel, range(1, PERSONS + 1))
    with ThreadPoolExecutor(_AT_ONCE) as pool:

        def every(call: Callable[[Any], Any], requests: Iterable[Any]) -> None:
            for _ in pool.map(call, requests):
                pass

        every(account_pb2_grpc.AccountServiceStub(channel).Credit, _credits())
        submit = binding_pb2_grpc.BindingServiceStub(channel).SubmitBinding
        every(_must_be_active(submit), _applications())
        settle = settlement_pb2_grpc.SettlementServiceStub(channel).Settle
        every(settle, _deductibles())


def _register_hospital(channel: grpc.Channel) -> None:
    hospital = types_pb2.Institution(
        code=population.HOSPITAL,
        name="试验医院",
        kind=types_pb2.INSTITUTION_KIND_HOSPITAL,
        hosp_lv=5,
        designated_from="2015-01-01",
    )
    messages = [
        registry_pb2.ImportInstitutionsRequest(header=_header()),
        registry_pb2.ImportInstitutionsRequest(institution=hospital),
    ]
    stub = registry_pb2_grpc.RegistryServiceStub(channel)
    _whole(stub.ImportInstitutions(iter(messages)).summary)


def import_persons(channel: grpc.Channel, places: range) -> None:
    """Import the persons at these places. RuntimeError if a row is refused."""
    messages = [registry_pb2.ImportPersonsRequest(header=_header())]
    messages += [registry_pb2.ImportPersonsRequest(person=person(p)) for p in places]
    stub = registry_pb2_grpc.RegistryServiceStub(channel)
    _whole(stub.ImportPersons(iter(messages)).summary)


def _header() -> registry_pb2.ImportHeader:
    return registry_pb2.ImportHeader(request_id=_new_id())


def _whole(summary: registry_pb2.ImportSummary) -> None:
    if summary.written != summary.received:
        first = summary.errors[0].message if summary.errors else ""
        raise RuntimeError(f"导入有 {summary.refused} 行没有写入：{first}")


def person(place: int) -> types_pb2.Person:
    """Return the row of the person at a place; a member is the giver's spouse."""
    row = types_pb2.Person(
        person_no=population.number(place),
        certificate=types_pb2.Certificate(type="01", number=_certificate(place)),
        name=_name(place),
        phone=f"1000{place:07d}",
        insured_place=population.AREA,
        contribution_base_fen=500_000,
    )
    row.enrolments.add(
        scheme=types_pb2.SCHEME_EMPLOYEE,
        psn_type="11",
        status=types_pb2.ENROLMENT_STATUS_NORMAL,
        **{"from": "2015-01-01"},
    )
    giver = population.giver_of(place)
    spouse = giver or (place + 1 if population.giver_of(place + 1) else None)
    if spouse:
        number = population.number(spouse)
        row.kin.add(person_no=number, relation=_MARRIED, source=_SOURCE)
    return row


def _name(place: int) -> str:
    return f"试验{place}"


def _certificate(place: int) -> str:
    # As in `population`: an area no city has, each certificate one of its kind.
    born = date(1960, 1, 1) + timedelta(days=place // 500)
    digits = f"341199{born:%Y%m%d}{place % 500:03d}"
    # It takes a whole number, and looks at all digits but the last.
    return digits + str(ric.calc_check_digit(digits + "0"))


def _credits() -> Iterator[account_pb2.CreditRequest]:
    for place in range(1, PERSONS + 1):
        if population.giver_of(place) is None:
            yield account_pb2.CreditRequest(
                request_id=_new_id(),
                person=_ref(place),
                brought_forward_fen=_BALANCE_FEN,
            )


def _applications() -> Iterator[binding_pb2.SubmitBindingRequest]:
    """Yield an application of each giver for the spouse, with all that may be asked."""
    for place in range(1, PERSONS + 1):
        giver = population.giver_of(place)
        if giver is None:
            continue
        request = binding_pb2.SubmitBindingRequest(
            request_id=_new_id(),
            holder=_ref(giver),
            member=_ref(place),
            relation=_MARRIED,
            purposes=[types_pb2.PURPOSE_VISIT],
            channel="wanshitong",
            identity_checks=["real_name", "e_voucher", "face"],
            member_details=binding_pb2.MemberDetails(
                name=_name(place),
                certificate_number=_certificate(place),
                phone=f"1000{place:07d}",
                insured_place=population.AREA,
            ),
        )
        request.materials.add(kind="marriage_certificate", reference="r")
        request.agreement.agreement_id = "chuzhou-family-aid-notice"
        request.agreement.version = "2025"
        request.agreement.at.GetCurrentTime()
        request.consent.method = binding_pb2.CONSENT_METHOD_OWN_ACCOUNT
        request.consent.at.CopyFrom(request.agreement.at)
        yield request


def _must_be_active(
    submit: Callable[[binding_pb2.SubmitBindingRequest], Any],
) -> Callable[[binding_pb2.SubmitBindingRequest], None]:
    """Return the call, which raises RuntimeError unless the binding is active at once."""

    def submitted(request: binding_pb2.SubmitBindingRequest) -> None:
        binding = submit(request).binding
        if binding.state != binding_pb2.BINDING_STATE_ACTIVE:
            raise RuntimeError(f"绑定没有即时生效：{binding.reason}")

    return submitted


def _deductibles() -> Iterator[settlement_pb2.SettleRequest]:
    """Yield a bill of the year's deductible for every second patient, paid in cash."""
    for place in range(1, PERSONS + 1, 2):
        bill = ground.bill(place)
        bill.total_fen = bill.in_scope_fen = ground.DEDUCTIBLE_FEN
        bill.out_of_catalogue_fen = bill.first_selfpay_fen = 0
        bill.account_use = settlement_pb2.ACCOUNT_USE_NONE
        bill.ClearField("msgid")
        yield settlement_pb2.SettleRequest(request_id=_new_id(), bill=bill)


def _ref(place: int) -> types_pb2.PersonRef:
    return types_pb2.PersonRef(person_no=population.number(place))


def _new_id() -> str:
    return str(uuid.uuid4())
