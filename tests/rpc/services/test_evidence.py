"""Evidence of who stood at the counter over the wire, and the tokens of a sandbox."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from random import Random
from typing import Any, NamedTuple

import grpc
import pytest
from gongji.model.evidence import SpentToken
from gongji.model.people import Institution, Person
from gongji.model.settlement import Settlement
from gongji.rpc.vouchers import MOST, SandboxIssuer
from gongji.v1 import sandbox_pb2
from gongji.v1 import settlement_pb2 as pb

from tests.scaffold import people
from tests.scaffold.service import HOSPITAL, RefusedCall, Service

VOUCHER, IDENTITY, SOCIAL = (
    pb.EVIDENCE_TYPE_E_VOUCHER,
    pb.EVIDENCE_TYPE_IDENTITY_CARD,
    pb.EVIDENCE_TYPE_SOCIAL_SECURITY_CARD,
)

OTHER_HOSPITAL = "H34110000005"

both_homes = pytest.mark.parametrize("home", ["memory", "postgres"], indirect=True)


async def issue(
    service: Service, person_no: str = "P1", institution_code: str = HOSPITAL
) -> str:
    request = sandbox_pb2.IssueVoucherRequest(
        request_id=service.new_id(),
        person_no=person_no,
        institution_code=institution_code,
    )
    return (await service.sandbox.IssueVoucher(request)).token


def voucher(token: str) -> pb.VisitEvidence:
    return pb.VisitEvidence(type=VOUCHER, number=token)


async def end(service: Service, request_id: str = "", **changes: Any) -> str:
    """Return the settlement a bill comes to, or the reason it is refused for."""
    try:
        return (await service.settle(request_id, **changes)).settlement.settlement_id
    except grpc.aio.AioRpcError as error:
        return RefusedCall.of(error).reason


@both_homes
async def test_a_reply_says_how_it_was_checked(service: Service) -> None:
    """Quote and Settle answer with type, check, rule and sentence; never with the token,
    and neither does what is read later."""
    token = await issue(service)
    bill = service.bill(evidence=voucher(token))
    quoted = await service.settlements.Quote(pb.QuoteRequest(bill=bill))
    settled = (await service.settle(evidence=voucher(token))).settlement
    stored = await service.settlement(settled.settlement_id)
    for seen in (quoted.settlement.evidence, settled.evidence, stored.evidence):
        assert (VOUCHER, pb.EVIDENCE_CHECK_ISSUER) == (seen.type, seen.checked)
        assert "visit_evidence" == seen.rule.hook
        assert "医保电子凭证，经签发方核验" == seen.in_words
    assert token not in str(settled) + str(stored) + str(quoted)
    assert not stored.bill.HasField("evidence")


@both_homes
async def test_a_retry_is_answered_although_its_token_is_spent(
    service: Service,
) -> None:
    """The same request again is the first answer: with its spent token, after the token's
    minute, with a fresh token and with none."""
    token, request_id = await issue(service), service.new_id()
    first = await service.settle(request_id, evidence=voucher(token))
    assert "EVIDENCE_TOKEN_SPENT" == await end(service, evidence=voucher(token))
    service.clock.set(service.clock() + timedelta(hours=1))
    assert "EVIDENCE_TOKEN_EXPIRED" == await end(service, evidence=voucher(token))
    fresh = await issue(service)
    for evidence in (voucher(token), voucher(fresh), None):
        again = await service.settle(request_id, evidence=evidence)
        assert again.receipt.replayed
        assert first.settlement == again.settlement
    # The fresh token was shown with what had been settled already: it was not spent.
    assert (await end(service, evidence=voucher(fresh))).startswith("S")


@both_homes
async def test_of_two_at_a_time_one_settles(service: Service) -> None:
    """However many bills show one token at a time, one is settled."""
    token = await issue(service)
    ends = await asyncio.gather(
        *[end(service, evidence=voucher(token)) for _ in range(6)]
    )
    settled = [one for one in ends if one.startswith("S")]
    assert ["EVIDENCE_TOKEN_SPENT"] * 5 == [e for e in ends if e not in settled]
    spent = await service.stored(SpentToken, SpentToken.id_of(token))
    assert settled == [spent.settlement_id]


class Issued(NamedTuple):
    """A token as the model knows it."""

    person_no: str
    institution_code: str
    at: datetime


UNKNOWN = Issued("P1", HOSPITAL, people.NOW)


class TokenModel:
    """What tokens do, told a second time: which bill each id settled, which are spent."""

    def __init__(self) -> None:
        self.issued: dict[str, Issued] = {}
        self.spent: set[str] = set()
        self.answered: dict[str, str] = {}

    def expected(self, token: str, person_no: str, place: str, now: datetime) -> str:
        """Return the reason of a refusal, "" if it is settled."""
        whose, where, at = self.issued.get(token, UNKNOWN)
        faults = {
            "TOKEN_UNKNOWN": token not in self.issued,
            "TOKEN_FOREIGN": where != place,
            "TOKEN_EXPIRED": now - at >= timedelta(seconds=60),
            "OF_ANOTHER": whose != person_no,
            "TOKEN_SPENT": token in self.spent,
        }
        return next((f"EVIDENCE_{name}" for name, is_so in faults.items() if is_so), "")


class ShownAt(NamedTuple):
    """A request as it was sent first."""

    request_id: str
    token: str
    person_no: str
    place: str


class TokenSchedule:
    """Tokens issued, shown, shown again, taken back, while minutes pass."""

    def __init__(self, service: Service, seed: int) -> None:
        self.service, self.model = service, TokenModel()
        self.random = Random(seed)  # noqa: S311 - a schedule, no secret
        self.sent: list[ShownAt] = []

    async def step(self) -> None:
        """Do the next thing, and hold it to the model."""
        act = self.random.choice(("issue", "pass", "settle", "settle", "again", "back"))
        await getattr(self, f"_{act}")()

    def _someone(self) -> tuple[str, str]:
        person_no = self.random.choice(("P1", "P1", "P2"))
        return person_no, self.random.choice((HOSPITAL, HOSPITAL, OTHER_HOSPITAL))

    async def _issue(self) -> None:
        person_no, place = self._someone()
        token = await issue(self.service, person_no, place)
        now = self.service.clock()
        self.model.issued[token] = Issued(person_no, place, now)

    async def _pass(self) -> None:
        seconds = self.random.choice((0, 1, 30, 59, 60))
        self.service.clock.set(self.service.clock() + timedelta(seconds=seconds))

    async def _settle(self) -> None:
        sent = self._shown()
        now = self.service.clock()
        expected = self.model.expected(sent.token, sent.person_no, sent.place, now)
        got = await self._send(sent)
        assert (expected or got[:1]) == (got if expected else "S")
        self.model.answered[sent.request_id] = got
        if not expected:
            self.model.spent.add(sent.token)
        self.sent.append(sent)

    def _shown(self) -> ShownAt:
        """Return one of the last tokens, mostly by whose it is, where it is."""
        token = self.random.choice(["GJSBunknown", *list(self.model.issued)[-3:]])
        person_no, place, _ = self.model.issued.get(token, UNKNOWN)
        astray = self.random.random()
        if astray < 0.15:
            person_no = {"P1": "P2", "P2": "P1"}[person_no]
        elif astray < 0.3:
            place = OTHER_HOSPITAL if place == HOSPITAL else HOSPITAL
        return ShownAt(self.service.new_id(), token, person_no, place)

    async def _again(self) -> None:
        if self.sent:
            sent = self.random.choice(self.sent)
            assert self.model.answered[sent.request_id] == await self._send(sent)

    async def _back(self) -> None:
        standing = [one for one in self.model.answered.values() if one[0] == "S"]
        if standing:
            settlement_id = self.random.choice(standing)
            stored = await self.service.stored(Settlement, settlement_id)
            if stored.reversed_at is None:
                await self.service.reverse(settlement_id=settlement_id)

    async def _send(self, sent: ShownAt) -> str:
        return await end(
            self.service,
            sent.request_id,
            patient=self.service.ref(sent.person_no),
            institution_code=sent.place,
            evidence=voucher(sent.token),
        )


@both_homes
@pytest.mark.parametrize("seed", [1])
async def test_tokens_against_the_model(service: Service, seed: int) -> None:
    """Whatever is issued, shown, sent again and taken back in whatever order while time
    passes, each token settles at most one bill: of its person, at its place, in its
    minute; and each request is always answered as at first."""
    await service.write(people.institution(5))
    schedule = TokenSchedule(service, seed)
    for _ in range(120):
        await schedule.step()
    ends = set(schedule.model.answered.values())
    refused = {one for one in ends if one.startswith("EVIDENCE")}
    assert 5 == len(refused), refused
    assert ends > refused


NO_TYPE: Any = 9

MALFORMED = [
    (pb.VisitEvidence(number="X"), "MALFORMED_FIELD bill.evidence.type"),
    (pb.VisitEvidence(type=NO_TYPE, number="X"), "MALFORMED_FIELD bill.evidence.type"),
    (pb.VisitEvidence(type=VOUCHER), "MALFORMED_FIELD bill.evidence.number"),
    (
        pb.VisitEvidence(type=VOUCHER, number="T" * 51),
        "MALFORMED_FIELD bill.evidence.number",
    ),
    (
        pb.VisitEvidence(type=VOUCHER, number="SECRET 7"),
        "MALFORMED_FIELD bill.evidence.number",
    ),
    (
        pb.VisitEvidence(type=IDENTITY, number="34119919630412011"),
        "MALFORMED_FIELD bill.evidence.number",
    ),
    (
        pb.VisitEvidence(type=IDENTITY, number="341199196304120111"),
        "CERTIFICATE_CHECKSUM bill.evidence.number",
    ),
    (
        pb.VisitEvidence(type=SOCIAL, number="A12345678"),
        "MALFORMED_FIELD bill.evidence.card_sn",
    ),
    (
        pb.VisitEvidence(type=SOCIAL, number="A12345678", card_sn="SECRET 7"),
        "MALFORMED_FIELD bill.evidence.card_sn",
    ),
]


async def test_what_is_malformed(service: Service) -> None:
    """Type, number and serial are held to their form; what was sent is never repeated."""
    for evidence, expected in MALFORMED:
        refusal = await service.not_settled(evidence=evidence)
        assert expected == refusal.named
        for sent in filter(None, (evidence.number, evidence.card_sn)):
            assert len(sent) < 2 or not [s for s in refusal.sentences if sent in s]


async def test_other_texts_are_not_the_sandboxs(service: Service) -> None:
    """A token that is none of the sandbox's own is judged by its form, as in production."""
    settled = (await service.settle(evidence=voucher("token"))).settlement
    assert pb.EVIDENCE_CHECK_FORM == settled.evidence.checked


async def test_a_reset_forgets_tokens(service: Service) -> None:
    """After a reset, which forgets what was spent, no earlier token settles anything."""
    token = await issue(service)
    assert (await end(service, evidence=voucher(token))).startswith("S")
    patient = await service.stored(Person, "P1")
    hospital = await service.stored(Institution, HOSPITAL)
    await service.sandbox.Reset(sandbox_pb2.ResetRequest(request_id=service.new_id()))
    await service.write(patient, hospital)
    assert "EVIDENCE_TOKEN_UNKNOWN" == await end(service, evidence=voucher(token))


async def test_an_issuer_remembers_so_many() -> None:
    """Beyond the most it remembers the oldest token is one it never issued."""
    issuer = SandboxIssuer(lambda: people.NOW)
    first, _ = issuer.issue("P1", HOSPITAL)
    second, _ = issuer.issue("P1", HOSPITAL)
    for _ in range(MOST - 1):
        issuer.issue("P2", HOSPITAL)
    answers = [await issuer.verify(token, HOSPITAL) for token in (first, second)]
    assert ["", "P1"] == [one.person_no for one in answers if one]
