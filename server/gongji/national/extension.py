"""What a bill of ours says and 2207 has no field for, in the slot exp_content (字段扩展).

There it is JSON, {"gongji": {"service_day": "2025-09-30", "givers": ["CZ002"],
"inpatient_that_day": true}}; whatever else stands in exp_content is carried along.
Without a service_day the visit was on the day of inf_time (assumption: 2207 has no field
for the day; the visit's own registration, 2203, has).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import msgspec
from google.protobuf import json_format

from gongji.national.documents import message_of
from gongji.national.envelope import Unmapped
from gongji.national.fields import Node
from gongji.national.forms import NationalFault, day_of, refuse_padding
from gongji.national.text import dumps, loads
from gongji.v1 import settlement_pb2 as pb

SLOT: Final = "exp_content"

SECTION: Final = "gongji"

NAMES: Final = (
    "service_day",
    "givers",
    "inpatient_that_day",
    "residue",
    "residue_of",
    "spending",
    "filing_no",
    "use_wallet",
)
"""Fields of Bill that a section may name, written as protobuf JSON."""


def complete(bill: pb.Bill, unmapped: Unmapped) -> None:
    """Say in the bill what the extension says. NationalFault if it cannot be read."""
    bill.MergeFrom(_bill_of(unmapped.data.fields.get(SLOT), unmapped.envelope.fields))


def express(bill: pb.Bill, unmapped: Unmapped) -> Unmapped:
    """Add to the extension what the bill says beyond the national fields.

    An extension that says so already stays as it is, in its own spelling.
    """
    beyond = _beyond(bill)
    slot = unmapped.data.fields.get(SLOT)
    envelope = unmapped.envelope.fields
    if beyond == _bill_of(slot, envelope):
        return unmapped
    if beyond.service_day == _day_of(envelope):
        beyond.ClearField("service_day")
    fields = {**unmapped.data.fields, SLOT: _slot_saying(beyond, slot)}
    return replace(unmapped, data=msgspec.structs.replace(unmapped.data, fields=fields))


def _beyond(bill: pb.Bill) -> pb.Bill:
    """Return a bill with only what the national fields do not say."""
    beyond = pb.Bill(givers=bill.givers)
    for name in NAMES:
        if name != "givers":
            setattr(beyond, name, getattr(bill, name))
    return beyond


def _slot_saying(beyond: pb.Bill, slot: object) -> object:
    """Return the extension with our section in it, an object if it was one."""
    content = {name: value for name, value in _opened(slot).items() if name != SECTION}
    section = json_format.MessageToDict(beyond, preserving_proto_field_name=True)
    if section:
        content[SECTION] = section
    if isinstance(slot, Mapping):
        return content
    return dumps(content) if content else ""


def _bill_of(slot: object, envelope: Node) -> pb.Bill:
    """Return a bill that says only what the extension says, and the day of the visit."""
    section = _section(slot)
    path = f"input.data.{SLOT}.{SECTION}"
    if not isinstance(section, Mapping):
        raise NationalFault(f"{path} 应为 JSON 对象")
    unknown = "、".join(name for name in section if name not in NAMES)
    if unknown:
        raise NationalFault(f"{path} 没有字段 {unknown}；可用 {'、'.join(NAMES)}")
    bill = message_of(dict(section), pb.Bill(), path)
    for number in (*bill.givers, bill.filing_no):
        refuse_padding(number, f"{path} 的 givers 或 filing_no")
    bill.service_day = bill.service_day or _day_of(envelope)
    return bill


def _section(slot: object) -> Any:
    """Return our section; empty if the extension is none of ours."""
    try:
        opened = _opened(slot)
    except NationalFault:
        # Others may write what they like there, but a broken section of ours is told.
        if SECTION in str(slot):
            raise
        return {}
    return opened.get(SECTION, {})


def _opened(slot: object) -> Mapping[str, Any]:
    """Return the extension as an object, empty if there is none. NationalFault."""
    opened = slot or {}
    if isinstance(slot, str) and slot:
        opened = loads(slot, f"input.data.{SLOT}")
    if not isinstance(opened, Mapping):
        raise NationalFault(
            f"input.data.{SLOT} 不是 JSON 对象，其中放不下 {SECTION} 一节"
        )
    return opened


def _day_of(envelope: Node) -> str:
    return day_of(envelope.get("inf_time"), "inf_time")
