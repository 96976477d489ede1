"""May this holder bind this member this way? Every condition is asked, and all that
fail are returned together.

Each condition is one small function over the case; `CONDITIONS` lists them in the order
the core asks its hooks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, time
from functools import partial, reduce
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from gongji.binding.kinship import kind_of, on_record
from gongji.cities.city import DayRules
from gongji.model.binding import AgreementAccepted, Application, Binding, Material
from gongji.model.people import Enrolment, Person
from gongji.model.refusals import Condition
from gongji.rules.binding import EnrolmentTerms, NoLimit, Scope
from gongji.rules.channels import (
    Across,
    Asked,
    Channel,
    IdentityCheck,
    MaterialNeed,
    MemberField,
)
from gongji.rules.clauses import Clause
from gongji.rules.codes import SHANGHAI, ConsentMethod, Purpose, pooling_area, province
from gongji.rules.hookspecs import CityRules
from gongji.rules.phrases import in_words


class Case(Struct, frozen=True, kw_only=True):
    """One application with everything its conditions look at; bindings are those that
    take a place now."""

    application: Application
    holder: Person
    member: Person
    rules: DayRules
    today: date
    of_holder: tuple[Binding, ...]
    of_member: tuple[Binding, ...]

    @property
    def channel(self) -> Channel:
        """The channel applied through."""
        return self.rules.value(CityRules.channels)[self.application.channel]

    @property
    def relation_on_record(self) -> bool:
        """Whether the registry shows the relation claimed, from either side."""
        return kind_of(self.application.relation) in on_record(self.holder, self.member)

    @property
    def relation_contradicted(self) -> bool:
        """Whether the registry shows another kind of relation than the one claimed."""
        return not self.relation_on_record and bool(on_record(self.holder, self.member))

    def materials_needed(self) -> list[MaterialNeed]:
        """The proofs this application must bring."""
        return [
            need
            for need in self.rules.value(CityRules.materials)[self.application.channel]
            if need.asked is Asked.ALWAYS or not self.relation_on_record
        ]


class Change(Struct, frozen=True):
    """The smallest change of facts that would meet one condition: as a sentence, and
    applied to the case."""

    text: str
    apply: Callable[[Case], Case]


class Unmet(Struct, frozen=True):
    """A condition that is not met, and the changes of which any one would meet it."""

    condition: Condition
    changes: tuple[Change, ...]


Check = Callable[[Case], Iterable[Unmet]]


def failing(case: Case) -> tuple[Unmet, ...]:
    """Every condition the case does not meet, in the order the core asks."""
    return tuple(unmet for check in CONDITIONS for unmet in check(case))


def unmet(case: Case) -> tuple[Condition, ...]:
    """Every condition the case does not meet, as a refusal lists them."""
    return tuple(u.condition for u in failing(case))


def _unmet(
    case: Case,
    hook: Callable[[CityRules], object],
    message: str,
    *changes: Change,
    clauses: Iterable[Clause] = (),
) -> Unmet:
    """An unmet condition; `clauses` narrow the rule's to those of the part that was not met."""
    remedy = changes[0].text if changes else ""
    return Unmet(
        Condition(
            hook.__name__, case.rules.ref(hook, *clauses).clauses, message, remedy
        ),
        changes,
    )


def _applying(case: Case, **changed: Any) -> Case:
    return replace(case, application=replace(case.application, **changed))


def _enrolled(person: Person, terms: EnrolmentTerms, today: date) -> bool:
    enrolments = [e for e in person.enrolments if e.covers(today)]
    if any(
        e.scheme in terms.schemes and e.status in terms.statuses for e in enrolments
    ):
        return True
    return terms.or_enrolling and not any(
        e.status in terms.statuses for e in enrolments
    )


def _enrolling(person: Person, terms: EnrolmentTerms, today: date) -> Person:
    """The person enrolled as the terms ask, from today on."""
    scheme, status = min(terms.schemes), min(terms.statuses)
    before = tuple(
        e for e in person.enrolments if not (e.scheme is scheme and e.covers(today))
    )
    return replace(person, enrolments=(*before, Enrolment(scheme, "11", status, today)))


def same_person(case: Case) -> Iterator[Unmet]:
    """Nobody binds himself."""
    if case.holder.person_no == case.member.person_no:
        yield _unmet(case, CityRules.relations, "授权人与使用人是同一人, 本人无须绑定")


