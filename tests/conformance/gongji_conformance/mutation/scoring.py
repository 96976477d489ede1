"""Changes each figure of a city in turn and sees whether some case notices; what none notices is told with advice."""

from __future__ import annotations

import logging
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import metadata
from multiprocessing import get_context
from time import perf_counter
from typing import Any, Final

import structlog
from gongji import Timeline
from gongji.cities.city import Cities, City
from gongji.cities.guards import PluginProblem
from gongji.cities.loading import city_from, load_cities

from gongji_conformance.cases import case as reading
from gongji_conformance.cases.case import Case, Expect, Fault
from gongji_conformance.cases.story import CaseFailed
from gongji_conformance.mutation.advice import advice
from gongji_conformance.mutation.bench import Bench
from gongji_conformance.mutation.equivalent import why_equivalent
from gongji_conformance.mutation.mutants import Mutant, mutants, province_of

FULL_BP: Final = 10_000
WORKERS: Final = 2


class MutationFault(Exception):  # noqa: N818 - the caller's city or cases, not a finding
    """There is nothing to measure: no such city, or cases that cannot be read or do not hold of it as it is."""


@dataclass(frozen=True, slots=True)
class Killed:
    """A change some case noticed, and which."""

    name: str
    by: str


@dataclass(frozen=True, slots=True)
class Survivor:
    """A change no case noticed: where it is, and the case that would notice it."""

    name: str
    hook: str
    where: str
    change: str
    suggestion: str


@dataclass(frozen=True, slots=True)
class Equivalent:
    """A change nobody could notice, or no city at all, and why."""

    name: str
    reason: str


Verdict = Killed | Survivor | Equivalent


@dataclass(frozen=True, slots=True)
class Score:
    """How much of a city its cases pin down."""

    city: City
    killed: tuple[Killed, ...]
    survived: tuple[Survivor, ...]
    equivalent: tuple[Equivalent, ...]
    seconds: float
    whole: bool = True
    """Whether every mutant was tried, not only a sample."""

    @property
    def ratio_bp(self) -> int:
        """Noticed among those that could be noticed, in basis points, rounded down; all of none is all."""
        counted = len(self.killed) + len(self.survived)
        return len(self.killed) * FULL_BP // counted if counted else FULL_BP


@dataclass(frozen=True, slots=True)
class Subject:
    """A city on trial: its plugin, how it loads unchanged, its cases, the other cities it plays beside."""

    plugin: object
    city: City
    cases: tuple[Case, ...]
    beside: Cities

    @classmethod
    def installed(cls, pinyin: str) -> Subject:
        """An installed city with its own cases. MutationFault."""
        beside = load_cities()
        entries = [entry for entry in metadata.entry_points(group=reading.CITIES) if entry.name == pinyin]
        if not entries or all(city.pinyin != pinyin for city in beside.all):
            served = "、".join(city.pinyin for city in beside.all) or "无"
            raise MutationFault(f"没有城市 {pinyin}, 或其插件未能加载; 已接入: {served}")
        return cls(entries[0].load(), beside.named(pinyin), _told(reading.of_city(pinyin)), beside)

    @classmethod
    def of(cls, plugin: object, pinyin: str, found: Iterable[Case | Fault], beside: Cities) -> Subject:
        """A city by its plugin and cases. MutationFault where a case cannot be read."""
        return cls(plugin, city_from(plugin, pinyin=pinyin), _told(found), beside)


def _told(found: Iterable[Case | Fault]) -> tuple[Case, ...]:
    """The cases of a file. MutationFault where one cannot be read."""
    found = list(found)
    if faults := [one.problem for one in found if isinstance(one, Fault)]:
        raise MutationFault("\n".join(faults))
    return tuple(one for one in found if isinstance(one, Case))


