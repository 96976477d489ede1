"""Cities and servers with one fault each, and the law or case that is meant to find it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import gongji_chuzhou
import grpc
from gongji import (
    CLOSE,
    BonusPoints,
    ConsentTerms,
    FamilyLimit,
    MemberField,
    PurseKind,
    PurseOrder,
    Reversal,
    Rounding,
    Scheme,
    Scope,
    Standing,
    Use,
)
from gongji.cities import anhui
from gongji.cities.city import City
from gongji.cities.loading import city_from
from gongji.v1 import account_pb2, binding_pb2, city_pb2, registry_pb2, settlement_pb2
from seeded.forms import FORMS
from seeded.listing import one_row_each
from seeded.meddler import Lied, Meddling, meddle
from seeded.movements import MOVEMENTS
from seeded.refusals import REFUSALS
from seeded.retries import RETRIES

Change = Callable[[Any], Any]

CITY: Final = "chuzhou"


@dataclass(frozen=True)
class BadCity:
    """Chuzhou with another value of one rule, as `change` makes it of the right one."""

    hook: str
    change: Change
    caught_by: str

    def city(self) -> City:
        """The city."""
        answer = getattr(gongji_chuzhou, self.hook, None) or getattr(anhui, self.hook)
        timeline = tuple(
            replace(ruled, value=self.change(ruled.value)) for ruled in answer()
        )
        return city_from(gongji_chuzhou, pinyin=CITY, overrides={self.hook: timeline})


@dataclass(frozen=True)
class BadServer:
    """An honest server whose answers to some methods are meddled with."""

    meddling: Mapping[str, Meddling]
    caught_by: str


def _table(**changes: Any) -> Change:
    """The table of employees with these changes."""
    return lambda tables: {
        **tables,
        Scheme.EMPLOYEE: replace(tables[Scheme.EMPLOYEE], effects=None, **changes),
    }


def _each(change: Change) -> Change:
    """The same change at every channel."""
    return lambda channels: {key: change(value) for key, value in channels.items()}


CITIES: Final = {
    "a deductible one yuan short": BadCity(
        "reimbursement",
        _table(deductible_fen={1: 799_00, 2: 799_00, 3: 799_00}),
        "CHUZHOU-SETTLE-001",
    ),
    "a ratio one point short": BadCity(
        "reimbursement",
        _table(ratio_bp={1: 60_00, 2: 54_00, 3: 50_00}),
        "CHUZHOU-SETTLE-002",
    ),
    "retired people one point short": BadCity(
        "reimbursement",
        _table(retired=BonusPoints(above_active_bp=4_00)),
        "CHUZHOU-SETTLE-003",
    ),
    "a cap one fen short": BadCity(
        "reimbursement",
        _table(cap_fen={Standing.ACTIVE: 1999_99, Standing.RETIRED: 2000_00}),
        "CHUZHOU-SETTLE-004",
    ),
    "half a fen dropped": BadCity(
        "reimbursement", _table(rounding=Rounding.DOWN), "CHUZHOU-SETTLE-006"
    ),
    "pharmacies paid like level 1": BadCity(
        "reimbursement", _table(pharmacy=1), "CHUZHOU-SETTLE-008"
    ),
    "residents paid like employees": BadCity(
        "reimbursement",
        lambda tables: dict.fromkeys(tables, tables[Scheme.EMPLOYEE]),
        "CHUZHOU-SETTLE-008",
    ),
    "an exclusion forgotten": BadCity(
        "exclusions", lambda rows: rows[:-1], "CHUZHOU-SETTLE-007"
    ),
    "a family of eight": BadCity(
        "family_limit",
        lambda _: FamilyLimit(people=8, counting_holder=True),
        "CHUZHOU-BIND-003",
    ),
    "the holder not counted": BadCity(
        "family_limit",
        lambda _: FamilyLimit(people=7, counting_holder=False),
        "CHUZHOU-BIND-003",
    ),
    "no proofs asked": BadCity("materials", _each(lambda _: ()), "CHUZHOU-BIND-004"),
    "an identity check forgotten": BadCity(
        "identity_checks",
        _each(lambda checks: frozenset(list(checks)[:1])),
        "CHUZHOU-BIND-005",
    ),
    "the phone not asked": BadCity(
        "fields_asked",
        _each(lambda fields: fields - {MemberField.PHONE}),
        "CHUZHOU-BIND-006",
    ),
    "residents bound for visits": BadCity(
        "member_terms",
        lambda terms: {
            p: replace(t, schemes=frozenset(Scheme)) for p, t in terms.items()
        },
        "CHUZHOU-BIND-007",
    ),
    "siblings bound": BadCity("relations", lambda _: CLOSE, "CHUZHOU-BIND-009"),
    "the whole province bound": BadCity(
        "scope", lambda _: Scope.PROVINCE, "CHUZHOU-BIND-010"
    ),
    "a consent nobody asks for": BadCity(
        "consent",
        lambda _: ConsentTerms(required=True, guardian_below_years=18),
        "CHUZHOU-BIND-012",
    ),
    "the giver's purse first": BadCity(
        "purse_order",
        lambda _: PurseOrder(order=(PurseKind.GIVERS, PurseKind.OWN)),
        "CHUZHOU-PURSE-001",
    ),
    "fitness from the purse": BadCity(
        "uses", lambda uses: replace(uses, never=frozenset()), "CHUZHOU-PURSE-002"
    ),
    "three percent credited": BadCity(
        "account_crediting",
        lambda terms: replace(terms, active_ratio_bp=3_00),
        "CHUZHOU-PURSE-004",
    ),
    "a step missing in the guide": BadCity(
        "unbinding",
        lambda u: replace(u, procedure=replace(u.procedure, steps=())),
        "CHUZHOU-GUIDE-002",
    ),
    "only the last reversed": BadCity(
        "reversal", lambda _: Reversal.LAST_FIRST, "CHUZHOU-PURSE-001"
    ),
    "bound for premiums it does not take": BadCity(
        "uses",
        lambda uses: replace(uses, aid_at=uses.aid_at - {Use.RESIDENT_PREMIUM}),
        "CORE-PREMIUM-001",
    ),
}
"""Faults of rules by what they are."""


# --- servers ----------------------------------------------------------------------


def _settling(change: Callable[[Any], None]) -> Meddling:
    """Changes the settlement that is answered."""

    def changed(request: Any, honest: Callable[[Any], Any]) -> Any:
        answer = honest(request)
        change(answer.settlement)
        return answer

    return meddle(settlement_pb2.SettleRequest, settlement_pb2.SettleResponse, changed)


def _a_fen_more(settlement: Any) -> None:
    settlement.lines[-1].fen += 1


def _all_from_the_fund(settlement: Any) -> None:
    settlement.fund_fen += settlement.cash_fen
    settlement.patient_part_fen -= settlement.cash_fen
    settlement.cash_fen = 0


def _too_much_left(settlement: Any) -> None:
    for movement in settlement.movements:
        movement.balance_after_fen += 1


def _year_forgotten(settlement: Any) -> None:
    settlement.fund_paid_after_fen = settlement.fund_fen


def _never_replayed(request: Any, honest: Callable[[Any], Any]) -> Any:
    answer = honest(request)
    answer.receipt.replayed = False
    return answer


class _Forgetful:
    """Answers any request with a known id as the first, whatever else it says."""

    def __init__(self) -> None:
        self._answers: dict[str, Any] = {}

    def __call__(self, request: Any, honest: Callable[[Any], Any]) -> Any:
        if request.request_id not in self._answers:
            self._answers[request.request_id] = honest(request)
        return self._answers[request.request_id]


def _blunt(sent: bytes, honest: Callable[[bytes], bytes]) -> bytes:
    """Whatever the honest server refuses ends as INTERNAL."""
    try:
        return honest(sent)
    except grpc.RpcError as refused:
        raise Lied(grpc.StatusCode.INTERNAL, "出错了") from refused


def _indiscreet(
    request: binding_pb2.SubmitBindingRequest, honest: Callable[[Any], Any]
) -> Any:
    """A refusal quotes what was typed."""
    try:
        return honest(request)
    except grpc.RpcError as refused:
        raise Lied(
            grpc.StatusCode.FAILED_PRECONDITION,
            request.member_details.certificate_number,
        ) from refused


def _whatever_channel(
    request: binding_pb2.SubmitBindingRequest, honest: Callable[[Any], Any]
) -> Any:
    """Takes an unknown channel for one it knows."""
    request.channel = (
        "wanshitong" if request.channel == "carrier_pigeon" else request.channel
    )
    return honest(request)


def _always_for_good(
    request: binding_pb2.SubmitBindingRequest, honest: Callable[[Any], Any]
) -> Any:
    """Takes every pre-check for the real thing."""
    request.validate_only = False
    return honest(request)


def _ever_in_force(
    request: city_pb2.GetCityRequest, honest: Callable[[Any], Any]
) -> Any:
    """Answers any day with the rules of a day in force."""
    if request.day == "2022-06-30":
        request.day = "2022-07-01"
    return honest(request)


def _unsourced(request: Any, honest: Callable[[Any], Any]) -> Any:
    answer = honest(request)
    for clause in answer.rules[0].clauses:
        clause.text = ""
    return answer


def _half_a_guide(request: Any, honest: Callable[[Any], Any]) -> Any:
    answer = honest(request)
    answer.text = answer.text.replace("皖事通", "某平台")
    return answer


def _without_premium(request: Any, honest: Callable[[Any], Any]) -> Any:
    """Declares not to pay premiums; what it does is another matter."""
    answer = honest(request)
    for rule in answer.rules:
        if rule.hook == "uses":
            value = json.loads(rule.value_json)
            rule.value_json = json.dumps(
                {**value, "aid_at": ["outpatient", "pharmacy"]}
            )
    return answer


def _nosy(request: Any, honest: Callable[[Any], Any]) -> Any:
    """A holder sees what the whole bill came to."""
    answer = honest(request)
    for row in answer.rows:
        row.total_fen = 1680_00
    return answer


def _unmasked(request: Any, honest: Callable[[Any], Any]) -> Any:
    answer = honest(request)
    answer.person.phone = answer.person.phone.replace("****", "1234")
    return answer


def _deaf_to_early_reversals(request: Any, honest: Callable[[Any], Any]) -> Any:
    """Forgets a reversal that came before its settlement."""
    if request.settle_request_id:
        raise Lied(grpc.StatusCode.NOT_FOUND, "没有这笔结算")
    return honest(request)


_SETTLE: Final = (settlement_pb2.SettleRequest, settlement_pb2.SettleResponse)
_REVERSE: Final = (settlement_pb2.ReverseRequest, settlement_pb2.ReverseResponse)
_SUBMIT: Final = (binding_pb2.SubmitBindingRequest, binding_pb2.SubmitBindingResponse)
_CREDIT: Final = (account_pb2.CreditRequest, account_pb2.CreditResponse)
_CITY: Final = (city_pb2.GetCityRequest, city_pb2.GetCityResponse)
_GUIDE: Final = (city_pb2.GetGuideRequest, city_pb2.GetGuideResponse)
_PERSON: Final = (registry_pb2.GetPersonRequest, registry_pb2.GetPersonResponse)
_LISTED: Final = (
    settlement_pb2.ListSettlementsRequest,
    settlement_pb2.ListSettlementsResponse,
)

SERVERS: Final = {
    "lines a fen above the bill": BadServer(
        {"Settle": _settling(_a_fen_more)}, "CORE-SETTLE-001"
    ),
    "the fund pays all": BadServer(
        {"Settle": _settling(_all_from_the_fund)}, "CORE-SETTLE-002"
    ),
    "a year forgotten": BadServer(
        {"Settle": _settling(_year_forgotten)}, "CORE-SETTLE-006"
    ),
    "a balance a fen too high": BadServer(
        {"Settle": _settling(_too_much_left)}, "CORE-SETTLE-004"
    ),
    "a holder who sees the total": BadServer(
        {"ListSettlements": meddle(*_LISTED, _nosy)}, "CORE-SETTLE-007"
    ),
    "a list without refunds": BadServer(
        {"ListSettlements": meddle(*_LISTED, one_row_each)}, "CORE-SETTLE-009"
    ),
    **{
        fault: BadServer(*bad)
        for fault, bad in (MOVEMENTS | FORMS | REFUSALS | RETRIES).items()
    },
    "a replay that does not say so": BadServer(
        {"Credit": meddle(*_CREDIT, _never_replayed)}, "CORE-REQUEST-001"
    ),
    "another bill under a used id": BadServer(
        {"Settle": meddle(*_SETTLE, _Forgetful())}, "CORE-REQUEST-004"
    ),
    "a pre-check taken for real": BadServer(
        {"SubmitBinding": meddle(*_SUBMIT, _always_for_good)}, "CORE-REQUEST-007"
    ),
    "an early reversal forgotten": BadServer(
        {"Reverse": meddle(*_REVERSE, _deaf_to_early_reversals)}, "CORE-REQUEST-008"
    ),
    "bad input as INTERNAL": BadServer({"Settle": _blunt}, "CORE-INPUT-001"),
    "a phone unmasked": BadServer(
        {"GetPerson": meddle(*_PERSON, _unmasked)}, "CORE-PRIVACY-001"
    ),
    "a refusal that quotes an identity number": BadServer(
        {"SubmitBinding": meddle(*_SUBMIT, _indiscreet)}, "CORE-PRIVACY-003"
    ),
    "an unknown channel taken": BadServer(
        {"SubmitBinding": meddle(*_SUBMIT, _whatever_channel)}, "CORE-RULES-005"
    ),
    "an answer before the first rule": BadServer(
        {"GetCity": meddle(*_CITY, _ever_in_force)}, "CORE-RULES-006"
    ),
    "a clause without its sentence": BadServer(
        {"GetCity": meddle(*_CITY, _unsourced)}, "CORE-RULES-002"
    ),
    "a channel missing in the guide": BadServer(
        {"GetGuide": meddle(*_GUIDE, _half_a_guide)}, "CORE-RULES-004"
    ),
    "premiums taken though declared not to be": BadServer(
        {"GetCity": meddle(*_CITY, _without_premium)}, "CORE-PREMIUM-001"
    ),
}
"""Faults of servers by what they are."""
