"""Bad clients: the Python reference with one mistake each, and the one verdict that finds it.

`python clients/bad.py NAME` runs one of them; the suite's own tests hold each to its
verdict and to no other.
"""

from __future__ import annotations

import random
import sys
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import grpc
from gongji.v1 import binding_pb2, settlement_pb2
from google.protobuf.unknown_fields import UnknownFieldSet

# So that this file can be run as it is.
sys.path.insert(0, str(Path(__file__).parents[3] / "examples" / "python"))
from client import Client, Result, Task, main
from refusal import Refusal

ENOUGH: Final = 30
"""Enough to be never: bad clients end as well."""


class OnlyPretends(Client):
    """Reverses with validate_only: tells a reversal that never was."""

    def reverse(self, task: Task) -> Result:
        request = settlement_pb2.ReverseRequest(
            settlement_id=task["settlement_id"], validate_only=True
        )
        reply = self.call(self.settlements.Reverse, self.numbered(request))
        return {"settlement_id": reply.settlement.settlement_id}


class NewIdAfterUnavailable(Client):
    """A new id for each attempt after UNAVAILABLE."""

    def again(self, request: Any, refusal: Refusal) -> None:
        if refusal.reason == "STORE_UNAVAILABLE":
            self.numbered(request)


class NewIdAfterBrokenConnection(Client):
    """A new id where the connection broke."""

    def again(self, request: Any, refusal: Refusal) -> None:
        if refusal.code is grpc.StatusCode.UNAVAILABLE and not refusal.reason:
            self.numbered(request)


class NewIdAfterDeadline(Client):
    """A new id where no reply came in time."""

    def again(self, request: Any, refusal: Refusal) -> None:
        if refusal.code is grpc.StatusCode.DEADLINE_EXCEEDED:
            self.numbered(request)


class NewIdWhereReused(Client):
    """A new id where the service says that the id belongs to another request."""

    def wait_s(self, refusal: Refusal, attempt: int) -> float | None:
        if refusal.reason == "REQUEST_ID_REUSED" and attempt == 1:
            return 0
        return super().wait_s(refusal, attempt)

    def again(self, request: Any, refusal: Refusal) -> None:
        if refusal.reason == "REQUEST_ID_REUSED":
            self.numbered(request)


class Storms(Client):
    """Tries again at once, as often as it can, while the service is down."""

    def wait_s(self, refusal: Refusal, attempt: int) -> float | None:
        if (
            refusal.reason == "STORE_UNAVAILABLE"
            and not refusal.pushback_s
            and attempt < ENOUGH
        ):
            return 0
        return super().wait_s(refusal, attempt)


class HastensBack(Client):
    """Goes by its own clock where a service that is down has asked for a pause."""

    def wait_s(self, refusal: Refusal, attempt: int) -> float | None:
        own = refusal.reason == "STORE_UNAVAILABLE"
        return super().wait_s(
            refusal._replace(pushback_s=0) if own else refusal, attempt
        )


class PushesIn(Client):
    """Goes by its own clock where an overloaded service has asked for a pause."""

    def wait_s(self, refusal: Refusal, attempt: int) -> float | None:
        own = refusal.code is grpc.StatusCode.RESOURCE_EXHAUSTED
        return super().wait_s(
            refusal._replace(pushback_s=0) if own else refusal, attempt
        )


class NeverGivesUp(Client):
    """Waits as asked while the service is overloaded, and comes back for ever."""

    def wait_s(self, refusal: Refusal, attempt: int) -> float | None:
        if refusal.code is grpc.StatusCode.RESOURCE_EXHAUSTED and attempt < ENOUGH:
            return refusal.pushback_s
        return super().wait_s(refusal, attempt)


class RetriesRefusals(Client):
    """Tries again what has been refused for good."""

    def wait_s(self, refusal: Refusal, attempt: int) -> float | None:
        if refusal.code is grpc.StatusCode.FAILED_PRECONDITION and attempt < 3:
            return 0.1
        return super().wait_s(refusal, attempt)


class HidesTheSentence(Client):
    """Shows a sentence of its own where the request was malformed."""

    def ended(self, refusal: Refusal) -> Result:
        own = refusal.reason == "PARTS_DO_NOT_SUM"
        return super().ended(refusal._replace(message="系统繁忙") if own else refusal)


class WaitsForEver(Client):
    """Reads lists without a deadline."""

    def deadline_s(self, request: Any) -> float | None:
        return (
            None
            if isinstance(request, settlement_pb2.ListSettlementsRequest)
            else super().deadline_s(request)
        )


class SaysFailed(Client):
    """Tells a request without reply as refused."""

    def ended(self, refusal: Refusal) -> Result:
        if refusal.code is grpc.StatusCode.DEADLINE_EXCEEDED:
            return {
                "outcome": "refused",
                "code": refusal.code.name,
                "reason": "",
                "message": "结算失败",
            }
        return super().ended(refusal)


class KnowsAllStates(Client):
    """Falls over a state that it does not know."""

    def state(self, number: int) -> str:
        return binding_pb2.BindingState.Name(number)  # type: ignore[arg-type] # the mistake


class KnowsAllFields(Client):
    """Falls over fields that it does not know."""

    def read(self, reply: Any) -> Any:
        if len(UnknownFieldSet(reply)):
            raise ValueError("unknown field")
        return reply


class StopsAtShortPages(Client):
    """Takes a page with fewer rows than asked for the last."""

    def is_last(self, reply: Any, request: Any) -> bool:
        return super().is_last(reply, request) or len(reply.rows) < request.page.size


