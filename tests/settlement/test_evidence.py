"""What is shown at the counter: accepted by the insured city's rule, held to the patient."""

from __future__ import annotations

from datetime import date

import msgspec
import pytest
from gongji.cities.anhui.evidence import T111, T113
from gongji.model.evidence import (
    EvidenceSeen,
    ShownEvidence,
    SpentToken,
    TokenAnswer,
    TokenFault,
    VisitEvidence,
)
from gongji.model.people import Certificate
from gongji.model.refusals import Refusal
from gongji.model.settlement import Bill, Settlement
from gongji.rules.clauses import Clause, ruled
from gongji.rules.codes import EvidenceCheck, EvidenceType
from gongji.rules.evidence import EvidenceAccepted, EvidenceTerms
from gongji.settlement.recompute import Recompute
from gongji.settlement.resettle import Resettle, Returned
from gongji.settlement.settle import QuoteOnce, Settle

from tests.scaffold.people import ANQING
from tests.scaffold.world import NewWorld, World

CLAUSE = Clause("L1", "只认电子凭证。", "测试")

ONLY_VOUCHERS = EvidenceAccepted(
    types=(EvidenceType.E_VOUCHER,), required=True, clauses=(CLAUSE,)
)

CARD = "A12345678"

NUMBER = World.identity_number(0)
"""Of P1, who is the first of the world."""

VOUCHER, IDENTITY, SOCIAL = EvidenceType


def town(new_world: NewWorld, rule: object = None) -> World:
    """Return P1 with a hospital here and one in Anqing, under a rule of one's own."""
    world = new_world(visit_evidence=rule) if rule else new_world()
    world.person("P1")
    world.hospital(2)
    world.hospital(2, ANQING)
    return world


def shown(
    kind: EvidenceType, number: str = "X", answer: TokenAnswer | None = None
) -> ShownEvidence:
    return ShownEvidence(VisitEvidence(kind, number, "SN1"), answer)


def settle(world: World, bill: Bill, what: ShownEvidence | None) -> Settlement:
    return world.do(Settle(world.request(), bill, world.cities, what))


def told(refusal: Refusal, what: ShownEvidence | None) -> str:
    """Return the reason of a refusal that names clause and field, and no number."""
    assert refusal.clauses
    assert refusal.field.startswith("bill.evidence")
    assert what is None or what.evidence.number not in refusal.message
    return refusal.reason()


def outcome(world: World, bill: Bill, what: ShownEvidence | None) -> str:
    """Return how it was checked, or the reason of the refusal; a quote says the same."""
    ends = []
    for query in (
        QuoteOnce(bill, world.cities, what),
        Settle(world.request(), bill, world.cities, what),
    ):
        try:
            seen = world.decide(query).answer.evidence
            ends.append(seen.checked.name if seen else "NOTHING")
        except Refusal as refusal:
            ends.append(told(refusal, what))
    assert ends[0] == ends[1]
    return ends[0]


STANDS = TokenAnswer("P1", "T")

ENDS: list[tuple[str, ShownEvidence | None, str, str]] = [
    ("nothing", None, "NOTHING", "NOTHING"),
    ("his number", shown(IDENTITY, NUMBER), "REGISTRY", "EVIDENCE_NOT_ACCEPTED"),
    (
        "another's",
        shown(IDENTITY, World.identity_number(1)),
        "EVIDENCE_OF_ANOTHER",
        "EVIDENCE_NOT_ACCEPTED",
    ),
    # The registry knows an identity card: of the social-security card it says nothing.
    ("a card", shown(SOCIAL, CARD), "FORM", "FORM"),
    ("a token nobody was asked of", shown(VOUCHER), "FORM", "FORM"),
    ("a token", shown(VOUCHER, answer=STANDS), "ISSUER", "ISSUER"),
    (
        "another's token",
        shown(VOUCHER, answer=TokenAnswer("P2", "T")),
        "EVIDENCE_OF_ANOTHER",
        "EVIDENCE_OF_ANOTHER",
    ),
    *(
        (
            f"{fault.value} token",
            shown(VOUCHER, answer=TokenAnswer(fault=fault)),
            f"EVIDENCE_TOKEN_{fault.name}",
            f"EVIDENCE_TOKEN_{fault.name}",
        )
        for fault in TokenFault
    ),
]


@pytest.mark.parametrize(
    ("what", "at_home", "elsewhere"),
    [end[1:] for end in ENDS],
    ids=[end[0] for end in ENDS],
)
def test_what_is_shown(
    new_world: NewWorld, what: ShownEvidence | None, at_home: str, elsewhere: str
) -> None:
    """By the province: cards and vouchers anywhere, identity cards at home only, and
    always the patient's own."""
    world = town(new_world)
    assert at_home == outcome(world, world.visit("P1", 100_00), what)
    away = world.visit(
        "P1",
        100_00,
        institution_code=f"H{ANQING}00002",
        filing_no=world.filed("P1"),
    )
    assert elsewhere == outcome(world, away, what)


def test_a_registered_card(new_world: NewWorld) -> None:
    """A card the registry knows (psn_cert_type 90) is held to its number; then of an
    identity card it says nothing."""
    world = town(new_world)
    world.person("P2", certificate=Certificate("90", CARD))
    bill = world.visit("P2", 100_00)
    ends = {
        "REGISTRY": shown(SOCIAL, CARD.lower()),
        "EVIDENCE_OF_ANOTHER": shown(SOCIAL, "B12345678"),
        "FORM": shown(IDENTITY, NUMBER),
    }
    for end, what in ends.items():
        assert end == outcome(world, bill, what)


