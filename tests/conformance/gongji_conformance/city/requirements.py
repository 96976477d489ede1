"""What a city's rules require of an application, as the service tells programs."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import grpc
from gongji.v1 import city_pb2

from gongji_conformance.city.stubs import Stubs


class Requirements:
    """A city's rule values on a day; empty if the city does not answer."""

    def __init__(
        self,
        stubs: Stubs,
        area_code: str,
        day: date,
    ) -> None:
        self._rules: dict[str, Any] = {}
        request = city_pb2.GetCityRequest(
            area_code=area_code,
            day=str(day),
        )
        try:
            answer = stubs.cities.GetCity(request)
        except grpc.RpcError:
            return
        for rule in answer.rules:
            self._rules[rule.hook] = json.loads(rule.value_json)

    def rule(self, hook: str) -> Any:
        """Return the value of a rule. KeyError if the city has none."""
        return self._rules[hook]

    @property
    def channels(self) -> dict[str, Any]:
        """The declared channels by id."""
        return dict(self._rules.get("channels", {}))

    @property
    def local_channel(self) -> str:
        """The first channel that takes pairs of one pooling area (统筹区).

        LookupError if there is none.
        """
        for key, channel in self.channels.items():
            if channel["across"] == "both":
                return key
        raise LookupError("没有一个渠道受理同一统筹区的两人")

    def checks(self, channel: str) -> list[str]:
        """Return the identity checks a channel does."""
        return list(self._rules.get("identity_checks", {}).get(channel, []))

    @property
    def agreement(self) -> str:
        """The agreement and its version as `id@version`."""
        terms = self._rules.get("agreement")
        if terms:
            return f"{terms['agreement_id']}@{terms['version']}"
        return ""
