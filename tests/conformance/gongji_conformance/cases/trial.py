"""One case on trial: told to the server under judgement, and a failure that anybody can read and repeat."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import grpc
from gongji.v1 import city_pb2

from gongji_conformance import options
from gongji_conformance.cases.case import Case, Fault
from gongji_conformance.cases.story import CaseFailed, Story
from gongji_conformance.city.stage import Stage
from gongji_conformance.city.wire import refusal


@dataclass(frozen=True, slots=True)
class Trial:
    """A case, or what stands in its place in the file, of one city."""

    stage: Stage
    pinyin: str
    case: Case | Fault
    values: Mapping[str, Any] = field(default_factory=dict)
    """The options of the run, for whoever wants to repeat it."""

    def failure(self) -> str:
        """What went otherwise: sentence, clauses, step, expected, got and how to repeat it; "" where nothing did."""
        if isinstance(self.case, Fault):
            return f"{self.case.problem}\n{self._again()}"
        area_code = self.stage.city(self.pinyin).area_code
        try:
            Story(self.case, self.stage.wire, self.stage.world(area_code)).tell()
        except CaseFailed as failed:
            return "\n".join((str(failed), *self._clauses(area_code, self.case), self._again()))
        except grpc.RpcError as error:
            told = refusal(error)
            return f"{self.case.id}: 调用失败 {told.code} {told.reason} {told.message}\n{self._again()}"
        return ""

    def _clauses(self, area_code: str, case: Case) -> Iterator[str]:
        """The sentences behind the case, as the server knows them on its day."""
        try:
            day = case.now[:10]
            rules = self.stage.wire.cities.GetCity(city_pb2.GetCityRequest(area_code=area_code, day=day)).rules
        except grpc.RpcError:
            return
        texts = {clause.id: clause.text for rule in rules for clause in (*rule.clauses, *rule.against)}
        yield from (f"  {number} {texts[number]}" for number in case.clauses if number in texts)

    def _again(self) -> str:
        """The command that repeats this case alone."""
        return f"  重做: {options.command(self.values, self.pinyin, self.case.id)}"