def test_a_number_that_was_erased_is_not_compared(new_world: NewWorld) -> None:
    """Of somebody whose certificate was erased the form alone is judged."""
    world = town(new_world)
    world.person("P2", certificate=Certificate("01", ""))
    assert "FORM" == outcome(world, world.visit("P2", 100_00), shown(IDENTITY, NUMBER))


def test_a_city_rules_otherwise(new_world: NewWorld) -> None:
    """A city that asks for a voucher refuses a bill without, by its clause, and says what
    it accepts."""
    terms = EvidenceTerms(at_home=ONLY_VOUCHERS, elsewhere=ONLY_VOUCHERS)
    rule = ruled(terms, since="2022-07-01", clauses=[CLAUSE])
    world = town(new_world, rule)
    bill = world.visit("P1", 100_00)
    assert "EVIDENCE_REQUIRED" == outcome(world, bill, None)
    assert "EVIDENCE_NOT_ACCEPTED" == outcome(world, bill, shown(SOCIAL, CARD))
    assert "FORM" == outcome(world, bill, shown(VOUCHER))
    with pytest.raises(Refusal) as refused:
        settle(world, bill, shown(SOCIAL, CARD))
    assert [CLAUSE] == list(refused.value.clauses)
    assert "EVIDENCE_TYPE_E_VOUCHER" == refused.value.metadata["allowed"]
    assert "本地就医认医保电子凭证，不认社会保障卡" in refused.value.message


def test_a_rule_counts_from_its_day(new_world: NewWorld) -> None:
    """What is accepted follows the day of the visit, not that of settlement."""
    lenient = EvidenceAccepted(types=(SOCIAL,), clauses=(CLAUSE,))
    before = EvidenceTerms(at_home=lenient, elsewhere=lenient)
    after = EvidenceTerms(at_home=ONLY_VOUCHERS, elsewhere=ONLY_VOUCHERS)
    rules = ruled(before, since="2022-07-01", clauses=[CLAUSE]) + ruled(
        after, since="2025-09-30", clauses=[CLAUSE]
    )
    world = town(new_world, rules)
    first = world.visit("P1", 100_00, service_day=date(2025, 9, 29))
    assert "NOTHING" == outcome(world, first, None)
    second = world.visit("P1", 100_00, service_day=date(2025, 9, 30))
    assert "EVIDENCE_REQUIRED" == outcome(world, second, None)


def test_kind_and_check_alone_are_kept(new_world: NewWorld) -> None:
    """A settlement keeps type, check and rule, what is judged by its form also why; no
    number, no serial is in anything written or shown."""
    world = town(new_world)
    what = shown(SOCIAL, CARD)
    settled = settle(world, world.visit("P1", 100_00), what)
    assert settled.evidence is not None
    rule = settled.evidence.rule
    assert EvidenceSeen(SOCIAL, EvidenceCheck.FORM, rule) == settled.evidence
    assert "visit_evidence" == rule.hook
    assert {"H11", T111.id, T113.id} <= set(rule.clauses)
    written = msgspec.json.encode(list(world.records.values())).decode()
    for secret in (CARD, "SN1"):
        assert secret not in written
        assert secret not in repr(what)


def test_a_settlement_of_before_has_none(new_world: NewWorld) -> None:
    """A document without the field is a settlement without evidence, written as it was."""
    world = town(new_world)
    settled = settle(world, world.visit("P1", 100_00), None)
    document = msgspec.json.encode(settled)
    assert b'"evidence"' not in document
    assert settled == msgspec.json.decode(document, type=Settlement)


def test_a_token_is_spent_by_the_settlement(new_world: NewWorld) -> None:
    """A quote and a refused bill spend nothing, a settlement does, and its reversal gives
    nothing back."""
    world = town(new_world)
    what = shown(VOUCHER, answer=STANDS)
    bill = world.visit("P1", 100_00)
    world.do(QuoteOnce(bill, world.cities, what))
    with pytest.raises(Refusal):
        settle(world, world.visit("P9", 100_00), what)
    assert [] == world.all(SpentToken)
    settled = settle(world, bill, what)
    assert [SpentToken("T", settled.settlement_id)] == world.all(SpentToken)
    world.reverse(settled.settlement_id)
    assert "EVIDENCE_TOKEN_SPENT" == outcome(world, bill, what)


def test_it_is_not_judged_again(new_world: NewWorld) -> None:
    """Who the patient is said to be later changes no settlement, and one that takes its
    place says what was shown then."""
    world = town(new_world)
    settled = settle(world, world.visit("P1", 100_00), shown(IDENTITY, NUMBER))
    world.person("P1", certificate=Certificate("01", World.identity_number(7)))
    recomputed = world.decide(Recompute(settled.settlement_id, world.cities)).answer
    assert () == recomputed.as_now.different
    part = Returned(in_scope_fen=40_00)
    again = world.do(
        Resettle(
            world.request("Resettle"),
            settled.settlement_id,
            later=False,
            returned=part,
            why="",
            cities=world.cities,
        )
    ).settlements[0]
    assert again.after is not None
    assert settled.evidence == again.after.evidence
