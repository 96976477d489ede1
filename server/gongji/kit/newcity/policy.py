"""Turn answers into rules: each hook a city overrides, with its value and clauses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from gongji.cities import anhui, guards
from gongji.kit.newcity import funds
from gongji.kit.newcity.answers import AnswerFault, Answers, CitedAnswer
from gongji.kit.newcity.proving import problems_of_table
from gongji.kit.newcity.questions import PROVINCIAL_CHANNELS
from gongji.rules.benefits import NoFund, Table
from gongji.rules.channels import ALWAYS, Channel, ReviewLatency
from gongji.rules.clauses import Clause, Timeline
from gongji.rules.codes import Scheme
from gongji.rules.hookspecs import CityRules

Hook = Callable[[CityRules], object]

CHANNEL_FIGURES: Final = {
    CityRules.identity_checks: "checks",
    CityRules.fields_asked: "fields",
    CityRules.materials: "materials",
    CityRules.review_latency: "review",
}
"""What is asked of a channel beside its name, by hook."""

SAME: Final = "本市重新发文，取值与省级规则相同。"


@dataclass(frozen=True, slots=True)
class Constant:
    """A value the module gives a name, with the clauses above each of its fields."""

    name: str
    value: object
    above: Mapping[str, tuple[Clause, ...]]


@dataclass(frozen=True, slots=True)
class Rule:
    """One hook's value from the city's first day on; `own` clauses are the city's."""

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

    def value(self, hook: Hook) -> Any:
        """Return a hook's value from the first day on: the city's, else the province's."""
        rule = self.rule(hook)
        if rule:
            return rule.value
        return _provincial(hook)[-1].value

    def cited(self, hook: Hook) -> tuple[Clause, ...]:
        """Return the clauses of that value."""
        rule = self.rule(hook)
        if rule:
            return rule.clauses
        return _provincial(hook)[-1].clauses

    def rule(self, hook: Hook) -> Rule | None:
        """Return the city's own answer to a hook, if it has one."""
        for rule in self.rules:
            if rule.hook == hook.__name__:
                return rule
        return None


def policy(answers: Answers) -> Policy:
    """Return the rules these answers state. AnswerFault if they contradict each other."""
    rules = [
        *_binding(answers),
        *_channel(answers),
        *_reimbursement(answers),
    ]
    # What the core would refuse to load is refused here, before anything is written.
    problems = [
        problem
        for rule in rules
        for problem in guards.problems_of_value(rule.hook, rule.value)
    ]
    # So is what a strict check would object to; a table must be sound to be proved.
    problems = problems or [
        problem
        for rule in rules
        for constant in rule.constants
        if isinstance(constant.value, Table)
        for problem in problems_of_table(
            constant.name.lower(), constant.value, str(answers.since)
        )
    ]
    if problems:
        raise AnswerFault("\n".join(problems))
    return Policy(answers, tuple(map(_explained, rules)))


def _provincial(hook: Hook) -> Timeline[Any]:
    timeline: Timeline[Any] = getattr(anhui, hook.__name__)()
    return timeline


def _explained(rule: Rule) -> Rule:
    """Return a rule that says why it is there if its value is the province's."""
    provincial = getattr(anhui, rule.hook)()[-1]
    if rule.value == provincial.value:
        return replace(rule, why=SAME)
    return rule


# --- binding --------------------------------------------------------------------------


def _binding(answers: Answers) -> Iterator[Rule]:
    for hook in (CityRules.relations, CityRules.scope, CityRules.family_limit):
        answer = answers.of(f"binding.{hook.__name__}")
        if answer is not None:
            clauses = answer.clauses
            yield Rule(
                hook.__name__,
                value=answer.value,
                clauses=clauses,
                own=clauses,
            )


