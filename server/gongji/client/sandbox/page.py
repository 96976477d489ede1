"""The page of a sandbox: who is who, and requests to copy, as things stand now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from gongji.client import imports, lists
from gongji.client.connection import refusal_of
from gongji.client.sandbox.requests import (
    STATES,
    SampleRequest,
    SampleRequests,
    account_of,
    new_id,
)
from gongji.rules import money
from gongji.rules.codes import SHANGHAI, Scheme, Standing
from gongji.rules.terms import TERMS
from gongji.v1 import (
    account_pb2,
    account_pb2_grpc,
    binding_pb2,
    binding_pb2_grpc,
    city_pb2,
    city_pb2_grpc,
    sandbox_pb2,
    types_pb2,
)

_PAGE: Final = "page.html.jinja"

_RELATIONS: Final = {
    "10": "配偶",
    "20": "子",
    "30": "女",
    "51": "父",
    "52": "母",
}
"""What a relative of the sample is called (GB/T 4761)."""

_EMPTIED: Final = {"NO_ACCOUNT": "没有账户", "PERSON_NOT_FOUND": "已清空"}
"""What is shown if somebody emptied the sandbox without loading the sample again, by the
reason of the refusal."""

FAULTS: Final = (
    ("lost-reply", "LOST_REPLY", "办完之后以 UNAVAILABLE 结束，没有详情", "已经做了"),
    ("no-reply", "NO_REPLY", "办完之后一直不答，到您的时限为止", "已经做了"),
    ("late-reply=3000", "LATE_REPLY", "立即办，答复晚到 3 秒", "已经做了"),
    ("slow=3000", "SLOW", "3 秒之后才办；时限更短则什么也没做", "到时限为止没有做"),
    ("unavailable", "UNAVAILABLE", "以 STORE_UNAVAILABLE 拒绝，附重试时间", "没有做"),
)
"""Each fault as a call orders it: metadata, kind, what is seen, what was done."""


@dataclass(frozen=True, slots=True)
class SamplePerson:
    """A sample person as the page shows it."""

    cells: Mapping[str, str]
    enrolled: str
    balance: str
    kin: str
    bindings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SampleCity:
    """A city with its sample people, its institutions and requests to copy."""

    name: str
    area_code: str
    people: tuple[SamplePerson, ...]
    institutions: tuple[Mapping[str, str], ...]
    requests: tuple[SampleRequest, ...]


def sandbox_page(channel: grpc.Channel, address: str, buf: str) -> str:
    """Return the page of a sandbox at an address, `buf` being that tool's command.

    grpc.RpcError.
    """
    # Only here: a sandbox starts without it.
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415

    environment = Environment(
        loader=PackageLoader("gongji.client.sandbox", package_path=""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    facts = _Facts(channel)
    return environment.get_template(_PAGE).render(
        address=address,
        buf=buf,
        now=f"{facts.now.ToDatetime(tzinfo=SHANGHAI):%Y-%m-%d %H:%M:%S}",
        cities=list(facts.cities()),
        others=list(facts.people_elsewhere()),
        first=account_of("CZ001"),
        fault_kinds=FAULTS,
        clock=_clock(facts.now),
        order=_order(),
        reset=_reset(),
    )


class _Facts:
    """What a sandbox says now of its cities and sample people."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._requests = SampleRequests(channel)
        self._accounts = account_pb2_grpc.AccountServiceStub(channel)
        self._bindings = binding_pb2_grpc.BindingServiceStub(channel)
        asked = city_pb2.ListCitiesRequest()
        self._cities = city_pb2_grpc.CityServiceStub(channel).ListCities(asked).cities
        self.now = self._requests.applications.now()
        sample = dict(imports.sample())
        self._institutions = [row.cells for row in sample["institutions"]]
        self._people = [row.cells for row in sample["persons"]]

    def cities(self) -> Iterator[SampleCity]:
        """Yield each city in which people of the sample live."""
        day = f"{self.now.ToDatetime(tzinfo=SHANGHAI):%Y-%m-%d}"
        for city in self._cities:
            area = city.area_code[:4]
            people = [one for one in self._people if _area_of(one) == area]
            if people:
                # Their codes begin with H or P and the area.
                there = [one for one in self._institutions if one["code"][1:5] == area]
                yield SampleCity(
                    city.name,
                    city.area_code,
                    tuple(map(self._person, people)),
                    tuple(there),
                    tuple(self._requests.of_city(city.area_code, day)),
                )

    def people_elsewhere(self) -> Iterator[SamplePerson]:
        """Yield the people of the sample whose city is not served."""
        served = {city.area_code[:4] for city in self._cities}
        for one in self._people:
            if _area_of(one) not in served:
                yield self._person(one)

    def _person(self, cells: Mapping[str, str]) -> SamplePerson:
        kin = [lists.kin(entry) for entry in lists.entries(cells["kin"])]
        return SamplePerson(
            cells,
            "；".join(map(_enrolled, lists.entries(cells["enrolments"]))),
            self._balance(cells["person_no"]),
            "、".join(f"{_relation(one.relation)} {one.person_no}" for one in kin),
            tuple(self._bound(cells["person_no"])),
        )

    def _balance(self, person_no: str) -> str:
        person = types_pb2.PersonRef(person_no=person_no)
        request = account_pb2.GetAccountRequest(person=person)
        try:
            return money.yuan(self._accounts.GetAccount(request).balance_fen)
        except grpc.RpcError as error:
            known = _EMPTIED.get(refusal_of(error).reason)
            if known is None:
                raise
            return known

    def _bound(self, person_no: str) -> Iterator[str]:
        """Yield what a person's bindings are that it has given."""
        holder = types_pb2.PersonRef(person_no=person_no)
        request = binding_pb2.ListBindingsRequest(holder=holder)
        try:
            bindings = self._bindings.ListBindings(request).bindings
        except grpc.RpcError as error:
            if refusal_of(error).reason not in _EMPTIED:
                raise
            return
        for one in bindings:
            yield f"→ {one.member} {STATES[one.state]}"


