"""What a city's rules ask of an application, as the service tells programs."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import grpc
from gongji.v1 import city_pb2

from gongji_conformance.city.wire import Wire


class Asked:
    """What the rules of a city on a day ask of an application; empty where the city does not answer."""

    def __init__(self, wire: Wire, area_code: str, day: date) -> None:
        self._rules: dict[str, Any] = {}
        try:
            answer = wire.cities.GetCity(city_pb2.GetCityRequest(area_code=area_code, day=str(day)))
        except grpc.RpcError:
            return
        self._rules = {rule.hook: json.loads(rule.value_json) for rule in answer.rules}

    def rule(self, hook: str) -> Any:
        """The value of a rule. KeyError where the city has none."""
        return self._rules[hook]

    @property
    def channels(self) -> dict[str, Any]:
        """The declared channels by id."""
        return dict(self._rules.get("channels", {}))

    @property
    def local_channel(self) -> str:
        """The first channel that takes pairs of one pooling area."""
        return next(key for key, channel in self.channels.items() if channel["across"] == "both")

    def checks(self, channel: str) -> list[str]:
        """The identity checks a channel does."""
        return list(self._rules.get("identity_checks", {}).get(channel, []))

    @property
    def agreement(self) -> str:
        """The agreement and its version as `id@version`."""
        terms = self._rules.get("agreement")
        return f"{terms['agreement_id']}@{terms['version']}" if terms else ""
