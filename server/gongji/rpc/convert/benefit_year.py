"""What a person's year stands at: the record to its message."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from gongji.model.settlement import Accumulator
from gongji.rpc.convert.consequence import refusal_to
from gongji.rpc.convert.values import Sources, day_to, decided_by_to
from gongji.settlement.benefit_year import BenefitYear, SchemeYear
from gongji.settlement.entitlement import PurseTerms
from gongji.settlement.next_bill import (
    LevelBenefit,
    NextBill,
    StepUnderRule,
    UsablePurse,
    YearLimit,
    first_ratio_of,
    in_words,
)
from gongji.settlement.split import StepKind
from gongji.v1 import settlement_pb2 as pb
from gongji.v1 import types_pb2

_STEPS: Final = {
    StepKind.DEDUCTIBLE: pb.BENEFIT_STEP_KIND_DEDUCTIBLE,
    StepKind.RATIO: pb.BENEFIT_STEP_KIND_RATIO,
    StepKind.VISIT_LIMIT: pb.BENEFIT_STEP_KIND_VISIT_LIMIT,
    StepKind.YEAR_LIMIT: pb.BENEFIT_STEP_KIND_YEAR_LIMIT,
    StepKind.LIMIT: pb.BENEFIT_STEP_KIND_LIMIT,
    StepKind.NO_FUND: pb.BENEFIT_STEP_KIND_NO_FUND,
}


def benefit_year_to(
    year: BenefitYear, sources: Sources, shows: Callable[[str, str], bool]
) -> pb.GetBenefitYearResponse:
    """Return a year; `shows` says of a purse, and of whose year it is, whether its
    balance is told."""
    message = pb.GetBenefitYearResponse(
        person_no=year.person_no,
        day=day_to(year.day),
        service_day=day_to(year.service_day),
        year=str(year.service_day.year),
        benefits=[_scheme_to(one, sources) for one in year.schemes],
    )
    for benefit in message.benefits:
        for purse in benefit.purses:
            if not shows(purse.purse, year.person_no):
                purse.ClearField("balance")
    return message


def _scheme_to(year: SchemeYear, sources: Sources) -> pb.BenefitYear:
    message = pb.BenefitYear(
        scheme=types_pb2.Scheme.ValueType(year.used.scheme),
        area_code=_area_of(year.used),
        open=year.next_bill is not None,
        deductible_used_fen=year.used.deductible_used_fen,
        fund_paid_fen=year.used.fund_paid_fen,
        refusal=refusal_to(year.refusal) if year.refusal else None,
    )
    if year.next_bill is not None:
        message.MergeFrom(_Rules(sources, message.area_code).next_to(year.next_bill))
    return message


def _area_of(used: Accumulator) -> str:
    return f"{used.pooling_area}00"


class _Rules:
    """Turns what the next bill would get into messages, each rule as its city has it."""

    def __init__(self, sources: Sources, area_code: str) -> None:
        self._sources = sources
        self._area_code = area_code

    def next_to(self, bill: NextBill) -> pb.BenefitYear:
        """Return what the next bill would get, alone."""
        return pb.BenefitYear(
            psn_type=bill.psn_type,
            deductible_limit=self._limit_to(bill.deductible_limit),
            fund_limit=self._limit_to(bill.fund_limit),
            levels=map(self._level_to, bill.levels),
            purses=map(self._purse_to, bill.purses),
            decided_by=decided_by_to(bill.decided_by),
        )

    def _limit_to(self, limit: YearLimit | None) -> pb.BenefitLimit | None:
        if limit is None:
            return None
        return pb.BenefitLimit(
            fen=limit.fen,
            left_fen=limit.left_fen,
            rule=self._sources.rule_to(self._area_code, limit.rule),
        )

    def _level_to(self, level: LevelBenefit) -> pb.BenefitLevel:
        grade = level.grade
        return pb.BenefitLevel(
            kind=types_pb2.InstitutionKind.ValueType(grade.kind),
            level=level.terms.level,
            unranked=grade.level is None and not grade.is_pharmacy,
            deductible=self._limit_to(level.deductible),
            visit_limit=self._limit_to(level.visit_limit),
            ratio_bp=first_ratio_of(level.terms.benefit),
            next_yuan_fund_fen=level.next_yuan_fen,
            steps=map(self._step_to, level.steps),
            rule=self._sources.rule_to(self._area_code, level.terms.rule),
            in_words=in_words(level),
        )

    def _step_to(self, under: StepUnderRule) -> pb.BenefitStep:
        step = under.step
        return pb.BenefitStep(
            kind=_STEPS[step.kind],
            until_fen=step.until_fen or 0,
            ratio_bp=step.ratio_bp,
            fund_fen=step.fund_fen,
            rule=self._sources.rule_to(self._area_code, under.rule),
        )

    def _purse_to(self, purse: UsablePurse) -> pb.BenefitPurse:
        account = purse.account
        return pb.BenefitPurse(
            purse=account.person_no,
            balance=pb.PurseBalance(fen=account.balance_fen, version=account.version),
            at_hospital=self._use_to(purse.at_hospital),
            at_pharmacy=self._use_to(purse.at_pharmacy),
        )

    def _use_to(self, terms: PurseTerms) -> pb.PurseUse:
        return pb.PurseUse(
            may_pay=bool(terms.purse.pays),
            rule=self._sources.rule_to(self._area_code, terms.rule),
            in_words=terms.denied,
        )
