"""What a form tells (申请表): the articles of the agreement, notices, what comes next.

No document gives the text of an agreement (协议); it is written of the rules of the day,
each article with its clauses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from operator import attrgetter
from typing import Any, Final

from gongji.binding.asked import PairRules, Side, asking, purposes_of, turns
from gongji.binding.kinship import SPOUSE, kind_of
from gongji.cities.city import DayRules
from gongji.model.form import (
    FormAgreement,
    FormCondition,
    FormConditionKind,
    FormNotice,
    FormOutcome,
)
from gongji.rules.benefits import PURPOSE_USE, Use
from gongji.rules.binding import NoLimit
from gongji.rules.channels import AtOnce, ChannelId, ReviewLatency
from gongji.rules.clauses import Clause, Timeline
from gongji.rules.codes import BindingState, Purpose
from gongji.rules.hookspecs import CityRules
from gongji.rules.phrases import days_in_words, in_words

_ON_RECORD: Final = FormCondition(
    FormConditionKind.RELATION_ON_RECORD, "登记信息查得到亲属关系时"
)

_CONSENT_LEFT_OUT: Final = FormCondition(
    FormConditionKind.CONSENT_LEFT_OUT, "申请没有连同使用人的同意时"
)


def agreement_of(
    rules: DayRules, relation: str, purposes: frozenset[Purpose]
) -> FormAgreement:
    """Return the agreement on these purposes, or on all that are offered."""
    terms = rules.value(CityRules.agreement)
    return FormAgreement(
        agreement_id=terms.agreement_id,
        version=terms.version,
        title=terms.title,
        act=terms.act,
        articles=(
            *_on_people(rules, purposes),
            *_on_family(rules, relation),
            *_on_use(rules, purposes),
        ),
    )


def notices_of(rules: DayRules) -> tuple[FormNotice, ...]:
    """Return the city's own notes, and what stands for a consent that is not asked for."""
    notes = [
        FormNotice(note.clause.text, (note.clause,), heading=note.heading)
        for note in rules.value(CityRules.notes)
    ]
    notes[:0] = _of_two(rules)
    if rules.value(CityRules.consent).required:
        return tuple(notes)
    consent = _article(rules, CityRules.consent, "{}。", heading="使用人同意")
    return (consent, *notes)


def _of_two(rules: DayRules) -> Iterator[FormNotice]:
    """Yield that two cities are asked, if the two are insured in two."""
    if isinstance(rules, PairRules):
        own, other = (rules.cities[side].name for side in Side)
        yield FormNotice(
            f"授权人在{own}参保，使用人在{other}参保：两地各问本地的人，都同意才能绑定。",
            rules.value(CityRules.deadlines).clauses.across
            or rules.answer(CityRules.deadlines).clauses,
            heading="异地共济",
        )


def outcomes_of(rules: DayRules, channel: ChannelId) -> tuple[FormOutcome, ...]:
    """Return where an accepted application stands, the first that holds; none without one."""
    return tuple(_outcomes(rules, channel)) if channel else ()


# --- articles -------------------------------------------------------------------------


def _article(
    rules: DayRules,
    hook: Callable[[CityRules], Timeline[Any] | None],
    text: str,
    cited: Iterable[Clause] = (),
    heading: str = "",
) -> FormNotice:
    """Return a sentence on a rule; {} in it is the rule's value in words."""
    answer = rules.answer(hook)
    # Not str.format: what a document says may hold braces.
    said = text.replace("{}", in_words(answer.value))
    return FormNotice(said, tuple(cited) or answer.clauses, heading)


def _articles(
    rules: DayRules, hook: Callable[[CityRules], Timeline[Any] | None], text: str
) -> Iterator[FormNotice]:
    """Yield the sentence of each city that is asked, told once if they say alike."""
    told: dict[str, FormNotice] = {}
    for asked in turns(rules):
        article = _article(asked, hook, text)
        told.setdefault(article.text, article)
    yield from told.values()


def _on_people(rules: DayRules, purposes: frozenset[Purpose]) -> Iterator[FormNotice]:
    terms = purposes_of(rules)
    agreed = [p for p in terms if p in purposes or not purposes]
    yield FormNotice(
        f"授权人同意使用人使用本人的职工医保个人账户，用于{'、'.join(map(in_words, agreed))}。",
        tuple([clause for purpose in agreed for clause in terms[purpose].clauses])
        or asking(rules, Side.MEMBER).answer(CityRules.member_terms).clauses,
    )
    holder = rules.value(CityRules.holder_terms)
    yield _article(rules, CityRules.holder_terms, "授权人须{}。", holder.clauses)
    for purpose in agreed:
        yield FormNotice(
            f"用于{in_words(purpose)}的，使用人须{in_words(terms[purpose])}。",
            terms[purpose].clauses
            or asking(rules, Side.MEMBER).answer(CityRules.member_terms).clauses,
        )


