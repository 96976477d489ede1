"""The cities of a running service, with the rules by which it decides."""

from __future__ import annotations

from collections.abc import Sequence

import grpc

from gongji.model.refusals import CityNotServed
from gongji.rules.codes import pooling_area
from gongji.v1 import city_pb2 as pb
from gongji.v1 import city_pb2_grpc


class ServedCities:
    """What a service says of its cities. grpc.RpcError from each."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._cities = city_pb2_grpc.CityServiceStub(channel)

    def listed(self) -> pb.ListCitiesResponse:
        """Return all cities, and the plugins that were refused."""
        return self._cities.ListCities(pb.ListCitiesRequest())

    def named(self, text: str) -> pb.CitySummary:
        """Return the city called by pinyin, Chinese name or area code. CityNotServed."""
        cities = self.listed().cities
        for city in cities:
            if text in _names(city) or _is_of(text, city):
                return city
        served = "、".join(f"{city.pinyin}（{city.name}）" for city in cities) or "无"
        raise CityNotServed(f"服务没有城市 {text}；已接入：{served}")

    def rules(self, city: pb.CitySummary, day: str) -> pb.GetCityResponse:
        """Return the rules of a city on a day, "" for today."""
        request = pb.GetCityRequest(area_code=city.area_code, day=day)
        return self._cities.GetCity(request)

    def guide(self, city: pb.CitySummary, day: str, *, html: bool) -> str:
        """Return the guide of a city on a day, "" for today."""
        form = pb.GUIDE_FORMAT_HTML if html else pb.GUIDE_FORMAT_MARKDOWN
        request = pb.GetGuideRequest(area_code=city.area_code, day=day, format=form)
        return self._cities.GetGuide(request).text


def operator_decisions(cities: Sequence[pb.CitySummary]) -> str:
    """Return in words what the operator has decided for cities; "" if nothing."""
    said = [
        part
        for city in cities
        for part in (
            *city.adoptions,
            *[clause.text for clause in city.operator_clauses],
        )
    ]
    return "；".join(dict.fromkeys(said))


def _names(city: pb.CitySummary) -> set[str]:
    return {city.pinyin, city.name, city.name.removesuffix("市")}


def _is_of(text: str, city: pb.CitySummary) -> bool:
    """Return whether a text is the code of a city, a county of it or its head office."""
    return text.isdecimal() and pooling_area(text) == pooling_area(city.area_code)
