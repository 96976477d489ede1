"""The tasks of the conformance suite, which its README describes: what judges service.py.

Tasks in GONGJI_TASK, the server in GONGJI_TARGET, and one line of JSON a result.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import grpc
from gongji.v1 import (
    access_pb2,
    binding_pb2,
    settlement_pb2,
)
from money import read
from refusal import UNKNOWN, Refusal, refusal_of
from service import Service

READINGS: Final = 3
"""How often a list is begun before the client reports that it cannot be read."""

Task = Mapping[str, Any]
Result = dict[str, Any]


class Client(Service):
    """A service that does the suite's tasks."""

    def perform(self, task: Task) -> Result:
        """Return the result of one task: done, refused by the service, or unknown."""
        self.longest_s, self.request_id = task.get("deadline_s", 10.0), ""
        stated = read(task.get("subject", {}), access_pb2.Subject())
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
            bill=read(task["bill"], settlement_pb2.Bill())
        )
        reply = self.call(self.settlements.Quote, request)
        return {"fund_fen": self.fen(reply.settlement.fund_fen)}

    def settle(self, task: Task) -> Result:
        """Settle one bill. A replayed reply is as good as the first: the money moved once."""
        request = settlement_pb2.SettleRequest(
            bill=read(task["bill"], settlement_pb2.Bill())
        )
        reply = self.call(self.settlements.Settle, self.numbered(request))
        return {
            "settlement_id": reply.settlement.settlement_id,
            "fund_fen": self.fen(reply.settlement.fund_fen),
            "replayed": reply.receipt.replayed,
        }

    def submit(self, task: Task) -> Result:
        """Apply for a binding."""
        request = read(task["application"], binding_pb2.SubmitBindingRequest())
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
        read(task["patient"], request.patient)
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


def main(kind: type[Client] = Client) -> None:
    """Perform the tasks of the environment and print their results."""
    client = kind(os.environ["GONGJI_TARGET"])
    for task in json.loads(os.environ["GONGJI_TASK"]):
        # In ASCII, which every locale can say.
        print(json.dumps(client.perform(task)), flush=True)
    client.close()


if __name__ == "__main__":
    main()
