"""A channel's client of gongji: plain grpcio and the generated gongji.v1, nothing else of gongji's.

What to copy from it: one deadline a call; one request id a business request, kept through all
retries; what is retried and what is not; refusals shown in the service's own words; pages read
to the end; amounts as whole fen.

It speaks the suite's protocol: tasks in GONGJI_TASK, the server in GONGJI_TARGET, and one line
of JSON a result. Who it is: GONGJI_CA, GONGJI_CERT and GONGJI_KEY name files of certificates,
GONGJI_TOKEN_FILE one with a token; a task's `subject` says for whom it acts.
"""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import grpc
from gongji.v1 import (
    access_pb2,
    binding_pb2,
    binding_pb2_grpc,
    settlement_pb2,
    settlement_pb2_grpc,
)
from google.protobuf.json_format import ParseDict
from google.rpc import error_details_pb2 as details
from google.rpc import status_pb2

CALLER: Final = "reference-python"
"""Who calls: one name for the whole installation, never a person's."""
DEADLINE_S: Final = 10.0
ATTEMPTS: Final = 4
FIRST_WAIT_S: Final = 0.15
LONGEST_WAIT_S: Final = 3.0
READINGS: Final = 3
"""How often a list is begun before the client reports that it cannot be read."""

UNKNOWN: Final = frozenset(
    {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}
)
"""Whether the request was executed is unknown; the same request with the same id finds out."""
AGAIN: Final = UNKNOWN | {grpc.StatusCode.RESOURCE_EXHAUSTED}
"""Worth another attempt; everything else is an answer."""

Task = Mapping[str, Any]
Result = dict[str, Any]


class Refusal(NamedTuple):
    """An error as the service explains it."""

    code: grpc.StatusCode
    reason: str
    message: str
    pushback_s: float


class Client:
    """One connection to the service, used for everything."""

    def __init__(self, target: str) -> None:
        self.channel = connected(target)
        self.settlements = settlement_pb2_grpc.SettlementServiceStub(self.channel)
        self.bindings = binding_pb2_grpc.BindingServiceStub(self.channel)
        self.longest_s = DEADLINE_S
        self.request_id = ""
        self.subject = b""

    def perform(self, task: Task) -> Result:
        """Return the result of one task: done, refused by the service, or unknown."""
        self.longest_s, self.request_id = task.get("deadline_s", DEADLINE_S), ""
        stated = ParseDict(task.get("subject", {}), access_pb2.Subject())
        self.subject = stated.SerializeToString()
        tasks: dict[str, Callable[[Task], Result]] = {
            "quote": self.quote,
            "settle": self.settle,
            "submit": self.submit,
            "list": self.read_all,
            "reverse": self.reverse,
            "wait": self.wait,
        }
        try:
            return {"outcome": "done", **tasks[task["do"]](task)}
        except grpc.RpcError as error:
            return self.ended(refusal_of(error))

    def quote(self, task: Task) -> Result:
        """Ask what the settlement would be; write nothing."""
        request = settlement_pb2.QuoteRequest(
            bill=ParseDict(task["bill"], settlement_pb2.Bill())
        )
        reply = self.call(self.settlements.Quote, request)
        return {"fund_fen": self.fen(reply.settlement.fund_fen)}

    def settle(self, task: Task) -> Result:
        """Settle one bill. A replayed reply is as good as the first: the money moved once."""
        request = settlement_pb2.SettleRequest(
            bill=ParseDict(task["bill"], settlement_pb2.Bill())
        )
        reply = self.call(self.settlements.Settle, self.numbered(request))
        return {
            "settlement_id": reply.settlement.settlement_id,
            "fund_fen": self.fen(reply.settlement.fund_fen),
            "replayed": reply.receipt.replayed,
        }

    def submit(self, task: Task) -> Result:
        """Apply for a binding."""
        request = ParseDict(task["application"], binding_pb2.SubmitBindingRequest())
        reply = self.call(self.bindings.SubmitBinding, self.numbered(request))
        return {
            "binding_id": reply.binding.binding_id,
            "state": self.state(reply.binding.state),
        }

    def reverse(self, task: Task) -> Result:
        """Take a settlement back."""
        request = settlement_pb2.ReverseRequest(
            settlement_id=task["settlement_id"], why="患者退费"
        )
        reply = self.call(self.settlements.Reverse, self.numbered(request))
        return {
            "settlement_id": reply.settlement.settlement_id,
            "replayed": reply.receipt.replayed,
        }

    def read_all(self, task: Task) -> Result:
        """Read a whole list; from its first page again if a token is not accepted."""
        readings = 0
        while True:
            readings += 1
            try:
                return {"settlement_ids": self.pages(task)}
            except grpc.RpcError as error:
                if (
                    refusal_of(error).reason != "PAGE_TOKEN_INVALID"
                    or readings >= READINGS
                ):
                    raise

    def pages(self, task: Task) -> list[str]:
        """Return the rows of every page.

        Only a page without a token is the last, however few rows a page has.
        """
        request = settlement_pb2.ListSettlementsRequest(
            from_day=task["from_day"], to_day=task["to_day"]
        )
        ParseDict(task["patient"], request.patient)
        request.page.size = task["page_size"]
        rows: list[str] = []
        while True:
            reply = self.call(self.settlements.ListSettlements, request)
            # A reversed settlement has a second row, its refund, on the day of that.
            rows += [row.settlement_id for row in reply.rows if not row.refund]
            if self.is_last(reply, request):
                return rows
            request.page.token = reply.next_page_token

    def wait(self, task: Task) -> Result:
        """Do nothing for a while."""
        time.sleep(task["seconds"])
        return {}

    def call(self, method: Callable[..., Any], request: Any) -> Any:
        """Call, and send the same request again if that is worth it; grpc.RpcError in the end."""
        attempt = 0
        while True:
            attempt += 1
            try:
                return self.read(
                    method(
                        request,
                        timeout=self.deadline_s(request),
                        metadata=self.metadata(request),
                    )
                )
            except grpc.RpcError as error:
                wait_s = self.wait_s(refusal_of(error), attempt)
                if wait_s is None:
                    raise
                time.sleep(wait_s)
                self.again(request, refusal_of(error))

    def wait_s(self, refusal: Refusal, attempt: int) -> float | None:
        """Return how long to wait before the next attempt; None if there is none.

        Longer each time, never shorter than the service asks for.
        """
        if refusal.code not in AGAIN or attempt >= ATTEMPTS:
            return None
        return max(
            min(FIRST_WAIT_S * 2.0 ** (attempt - 1), LONGEST_WAIT_S), refusal.pushback_s
        )

    def again(self, request: Any, refusal: Refusal) -> None:
        """Change nothing before a request goes out again, least of all its id."""

    def read(self, reply: Any) -> Any:
        """Return a reply; fields that a later version has added are left alone."""
        return reply

    def numbered(self, request: Any) -> Any:
        """Give the request an id of its own: once for each business request, at random."""
        request.request_id = self.request_id = self.new_id(request)
        return request

    def new_id(self, request: Any) -> str:
        """Return a fresh UUID."""
        return str(uuid.uuid4())

    def deadline_s(self, request: Any) -> float | None:
        """Return how long one call may take, in seconds."""
        return self.longest_s

    def metadata(self, request: Any) -> list[tuple[str, str | bytes]]:
        """Return who calls and for whom; else people belong in requests, never here."""
        entries: list[tuple[str, str | bytes]] = [("x-gongji-caller", CALLER)]
        if path := os.environ.get("GONGJI_TOKEN_FILE"):
            # Read anew each time: a token is replaced before it runs out.
            token = Path(path).read_text(encoding="ascii").strip()
            entries.append(("authorization", f"Bearer {token}"))
        if self.subject:
            entries.append(("x-gongji-subject-bin", self.subject))
        return entries

    def fen(self, amount: int) -> int | str:
        """Return an amount for JSON: as text, for readers without int64."""
        return str(amount)

    def state(self, number: int) -> str:
        """Return a binding's state by name; one of a later version by its number."""
        known = {value: name for name, value in binding_pb2.BindingState.items()}
        # Any number may come.
        return known.get(number, f"未知的状态 {number}")  # type: ignore[call-overload,no-any-return]

    def is_last(self, reply: Any, request: Any) -> bool:
        """Say whether a page is the last."""
        return not reply.next_page_token

    def ended(self, refusal: Refusal) -> Result:
        """Return the result of a call without a reply."""
        if refusal.code in UNKNOWN:
            return {
                "outcome": "unknown",
                "code": refusal.code.name,
                "request_id": self.request_id,
            }
        return {
            "outcome": "refused",
            "code": refusal.code.name,
            "reason": refusal.reason,
            "message": refusal.message,
        }

    def close(self) -> None:
        """Close the connection."""
        self.channel.close()


