"""From answers to rules: each hook a city overrides with its value and clauses, whole
values the core could load."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from gongji.cities import anhui, guards
from gongji.kit.newcity import funds
from gongji.kit.newcity.answers import AnswerFault, Answers
from gongji.kit.newcity.questions import PROVINCIAL_CHANNELS
from gongji.rules.benefits import NoFund, Table
from gongji.rules.channels import ALWAYS, Channel
from gongji.rules.clauses import Clause, Timeline
from gongji.rules.codes import Scheme
from gongji.rules.hookspecs import CityRules

CHANNEL_FIGURES: Final = {
    CityRules.identity_checks: "checks",
    CityRules.fields_asked: "fields",
    CityRules.materials: "materials",
    CityRules.review_latency: "review",
}
"""What is asked of a channel beside its name, by hook."""

SAME: Final = "本市重新发文, 取值与省级规则相同。"


@dataclass(frozen=True, slots=True)
class Constant:
    """A value the module names, with the clauses above each of its fields."""

    name: str
    value: object
    above: Mapping[str, tuple[Clause, ...]]


@dataclass(frozen=True, slots=True)
class Rule:
    """One hook's answer from the city's first day on; `own` are the clauses the city
    itself gave."""

    hook: str
    value: Any
    clauses: tuple[Clause, ...]
    own: tuple[Clause, ...]
    constants: tuple[Constant, ...] = ()
    why: str = ""


@dataclass(frozen=True, slots=True)
class Policy:
    """What the city decides itself, in the order the core asks."""

    answers: Answers
    rules: tuple[Rule, ...]

    def value(self, hook: Callable[[CityRules], object]) -> Any:
        """A hook's value from the first day on: the city's, else the province's."""
        own = [rule.value for rule in self.rules if rule.hook == hook.__name__]
        return own[0] if own else getattr(anhui, hook.__name__)()[-1].value

    def cited(self, hook: Callable[[CityRules], object]) -> tuple[Clause, ...]:
        """The clauses of a hook's value from the first day on: the city's, else the province's."""
        rule = self.rule(hook)
        clauses: tuple[Clause, ...] = (
            rule.clauses if rule else getattr(anhui, hook.__name__)()[-1].clauses
        )
        return clauses

    def rule(self, hook: Callable[[CityRules], object]) -> Rule | None:
        """The city's own answer to a hook, if it has one."""
        return next((rule for rule in self.rules if rule.hook == hook.__name__), None)


def policy(answers: Answers) -> Policy:
    """The rules these answers state. AnswerFault where they cannot stand together."""
    rules = tuple(
        map(
            _explained,
            (*_binding(answers), *_channel(answers), *_reimbursement(answers)),
        )
    )
    problems = [
        told
        for rule in rules
        for told in guards.problems_of_value(rule.hook, rule.value)
    ]
    if problems:
        raise AnswerFault("\n".join(problems))
    return Policy(answers, rules)


def _explained(rule: Rule) -> Rule:
    """A rule that says why it is there, where its value is the province's."""
    same = rule.value == getattr(anhui, rule.hook)()[-1].value
    return replace(rule, why=SAME) if same else rule


def _binding(answers: Answers) -> Iterator[Rule]:
    for hook in (CityRules.relations, CityRules.scope, CityRules.family_limit):
        if given := answers.of(f"binding.{hook.__name__}"):
            yield Rule(hook.__name__, given.value, given.clauses, given.clauses)


def _channel(answers: Answers) -> Iterator[Rule]:
    """The channel of the city's own before those of the province it keeps."""
    if not answers.any("channel"):
        return
    number = answers.given["channel.id"].value
    kept = (
        answers.given["channel.keep"].value
        if answers.of("channel.keep")
        else frozenset(PROVINCIAL_CHANNELS)
    )
    name, hours = answers.given["channel.name"], answers.of("channel.hours")
    own = (*name.clauses, *(hours.clauses if hours else ()))
    channel = Channel(
        name=name.value,
        kind=answers.given["channel.kind"].value,
        hours=hours.value if hours else ALWAYS,
        clauses=tuple(dict.fromkeys(own)),
    )
    yield _per_channel(CityRules.channels, number, channel, own, kept)
    for hook, figure in CHANNEL_FIGURES.items():
        given = answers.given[f"channel.{figure}"]
        value = given.value
        if hook is CityRules.materials:
            value = tuple(replace(need, clauses=given.clauses) for need in value)
        elif hook is CityRules.review_latency:
            value = replace(value, clauses=given.clauses)
        yield _per_channel(hook, number, value, given.clauses, kept)


def _per_channel(
    hook: Callable[[CityRules], object],
    number: str,
    value: object,
    own: tuple[Clause, ...],
    kept: frozenset[str],
) -> Rule:
    """A hook's value with the province's for the channels kept, and its clauses where any is."""
    province: Timeline[Mapping[str, Any]] = getattr(anhui, hook.__name__)()
    rest = {
        key: part
        for key, part in province[-1].value.items()
        if key in kept and key != number
    }
    below = province[-1].clauses if rest else ()
    return Rule(
        hook.__name__,
        {number: value, **rest},
        tuple(dict.fromkeys((*own, *below))),
        own,
    )


def _reimbursement(answers: Answers) -> Iterator[Rule]:
    residents = funds.resident(answers)
    if not answers.any("employee") and residents is None:
        return
    employees = funds.employee(answers)
    constants = [
        Constant("EMPLOYEE", funds.table_of(employees), funds.above(employees))
    ]
    if residents:
        constants.append(
            Constant("RESIDENT", funds.table_of(residents), funds.above(residents))
        )
    tables: dict[Scheme, Table | NoFund] = dict.fromkeys(
        Scheme, anhui.reimbursement()[-1].value[Scheme.RESIDENT]
    )
    tables |= {Scheme[constant.name]: constant.value for constant in constants}  # type: ignore[misc] # tables, as made above
    denied = [entry.clause for entry in tables.values() if isinstance(entry, NoFund)]
    own = [
        a.clauses
        for key, a in answers.given.items()
        if key.startswith(("employee.", "resident."))
    ]
    clauses = [*employees.clauses, *(residents.clauses if residents else ()), *denied]
    yield Rule(
        CityRules.reimbursement.__name__,
        tables,
        tuple(dict.fromkeys(clauses)),
        tuple(dict.fromkeys(clause for cited in own for clause in cited)),
        tuple(constants),
    )
