"""The national interface as its tests use it: messages sent, what the service says beside."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import grpc
from gongji.rules.codes import SHANGHAI
from gongji.serve.national.assembly import app_of, keyring_of
from gongji.serve.national.calls import GrpcService, ServiceCalls
from gongji.serve.national.exchanges import Exchanges
from gongji.serve.national.memory import Memory
from gongji.serve.national.settings import NationalSettings
from gongji.v1 import account_pb2, account_pb2_grpc, settlement_pb2_grpc, types_pb2
from gongji.v1 import settlement_pb2 as pb

from tests.national.messages import DATA, HOSPITAL, PATIENT, SETTLE, request
from tests.serve.national.asgi import HttpClient

Message = dict[str, Any]

_numbers = itertools.count(1)


def settings(folder: Path, **changes: Any) -> NationalSettings:
    """Return what the command would be told, nothing checked unless said."""
    plain: dict[str, Any] = {
        "address": "127.0.0.1:0",
        "path": "/",
        "tls_cert": None,
        "tls_key": None,
        "signature": "none",
        "signature_keys": None,
        "require_sign_in": False,
        "dialect": None,
        "with_balance": False,
        "timeout": 20.0,
        "at_once": 8,
        "memory": folder / "national.sqlite3",
    }
    return NationalSettings(**{**plain, **changes})


class Sender:
    """A hospital's system at the national interface, and the service behind that."""

    def __init__(self, client: HttpClient, channel: grpc.Channel) -> None:
        self.client = client
        self.stub = settlement_pb2_grpc.SettlementServiceStub(channel)
        self.accounts = account_pb2_grpc.AccountServiceStub(channel)

    @staticmethod
    def new_msgid() -> str:
        """Return a number no other message of this run has."""
        return f"{HOSPITAL}{datetime.now(SHANGHAI):%Y%m%d%H%M%S}{next(_numbers):04d}"

    def message(
        self, infno: str, data: Message | None = None, node: str = "data", **head: Any
    ) -> Message:
        """Return a message of now, under a number of its own."""
        now = f"{datetime.now(SHANGHAI):%Y-%m-%d %H:%M:%S}"
        content = DATA.get(infno, {}) if data is None else data
        made = request(
            infno, content, **{"msgid": self.new_msgid(), "inf_time": now, **head}
        )
        made["input"] = {node: dict(content)}
        return made

    def ask(
        self, infno: str, data: Message | None = None, node: str = "data", **head: Any
    ) -> Message:
        """Return the answer to a message of now."""
        return self.client.ask(self.message(infno, data, node, **head))

    def settled(self, **changes: Any) -> Message:
        """Settle a visit; return its amounts."""
        reply = self.ask("2207", {**SETTLE, **changes})
        assert 0 == reply["infcode"], reply
        info: Message = reply["output"]["setlinfo"]
        return info

    def settlement(self, settlement_id: str) -> pb.Settlement:
        """Return a settlement as the service has it."""
        asked = pb.GetSettlementRequest(settlement_id=settlement_id)
        settlement: pb.Settlement = self.stub.GetSettlement(asked).settlement
        return settlement

    def balance(self, person_no: str = PATIENT) -> int:
        """Return what is in a person's purse, in fen."""
        asked = account_pb2.GetAccountRequest(
            person=types_pb2.PersonRef(person_no=person_no)
        )
        fen: int = self.accounts.GetAccount(asked).balance_fen
        return fen


@contextmanager
def sender_over(
    channel: grpc.Channel,
    folder: Path,
    service: ServiceCalls | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(SHANGHAI),
    **changes: Any,
) -> Iterator[Sender]:
    """Run the national interface over a channel, or over a service in its place."""
    with Memory(folder / "national.sqlite3") as memory:
        options = settings(folder, **changes)
        exchanges = Exchanges(
            service=service or GrpcService(channel, 20.0),
            memory=memory,
            edition=options.edition,
            clock=clock,
            with_balance=options.with_balance,
        )
        app = app_of(options, exchanges, keyring_of(options))
        with HttpClient(app) as client:
            yield Sender(client, channel)
