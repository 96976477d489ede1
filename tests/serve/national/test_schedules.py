"""Lost requests, lost replies, late arrivals and retries end in balance, whatever their order.

A hospital's system follows the rule of the interface: of a message whose outcome it does
not know it sends the same again, or 2601, until somebody answers. What it then believes
is settled must be what the service has, and the purse must have paid that and no more.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import grpc
from gongji.client.connection import RefusalInfo
from gongji.serve.national.calls import GrpcService, ServiceFault

from tests.national.messages import PATIENT, SETTLE
from tests.serve.national.sender import Message, Sender, sender_over

SCHEDULES = 1000 if os.environ.get("GONGJI_NATIONAL") else 40

UNKNOWN = "结果未知，请以"

LOST = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.INTERNAL,
)


class LossyService(GrpcService):
    """Loses calls on the way there or back, and delivers some of the lost ones late."""

    def __init__(self, channel: grpc.Channel, chance: random.Random) -> None:
        super().__init__(channel, 20.0)
        self._chance = chance
        self._underway: list[tuple[str, Any]] = []
        self.loss = 0.4

    def settlements(self, method: str, request: Any) -> Any:
        """Call, or lose the call before or after it is executed."""
        self._deliver(0.3)
        if method in {"Settle", "Reverse"} and self._chance.random() < self.loss:
            kind = self._chance.choice(["request", "late", "reply"])
            if kind == "reply":
                self._once(method, request)
            elif kind == "late":
                self._underway.append((method, request))
            raise ServiceFault(_lost(self._chance.choice(LOST)))
        return super().settlements(method, request)

    def arrive(self) -> None:
        """Deliver whatever is still under way."""
        self._deliver(1.0)

    def _deliver(self, share: float) -> None:
        waiting, self._underway = self._underway, []
        for method, request in waiting:
            if self._chance.random() < share:
                self._once(method, request)
            else:
                self._underway.append((method, request))

    def _once(self, method: str, request: Any) -> None:
        # Nobody hears the answer, a refusal neither.
        with suppress(ServiceFault):
            super().settlements(method, request)


def _lost(code: grpc.StatusCode) -> RefusalInfo:
    return RefusalInfo(code=code, reason="", message="", metadata={})


class CarefulHospital:
    """A system that follows the interface's rule, and its own books."""

    def __init__(
        self, sender: Sender, chance: random.Random, lossy: LossyService
    ) -> None:
        self.sender, self.chance, self.lossy = sender, chance, lossy
        self.books: dict[str, Message] = {}

    def visit(self) -> None:
        """Settle a bill until it is known to stand, or is known to be none."""
        fen = self.chance.randrange(1, 20_000)
        yuan = str(Decimal(fen) / 100)
        data = {**SETTLE, "medfee_sumamt": yuan, "inscp_scp_amt": yuan}
        message = self.sender.message("2207", data)
        reply = self._sent(message)
        while unknown(reply):
            if self.chance.random() < 0.5:
                reply = self._sent(message)
                continue
            self._take_back(message["msgid"])
            return
        if reply["infcode"] == 0:
            self._enter(reply["output"]["setlinfo"])

    def reverse(self) -> None:
        """Take one settlement back (2208), by the same message until it is answered."""
        if not self.books:
            return
        number = self.chance.choice(sorted(self.books))
        data = {"psn_no": PATIENT, "setl_id": number, "mdtrt_id": "V1"}
        message = self.sender.message("2208", data)
        reply = self._until_known(message)
        assert 0 == reply["infcode"], reply
        del self.books[number]

    def _take_back(self, msgid: str) -> None:
        """Send 2601 until it is answered: then there is no settlement, and there will be none."""
        data = {"psn_no": PATIENT, "omsgid": msgid, "oinfno": "2207"}
        reply = self._until_known(self.sender.message("2601", data))
        if reply["infcode"] != 0:
            assert "SETTLEMENT_NOT_FOUND" == reply["output"]["gongji"]["reason"]

    def _until_known(self, message: Message) -> Message:
        reply = self._sent(message)
        while unknown(reply):
            reply = self._sent(message)
        return reply

    def _sent(self, message: Message) -> Message:
        """Return the answer, or that it was lost between the two of us."""
        reply = self.sender.client.ask(message)
        if self.chance.random() < self.lossy.loss / 2:
            return {"infcode": -1, "err_msg": f"{UNKNOWN}…"}
        return reply

    def _enter(self, info: Message) -> None:
        assert info["setl_id"] not in self.books
        self.books[info["setl_id"]] = info

    def spent(self) -> int:
        """Return what its books say the purse has paid, in fen."""
        paid = [Decimal(one["acct_pay"]) * 100 for one in self.books.values()]
        return int(sum(paid))


def unknown(reply: Message) -> bool:
    told: str = reply["err_msg"]
    return told.startswith(UNKNOWN)


@contextmanager
def hospital_of(
    channel: grpc.Channel, folder: Path, seed: int
) -> Iterator[tuple[CarefulHospital, LossyService]]:
    chance = random.Random(seed)  # noqa: S311 - no secret
    lossy = LossyService(channel, chance)
    with sender_over(channel, folder, service=lossy) as sender:
        yield CarefulHospital(sender, chance, lossy), lossy


def test_schedules_end_in_balance(channel: grpc.Channel, tmp_path: Path) -> None:
    """After each random schedule the books of both sides agree and the purse has paid them."""
    for seed in range(SCHEDULES):
        with hospital_of(channel, tmp_path, seed) as (hospital, lossy):
            before = hospital.sender.balance()
            actions = [hospital.visit, hospital.visit, hospital.reverse]
            for _ in range(hospital.chance.randrange(1, 5)):
                hospital.chance.choice(actions)()
            lossy.arrive()
            assert before - hospital.spent() == hospital.sender.balance(), seed
            for info in hospital.books.values():
                assert stands_as(hospital.sender, info), seed
            lossy.loss = 0.0
            while hospital.books:
                hospital.reverse()
            assert before == hospital.sender.balance(), seed


def stands_as(sender: Sender, info: Message) -> bool:
    """Return whether a settlement stands with the amount that a hospital's books have."""
    settlement = sender.settlement(info["setl_id"])
    paid = Decimal(info["acct_pay"]) * 100
    return settlement.account_fen == paid and not settlement.HasField("reversed_at")


def test_a_hospital_that_settles_anew_is_found_out(
    channel: grpc.Channel, tmp_path: Path
) -> None:
    """The law can fail: whoever sends a new message instead of the same pays twice."""
    assert any(paid_twice(channel, tmp_path, seed) for seed in range(200))


def paid_twice(channel: grpc.Channel, folder: Path, seed: int) -> bool:
    """Return whether a visit sent anew was paid twice; all of it is taken back."""
    with hospital_of(channel, folder, seed) as (hospital, lossy):
        sender = hospital.sender
        before = sender.balance()
        first = sender.message("2207")
        sender.client.ask(first)
        lossy.loss = 0.0
        lossy.arrive()
        info = sender.settled()
        twice = before - Decimal(info["acct_pay"]) * 100 != sender.balance()
        for msgid in (first["msgid"], info["medins_setl_id"]):
            data = {"psn_no": PATIENT, "omsgid": msgid, "oinfno": "2207"}
            sender.ask("2601", data)
        assert before == sender.balance()
    return twice