def connected(target: str) -> grpc.Channel:
    """Open a channel: TLS if its roots are named, with our certificate if that is too."""
    # After a broken connection the next attempt need not wait for the usual second.
    options = [("grpc.initial_reconnect_backoff_ms", 100)]
    ca = content("GONGJI_CA")
    if ca is None:
        # To a server of this very machine only; a token is never sent so elsewhere.
        return grpc.insecure_channel(target, options=options)
    credentials = grpc.ssl_channel_credentials(
        ca, content("GONGJI_KEY"), content("GONGJI_CERT")
    )
    return grpc.secure_channel(target, credentials, options=options)


def content(variable: str) -> bytes | None:
    """Return the content of the file that a variable names; None if it names none."""
    path = os.environ.get(variable)
    return Path(path).read_bytes() if path else None


def refusal_of(error: grpc.RpcError) -> Refusal:
    """Return what an error says: its reason, the sentence, and when to try again."""
    if not isinstance(error, grpc.Call):
        raise error
    info, localized, retry, pushback_s = (
        details.ErrorInfo(),
        details.LocalizedMessage(),
        details.RetryInfo(),
        0.0,
    )
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-retry-pushback-ms":
            pushback_s = int(value) / 1000
        if key == "grpc-status-details-bin" and isinstance(value, bytes):
            for packed in status_pb2.Status.FromString(value).details:
                for part in (info, localized, retry):
                    packed.Unpack(part)
    pause_s = max(pushback_s, retry.retry_delay.ToTimedelta().total_seconds())
    return Refusal(
        error.code(), info.reason, localized.message or error.details() or "", pause_s
    )


def main(kind: type[Client] = Client) -> None:
    """Perform the tasks of the environment and print their results."""
    client = kind(os.environ["GONGJI_TARGET"])
    for task in json.loads(os.environ["GONGJI_TASK"]):
        # In ASCII, which every locale can say.
        print(json.dumps(client.perform(task)), flush=True)  # noqa: T201 - the suite reads it
    client.close()


if __name__ == "__main__":
    main()
