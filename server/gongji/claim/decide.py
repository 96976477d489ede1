"""Reviews, decides and withdraws claims (初审、复核、撤回)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from gongji.cities.city import Cities, City
from gongji.claim.life import ClaimStep, moved
from gongji.claim.likeness import likeness_needs, similar_to
from gongji.model.claim import Claim
from gongji.model.claim_refusals import ClaimMayRepeat, ClaimPlaceChanged
from gongji.model.commands import Command, Decision
from gongji.model.facts import Facts, Need, by_key
from gongji.model.refusals import IllegalTransition, MalformedField
from gongji.rules.codes import ClaimState, pooling_area
from gongji.settlement.settle import decide_bill, settling_needs


class ReviewClaim(Command[Claim], frozen=True, kw_only=True):
    """Pass a claim on, or return it; why it is returned is told."""

    answer_type = Claim

    wire = (("passes", "verdict"),)

    claim_id: str
    reviewer: str
    passes: bool
    remark: str

    def needs(self, _: Facts) -> Iterator[Need]:
        """Return the claim."""
        yield by_key(Claim, self.claim_id)

    def decide(self, facts: Facts) -> Decision[Claim]:
        """Decide as the reviewer did.

        MalformedField if returned without a remark, ClaimNotFound, IllegalTransition.
        """
        if not self.passes:
            _refuse_without_remark(self.remark, "退回")
        step = ClaimStep.PASS_ON if self.passes else ClaimStep.RETURN
        claim = moved(facts, self.claim_id, step, who=self.reviewer, why=self.remark)
        return Decision(claim, (claim,))


class DecideClaim(Command[Claim], frozen=True, kw_only=True):
    """Pay a reviewed claim as Settle would, or refuse it; why it is refused is told."""

    answer_type = Claim

    wire = (("pays", "decision"),)

    claim_id: str
    decider: str
    pays: bool
    remark: str
    similar_checked: bool
    cities: Cities

    def needs(self, facts: Facts) -> Iterable[Need]:
        """Return the claim; to pay it also what settling its bill needs, and what is alike."""
        need = by_key(Claim, self.claim_id)
        yield need
        claim = facts.get(Claim, self.claim_id) if facts.has(need) else None
        if claim is not None and self.pays:
            yield from settling_needs(claim.bill, facts, self.cities)
            yield from likeness_needs(claim.bill)

    def decide(self, facts: Facts) -> Decision[Claim]:
        """Decide as the decider did; paid is what `decide_bill` has the fund pay.

        MalformedField if refused without a remark, ClaimNotFound, IllegalTransition also
        if the reviewer decides; to pay ClaimMayRepeat, every refusal of `decide_bill`,
        and ClaimPlaceChanged.
        """
        if not self.pays:
            _refuse_without_remark(self.remark, "不予支付")
        step = ClaimStep.PAY if self.pays else ClaimStep.REFUSE
        claim = moved(facts, self.claim_id, step, who=self.decider, why=self.remark)
        _refuse_own_review(claim, self.decider)
        if not self.pays:
            return Decision(claim, (claim,))
        self._refuse_alike(claim, facts)
        outcome = decide_bill(claim.bill, facts, self.cities)
        _refuse_elsewhere(claim, outcome.case.city)
        settled = outcome.settled(self.request.key, facts)
        settlement = settled.answer
        paid = replace(
            claim,
            settlement_id=settlement.settlement_id,
            paid_fen=settlement.funds_fen,
        )
        return Decision(paid, (paid, *settled.writes), creates=settled.creates)

    def _refuse_alike(self, claim: Claim, facts: Facts) -> None:
        # As of now: the same bill may have been settled since it was handed in.
        similar = similar_to(claim, facts)
        if similar and not self.similar_checked:
            raise ClaimMayRepeat(
                f"同一患者、机构、就诊日和金额的还有 {'、'.join(similar)}；"
                "请核对，确是另一笔的以 similar_checked 说明，重复的不予支付",
                field="similar_checked",
                similar=",".join(similar),
            )


class WithdrawClaim(Command[Claim], frozen=True, kw_only=True):
    """Take back a claim that is not decided yet."""

    answer_type = Claim

    claim_id: str

    def needs(self, _: Facts) -> Iterator[Need]:
        """Return the claim."""
        yield by_key(Claim, self.claim_id)

    def decide(self, facts: Facts) -> Decision[Claim]:
        """Decide it. ClaimNotFound, IllegalTransition."""
        who = self.request.caller
        claim = moved(facts, self.claim_id, ClaimStep.WITHDRAW, who=who)
        return Decision(claim, (claim,))


def _refuse_without_remark(remark: str, doing: str) -> None:
    if not remark:
        raise MalformedField(f"{doing}须在 remark 写明原因", field="remark")


def _refuse_elsewhere(claim: Claim, city: City) -> None:
    # Another city's fund would pay what its own office never reviewed.
    if pooling_area(city.area_code) != pooling_area(claim.decided_by.area_code):
        raise ClaimPlaceChanged(
            f"就诊日参保地已改为{city.name}，请不予支付或撤回，由该地重新受理",
            field="claim_id",
        )


def _refuse_own_review(claim: Claim, decider: str) -> None:
    reviewers = {e.who for e in claim.history if e.state is ClaimState.REVIEWED}
    if decider in reviewers:
        raise IllegalTransition(
            f"初审与复核须由两人办理：{decider} 已初审；请由另一人复核", field="decider"
        )