class ReadsTwice(Client):
    """Begins again where a token is not accepted, and keeps the rows it has."""

    def read_all(self, task: Task) -> Result:
        self.kept: list[str] = []
        super().read_all(task)
        return {"settlement_ids": self.kept}

    def read(self, reply: Any) -> Any:
        if isinstance(reply, settlement_pb2.ListSettlementsResponse):
            self.kept += [row.settlement_id for row in reply.rows]
        return reply


class ReadsForEver(Client):
    """Begins again and again where no token is accepted."""

    def read_all(self, task: Task) -> Result:
        for _ in range(ENOUGH):
            with suppress(grpc.RpcError):
                return {"settlement_ids": self.pages(task)}
        return super().read_all(task)


class StaysDisconnected(Client):
    """Watches the connection, and gives up for good once it was lost."""

    def __init__(self, target: str) -> None:
        super().__init__(target)
        self.states: list[grpc.ChannelConnectivity] = []
        self.channel.subscribe(self.states.append)

    def call(self, method: Any, request: Any) -> Any:
        if (
            grpc.ChannelConnectivity.READY in self.states
            and self.states[-1] is not grpc.ChannelConnectivity.READY
        ):
            raise ConnectionError("connection lost")
        return super().call(method, request)


class CountsInDoubles(Client):
    """Amounts as floating point."""

    def fen(self, amount: int) -> int | str:
        return int(float(amount))


class IdFromContent(Client):
    """Derives the id from patient, institution, day and amount."""

    def new_id(self, request: Any) -> str:
        bill = getattr(request, "bill", None)
        if bill is None:
            return super().new_id(request)
        named = (
            f"{bill.patient.person_no} {bill.institution_code} {bill.service_day} "
            f"{bill.total_fen}"
        )
        return str(uuid.uuid5(uuid.NAMESPACE_OID, named))


class CountsIds(Client):
    """Numbers its requests in a fashion of its own."""

    def new_id(self, request: Any) -> str:
        return f"REQ-{super().new_id(request)[:13]}"


class SameSeed(Client):
    """Draws the same ids after each start."""

    def __init__(self, target: str) -> None:
        super().__init__(target)
        self.chance = random.Random(1)  # noqa: S311 - the mistake

    def new_id(self, request: Any) -> str:
        return str(uuid.UUID(int=self.chance.getrandbits(128), version=4))


class Gossips(Client):
    """Tells the proxies whose binding it is."""

    def metadata(self, request: Any) -> list[tuple[str, str | bytes]]:
        number = (
            request.holder.certificate.number
            if isinstance(request, binding_pb2.SubmitBindingRequest)
            else ""
        )
        return [*super().metadata(request), ("x-user", number or "none")]


class IdFromCertificate(Client):
    """Makes the id out of the holder's certificate."""

    def new_id(self, request: Any) -> str:
        if not isinstance(request, binding_pb2.SubmitBindingRequest):
            return super().new_id(request)
        digits = request.holder.certificate.number + uuid.uuid4().hex[:14]
        return str(uuid.UUID(digits))


class Anonymous(Client):
    """Does not say who calls."""

    def metadata(self, request: Any) -> list[tuple[str, str | bytes]]:
        return []


BAD: Final[dict[str, tuple[type[Client], str]]] = {
    "only-pretends": (OnlyPretends, "CLIENT-PLAIN-001"),
    "new-id-after-unavailable": (NewIdAfterUnavailable, "CLIENT-RETRY-001"),
    "new-id-after-broken-connection": (NewIdAfterBrokenConnection, "CLIENT-RETRY-002"),
    "storms": (Storms, "CLIENT-RETRY-003"),
    "hastens-back": (HastensBack, "CLIENT-PUSHBACK-001"),
    "pushes-in": (PushesIn, "CLIENT-PUSHBACK-002"),
    "never-gives-up": (NeverGivesUp, "CLIENT-OVERLOAD-001"),
    "retries-refusals": (RetriesRefusals, "CLIENT-REFUSAL-001"),
    "hides-the-sentence": (HidesTheSentence, "CLIENT-REFUSAL-002"),
    "new-id-where-reused": (NewIdWhereReused, "CLIENT-REFUSAL-003"),
    "waits-for-ever": (WaitsForEver, "CLIENT-DEADLINE-001"),
    "new-id-after-deadline": (NewIdAfterDeadline, "CLIENT-DEADLINE-002"),
    "says-failed": (SaysFailed, "CLIENT-DEADLINE-003"),
    "knows-all-states": (KnowsAllStates, "CLIENT-TOLERANT-001"),
    "knows-all-fields": (KnowsAllFields, "CLIENT-TOLERANT-002"),
    "stops-at-short-pages": (StopsAtShortPages, "CLIENT-PAGE-001"),
    "reads-twice": (ReadsTwice, "CLIENT-PAGE-002"),
    "reads-for-ever": (ReadsForEver, "CLIENT-PAGE-003"),
    "stays-disconnected": (StaysDisconnected, "CLIENT-CONNECTION-001"),
    "counts-in-doubles": (CountsInDoubles, "CLIENT-MONEY-001"),
    "counts-ids": (CountsIds, "CLIENT-ID-001"),
    "id-from-content": (IdFromContent, "CLIENT-ID-002"),
    "same-seed": (SameSeed, "CLIENT-ID-003"),
    "gossips": (Gossips, "CLIENT-PRIVACY-001"),
    "id-from-certificate": (IdFromCertificate, "CLIENT-PRIVACY-002"),
    "anonymous": (Anonymous, "CLIENT-CALLER-001"),
}
"""Each bad client with the one verdict that must find it."""


if __name__ == "__main__":
    main(BAD[sys.argv[1]][0])
