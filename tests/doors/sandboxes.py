"""The requests of a sandbox alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from gongji.v1 import sandbox_pb2
from google.protobuf.timestamp_pb2 import Timestamp

from tests.doors.cells import Cell
from tests.doors.served import Doors
from tests.scaffold.people import NOW


def _now() -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(NOW)
    return stamp


def _id(doors: Doors) -> str:
    return doors.service.new_id()


SANDBOXES: Final[Mapping[str, tuple[str, Callable[[Doors, Cell], Any]]]] = {
    "GetClock": ("sandbox", lambda _, __: sandbox_pb2.GetClockRequest()),
    "SetClock": (
        "sandbox",
        lambda d, _: sandbox_pb2.SetClockRequest(request_id=_id(d), now=_now()),
    ),
    "OrderFault": (
        "sandbox",
        lambda d, _: sandbox_pb2.OrderFaultRequest(request_id=_id(d)),
    ),
    "IssueVoucher": (
        "sandbox",
        lambda d, _: sandbox_pb2.IssueVoucherRequest(
            request_id=_id(d), person_no="P1", institution_code="H34110000001"
        ),
    ),
    "Reset": ("sandbox", lambda d, _: sandbox_pb2.ResetRequest(request_id=_id(d))),
}
"""By method, as `tests.doors.requests`."""
