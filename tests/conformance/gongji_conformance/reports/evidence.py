"""What tiers are computed from: a city's rules as the server tells them, the results, and what was proved elsewhere."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import msgspec
from gongji.v1 import city_pb2, types_pb2

from gongji_conformance.cases import case as cases
from gongji_conformance.cases.case import Case
from gongji_conformance.laws import law
from gongji_conformance.reports.digest import Package
from gongji_conformance.verdicts.results import Result

FULL_BP: Final = 10_000
CHECK_PATIENCE_S: Final = 120.0
DECIDING: Final = (types_pb2.CLAUSE_GRADE_DOCUMENT, types_pb2.CLAUSE_GRADE_OFFICIAL)
"""Grades of clauses that stand in a source somebody can look up, and may decide."""


class MutationFault(ValueError):  # noqa: N818 - the caller's file
    """A file that is no result of a mutation run."""


class Mutated(msgspec.Struct, frozen=True, kw_only=True):
    """A mutation run's result: how many changes of a city's figures its cases noticed, of which files of the plugin.

    `ratio_bp` in basis points; `whole` is false where only a sample was tried.
    """

    city: str
    digest: str
    whole: bool
    ratio_bp: int
    survived: list[Any]


def read_mutation(path: Path) -> Mutated:
    """The result in a file. MutationFault."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Mutated)
    except (OSError, msgspec.DecodeError) as wrong:
        raise MutationFault(f"{path} 不是变异测试的结果: {wrong}") from wrong


@dataclass(frozen=True)
class Evidence:
    """One city after a run; `whole` says that nothing was left out of it, `checkable` that its plugin is here."""

    rules: city_pb2.GetCityResponse
    results: Sequence[Result]
    plugin: Package
    today: date
    whole: bool
    mutated: Mutated | None = None

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

        A case exercises a hook where a reply of the server names it as having decided, or where the case cites a
        clause of the hook's own.
        """
        named = {hook for found in self._cases for hook in found.hooks}
        cited = {clause for case in cases.of_city(self.pinyin) if isinstance(case, Case) for clause in case.clauses}
        own = {rule.hook: {clause.id for clause in rule.clauses} for rule in self.rules.rules}
        return [hook for hook in self.own_hooks if hook not in named and cited.isdisjoint(own[hook])]

    @property
    def _cases(self) -> Iterable[Result]:
        return (found for found in self.results if found.law not in law.register())

    @property
    def core(self) -> list[Result]:
        """The results of profile core: laws and cases."""
        return [found for found in self.results if found.profile.partition("@")[0] == law.CORE]

    @cached_property
    def missing(self) -> list[str]:
        """Laws of core and cases of the city that were not run."""
        laws = [n for n, entry in law.register().items() if entry.profile_name == law.CORE and not entry.retired]
        ran = {found.law for found in self.results}
        return [number for number in [*laws, *(case.id for case in cases.of_city(self.pinyin))] if number not in ran]

    @cached_property
    def checked(self) -> str:
        """What `gongji check` objects to; "" where nothing."""
        if not self.plugin.digest:
            return "本机没有安装同一版本的插件, 无法运行 gongji check"
        command = [sys.executable, "-m", "gongji", "check", self.pinyin]
        try:
            told = subprocess.run(command, capture_output=True, text=True, timeout=CHECK_PATIENCE_S, check=False)  # noqa: S603 - our own command, a city's name
        except subprocess.TimeoutExpired:
            return f"gongji check {self.pinyin} 在 {CHECK_PATIENCE_S:.0f} 秒内没有结束"
        return "" if told.returncode == 0 else f"gongji check {self.pinyin} 未通过; 请运行它查看原因"
