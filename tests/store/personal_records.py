"""Records of each kind that says something of a person, and what of them is secret."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from gongji.audit.hashing import base64
from gongji.model.account import Credit, FormerPremium, Premium
from gongji.model.binding import (
    AgreementAccepted,
    Binding,
    BindingEvent,
    Consent,
    Material,
)
from gongji.model.claim import ClaimEvent, ClaimItem
from gongji.model.commands import RequestRecord
from gongji.model.decided import DecidedBy
from gongji.model.people import BaseSince, Certificate, Enrolment, Kin, Mark, Person
from gongji.model.statement import IssuedStatement
from gongji.model.subject import Subject
from gongji.model.wallet import WalletAccount, WalletTransfer
from gongji.rules.codes import (
    SHANGHAI,
    BindingState,
    ClaimState,
    ConsentMethod,
    EnrolmentStatus,
    Scheme,
)
from msgspec.structs import replace

from tests.scaffold.people import claim, filing
from tests.store.conftest import settled

DAY = date(1951, 2, 3)
AT = datetime(2025, 9, 30, 9, 0, tzinfo=SHANGHAI)
RULES = DecidedBy("341100", "x", "0", "0")
SECRETS: dict[str, tuple[Any, tuple[str, ...]]] = {
    "a person": (
        Person(
            person_no="P1",
            certificate=Certificate("01", "34119919500101001X"),
            name="试验甲",
            phone="10000000001",
            first_place="341199",
            enrolments=(
                Enrolment(Scheme.EMPLOYEE, "120187", EnrolmentStatus.NORMAL, DAY),
            ),
            first_base_fen=512_345,
            bases=(BaseSince(623_456, DAY),),
            kin=(Kin("P7700001", "20", "household"),),
            died_on=date(2025, 3, 4),
            marks=(Mark("sign", "H34119900001", DAY),),
            born_on=DAY,
        ),
        (
            *("34119919500101001X", "试验甲", "10000000001", "341199", "120187"),
            *(
                "512345",
                "623456",
                "P7700001",
                "2025-03-04",
                "H34119900001",
                "1951-02-03",
            ),
        ),
    ),
    "a binding": (
        Binding(
            binding_id="B1",
            holder="P1",
            member="P2",
            relation="20",
            purposes=frozenset(),
            channel="wanshitong",
            state=BindingState.ENDED,
            submitted_at=AT,
            reason="填报有误",
            materials=(
                Material(
                    "marriage", original=True, reference="REF-10001", sha256="ab" * 32
                ),
            ),
            agreement=AgreementAccepted("AGREED-1", "1", "cd" * 32, AT),
            consent=Consent(ConsentMethod.OWN_ACCOUNT, AT, "CONSENT-1"),
            consented_by=Subject(person_no="P2", evidence="SESSION-1"),
            decided_by=RULES,
            history=(
                BindingEvent(AT, None, BindingState.ENDED, "张某某", "app", "说明甲"),
            ),
        ),
        (
            *("填报有误", "marriage", "REF-10001", "ab" * 32, "AGREED-1", "cd" * 32),
            *("CONSENT-1", "SESSION-1", "张某某", "说明甲"),
        ),
    ),
    "a settlement": (
        replace(
            settled(1, AT, AT),
            bill=replace(settled(1, AT).bill, filing_no="FILED-1"),
            reversed_why="病人要求退费",
        ),
        ("FILED-1", "病人要求退费"),
    ),
    "a credit": (
        Credit(
            *("C1", "P1", "2025-09", 1, "premium:3411", AT, AT, "重复登记", "", 0, AT),
            corrected_why="基数有误",
        ),
        ("重复登记", "基数有误"),
    ),
    "a wallet": (
        WalletAccount(
            person_no="P1",
            use_place="310100",
            phone="10000000002",
            opened_at=AT,
            decided_by=RULES,
        ),
        ("10000000002",),
    ),
    "a transfer": (
        WalletTransfer(
            transfer_id="T1",
            sender="P1",
            receiver="P2",
            relation="RELATION-1",
            fen=1,
            sent_at=AT,
            returns_at=AT,
            rules=(),
            decided_by=RULES,
        ),
        ("RELATION-1",),
    ),
    "a filing": (
        filing(
            "P1",
            areas=("FILED-AREA",),
            since=date(2031, 7, 8),
            until=date(2032, 7, 8),
            ended=date(2033, 7, 8),
        ),
        ("FILED-AREA", "2031-07-08", "2032-07-08", "2033-07-08"),
    ),
    "a claim": (
        replace(
            claim("P1"),
            bill=replace(claim("P1").bill, filing_no="FILED-2"),
            items=(ClaimItem("ITEM-1", 100_000),),
            materials=(Material("invoice", original=True, reference="PAPER-1"),),
            history=(ClaimEvent(AT, ClaimState.RETURNED, "R-1", "清单不全"),),
        ),
        ("FILED-2", "ITEM-1", "PAPER-1", "清单不全"),
    ),
    "a premium": (
        Premium(
            premium_id="PA",
            holder="P1",
            member="P2",
            year=2026,
            fen=400_00,
            paid_at=AT,
            rules=(),
            decided_by=RULES,
            refunded_at=AT,
            refunded_why="金额有误",
            former=(
                FormerPremium(
                    premium_id="PB",
                    holder="P3",
                    fen=1,
                    paid_at=AT,
                    rules=(),
                    decided_by=RULES,
                    refunded_at=AT,
                    refunded_why="另一理由",
                ),
            ),
        ),
        ("金额有误", "另一理由"),
    ),
    "a statement": (
        IssuedStatement(
            statement_no="20250930-AAAAA-AAAAA",
            person_no="P1",
            issued_at=AT,
            caller="counter",
            content="陈** 滁州示例医院".encode(),
            key=b"KEY-OF-A-STATEMENT",
        ),
        (base64("陈** 滁州示例医院".encode()), base64(b"KEY-OF-A-STATEMENT")),
    ),
    "a request": (
        RequestRecord("R1", "app", "Submit", {}, AT, b"ANSWER-1", b"REFUSAL-1"),
        ("ANSWER-1", "REFUSAL-1"),
    ),
}
"""A record of each kind, and the texts in it that must not lie in clear."""
