"""Changes each figure of a city in turn and sees whether some case notices."""

from __future__ import annotations

import logging
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from time import perf_counter
from typing import Any, Final

import structlog
from gongji import Timeline
from gongji.cities.guards import PluginProblem

from gongji_conformance.cases.case import CityCase, Expectation
from gongji_conformance.cases.run import CaseFailed
from gongji_conformance.mutation.advice import advice
from gongji_conformance.mutation.equivalent import why_equivalent
from gongji_conformance.mutation.mutants import Mutant, mutants, province_of
from gongji_conformance.mutation.runner import CaseRunner
from gongji_conformance.mutation.subject import MutationFault, MutationSubject
from gongji_conformance.mutation.verdicts import (
    Equivalent,
    Killed,
    MutantVerdict,
    Score,
    Survivor,
)

WORKERS: Final = 2

Reads = Mapping[str, frozenset[str]]
"""The hooks each case reads, by its id."""


@dataclass
class Trials:
    """The mutants of one subject on one runner, judged one after the other."""

    subject: MutationSubject
    runner: CaseRunner
    reads: Reads
    province: Mapping[str, Timeline[Any]]
    _noticed: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How many mutants of a hook a case has noticed, by hook and case."""

    def verdict(self, mutant: Mutant) -> MutantVerdict:
        """Return what becomes of a mutant: killed by the first case that notices."""
        if reason := why_equivalent(mutant, self.subject.city):
            return Equivalent(mutant.name, reason)
        try:
            city = mutant.applied_to(self.subject.city, self.province)
        except PluginProblem as problem:
            first_line = str(problem).splitlines()[0]
            return Equivalent(mutant.name, f"这样的城市不能加载：{first_line}")
        readers = self._readers(mutant)
        for case in readers:
            if self.runner.fault(case, city):
                self._noticed[mutant.hook, case.id] += 1
                return Killed(mutant.name, case.id)
        return Survivor(
            name=mutant.name,
            hook=mutant.hook,
            where=mutant.where,
            change=mutant.change,
            suggestion=advice(mutant, [case.id for case in readers]),
        )

    def _readers(self, mutant: Mutant) -> list[CityCase]:
        """Return the cases that read what was changed, the likeliest first."""
        readers = [
            case
            for case in self.subject.cases
            if self.reads[case.id].intersection(mutant.timelines)
        ]
        # Most mutants fall to the first case run: order decides the running time.
        return sorted(readers, key=lambda case: self._unlikeliness(case, mutant))

    def _unlikeliness(
        self, case: CityCase, mutant: Mutant
    ) -> tuple[int, bool, int, int]:
        """Return least for a case that noticed such changes before.

        Then for one that names the hook, that cites its clauses, that is short.
        """
        noticed = self._noticed[mutant.hook, case.id]
        expectations = [step.expect for step in case.steps]
        named = any(mutant.hook in _conditions(expect) for expect in expectations)
        cited = mutant.clauses.intersection(case.clauses)
        calls = sum(len(list(step.variants())) for step in case.steps)
        return -noticed, not named, -len(cited), calls


def _conditions(expect: Expectation) -> tuple[str, ...]:
    if isinstance(expect.conditions, tuple):
        return expect.conditions
    return ()


def score(
    pinyin: str,
    *,
    workers: int = WORKERS,
    sample: int = 0,
) -> Score:
    """Return how many changes of an installed city its cases notice. MutationFault.

    `sample` tries so many, the same ones each time. `workers` processes share the
    work; the verdicts are the same for any number.
    """
    subject = MutationSubject.installed(pinyin)
    if workers == 1:
        return score_of(subject, sample=sample)
    started = perf_counter()
    reads = _reads(subject)
    chosen, whole = _chosen(len(mutants(subject.city)), sample)
    # Dealt out one by one: mutants of one hook, which take alike long, lie together.
    stripes = [chosen[worker::workers] for worker in range(workers)]
    verdicts = _judged_by_workers(pinyin, reads, stripes)
    in_order = [verdicts[number] for number in chosen]
    return Score.of(subject.city, in_order, perf_counter() - started, whole=whole)


def _judged_by_workers(
    pinyin: str,
    reads: Reads,
    stripes: Sequence[Sequence[int]],
) -> dict[int, MutantVerdict]:
    """Return the verdicts by the mutants' numbers, a process for each stripe."""
    verdicts: dict[int, MutantVerdict] = {}
    # spawn: a fork would share the event loop and database of this process.
    with ProcessPoolExecutor(len(stripes), mp_context=get_context("spawn")) as pool:
        parts = pool.map(partial(_judge, pinyin, reads), stripes)
        for stripe, part in zip(stripes, parts, strict=True):
            verdicts.update(zip(stripe, part, strict=True))
    return verdicts


def score_of(subject: MutationSubject, *, sample: int = 0) -> Score:
    """Return the score of any subject, in this process. MutationFault."""
    started = perf_counter()
    reads = _reads(subject)
    chosen, whole = _chosen(len(mutants(subject.city)), sample)
    verdicts = _verdicts(subject, reads, chosen)
    return Score.of(subject.city, verdicts, perf_counter() - started, whole=whole)


@contextmanager
def quiet() -> Iterator[None]:
    """Log no line a call while this lasts."""
    before = structlog.get_config()["wrapper_class"]
    silent = structlog.make_filtering_bound_logger(logging.CRITICAL)
    structlog.configure(wrapper_class=silent)
    try:
        yield
    finally:
        structlog.configure(wrapper_class=before)


def _judge(
    pinyin: str,
    reads: Reads,
    numbers: Sequence[int],
) -> list[MutantVerdict]:
    """Judge one worker's part of the mutants."""
    with quiet():
        return _verdicts(MutationSubject.installed(pinyin), reads, numbers)


def _verdicts(
    subject: MutationSubject,
    reads: Reads,
    numbers: Sequence[int],
) -> list[MutantVerdict]:
    """Judge the mutants of these numbers."""
    # Named by number: a mutant holds functions, which do not travel to a worker,
    # and the list is the same in every process.
    all_mutants = mutants(subject.city)
    with closing(CaseRunner(subject.beside)) as runner:
        trials = Trials(subject, runner, reads, province_of(subject.city))
        return [trials.verdict(all_mutants[number]) for number in numbers]


def _reads(subject: MutationSubject) -> dict[str, frozenset[str]]:
    """Return which hooks each case reads.

    MutationFault if one does not hold of the city as it is.
    """
    with closing(CaseRunner(subject.beside)) as runner:
        try:
            return {case.id: runner.reads(case, subject.city) for case in subject.cases}
        except CaseFailed as failed:
            problem = f"未改动的城市就不合案例，请先改好：\n{failed}"
            raise MutationFault(problem) from failed


def _chosen(count: int, sample: int) -> tuple[list[int], bool]:
    """Return the numbers of all mutants or of a sample, and whether it is all."""
    numbers = list(range(count))
    if not sample or sample >= count:
        return numbers, True
    # Seeded with the count, so that a sample is the same each time.
    drawn = random.Random(count).sample(numbers, sample)  # noqa: S311 - no secret
    return sorted(drawn), False