def _channel(answers: Answers) -> Iterator[Rule]:
    """Yield the rules by channel: the city's own, then those of the province it keeps."""
    if not answers.any("channel"):
        return
    own = answers.by_key["channel.id"].value
    keep = answers.of("channel.keep")
    kept = keep.value if keep else frozenset(PROVINCIAL_CHANNELS)
    # A channel of the province's id takes its place.
    others = kept - {own}
    channel, cited = _own_channel(answers)
    yield _by_channel(
        CityRules.channels,
        own=own,
        value=channel,
        clauses=cited,
        others=others,
    )
    for hook, field in CHANNEL_FIGURES.items():
        answer = answers.by_key[f"channel.{field}"]
        value = _with_clauses(answer)
        yield _by_channel(
            hook,
            own=own,
            value=value,
            clauses=answer.clauses,
            others=others,
        )


def _by_channel(
    hook: Hook,
    own: str,
    value: object,
    clauses: tuple[Clause, ...],
    others: frozenset[str],
) -> Rule:
    """Return a hook's value for the city's channel beside the province's for others."""
    provincial = _provincial(hook)[-1]
    kept = {key: part for key, part in provincial.value.items() if key in others}
    cited = [*clauses, *(provincial.clauses if kept else ())]
    return Rule(
        hook.__name__,
        value={own: value, **kept},
        clauses=tuple(dict.fromkeys(cited)),
        own=clauses,
    )


def _own_channel(answers: Answers) -> tuple[Channel, tuple[Clause, ...]]:
    """Return the city's own channel and the clauses given for it."""
    name = answers.by_key["channel.name"]
    hours = answers.of("channel.hours")
    cited = (*name.clauses, *(hours.clauses if hours else ()))
    channel = Channel(
        name=name.value,
        kind=answers.by_key["channel.kind"].value,
        hours=hours.value if hours else ALWAYS,
        clauses=tuple(dict.fromkeys(cited)),
    )
    return channel, cited


def _with_clauses(answer: CitedAnswer) -> object:
    """Return an answer's value; one that names its own clauses gets them."""
    value = answer.value
    clauses = answer.clauses
    if isinstance(value, tuple):
        return tuple(replace(need, clauses=clauses) for need in value)
    if isinstance(value, ReviewLatency):
        return replace(value, clauses=clauses)
    return value


# --- reimbursement --------------------------------------------------------------------


def _reimbursement(answers: Answers) -> Iterator[Rule]:
    residents = funds.resident(answers)
    if not answers.any("employee") and residents is None:
        return
    employees = funds.employee(answers)
    constants = [_constant("EMPLOYEE", employees)]
    clauses = list(employees.clauses)
    if residents:
        constants.append(_constant("RESIDENT", residents))
        clauses += residents.clauses
    tables = _tables(constants)
    # A scheme the fund does not pay rests on a clause of its own.
    clauses += [entry.clause for entry in tables.values() if isinstance(entry, NoFund)]
    yield Rule(
        CityRules.reimbursement.__name__,
        value=tables,
        clauses=tuple(dict.fromkeys(clauses)),
        own=_fund_clauses(answers),
        constants=tuple(constants),
    )


def _constant(name: str, fund: funds.Fund) -> Constant:
    return Constant(
        name,
        value=funds.table_of(fund),
        above=funds.above(fund),
    )


def _tables(constants: list[Constant]) -> dict[Scheme, object]:
    """Return the tables by scheme; one without a table is as the province has residents."""
    unpaid = anhui.reimbursement()[-1].value[Scheme.RESIDENT]
    tables: dict[Scheme, object] = dict.fromkeys(Scheme, unpaid)
    for constant in constants:
        tables[Scheme[constant.name]] = constant.value
    return tables


def _fund_clauses(answers: Answers) -> tuple[Clause, ...]:
    """Return the clauses the city gave for its tables, each once."""
    cited = [
        clause
        for key, answer in answers.by_key.items()
        if key.startswith(("employee.", "resident."))
        for clause in answer.clauses
    ]
    return tuple(dict.fromkeys(cited))
