"""When agreement and consent were given: between the rule's first day and now."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from functools import partial
from typing import Final

from msgspec.structs import replace

from gongji.binding.case import Case, Change, Unmet, not_met
from gongji.model.conditions import ConditionCode, FieldRef, StepAction, WayStep
from gongji.rules.codes import SHANGHAI
from gongji.rules.hookspecs import CityRules

CLOCK_SKEW: Final = timedelta(minutes=5)
"""How far a channel's clock may be ahead of ours: machines that are not synchronised
drift by minutes a year, and evidence given this moment must not be refused for it."""


def evidence_in_time(case: Case, now: datetime) -> Iterator[Unmet]:
    """Agreement and consent that are there were given under their rule, and not in future."""
    agreement, consent = case.application.agreement, case.application.consent
    if agreement is not None:
        since = case.rules.answer(CityRules.agreement).since
        fault = _fault("同意协议的时刻", agreement.at, since, now)
        change = _state("agreement.at", "同意协议", partial(_agreed, now=now))
        if fault:
            code = ConditionCode.AGREEMENT_TIME_WRONG
            yield not_met(case, CityRules.agreement, code, fault, change)
    if consent is not None:
        since = case.rules.answer(CityRules.consent).since
        fault = _fault("使用人同意的时刻", consent.at, since, now)
        change = _state("consent.at", "使用人同意", partial(_consented, now=now))
        if fault:
            code = ConditionCode.CONSENT_TIME_WRONG
            yield not_met(case, CityRules.consent, code, fault, change)


def _state(path: str, what: str, apply: Callable[[Case], Case]) -> Change:
    """State when it was done."""
    step = WayStep(StepAction.SET, (FieldRef(path),), f"按{what}的实际时刻填写")
    return Change(step, apply)


def _fault(what: str, at: datetime, since: date, now: datetime) -> str:
    """Return what is wrong with an instant of evidence, nothing if it is right."""
    at = at.astimezone(SHANGHAI)
    sentence = f"{what}（{at:%Y-%m-%d %H:%M:%S}）"
    if at > now + CLOCK_SKEW:
        return f"{sentence}晚于现在（{now.astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}）"
    return f"{sentence}早于这条规则的施行日 {since}" if at.date() < since else ""


def _agreed(case: Case, now: datetime) -> Case:
    agreement = case.application.agreement
    return case.applying(agreement=agreement and replace(agreement, at=now))


def _consented(case: Case, now: datetime) -> Case:
    consent = case.application.consent
    return case.applying(consent=consent and replace(consent, at=now))
