"""A way followed by somebody who reads its fields alone, never a sentence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from gongji.v1 import binding_pb2
from google.protobuf import json_format
from google.protobuf.timestamp_pb2 import Timestamp

EVIDENCE: Final = "conformance/way"
"""Reference to evidence that nobody needs to see."""

OF_REQUEST: Final = frozenset(
    {
        binding_pb2.STEP_ACTION_SET,
        binding_pb2.STEP_ACTION_ADD,
        binding_pb2.STEP_ACTION_REMOVE,
        binding_pb2.STEP_ACTION_ACCEPT,
        binding_pb2.STEP_ACTION_CHANGE_CHANNEL,
    }
)
"""What is done by sending another request."""

# A form may say again what is registered.
_REGISTER: Final = binding_pb2.STEP_ACTION_REGISTER

_OF_REGISTRY: Final = ("holder.", "member.")


class Follower:
    """Carries out steps on an application; `known` is what the applicant knows, by path."""

    def __init__(self, known: Mapping[str, str], now: Timestamp) -> None:
        self._known = {"materials[].reference": EVIDENCE, **known}
        self._now = json_format.MessageToDict(
            binding_pb2.AgreementAccepted(at=now)
        ).get("at", "")

    def follow(
        self,
        steps: Iterable[binding_pb2.Step],
        application: binding_pb2.SubmitBindingRequest,
    ) -> binding_pb2.SubmitBindingRequest:
        """Return the application as it is after these steps."""
        written = json_format.MessageToDict(
            application, preserving_proto_field_name=True
        )
        for step in steps:
            if step.action == binding_pb2.STEP_ACTION_REMOVE:
                _remove(step, written)
            elif step.action in OF_REQUEST or step.action == _REGISTER:
                self._fill(step, written)
        return json_format.ParseDict(written, binding_pb2.SubmitBindingRequest())

    def _fill(self, step: binding_pb2.Step, written: dict[str, Any]) -> None:
        """Set the fields of a step; what stands below one list is one new item of it."""
        items: dict[str, dict[str, Any]] = {}
        for field in step.fields:
            if field.path.startswith(_OF_REGISTRY):
                continue
            value: Any = self._value(field)
            before, listed, below = field.path.partition("[]")
            if not listed:
                _set(written, field.path, value)
            elif below:
                items.setdefault(before, {})[below.removeprefix(".")] = value
            else:
                *above, last = before.split(".")
                _within(written, above).setdefault(last, []).append(value)
        for name, item in items.items():
            written.setdefault(name, []).append(item)

    def _value(self, field: binding_pb2.FieldRef) -> Any:
        if field.path == "agreement":
            number, _, version = field.value.rpartition("@")
            return {"agreement_id": number, "version": version, "at": self._now}
        if field.path.endswith(".at"):
            return self._now
        if field.value in {"true", "false"}:
            return field.value == "true"
        return field.value or self._known[field.path]


def _within(written: dict[str, Any], path: Iterable[str]) -> dict[str, Any]:
    """Return the message at a path, made if it is not there."""
    for name in path:
        written = written.setdefault(name, {})
    return written


def _set(written: dict[str, Any], path: str, value: Any) -> None:
    *above, last = path.split(".")
    _within(written, above)[last] = value


def _remove(step: binding_pb2.Step, written: dict[str, Any]) -> None:
    """Take items out of their lists."""
    for field in step.fields:
        written[field.path.removesuffix("[]")].remove(field.value)
