"""CityService: the cities served, their rules and their guides (办理指南)."""

# ruff: noqa: N802 - methods bear the names the protos give them

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime

from gongji import guide
from gongji.cities.city import Cities
from gongji.rpc.convert.city import city_to, rules_to
from gongji.rpc.convert.values import day_from
from gongji.rules.codes import SHANGHAI
from gongji.v1 import city_pb2 as pb
from gongji.v1.city_pb2_grpc import CityServiceServicer


class CityService(CityServiceServicer):
    """Which cities are served, by which rules, and their guides."""

    def __init__(self, cities: Cities, clock: Callable[[], datetime]) -> None:
        self._cities = cities
        self._clock = clock

    async def ListCities(
        self, request: pb.ListCitiesRequest, context: object
    ) -> pb.ListCitiesResponse:
        """Return every city with a plugin, refused plugins included."""
        refused = [
            pb.RefusedPlugin(plugin=r.plugin, pinyin=r.pinyin, problem=r.problem)
            for r in self._cities.refused
        ]
        return pb.ListCitiesResponse(
            cities=[city_to(c) for c in self._cities.all], refused=refused
        )

    async def GetCity(
        self, request: pb.GetCityRequest, context: object
    ) -> pb.GetCityResponse:
        """Return all rule values of a city on a day. CityNotServed, NotInForce."""
        return rules_to(self._cities.of(request.area_code), self._day(request.day))

    async def GetGuide(
        self, request: pb.GetGuideRequest, context: object
    ) -> pb.GetGuideResponse:
        """Return the city's guide on a day. CityNotServed, NotInForce."""
        city = self._cities.of(request.area_code)
        write = guide.html if request.format == pb.GUIDE_FORMAT_HTML else guide.markdown
        return pb.GetGuideResponse(
            title=guide.title(city), text=write(city, self._day(request.day))
        )

    def _day(self, text: str) -> date:
        """Return the day of a request; today if it gives none."""
        return day_from(text) if text else self._clock().astimezone(SHANGHAI).date()
