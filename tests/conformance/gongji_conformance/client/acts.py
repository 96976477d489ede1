"""What the scripted server does with a call: answer, refuse, lose the reply, stay silent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

import grpc
from google.protobuf.any_pb2 import Any as Packed
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import error_details_pb2 as details
from google.rpc import status_pb2

DETAILS_KEY: Final = "grpc-status-details-bin"
PUSHBACK_KEY: Final = "grpc-retry-pushback-ms"

Metadata = tuple[tuple[str, str | bytes], ...]
After = Literal["", "goaway", "cut"]


@dataclass(
    frozen=True,
    slots=True,
)
class Respond:
    """Executes and answers.

    `change` may alter the reply's bytes; `after` may end the connection later.
    """

    change: Callable[[Message], bytes] = lambda reply: reply.SerializeToString()
    after: After = ""
    label: str = "执行并答复"


@dataclass(
    frozen=True,
    slots=True,
)
class DropReply:
    """Executes, then cuts the connection instead of answering."""

    label: str = "执行，答复之前连接断了"


@dataclass(
    frozen=True,
    slots=True,
)
class Silence:
    """Executes, then says nothing until nobody waits any more."""

    label: str = "执行，一直不答复"


@dataclass(
    frozen=True,
    slots=True,
)
class Refuse:
    """Executes nothing and refuses.

    `pushback_ms` says when to come again, in both ways a server can say it.
    """

    code: grpc.StatusCode
    reason: str
    message: str
    pushback_ms: int | None = None

    @property
    def label(self) -> str:
        """What happened, for the report."""
        refused = f"拒绝 {self.code.name} {self.reason}"
        if self.pushback_ms is None:
            return refused
        return f"{refused}，{self.pushback_ms} 毫秒后再来"

    @property
    def trailing(self) -> Metadata:
        """The trailing metadata: google.rpc.Status with its details, and the pause."""
        status = status_pb2.Status(
            code=self.code.value[0],
            message=self.message,
        )
        for part in self._parts():
            packed = Packed()
            packed.Pack(part)
            status.details.append(packed)
        details_entry = (DETAILS_KEY, status.SerializeToString())
        if self.pushback_ms is None:
            return (details_entry,)
        return details_entry, (PUSHBACK_KEY, str(self.pushback_ms))

    def _parts(self) -> Iterable[Message]:
        """Yield the details of the status."""
        yield details.ErrorInfo(
            reason=self.reason,
            domain="gongji.v1",
        )
        yield details.LocalizedMessage(
            locale="zh-CN",
            message=self.message,
        )
        if self.pushback_ms is not None:
            delay = Duration()
            delay.FromMilliseconds(self.pushback_ms)
            yield details.RetryInfo(retry_delay=delay)


Act = Respond | DropReply | Silence | Refuse

Script = Mapping[str, Iterable[Act]]
"""What happens to the first, second … call of each method.

Afterwards, and for methods not named, `Respond()`.
"""
