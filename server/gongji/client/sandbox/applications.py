"""Applications of sample people, as a channel would make them that has done its part."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping
from typing import Any, Final

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from gongji.client import imports
from gongji.rules.codes import SHANGHAI
from gongji.v1 import (
    binding_pb2,
    city_pb2,
    city_pb2_grpc,
    sandbox_pb2,
    sandbox_pb2_grpc,
    types_pb2,
)

MARRIAGE: Final = binding_pb2.Material(
    kind="marriage_certificate", reference="sample/结婚证.jpg"
)

REGISTER: Final = binding_pb2.Material(
    kind="household_register", reference="sample/户口簿.jpg"
)


class Applications:
    """Makes applications of sample people by the rules of the holder's city, dated now."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._cities = city_pb2_grpc.CityServiceStub(channel)
        self._sandbox = sandbox_pb2_grpc.SandboxServiceStub(channel)
        self.people: Mapping[str, Mapping[str, str]] = {
            row.cells["person_no"]: row.cells
            for kind, rows in imports.sample()
            if kind == "persons"
            for row in rows
        }
        """Cells of each sample person's row, by its number."""
        self._rules: dict[tuple[str, str], Mapping[str, Any]] = {}

    def now(self) -> Timestamp:
        """Return the sandbox's time."""
        return self._sandbox.GetClock(sandbox_pb2.GetClockRequest()).now

    def of(
        self,
        holder: str,
        member: str,
        relation: str,
        channel: str,
        materials: Iterable[binding_pb2.Material] = (),
        *,
        consent: bool = False,
    ) -> binding_pb2.SubmitBindingRequest:
        """Return an application under a new request id.

        The holder has passed the channel's identity checks and accepted the agreement;
        with `consent` the member has consented from an account of its own.
        """
        request = binding_pb2.SubmitBindingRequest(
            request_id=str(uuid.uuid4()),
            holder=types_pb2.PersonRef(person_no=holder),
            member=types_pb2.PersonRef(person_no=member),
            relation=relation,
            purposes=[types_pb2.PURPOSE_VISIT],
            channel=channel,
            member_details=self._details(member),
            materials=materials,
        )
        now = self.now()
        self._accept_rules(request, now)
        if consent:
            request.consent.method = binding_pb2.CONSENT_METHOD_OWN_ACCOUNT
            request.consent.at.CopyFrom(now)
        return request

    def _details(self, member: str) -> binding_pb2.MemberDetails:
        person = self.people[member]
        return binding_pb2.MemberDetails(
            name=person["name"],
            certificate_number=person["cert_no"],
            phone=person["phone"],
            insured_place=person["insured_place"],
        )

    def _accept_rules(
        self, request: binding_pb2.SubmitBindingRequest, now: Timestamp
    ) -> None:
        """Pass the identity checks and accept the agreement of the holder's city."""
        day = f"{now.ToDatetime(tzinfo=SHANGHAI):%Y-%m-%d}"
        place = self.people[request.holder.person_no]["insured_place"]
        rules = self._rules.get((place, day))
        if rules is None:
            rules = self._rules[place, day] = self._rules_of(place, day)
        checks, agreement = rules["identity_checks"], rules["agreement"]
        request.identity_checks.extend(checks.get(request.channel, []))
        request.agreement.agreement_id = agreement["agreement_id"]
        request.agreement.version = agreement["version"]
        request.agreement.at.CopyFrom(now)

    def _rules_of(self, area_code: str, day: str) -> Mapping[str, Any]:
        """Return the rules of a city on a day, as the service gives them to programs."""
        request = city_pb2.GetCityRequest(area_code=area_code, day=day)
        rules = self._cities.GetCity(request).rules
        return {rule.hook: json.loads(rule.value_json) for rule in rules}