def alive(case: Case) -> Iterator[Unmet]:
    """Both must be alive."""
    if case.holder.died_on is not None:
        yield _unmet(case, CityRules.holder_terms, "授权人已登记死亡, 不能绑定")
    if case.member.died_on is not None:
        yield _unmet(case, CityRules.member_terms, "使用人已登记死亡, 不能绑定")


def holder_enrolled(case: Case) -> Iterator[Unmet]:
    """The holder is normally enrolled in a scheme that has an account."""
    terms = case.rules.value(CityRules.holder_terms)
    if not _enrolled(case.holder, terms, case.today):
        text = f"授权人{in_words(terms)}后再申请"
        enrol = Change(
            text, lambda c: replace(c, holder=_enrolling(c.holder, terms, c.today))
        )
        message = f"授权人在 {case.today} 不符合参保要求: {in_words(terms)}"
        yield _unmet(case, CityRules.holder_terms, message, enrol)


def member_enrolled(case: Case) -> Iterator[Unmet]:
    """The member is enrolled as each purpose asks, and the city offers the purpose."""
    offered = case.rules.value(CityRules.member_terms)
    for purpose in sorted(case.application.purposes):
        if (terms := offered.get(purpose)) is None:
            message = f"本市共济用途不含“{in_words(purpose)}”"
            yield _unmet(
                case, CityRules.member_terms, message, *_without(case, purpose)
            )
        elif not _enrolled(case.member, terms, case.today):
            message = (
                f"使用人在 {case.today} 不符合“{in_words(purpose)}”的参保要求: "
                f"{in_words(terms)}"
            )
            enrol = _enrol_member(purpose, terms)
            yield _unmet(
                case, CityRules.member_terms, message, *_without(case, purpose), enrol
            )


def _without(case: Case, purpose: Purpose) -> Iterator[Change]:
    if rest := case.application.purposes - {purpose}:
        yield Change(
            f"申请时去掉用途“{in_words(purpose)}”",
            lambda c: _applying(c, purposes=rest),
        )


def _enrol_member(purpose: Purpose, terms: EnrolmentTerms) -> Change:
    return Change(
        f"使用人{in_words(terms)}后再申请“{in_words(purpose)}”",
        lambda c: replace(c, member=_enrolling(c.member, terms, c.today)),
    )


def related(case: Case) -> Iterator[Unmet]:
    """The relation is one the city admits, and the registry does not say otherwise."""
    allowed, claimed = case.rules.value(CityRules.relations), case.application.relation
    if claimed not in allowed.codes:
        yield _unmet(
            case, CityRules.relations, f"关系代码 {claimed} 不属于{allowed.name}"
        )
    elif case.relation_contradicted:
        truthful = [
            Change(
                f"如实选择关系类型(登记为代码 {code})",
                partial(_applying, relation=code),
            )
            for code in sorted(
                {
                    k.relation
                    for k in case.holder.kin
                    if k.person_no == case.member.person_no
                }
            )
        ]
        message = f"申报的关系代码 {claimed} 与登记的亲属关系不一致"
        yield _unmet(case, CityRules.relations, message, *truthful)


def in_scope(case: Case) -> Iterator[Unmet]:
    """Holder and member are insured as near to each other as the city asks."""
    scope = case.rules.value(CityRules.scope)
    part = pooling_area if scope is Scope.POOLING_AREA else province
    place, home = case.member.insured_place, case.holder.insured_place
    if part(home) != part(place):
        move = Change(
            f"使用人的参保关系转入授权人所在的{in_words(scope)}后再申请",
            lambda c: _moved(c, home),
        )
        yield _unmet(
            case,
            CityRules.scope,
            f"使用人参保地 {place} 与授权人参保地 {home} 不在{in_words(scope)}",
            move,
        )


def _moved(case: Case, place: str) -> Case:
    """The case with the member insured elsewhere, and the form filled in accordingly."""
    details = case.application.member_details
    told = replace(details, insured_place=place) if details.insured_place else details
    return _applying(
        replace(case, member=replace(case.member, insured_place=place)),
        member_details=told,
    )


