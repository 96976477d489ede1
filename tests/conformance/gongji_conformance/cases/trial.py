"""One case of one city: run, and a failure reported so that anybody can repeat it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import grpc
from gongji.v1 import city_pb2, types_pb2

from gongji_conformance import options
from gongji_conformance.cases import reading
from gongji_conformance.cases.case import CityCase
from gongji_conformance.cases.reading import CaseFault, CaseOrFault
from gongji_conformance.cases.run import CaseFailed, CaseRun
from gongji_conformance.city.server import ServerUnderTest
from gongji_conformance.city.stubs import refusal


def of_cities(
    server: ServerUnderTest, names: Iterable[str]
) -> list[tuple[str, CaseOrFault]]:
    """Return the cases of these cities, each with its city. SetupFault."""
    cities = server.chosen(names)
    return [(pinyin, case) for pinyin in cities for case in reading.of_city(pinyin)]


@dataclass(
    frozen=True,
    slots=True,
)
class Trial:
    """A case, or what stands in its place in the file, of one city."""

    server: ServerUnderTest
    pinyin: str
    case: CaseOrFault
    values: Mapping[str, Any] = field(default_factory=dict)
    """The options of the run, to repeat it with."""

    def failure(self) -> str:
        """Run the case and write what came out otherwise, "" if nothing did.

        Sentence, clauses, step, expected, observed, and how to repeat it.
        """
        if isinstance(self.case, CaseFault):
            return f"{self.case.problem}\n{self._repeat()}"
        try:
            self._run(self.case)
        except CaseFailed as failed:
            clauses = self._clauses(self.case)
            return "\n".join((str(failed), *clauses, self._repeat()))
        except grpc.RpcError as error:
            call = refusal(error)
            problem = f"调用失败 {call.code} {call.reason} {call.message}"
            return f"{self.case.id}: {problem}\n{self._repeat()}"
        return ""

    @property
    def _area_code(self) -> str:
        return self.server.summary(self.pinyin).area_code

    def _run(self, case: CityCase) -> None:
        population = self.server.population(self._area_code)
        run = CaseRun(case, self.server.stubs, population)
        run.run()

    def _clauses(self, case: CityCase) -> Iterator[str]:
        """Yield the clauses of the case, as the server knows them on its day."""
        known = self._known_clauses(case.now)
        texts = {clause.id: clause.text for clause in known}
        for number in case.clauses:
            if number in texts:
                yield f"  {number} {texts[number]}"

    def _known_clauses(self, now: str) -> Iterator[types_pb2.Clause]:
        """Yield the clauses of the rules of a day, none if there are no rules."""
        request = city_pb2.GetCityRequest(
            area_code=self._area_code,
            day=now[:10],
        )
        try:
            rules = self.server.stubs.cities.GetCity(request).rules
        except grpc.RpcError:
            # The failure itself is told; clauses are an addition.
            return
        for rule in rules:
            yield from rule.clauses
            yield from rule.against

    def _repeat(self) -> str:
        """Write the command that repeats this case alone."""
        return f"  重做：{options.command(self.values, self.pinyin, self.case.id)}"