def _enrolled(entry: str) -> str:
    one: Any = lists.enrolment(entry)
    retired = str(one.psn_type).startswith("12")
    scheme = TERMS[Scheme][Scheme(one.scheme)]
    standing = TERMS[Standing][Standing.RETIRED if retired else Standing.ACTIVE]
    if Scheme(one.scheme) is not Scheme.EMPLOYEE:
        return scheme
    paused = "" if one.status == types_pb2.ENROLMENT_STATUS_NORMAL else "，暂停参保"
    until = f"，至 {one.to}" if one.to else ""
    return f"{scheme}{standing}{until}{paused}"


def _relation(code: str) -> str:
    return f"{_RELATIONS[code]}（{code}）" if code in _RELATIONS else code


def _area_of(cells: Mapping[str, str]) -> str:
    return cells["insured_place"][:4]


def _clock(now: Timestamp) -> SampleRequest:
    request = sandbox_pb2.SetClockRequest(request_id=new_id(), runs=True)
    request.now.FromSeconds(now.seconds + 24 * 3600)
    return SampleRequest("拨到明天此时，接着走", "SandboxService/SetClock", request, "")


def _order() -> SampleRequest:
    request = sandbox_pb2.OrderFaultRequest(
        request_id=new_id(),
        kind=sandbox_pb2.FAULT_KIND_LOST_REPLY,
        method="Settle",
        calls=3,
    )
    return SampleRequest(
        "此后三次 Settle 都丢失答复", "SandboxService/OrderFault", request, ""
    )


def _reset() -> SampleRequest:
    request = sandbox_pb2.ResetRequest(request_id=new_id(), load_sample=True)
    return SampleRequest("清空，重新载入样例人群", "SandboxService/Reset", request, "")