def room_in_family(case: Case) -> Iterator[Unmet]:
    """The family account has a place left."""
    limit = case.rules.value(CityRules.family_limit)
    members = {b.member for b in case.of_holder} | {case.member.person_no}
    if not isinstance(limit, NoLimit) and len(members) > limit.members:
        over = len(members) - limit.members
        unbind = Change(
            f"先解绑 {over} 名已绑定的家庭成员",
            lambda c: replace(c, of_holder=_all_but(c.of_holder, "member", over, c)),
        )
        yield _unmet(
            case, CityRules.family_limit, f"家庭账户{in_words(limit)}, 已满", unbind
        )


def room_with_member(case: Case) -> Iterator[Unmet]:
    """The member has not too many holders yet."""
    limit = case.rules.value(CityRules.giver_limit)
    holders = {b.holder for b in case.of_member} | {case.holder.person_no}
    if not isinstance(limit, NoLimit) and len(holders) > limit.givers:
        over = len(holders) - limit.givers
        unbind = Change(
            f"使用人先与 {over} 名其他授权人解绑",
            lambda c: replace(c, of_member=_all_but(c.of_member, "holder", over, c)),
        )
        yield _unmet(
            case, CityRules.giver_limit, f"使用人{in_words(limit)}, 已满", unbind
        )


def _all_but(
    bindings: tuple[Binding, ...], side: str, count: int, case: Case
) -> tuple[Binding, ...]:
    """The bindings without those of `count` other people of that side."""
    own = getattr(case.application, side)
    others = sorted({getattr(b, side) for b in bindings} - {own})[:count]
    return tuple(b for b in bindings if getattr(b, side) not in others)


def not_bound_yet(case: Case) -> Iterator[Unmet]:
    """The pair is not bound or applied for already."""
    for binding in case.of_holder:
        if binding.member == case.member.person_no:
            message = f"该成员已绑定或正在办理(绑定编号 {binding.binding_id})"
            unbind = Change(
                f"如要更改, 先解绑 {binding.binding_id}",
                partial(_without_binding, binding.binding_id),
            )
            yield _unmet(case, CityRules.family_limit, message, unbind)


def _without_binding(binding_id: str, case: Case) -> Case:
    return replace(
        case,
        of_holder=tuple(b for b in case.of_holder if b.binding_id != binding_id),
        of_member=tuple(b for b in case.of_member if b.binding_id != binding_id),
    )


def channel_fits(case: Case) -> Iterator[Unmet]:
    """A channel for pairs of different pooling areas is not used within one."""
    same = pooling_area(case.holder.insured_place) == pooling_area(
        case.member.insured_place
    )
    if same and case.channel.across is Across.ONLY_ACROSS_AREAS:
        others = [
            n
            for n, c in case.rules.value(CityRules.channels).items()
            if c.across is Across.BOTH
        ]
        message = f"{case.channel.name}只办理{in_words(case.channel.across)}"
        ways = (through(case, other) for other in others)
        yield _unmet(
            case, CityRules.channels, message, *ways, clauses=case.channel.clauses
        )


def through(case: Case, channel: str) -> Change:
    """The same application through another channel, with the checks done and fields
    filled in that only it asks for."""
    now = case.application.channel
    checks, fields = (
        case.rules.value(CityRules.identity_checks),
        case.rules.value(CityRules.fields_asked),
    )
    done = frozenset(check.value for check in checks[channel] - checks[now])
    asked = [field for field in MemberField if field in fields[channel] - fields[now]]

    def apply(c: Case) -> Case:
        moved = _applying(
            c, channel=channel, identity_checks=c.application.identity_checks | done
        )
        return reduce(_filled, asked, moved)

    return Change(f"改用{case.rules.value(CityRules.channels)[channel].name}", apply)


def identity_checked(case: Case) -> Iterator[Unmet]:
    """The channel has done every identity check it must."""
    asked = case.rules.value(CityRules.identity_checks)[case.application.channel]
    for check in IdentityCheck:
        if check in asked and check.value not in case.application.identity_checks:
            do = Change(f"完成{in_words(check)}后再提交", partial(_checked, check))
            yield _unmet(
                case,
                CityRules.identity_checks,
                f"{case.channel.name}须先完成{in_words(check)}",
                do,
            )


def _checked(check: IdentityCheck, case: Case) -> Case:
    return _applying(
        case, identity_checks=case.application.identity_checks | {check.value}
    )


