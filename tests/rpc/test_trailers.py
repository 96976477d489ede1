"""The trailer of a refused call: codes, paths and clauses of all conditions within 4 KiB,
whatever there is to say, and texts cut between sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote

import pytest
from gongji.model.conditions import (
    Condition,
    ConditionCode,
    FieldRef,
    StepAction,
    WayStep,
)
from gongji.model.refusals import (
    MalformedField,
    NotEligible,
    Refusal,
    StoreUnavailable,
)
from gongji.rpc import status
from gongji.rpc.convert.refusals import explanation_to
from gongji.rpc.trailers import CUT, abridged
from gongji.rules.channels import IdentityCheck, MaterialKind, MemberField
from gongji.rules.clauses import Clause
from gongji.v1 import binding_pb2 as pb
from google.rpc import error_details_pb2 as details
from google.rpc import status_pb2
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

SENTENCE_ENDS: Final = "。；！？：;:|"

PATHS: Final[Mapping[str, tuple[str, ...]]] = {
    "BIRTHS_CONTRADICT_RELATION": ("relation",),
    "HOLDER_BELOW_MARRIAGE_AGE": ("relation", "holder"),
    "MEMBER_BELOW_MARRIAGE_AGE": ("relation", "member"),
    "MEMBER_NOT_ENROLLED": ("member", "purposes[]"),
    "AGREEMENT_TIME_WRONG": ("agreement.at",),
    "AGREEMENT_NOT_ACCEPTED": ("agreement",),
    "CONSENT_TIME_WRONG": ("consent.at",),
    "MEMBER_AGE_UNKNOWN": ("consent.member_of_age",),
    "MEMBER_CHECK_MISSING": ("consent.identity_checks[]",),
}
"""The paths of some conditions; all others are given a long one here."""

REPEATED: Final[Mapping[ConditionCode, int]] = {
    ConditionCode.IDENTITY_CHECK_MISSING: len(IdentityCheck),
    ConditionCode.DETAIL_MISSING: len(MemberField),
    ConditionCode.DETAIL_WRONG: len(MemberField),
    ConditionCode.MATERIAL_MISSING: len(MaterialKind),
    ConditionCode.MEMBER_NOT_ENROLLED: 2,
    ConditionCode.HOLDER_HAS_SPOUSE: 5,
    ConditionCode.MEMBER_HAS_SPOUSE: 5,
}
"""How often a condition can be unmet at most, if more than once."""


@st.composite
def enormous(draw: st.DrawFn) -> Refusal:
    """Draw a refusal whose figures, clauses and path are as long as they like."""
    kind = draw(st.sampled_from([NotEligible, MalformedField, StoreUnavailable]))
    few = st.integers(0, 400)
    clauses = [Clause(f"T-X{n}", "文", "源") for n in range(draw(few))]
    metadata: dict[str, Any] = {
        f"figure_{n}": "一" * draw(few) for n in range(draw(few))
    }
    path = "member_details." * draw(few)
    return kind("不行。" * draw(few), field=path, clauses=clauses, **metadata)


@given(enormous())
@settings(suppress_health_check=[HealthCheck.large_base_example, HealthCheck.too_slow])
def test_nothing_exceeds_the_bound(refusal: Refusal) -> None:
    """However many figures and clauses there are, the details keep the bound, and tell
    reason, sentence and when to retry."""
    ended = status.of_refusal(refusal)
    packed = dict(ended.trailing)[status.DETAILS_KEY]
    assert isinstance(packed, bytes)
    assert len(packed) <= status.MAX_DETAILS
    whole = status_pb2.Status.FromString(packed)
    info, sentence = details.ErrorInfo(), details.LocalizedMessage()
    assert whole.details[0].Unpack(info)
    assert whole.details[1].Unpack(sentence)
    assert (refusal.reason(), "gongji.v1") == (info.reason, info.domain)
    assert whole.message == sentence.message
    retries = [part.type_url.endswith("RetryInfo") for part in whole.details]
    assert isinstance(refusal, StoreUnavailable) is any(retries)


def fields_of(code: ConditionCode, number: int) -> list[FieldRef]:
    """The fields of a condition, the `number`-th of its kind."""
    match code:
        case ConditionCode.MATERIAL_MISSING:
            kinds = [FieldRef("materials[].kind", kind.value) for kind in MaterialKind]
            return [*kinds, FieldRef("materials[].original", "true")]
        case ConditionCode.IDENTITY_CHECK_MISSING:
            checks = [check.value for check in IdentityCheck]
            return [FieldRef("identity_checks[]", checks[number % len(checks)])]
        case ConditionCode.DETAIL_MISSING | ConditionCode.DETAIL_WRONG:
            names = [field.value for field in MemberField]
            return [FieldRef(f"member_details.{names[number % len(names)]}")]
    return [FieldRef(p) for p in PATHS.get(code.name, ("member_details.name",))]


def condition(code: ConditionCode, number: int, sentence: str) -> Condition:
    """A condition with everything as long as the rules have it, or longer."""
    fields = tuple(fields_of(code, number))
    step = WayStep(StepAction.SET, fields, sentence)
    return Condition(
        "identity_checks",
        # A rule of an installed city has at most nine, of at most six characters.
        tuple([f"T-X{code:02}{n}" for n in range(6)]),
        sentence,
        sentence,
        code,
        fields,
        ((step,),),
    )


def greatest(sentence: str = "很长的一句话，没有尽头。" * 9) -> list[Condition]:
    """Every condition there is, each as often as it can be unmet, of application and
    premium at once."""
    return [
        condition(code, number, sentence)
        for code in ConditionCode
        if code is not ConditionCode.UNSPECIFIED
        for number in range(REPEATED.get(code, 1))
    ]


def refused(conditions: list[Condition], **metadata: str) -> NotEligible:
    """A refusal by these conditions, as the rules word it."""
    numbers = dict.fromkeys(number for c in conditions for number in c.clauses)
    sentences = "；".join(c.message for c in conditions)
    return NotEligible(
        f"不符合绑定条件：{sentences}",
        clauses=[Clause(number, "x", "y") for number in [*numbers][:60]],
        conditions=conditions,
        ways=[way for c in conditions for way in c.ways][:3],
        **metadata,
    )


def told(refusal: NotEligible) -> tuple[status.Status, dict[str, Any], int]:
    """The status, its details by name, and their size."""
    ended = status.of_refusal(refusal)
    packed = dict(ended.trailing)[status.DETAILS_KEY]
    assert isinstance(packed, bytes)
    parts: dict[str, Any] = {}
    for part in status_pb2.Status.FromString(packed).details:
        name = part.type_url.rpartition(".")[2]
        kind = pb.Explanation if name == "Explanation" else getattr(details, name)
        parts[name] = kind()
        part.Unpack(parts[name])
    return ended, parts, len(packed)


def cells(conditions: Any) -> Iterator[tuple[int, str, tuple[str, ...]]]:
    """Code, path and clauses, one for each path of a condition."""
    for unmet in conditions:
        for field in unmet.fields:
            yield int(unmet.code), field.path, tuple(unmet.clauses)


def is_cut_between_sentences(short: str, whole: str) -> bool:
    """Whether a text is whole, or a part that ends a sentence and says that more follows."""
    if short == whole or not short:
        return True
    if not short.endswith(CUT):
        return False
    part = short.removesuffix(CUT)
    return not part or (whole.startswith(part) and _ends(part, whole))


def _ends(part: str, whole: str) -> bool:
    return part[-1] in SENTENCE_ENDS or whole[len(part) :].startswith(" |")


def assert_tells_all(refusal: NotEligible) -> None:
    """The law of a trailer."""
    ended, parts, size = told(refusal)
    assert size <= 4095
    assert size * 4 // 3 + len(quote(ended.message)) < 7600
    explained = parts["Explanation"]
    assert set(cells(refusal.conditions)) == set(cells(explained.conditions))
    assert is_cut_between_sentences(ended.message, refusal.message)
    failure = parts.get("PreconditionFailure")
    for violation, unmet in zip(
        failure.violations if failure else (), refusal.conditions, strict=False
    ):
        whole = f"{unmet.message}；办法：{unmet.remedy}"
        assert is_cut_between_sentences(violation.description, whole)
    for key, value in refusal.metadata.items():
        assert is_cut_between_sentences(parts["ErrorInfo"].metadata[key], value)


def test_the_greatest_refusal_fits() -> None:
    """Every condition the rules know, unmet as often as it can be, is told with code,
    paths and clauses within 4 KiB, however long the sentences."""
    assert_tells_all(
        refused(greatest(), help="到窗口办理。" * 50, remedies="改 | " * 99)
    )


@given(st.data())
def test_any_refusal_fits(data: st.DataObject) -> None:
    """So is any part of them, with sentences of any length."""
    sentences = st.text(alphabet="字；。 |a", min_size=1, max_size=500)
    chosen = data.draw(st.lists(st.sampled_from(greatest()), min_size=1, unique=True))
    sentence = data.draw(sentences)
    conditions = [condition(c.code, n, sentence) for n, c in enumerate(chosen)]
    assert_tells_all(refused(conditions, help=data.draw(sentences)))


def test_a_small_refusal_is_told_whole() -> None:
    """What fits is told whole: sentences, values and ways, and not marked as abridged."""
    refusal = refused([condition(ConditionCode.DETAIL_MISSING, 2, "缺少联系电话。")])
    _, parts, _ = told(refusal)
    explained = explanation_to(refusal)

    assert list(explained.conditions) == list(parts["Explanation"].conditions)
    assert list(explained.ways) == list(parts["Explanation"].ways)
    assert not parts["Explanation"].abridged


def test_what_is_left_out_is_said() -> None:
    """What does not fit is marked; values stay while sentences can give way."""
    of_submission = {ConditionCode.IDENTITY_CHECK_MISSING, ConditionCode.DETAIL_MISSING}
    unmet = [c for c in greatest() if c.code in of_submission]
    _, parts, _ = told(refused(unmet))
    explained = parts["Explanation"]
    values = [field.value for c in explained.conditions for field in c.fields]
    assert explained.abridged
    assert {check.value for check in IdentityCheck} <= set(values)
    assert parts["LocalizedMessage"].message.endswith(CUT)


def test_more_conditions_than_rules_have() -> None:
    """Even of hundreds of conditions with clauses of any length every code is told."""
    codes = list(ConditionCode)[1:]
    many = [
        Condition("h", ("C" * 20 + str(n),), "x", code=codes[n % len(codes)])
        for n in range(300)
    ]
    _, parts, size = told(refused(many, help="x" * 5000))
    assert size <= 4095
    assert set(codes) == {c.code for c in parts["Explanation"].conditions}


@pytest.mark.parametrize(
    ("text", "most", "short"),
    [
        ("短句。", 10, "短句。"),
        ("第一句。第二句很长很长。", 11, "第一句。（以下略）"),
        ("不符合条件：原因很长很长", 11, "不符合条件：（以下略）"),
        ("改用甲 | 改用乙 + 上传证明", 12, "改用甲（以下略）"),
        ("没有句读的一长串文字没有句读", 9, "（以下略）"),
        ("任意", 1, ""),
        ("任意", 0, ""),
    ],
)
def test_texts_are_cut_between_sentences(text: str, most: int, short: str) -> None:
    """A text is cut after a sentence, a way or a heading, and the cut is marked."""
    assert short == abridged(text, most)
