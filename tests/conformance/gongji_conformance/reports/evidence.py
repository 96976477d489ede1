"""What tiers are computed from: rules, results, and what was proved elsewhere."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import msgspec
from gongji.v1 import city_pb2, types_pb2

from gongji_conformance.cases import reading
from gongji_conformance.cases.case import CityCase
from gongji_conformance.laws import law
from gongji_conformance.reports.digest import Package
from gongji_conformance.verdicts.results import Result

FULL_BP: Final = 10_000
CHECK_LIMIT_S: Final = 120.0
DECIDING: Final = (
    types_pb2.CLAUSE_GRADE_DOCUMENT,
    types_pb2.CLAUSE_GRADE_OFFICIAL,
)
"""Grades of clauses that stand in a source somebody can look up, and may decide."""


class MutationFileFault(ValueError):  # noqa: N818 - the caller's file
    """A file that is no result of a mutation run."""


class MutationResult(msgspec.Struct, frozen=True, kw_only=True):
    """How many changes of a city's figures its cases noticed, and of which files.

    `ratio_bp` in basis points; `whole` is false if only a sample was tried.
    """

    city: str
    digest: str
    whole: bool
    ratio_bp: int
    survived: list[Any]


def read_mutation(path: Path) -> MutationResult:
    """Return the result in a file. MutationFileFault."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=MutationResult)
    except (OSError, msgspec.DecodeError) as error:
        raise MutationFileFault(f"{path} 不是变异测试的结果：{error}") from error


@dataclass(frozen=True)
class Evidence:
    """One city after a run; `whole` says that nothing was left out of it."""

    rules: city_pb2.GetCityResponse
    results: Sequence[Result]
    plugin: Package
    today: date
    whole: bool
    mutated: MutationResult | None = None

    @property
    def pinyin(self) -> str:
        """The city's name in options."""
        return self.rules.city.pinyin

    @property
    def own_hooks(self) -> list[str]:
        """The hooks the city answers itself."""
        return [rule.hook for rule in self.rules.rules if not rule.provincial]

    @cached_property
    def uncovered_hooks(self) -> list[str]:
        """The hooks the city answers itself and no case exercises.

        A case exercises a hook if a reply of the server names it as having decided,
        or if the case cites a clause of the hook's own.
        """
        return [hook for hook in self.own_hooks if not self._exercised(hook)]

    def _exercised(self, hook: str) -> bool:
        """Say whether a case decided by the hook or cites a clause of it."""
        clauses = {
            clause.id
            for rule in self.rules.rules
            for clause in rule.clauses
            if rule.hook == hook
        }
        return hook in self._deciding_hooks or not clauses.isdisjoint(self._cited)

    @cached_property
    def _deciding_hooks(self) -> set[str]:
        """The hooks that decided in a case."""
        laws = law.register()
        cases = [result for result in self.results if result.law not in laws]
        return {hook for case in cases for hook in case.hooks}

    @cached_property
    def _cited(self) -> set[str]:
        """The clauses that cases cite."""
        cases = [case for case in self._cases if isinstance(case, CityCase)]
        return {clause for case in cases for clause in case.clauses}

    # Read once: two properties ask for them.
    @cached_property
    def _cases(self) -> list[reading.CaseOrFault]:
        return reading.of_city(self.pinyin)

    @property
    def core(self) -> list[Result]:
        """The results of profile core: laws and cases."""
        return [
            result
            for result in self.results
            if result.profile.partition("@")[0] == law.CORE
        ]

    @cached_property
    def not_run(self) -> list[str]:
        """Laws of core and cases of the city that were not run."""
        laws = [
            entry.id
            for entry in law.register().values()
            if entry.profile_name == law.CORE and not entry.retired
        ]
        cases = [case.id for case in self._cases]
        ran = {result.law for result in self.results}
        return [number for number in (*laws, *cases) if number not in ran]

    # A process that takes seconds: asked for once a report.
    @cached_property
    def checked(self) -> str:
        """What `gongji check` objects to; "" if nothing."""
        if not self.plugin.digest:
            return "本机没有安装同一版本的插件，无法运行 gongji check"
        # In a process of its own: a plugin that hangs must not hold up the report.
        command = [sys.executable, "-m", "gongji", "check", self.pinyin]
        try:
            check = subprocess.run(  # noqa: S603 - our own command, a city's name
                command,
                capture_output=True,
                text=True,
                timeout=CHECK_LIMIT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            limit = f"{CHECK_LIMIT_S:.0f}"
            return f"gongji check {self.pinyin} 在 {limit} 秒内没有结束"
        if check.returncode:
            return f"gongji check {self.pinyin} 未通过；请运行它查看原因"
        return ""
