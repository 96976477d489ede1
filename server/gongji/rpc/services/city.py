"""CityService: the cities served, their rules and their guides (办理指南)."""

# ruff: noqa: N802 - methods bear the names the protos give them

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import cast

from gongji import guide
from gongji.cities.city import Cities
from gongji.rpc.convert.city import city_to, rules_to
from gongji.rpc.convert.values import day_from, day_to
from gongji.rules.codes import SHANGHAI
from gongji.v1 import city_pb2 as pb
from gongji.v1.city_pb2_grpc import CityServiceServicer


class CityService(CityServiceServicer):
    """Which cities are served, by which rules, and their guides.

    Each answer is made once for everybody: of a city as often as its rules change.
    """

    def __init__(self, cities: Cities, clock: Callable[[], datetime]) -> None:
        self._cities = cities
        self._clock = clock
        self._listed = _listed(cities)
        self._rules: dict[tuple[str, date], bytes] = {}
        self._guides: dict[tuple[str, date, bool], tuple[str, str]] = {}

    async def ListCities(
        self, request: pb.ListCitiesRequest, context: object
    ) -> pb.ListCitiesResponse:
        """Return every city with a plugin, refused plugins included."""
        return cast("pb.ListCitiesResponse", self._listed)

    async def GetCity(
        self, request: pb.GetCityRequest, context: object
    ) -> pb.GetCityResponse:
        """Return all rule values of a city on a day. CityNotServed, NotInForce."""
        city, day = self._cities.of(request.area_code), self._day(request.day)
        since, _ = city.period(day)
        kept = self._rules.get((city.area_code, since))
        if kept is None:
            reply = rules_to(city, since)
            reply.ClearField("day")
            kept = self._rules[city.area_code, since] = reply.SerializeToString()
        # Messages packed one behind the other are one message with the fields of both.
        dated = pb.GetCityResponse(day=day_to(day)).SerializeToString()
        return cast("pb.GetCityResponse", kept + dated)

    async def GetGuide(
        self, request: pb.GetGuideRequest, context: object
    ) -> pb.GetGuideResponse:
        """Return the city's guide on a day. CityNotServed, NotInForce."""
        city, day = self._cities.of(request.area_code), self._day(request.day)
        since, _ = city.period(day)
        html = request.format == pb.GUIDE_FORMAT_HTML
        key = city.area_code, since, html
        kept = self._guides.get(key)
        if kept is None:
            kept = guide.undated(city, since, guide.html if html else guide.markdown)
            self._guides[key] = kept
        text = f"{kept[0]}{day}{kept[1]}"
        return pb.GetGuideResponse(title=guide.title(city), text=text)

    def _day(self, text: str) -> date:
        """Return the day of a request; today if it gives none."""
        return day_from(text) if text else self._clock().astimezone(SHANGHAI).date()


def _listed(cities: Cities) -> bytes:
    refused = [
        pb.RefusedPlugin(plugin=r.plugin, pinyin=r.pinyin, problem=r.told)
        for r in cities.refused
    ]
    reply = pb.ListCitiesResponse(
        cities=[city_to(c) for c in cities.all], refused=refused
    )
    return reply.SerializeToString()