def details_right(case: Case) -> Iterator[Unmet]:
    """What the channel asks about the member was given, and what was given agrees with
    the registry."""
    asked = case.rules.value(CityRules.fields_asked)[case.application.channel]
    for field in MemberField:
        typed, registered = (
            getattr(case.application.member_details, field.value),
            _registered(case, field),
        )
        fill = partial(_fill, field)
        if not typed and field in asked:
            change = Change(f"填写使用人的{in_words(field)}", fill)
            yield _unmet(
                case, CityRules.fields_asked, f"缺少使用人的{in_words(field)}", change
            )
        elif typed and registered and not _agrees(field, typed, registered):
            change = Change(f"核对使用人的{in_words(field)}", fill)
            yield _unmet(
                case,
                CityRules.fields_asked,
                f"使用人的{in_words(field)}与登记信息不一致",
                change,
            )


def _registered(case: Case, field: MemberField) -> str:
    member = case.member
    return {
        MemberField.NAME: member.name,
        MemberField.CERTIFICATE_NUMBER: member.certificate.number,
        MemberField.PHONE: member.phone,
        MemberField.INSURED_PLACE: member.insured_place,
    }[field]


def _agrees(field: MemberField, typed: str, registered: str) -> bool:
    """Places agree by pooling area, everything else letter by letter but for case."""
    if field is MemberField.INSURED_PLACE:
        return pooling_area(typed) == pooling_area(registered)
    return typed.upper() == registered.upper()


def _fill(field: MemberField, case: Case) -> Case:
    """The form with what the registry holds; a stand-in where the registry has nothing
    to compare with."""
    details = replace(
        case.application.member_details,
        **{field.value: _registered(case, field) or "-"},
    )
    return _applying(case, member_details=details)


def _filled(case: Case, field: MemberField) -> Case:
    return (
        _fill(field, case)
        if not getattr(case.application.member_details, field.value)
        else case
    )


def materials_complete(case: Case) -> Iterator[Unmet]:
    """Every proof asked for is there, as original where an original is asked for."""
    for need in case.materials_needed():
        kinds = {kind.value for kind in need.one_of}
        given = [m for m in case.application.materials if m.kind in kinds]
        if not any(m.original or not need.original for m in given):
            form, how = ("原件", "出示") if need.original else ("", "上传")
            bring = Change(f"{how}{need.name}{form}", partial(_bringing, need))
            yield _unmet(
                case,
                CityRules.materials,
                f"缺少材料: {need.name}{form}",
                bring,
                clauses=need.clauses,
            )


def _bringing(need: MaterialNeed, case: Case) -> Case:
    brought = Material(need.one_of[0].value, need.original, "—")
    return _applying(case, materials=(*case.application.materials, brought))


def agreement_accepted(case: Case) -> Iterator[Unmet]:
    """The holder accepted the city's agreement in its version."""
    terms, given = case.rules.value(CityRules.agreement), case.application.agreement
    if given is None or (given.agreement_id, given.version) != (
        terms.agreement_id,
        terms.version,
    ):
        accepted = AgreementAccepted(
            terms.agreement_id,
            terms.version,
            "",
            datetime.combine(case.today, time.min, SHANGHAI),
        )
        message = f"授权人未同意{terms.title}(编号 {terms.agreement_id}, 版本 {terms.version})"
        yield _unmet(
            case,
            CityRules.agreement,
            message,
            Change(terms.act, lambda c: _applying(c, agreement=accepted)),
        )


def guardian_consented(case: Case) -> Iterator[Unmet]:
    """For a minor, a consent that is there already is a guardian's."""
    terms, given = case.rules.value(CityRules.consent), case.application.consent
    minor = case.member.younger_than(terms.guardian_below_years, case.today)
    if minor and given is not None and given.method is not ConsentMethod.GUARDIAN:
        guardians = replace(given, method=ConsentMethod.GUARDIAN)
        by_guardian = Change("由监护人代为同意", partial(_applying, consent=guardians))
        message = f"使用人未满{terms.guardian_below_years}周岁, 须由监护人同意"
        yield _unmet(case, CityRules.consent, message, by_guardian)


CONDITIONS: tuple[Check, ...] = (
    same_person,
    alive,
    holder_enrolled,
    member_enrolled,
    related,
    in_scope,
    room_in_family,
    room_with_member,
    not_bound_yet,
    channel_fits,
    identity_checked,
    details_right,
    materials_complete,
    agreement_accepted,
    guardian_consented,
)
