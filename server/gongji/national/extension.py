"""What a bill of ours says and 2207 has no field for, in the interface's own slot:
exp_content 字段扩展.

There it is JSON, {"gongji": {"service_day": "2025-09-30", "givers": ["CZ002"],
"inpatient_that_day": true}}; whatever else stands in exp_content is kept. Without a
service_day the visit was on the day of inf_time (assumption: 2207 has no field for the
day; the visit's own registration, 2203, has).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from google.protobuf import json_format

from gongji.national.envelope import Kept
from gongji.national.fields import Node
from gongji.national.forms import NationalFault, moment_of
from gongji.national.text import dumps, loads
from gongji.v1 import settlement_pb2 as pb

SLOT: Final = "exp_content"

SECTION: Final = "gongji"

NAMES: Final = (
    "service_day",
    "givers",
    "inpatient_that_day",
    "residue",
    "spending",
    "filing_no",
)
"""Fields of Bill that a section may name, written as protobuf JSON."""


def complete(bill: pb.Bill, kept: Kept) -> None:
    """Says in the bill what the extension says. NationalFault where it cannot be read."""
    bill.MergeFrom(_said(kept.data.rest.get(SLOT), kept.envelope.rest))


def express(bill: pb.Bill, kept: Kept) -> Kept:
    """Keeps in the extension what the bill says beyond the fields; an extension that
    says so already stays as it is."""
    wanted = pb.Bill()
    for name in NAMES:
        if name == "givers":
            wanted.givers.extend(bill.givers)
        else:
            setattr(wanted, name, getattr(bill, name))
    slot = kept.data.rest.get(SLOT)
    if wanted == _said(slot, kept.envelope.rest):
        return kept
    if wanted.service_day == _day_of(kept.envelope.rest):
        wanted.ClearField("service_day")
    others = {name: value for name, value in _opened(slot).items() if name != SECTION}
    section = json_format.MessageToDict(wanted, preserving_proto_field_name=True)
    content = {**others, **({SECTION: section} if section else {})}
    written = (
        content if isinstance(slot, Mapping) else dumps(content) if content else ""
    )
    return replace(
        kept, data=replace(kept.data, rest={**kept.data.rest, SLOT: written})
    )


def _said(slot: object, envelope: Node) -> pb.Bill:
    """A bill that says only what the extension says, and the day of the visit."""
    section = _section(slot)
    path = f"input.data.{SLOT}.{SECTION}"
    if not isinstance(section, Mapping):
        raise NationalFault(f"{path} 应为 JSON 对象")
    if unknown := [name for name in section if name not in NAMES]:
        raise NationalFault(
            f"{path} 没有字段 {', '.join(unknown)}; 可用 {', '.join(NAMES)}"
        )
    try:
        bill = json_format.ParseDict(dict(section), pb.Bill())
    except (json_format.ParseError, TypeError, ValueError) as fault:
        raise NationalFault(
            f"{path} 的取值不合 gongji.v1.Bill: {', '.join(section)}"
        ) from fault
    bill.service_day = bill.service_day or _day_of(envelope)
    return bill


def _section(slot: object) -> Any:
    """Our section; empty where the extension is none of ours."""
    try:
        opened = _opened(slot)
    except NationalFault:
        if SECTION in str(slot):
            raise
        return {}
    return opened.get(SECTION, {})


def _opened(slot: object) -> Mapping[str, Any]:
    """The extension as an object; empty where there is none. NationalFault where it is
    something else."""
    opened = (
        loads(slot, f"input.data.{SLOT}")
        if isinstance(slot, str) and slot
        else slot or {}
    )
    if not isinstance(opened, Mapping):
        raise NationalFault(
            f"input.data.{SLOT} 不是 JSON 对象, 其中放不下 {SECTION} 一节"
        )
    return opened


def _day_of(envelope: Node) -> str:
    at = moment_of(envelope.get("inf_time"), "inf_time")
    return at.date().isoformat() if at else ""
