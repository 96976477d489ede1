"""Agreement and consent lie between their rule's first day and now."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Literal

import pytest
from gongji.binding.evidence import CLOCK_SKEW
from gongji.model.binding import Application, Consent
from gongji.model.people import Kin
from gongji.model.refusals import NotEligible
from gongji.rules.codes import SHANGHAI, ConsentMethod
from msgspec.structs import replace

from tests.binding.applying import TUESDAY, Applicants

SPOUSES = {"kin": (Kin("M", "10", "户籍"),)}

Evidence = Literal["agreement", "consent"]

FIRST = datetime(2022, 7, 1, tzinfo=SHANGHAI)
"""The first instant of the first rules (C53, A6)."""

MOMENT = timedelta(microseconds=1)

ACCEPTED = [FIRST, TUESDAY, TUESDAY + CLOCK_SKEW]

REFUSED = {
    "a moment before the rule": (FIRST - MOMENT, "早于这条规则的施行日 2022-07-01"),
    "a moment ahead of any clock": (TUESDAY + CLOCK_SKEW + MOMENT, "晚于现在"),
    "the first year an instant can name": (
        datetime(1900, 1, 2, tzinfo=SHANGHAI),
        "早于",
    ),
    "the last": (datetime(2199, 12, 31, tzinfo=SHANGHAI), "晚于现在"),
}


CALLED = {"agreement": "同意协议的时刻", "consent": "使用人同意的时刻"}


def given(world: Applicants, evidence: Evidence, at: datetime) -> Application:
    """Return an application with one of its evidences given at an instant."""
    application = world.application("wanshitong")
    agreement, consent = application.agreement, application.consent
    assert agreement
    assert consent
    if evidence == "agreement":
        return replace(application, agreement=replace(agreement, at=at))
    return replace(application, consent=replace(consent, at=at))


@pytest.mark.parametrize("at", ACCEPTED)
@pytest.mark.parametrize("evidence", ["agreement", "consent"])
def test_evidence_in_time(evidence: Evidence, at: datetime) -> None:
    """Any instant from the rule's first day on counts, a clock a little ahead included."""
    world = Applicants("anqing", holder=SPOUSES)
    assert world.submit(given(world, evidence, at)).active_at


@pytest.mark.parametrize(("at", "why"), REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("evidence", ["agreement", "consent"])
def test_evidence_out_of_time(evidence: Evidence, at: datetime, why: str) -> None:
    """Anything else is refused with field, rule and clause, and the way that helps; people
    read its name and not its path, which stands in the fields."""
    world = Applicants("anqing", holder=SPOUSES)
    application = given(world, evidence, at)
    with pytest.raises(NotEligible) as refused:
        world.submit(application)
    # The member of 1900 was a child, too: that is a condition of its own.
    *_, condition = refused.value.conditions
    assert evidence == condition.hook
    assert condition.clauses
    assert [f"{evidence}.at"] == [field.path for field in condition.fields]
    assert CALLED[evidence] in condition.message
    assert why in condition.message
    assert not re.search("[a-z]", condition.message + condition.remedy)
    assert refused.value.metadata["remedies"]


@pytest.mark.parametrize(("at", "why"), REFUSED.values(), ids=REFUSED)
def test_a_consent_that_comes_later(at: datetime, why: str) -> None:
    """A consent recorded later is held to the same."""
    world = Applicants("anqing", holder=SPOUSES)
    applied = world.submit(world.application("wanshitong", consent=None))
    consent = Consent(ConsentMethod.OWN_ACCOUNT, at)
    with pytest.raises(NotEligible, match=why):
        world.do(world.record_consent(applied.binding_id, consent))


def test_what_was_taken_before_is_not_approved() -> None:
    """An application kept with evidence of the future is not approved."""
    world = Applicants("anqing")
    applied = world.submit(world.application("minip_wechat"))
    assert applied.consent
    ahead = replace(applied.consent, at=datetime(2199, 12, 31, tzinfo=SHANGHAI))
    world.add(replace(applied, consent=ahead))
    with pytest.raises(NotEligible, match="晚于现在"):
        world.do(world.review(applied.binding_id, approve=True))
