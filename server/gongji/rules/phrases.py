"""Rule values as concise Chinese phrases for people: one phrase for every type a hook
may answer with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import time
from enum import Enum, IntEnum
from functools import singledispatch

from gongji.rules.benefits import (
    ALL_PARTS,
    BonusPoints,
    CreditTerms,
    Exclusion,
    NoFund,
    OutOfArea,
    PurseOrder,
    Table,
    Uses,
    Wallet,
)
from gongji.rules.binding import (
    NO_LIMIT,
    AgreementTerms,
    ConsentTerms,
    EnrolmentTerms,
    FamilyLimit,
    GiverLimit,
    Identity,
    NoLimit,
    RelationSet,
    Unbinding,
)
from gongji.rules.channels import (
    Across,
    Asked,
    AtOnce,
    Channel,
    CounterHours,
    MaterialNeed,
    Note,
    Procedure,
    ReviewLatency,
    Step,
)
from gongji.rules.clauses import Clause
from gongji.rules.codes import EnrolmentStatus, Standing
from gongji.rules.hookspecs import question
from gongji.rules.money import percent, yuan
from gongji.rules.terms import KIN, LEVELS, TERMS

NOTHING = "无"


def in_words(value: object, names: Mapping[str, str] | None = None) -> str:
    """A rule value as a Chinese phrase; `names` are display names for string keys such
    as channel ids.

    TypeError where no rule answers with such a value.
    """
    if isinstance(value, Mapping):
        return _mapping(value, names or {})
    return _phrase(value)


def topic(hook: str) -> str:
    """What a hook is about in the field's Chinese term: "family_limit" → "家庭账户人数上限"."""
    return question(hook).rpartition("(")[2].partition(")")[0]


def money_in_words(fen: int | NoLimit) -> str:
    """An amount as the documents write it: 80000 → "800元"; no limit → "不设限"."""
    return (
        _phrase(fen)
        if isinstance(fen, NoLimit)
        else yuan(fen).replace(",", "").removesuffix(".00") + "元"
    )


def level_in_words(level: int) -> str:
    """A level of institutions: 1 → "一级"."""
    return LEVELS[level]


def days_in_words(latency: ReviewLatency) -> str:
    """The span of working days a review takes: "1–3个工作日"."""
    if 0 < latency.earliest_working_days < latency.working_days:
        return f"{latency.earliest_working_days}–{latency.working_days}个工作日"
    return f"{latency.working_days}个工作日"


def relations_left_out(relations: RelationSet) -> tuple[str, ...]:
    """Relations people commonly ask for that the set does not admit."""
    return tuple(
        name for name, codes in KIN if not relations.codes.intersection(codes.split())
    )


def act_in_words(terms: AgreementTerms) -> str:
    """Return what the holder does with which agreement: "签署《电子协议》"."""
    title = terms.title if terms.title.startswith("《") else f"《{terms.title}》"
    return f"{terms.act}{title}"


def monthly_in_words(terms: CreditTerms) -> str:
    """Return what retired people are credited: "每月70元", or that the operator sets it."""
    fen = terms.retired_fen
    return f"每月{money_in_words(fen)}" if isinstance(fen, int) else _phrase(fen)


@singledispatch
def _phrase(value: object) -> str:
    raise TypeError(
        f"没有为 {type(value).__name__} 类型的规则值写中文说法, 请在 gongji.words 中补上"
    )


def _mapping(value: Mapping[object, object], names: Mapping[str, str]) -> str:
    """Keys with one value together: "皖事通APP、网上大厅: 即时生效; 线下窗口: …";
    channels name themselves."""
    if all(isinstance(part, Channel) for part in value.values()):
        return _listed(value.values())
    keys_of: dict[str, list[str]] = {}
    for key, part in value.items():
        name = names.get(key, key) if isinstance(key, str) else _phrase(key)
        keys_of.setdefault(in_words(part), []).append(name)
    return (
        "; ".join(f"{'、'.join(keys)}: {phrase}" for phrase, keys in keys_of.items())
        or NOTHING
    )


def _listed(parts: Iterable[object], separator: str = "、") -> str:
    return separator.join(_phrase(part) for part in parts) or NOTHING