def _on_family(rules: DayRules, relation: str) -> Iterator[FormNotice]:
    yield from _articles(rules, CityRules.relations, "使用人须是授权人的{}。")
    if not relation or kind_of(relation) == SPOUSE:
        yield from _articles(rules, CityRules.marriage, "以配偶关系绑定的，{}。")
    yield from _articles(rules, CityRules.scope, "双方的参保地须在{}。")
    if not isinstance(rules.value(CityRules.family_limit), NoLimit):
        yield _article(rules, CityRules.family_limit, "家庭账户{}。")
    if not isinstance(rules.value(CityRules.giver_limit), NoLimit):
        yield _article(rules, CityRules.giver_limit, "使用人{}。")


def _on_use(rules: DayRules, purposes: frozenset[Purpose]) -> Iterator[FormNotice]:
    hook = CityRules.uses
    uses = rules.value(hook)
    of = uses.clauses
    # Visits and purchases are one purpose, of two uses.
    left_out = {PURPOSE_USE[p] for p in Purpose if purposes and p not in purposes}
    if Purpose.VISIT not in purposes and purposes:
        left_out.add(Use.PHARMACY)
    aid_at = uses.aid_at - left_out
    yield _article(rules, hook, f"共济账户可用于{in_words(aid_at)}。", of.aid_at)
    yield _article(rules, hook, f"共济账户支付{in_words(uses.aid_pays)}。", of.aid_pays)
    if uses.never:
        never = f"任何个人账户都不得用于{in_words(uses.never)}。"
        yield _article(rules, hook, never, of.never)
    ended = "授权人可以解绑，确认解绑后立即停止使用；解绑前已共济支付的费用如有退费，仍退回原账户。"
    yield _article(rules, CityRules.unbinding, ended)


# --- what comes next ------------------------------------------------------------------


def _outcomes(rules: DayRules, channel: ChannelId) -> Iterator[FormOutcome]:
    """Yield them in the order in which `life.forward` decides."""
    if rules.value(CityRules.consent).required:
        yield _awaiting(rules)
    latencies, clauses = _latencies(rules, channel)
    at_once = {latency.at_once for latency in latencies}
    if AtOnce.NEVER not in at_once:
        yield FormOutcome(
            condition=None if at_once == {AtOnce.ALWAYS} else _ON_RECORD,
            state=BindingState.ACTIVE,
            in_words=f"{in_words(AtOnce.ALWAYS)}。",
            clauses=clauses,
        )
    if at_once != {AtOnce.ALWAYS}:
        reviewed = [one for one in latencies if one.at_once is not AtOnce.ALWAYS]
        slowest = max(reviewed, key=attrgetter("working_days"))
        yield _under_review(rules, slowest, clauses)


def _latencies(
    rules: DayRules, channel: ChannelId
) -> tuple[list[ReviewLatency], tuple[Clause, ...]]:
    """Return how long each city that is asked reviews, and their clauses."""
    asked = [r.answer(CityRules.review_latency) for r in turns(rules)]
    cited = [answer.value[channel].clauses or answer.clauses for answer in asked]
    clauses = tuple(dict.fromkeys(chain.from_iterable(cited)))
    return [answer.value[channel] for answer in asked], clauses


def _awaiting(rules: DayRules) -> FormOutcome:
    expiry = rules.answer(CityRules.application_expiry)
    return FormOutcome(
        condition=_CONSENT_LEFT_OUT,
        state=BindingState.AWAITING_CONSENT,
        in_words=f"等待使用人同意；{in_words(expiry.value)}内无人答复，申请失效。",
        clauses=(*rules.answer(CityRules.consent).clauses, *expiry.clauses),
    )


def _under_review(
    rules: DayRules, latency: ReviewLatency, clauses: tuple[Clause, ...]
) -> FormOutcome:
    deadlines = rules.answer(CityRules.deadlines)
    expiry = rules.answer(CityRules.application_expiry)
    return FormOutcome(
        state=BindingState.UNDER_REVIEW,
        in_words=f"等待审核，{days_in_words(latency)}内办结：{in_words(deadlines.value)}；"
        f"{in_words(expiry.value)}内没有办结，申请失效。",
        working_days=latency.working_days,
        clauses=(*clauses, *deadlines.clauses, *expiry.clauses),
    )