@dataclass
class Trials:
    """The mutants of one subject on one bench, judged one after the other."""

    subject: Subject
    bench: Bench
    reads: Mapping[str, frozenset[str]]
    province: Mapping[str, Timeline[Any]]
    _noticed: Counter[tuple[str, str]] = field(default_factory=Counter)

    def verdict(self, mutant: Mutant) -> Verdict:
        """What becomes of a mutant; the likeliest cases are told first, and none after the first that notices."""
        if reason := why_equivalent(mutant, self.subject.city):
            return Equivalent(mutant.name, reason)
        try:
            city = mutant.born(self.subject.city, self.province)
        except PluginProblem as problem:
            return Equivalent(mutant.name, f"这样的城市不能加载: {str(problem).splitlines()[0]}")
        readers = self._readers(mutant)
        for case in readers:
            if self.bench.fault(case, city):
                self._noticed[mutant.hook, case.id] += 1
                return Killed(mutant.name, case.id)
        told = advice(mutant, [case.id for case in readers])
        return Survivor(mutant.name, mutant.hook, mutant.where, mutant.change, told)

    def _readers(self, mutant: Mutant) -> list[Case]:
        """The cases that read what was changed, the likeliest to notice first."""
        reading_ = [case for case in self.subject.cases if self.reads[case.id].intersection(mutant.timelines)]
        cited = {clause.id for timeline in mutant.timelines.values() for ruled in timeline for clause in ruled.clauses}
        return sorted(reading_, key=lambda case: self._unlikely(case, mutant, cited))

    def _unlikely(self, case: Case, mutant: Mutant, cited: set[str]) -> tuple[int, bool, int, int]:
        """Least for a case that noticed such changes before, names the hook, cites its clauses, is short."""
        named = any(mutant.hook in _conditions(step.expect) for step in case.steps)
        calls = sum(1 for step in case.steps for _ in step.spelt_out())
        return -self._noticed[mutant.hook, case.id], not named, -len(cited.intersection(case.clauses)), calls


def score(pinyin: str, *, workers: int = WORKERS, sample: int = 0) -> Score:
    """How many changes of an installed city its cases notice; `sample` tries so many, the same ones each time.

    `workers` processes share the work; the verdicts are the same for any number. MutationFault.
    """
    subject = Subject.installed(pinyin)
    if workers == 1:
        return score_of(subject, sample=sample)
    started = perf_counter()
    reads = _read(subject)
    made = mutants(subject.city)
    chosen = _chosen(made, sample)
    stripes = [[at for at, _ in chosen[worker::workers]] for worker in range(workers)]
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        found = pool.map(_judge, [pinyin] * workers, [reads] * workers, stripes)
        verdicts = {
            at: verdict
            for stripe, told in zip(stripes, found, strict=True)
            for at, verdict in zip(stripe, told, strict=True)
        }
    return _score(subject, [verdicts[at] for at in sorted(verdicts)], started, whole=len(chosen) == len(made))


def score_of(subject: Subject, *, sample: int = 0) -> Score:
    """The same for any subject, in this process. MutationFault."""
    started = perf_counter()
    reads = _read(subject)
    bench = Bench(subject.beside)
    try:
        trials = Trials(subject, bench, reads, province_of(subject.city))
        made = mutants(subject.city)
        verdicts = [trials.verdict(mutant) for _, mutant in _chosen(made, sample)]
    finally:
        bench.close()
    return _score(subject, verdicts, started, whole=len(verdicts) == len(made))


@contextmanager
def quiet() -> Iterator[None]:
    """No log line a call while this lasts."""
    before = structlog.get_config()["wrapper_class"]
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        yield
    finally:
        structlog.configure(wrapper_class=before)


def _judge(pinyin: str, reads: Mapping[str, frozenset[str]], stripe: Sequence[int]) -> list[Verdict]:
    """One worker's part: the mutants of these places in the list, which is the same in every process."""
    subject = Subject.installed(pinyin)
    made = mutants(subject.city)
    bench = Bench(subject.beside)
    try:
        with quiet():
            trials = Trials(subject, bench, reads, province_of(subject.city))
            return [trials.verdict(made[at]) for at in stripe]
    finally:
        bench.close()


def _read(subject: Subject) -> dict[str, frozenset[str]]:
    """Which hooks each case reads. MutationFault where one does not hold of the city as it is."""
    bench = Bench(subject.beside)
    try:
        return {case.id: bench.reads(case, subject.city) for case in subject.cases}
    except CaseFailed as failed:
        raise MutationFault(f"未改动的城市就不合案例, 请先改好:\n{failed}") from failed
    finally:
        bench.close()


def _chosen(made: Sequence[Mutant], sample: int) -> list[tuple[int, Mutant]]:
    """All mutants with their places, or so many drawn evenly with a fixed seed."""
    places = list(enumerate(made))
    if not sample or sample >= len(places):
        return places
    drawn = random.Random(len(places)).sample(places, sample)  # noqa: S311 - a choice, no secret
    return sorted(drawn, key=lambda place: place[0])


def _score(subject: Subject, verdicts: Sequence[Verdict], started: float, *, whole: bool) -> Score:
    return Score(
        subject.city,
        tuple(one for one in verdicts if isinstance(one, Killed)),
        tuple(one for one in verdicts if isinstance(one, Survivor)),
        tuple(one for one in verdicts if isinstance(one, Equivalent)),
        perf_counter() - started,
        whole,
    )


def _conditions(expect: Expect) -> tuple[str, ...]:
    return expect.conditions if isinstance(expect.conditions, tuple) else ()