def _by_level(amounts: Mapping[int, str]) -> str:
    """One phrase where all levels agree, else level by level."""
    if len(set(amounts.values())) == 1:
        return next(iter(amounts.values()))
    return "、".join(
        f"{level_in_words(level)}{phrase}" for level, phrase in sorted(amounts.items())
    )


@_phrase.register
def _(value: str) -> str:
    return value


@_phrase.register
def _(value: int) -> str:
    """Days: the only bare number a hook answers with (application_expiry)."""
    return f"{value}天"


@_phrase.register
def _(value: time) -> str:
    return f"{value.hour}:{value.minute:02d}"


@_phrase.register(Enum)
@_phrase.register(IntEnum)
def _(value: Enum) -> str:
    return TERMS[type(value)][value]


@_phrase.register(tuple)
def _(value: tuple[object, ...]) -> str:
    return _listed(value, "; ")


@_phrase.register(frozenset)
def _(value: frozenset[Enum]) -> str:
    """Members in the order their type declares them, so that the phrase never depends
    on hashing."""
    return _listed(
        part
        for kind in {type(part): None for part in value}
        for part in kind
        if part in value
    )


@_phrase.register
def _(value: Clause) -> str:
    return f"{value.text}[{value.id}]"


@_phrase.register
def _(value: Identity) -> str:
    return f"{value.name}({value.area_code})"


@_phrase.register
def _(value: EnrolmentTerms) -> str:
    schemes = _phrase(value.schemes).replace("、", "或")
    also = ",或正在办理参保" if value.or_enrolling else ""
    if value.statuses == {EnrolmentStatus.NORMAL}:
        return f"正常参加{schemes}{also}"
    return f"参加{schemes}({_phrase(value.statuses).replace('、', '或')}){also}"


@_phrase.register
def _(value: RelationSet) -> str:
    """The policy's name and what its codes come to (not what the name claims), so that
    a changed code shows."""
    rest = set(value.codes)
    named = []
    for name, codes in KIN:
        group = set(codes.split())
        if group <= value.codes:
            named.append(name)
            rest -= group
    if rest:
        named.append("GB/T 4761代码" + "、".join(sorted(rest)))
    return f"{value.name.partition('(')[0]}: {'、'.join(named) or NOTHING}"


@_phrase.register
def _(value: FamilyLimit) -> str:
    return (
        f"最多{value.people}人({'含' if value.counting_holder else '不含'}授权人本人)"
    )


@_phrase.register
def _(value: GiverLimit) -> str:
    return f"最多由{value.givers}名授权人共济"


@_phrase.register
def _(value: CounterHours) -> str:
    return f"工作日{_phrase(value.opens)}–{_phrase(value.closes)}"


@_phrase.register
def _(value: Step) -> str:
    caution = f"(注意: {value.caution})" if value.caution else ""
    return value.text + caution


@_phrase.register
def _(value: Channel) -> str:
    only = "" if value.across is Across.BOTH else f",仅限{_phrase(value.across)}"
    return f"{value.name}({_phrase(value.kind)},{_phrase(value.hours)}{only})"


@_phrase.register
def _(value: MaterialNeed) -> str:
    kinds = [_phrase(kind) for kind in value.one_of]
    choice = (
        "" if all(kind in value.name for kind in kinds) else f": {'或'.join(kinds)}"
    )
    when = "" if value.asked is Asked.ALWAYS else f",{_phrase(value.asked)}"
    return f"{value.name}{choice}({'原件' if value.original else '复印件或照片'}{when})"


@_phrase.register
def _(value: ReviewLatency) -> str:
    if value.at_once is AtOnce.ALWAYS:
        return _phrase(value.at_once)
    if value.at_once is AtOnce.IF_CHECKS_PASS:
        return f"{_phrase(value.at_once)},否则{days_in_words(value)}内审核"
    return days_in_words(value)


@_phrase.register
def _(value: ConsentTerms) -> str:
    if value.required:
        minors = (
            f",未满{value.guardian_below_years}周岁的由监护人代为同意"
            if value.guardian_below_years
            else ""
        )
        return f"须使用人本人知情同意{minors}"
    instead = f",以{value.in_place_of_it}代替" if value.in_place_of_it else ""
    return f"不另行取得使用人同意{instead}"


@_phrase.register
def _(value: AgreementTerms) -> str:
    return f"{act_in_words(value)}({value.agreement_id},版本{value.version})"


@_phrase.register
def _(value: Procedure) -> str:
    return (
        f"{value.title}: {' → '.join(_phrase(step) for step in value.steps) or NOTHING}"
    )


@_phrase.register
def _(value: Unbinding) -> str:
    return f"{_phrase(value.procedure)}; 确认后立即停止使用"


@_phrase.register
def _(value: Uses) -> str:
    never = f"不得用于{_phrase(value.never)}" if value.never else "没有禁止的用途"
    own = (
        "个人负担的任何部分" if value.own_pays == ALL_PARTS else _phrase(value.own_pays)
    )
    return (
        f"共济可用于{_phrase(value.aid_at)}; 共济支付{_phrase(value.aid_pays)}; "
        f"本人账户支付{own}; {never}"
    )


@_phrase.register
def _(value: PurseOrder) -> str:
    return " → ".join([*(_phrase(kind) for kind in value.order), "现金"])


@_phrase.register
def _(value: NoFund) -> str:
    return f"统筹基金不予支付({value.clause.id}: {value.clause.text})"


@_phrase.register
def _(value: BonusPoints) -> str:
    return f"高于在职{percent(value.above_active_bp).removesuffix('%')}个百分点"


@_phrase.register
def _(value: Table) -> str:
    parts = [_deductible(value), _ratios(value), _caps(value)]
    if set(value.visit_cap_fen.values()) - {NO_LIMIT}:
        parts.append(
            "单次支付限额"
            + _by_level({k: money_in_words(v) for k, v in value.visit_cap_fen.items()})
        )
    parts.append(f"未定级机构按{level_in_words(value.unranked_as)}")
    pharmacy = value.pharmacy
    parts.append(
        "定点药店"
        + (
            f"按{level_in_words(pharmacy)}"
            if isinstance(pharmacy, int)
            else _phrase(pharmacy)
        )
    )
    parts.append(f"适用于{_phrase(value.covers)}")
    parts.append(f"支付额{_phrase(value.rounding)}")
    return "; ".join(parts)


def _deductible(table: Table) -> str:
    most = table.deductible_year_max_fen
    at_most = (
        "" if isinstance(most, NoLimit) else f",全年累计不超过{money_in_words(most)}"
    )
    return (
        "起付标准"
        + _by_level({k: money_in_words(v) for k, v in table.deductible_fen.items()})
        + at_most
    )


def _ratios(table: Table) -> str:
    rows = [
        _phrase(standing)
        + _by_level({k: percent(table.ratio_of(standing, k)) for k in table.ratio_bp})
        for standing in Standing
    ]
    bonus = (
        f"({_phrase(table.retired)})" if isinstance(table.retired, BonusPoints) else ""
    )
    return "支付比例" + ",".join(rows) + bonus


def _caps(table: Table) -> str:
    caps = {standing: money_in_words(cap) for standing, cap in table.cap_fen.items()}
    if len(set(caps.values())) == 1:
        return "年度支付限额" + next(iter(caps.values()))
    return "年度支付限额" + "、".join(
        f"{_phrase(standing)}{cap}" for standing, cap in caps.items()
    )


@_phrase.register
def _(value: Exclusion) -> str:
    return f"{_phrase(value.situation)}({value.clause.id}: {value.clause.text})"


@_phrase.register
def _(value: OutOfArea) -> str:
    need = "须先备案" if value.filing_before_direct_settlement else "无须备案"
    return f"异地直接结算{need}; {_phrase(value.procedure)}"


@_phrase.register
def _(value: Wallet) -> str:
    effect = "开通即绑定共济关系" if value.binds else "开通不绑定任何人"
    return f"{_phrase(value.procedure)}; {effect}"


@_phrase.register
def _(value: CreditTerms) -> str:
    monthly = monthly_in_words(value)
    employer = "划入" if value.employer_part_credited else "不划入"
    return (
        f"在职为本人参保缴费基数的{percent(value.active_ratio_bp)}; "
        f"退休按定额划入,{monthly}; 单位缴费部分{employer}个人账户"
    )


@_phrase.register
def _(value: Note) -> str:
    return f"{value.heading}: {_phrase(value.clause)}"
