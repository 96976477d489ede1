"""A process that makes, accepts and ends transfers until it is killed; told in lines.

`python -m tests.wallet.killed FILE SEED`: each line is the name of what was answered.
"""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, Final

from gongji.account.forward import BringForward
from gongji.cities.city import Cities
from gongji.model.commands import Command, Request
from gongji.model.ids import derived_id
from gongji.wallet.ending import AcceptTransfer, DeclineTransfer, ReturnTransfer
from gongji.wallet.sending import SendTransfer

from tests.binding.applying import cities
from tests.scaffold.people import person
from tests.wallet.books import Books
from tests.wallet.schedules import START
from tests.wallet.wallets import wallet

PEOPLE: Final = ("A", "B")

CREDITED: Final = 1_000_000_00
"""What each purse is given first, in fen."""


def day(seed: int, number: int) -> datetime:
    """Return the morning of a life's day."""
    return START.replace(hour=7) + timedelta(days=seed * 1000 + number)


def found(path: Path) -> None:
    """Make a file with two people who have money and wallets."""
    books = Books(path, lambda: START - timedelta(days=1))
    for serial, number in enumerate(PEOPLE):
        books.add(person(number, serial), wallet(number))
        request = Request(str(uuid.UUID(int=serial)), "test", "Credit")
        books.run([BringForward(request, number, CREDITED)])
    books.close()


def live(path: Path, seed: int) -> None:
    """Transfer day by day, for ever; tell each answer once it is durable."""
    chance, served = Random(seed), cities()  # noqa: S311 - to be had again by the seed
    clock = [day(seed, 0)]
    books = Books(path, lambda: clock[0], durable=True)
    for number in range(100_000):
        clock[0] = day(seed, number)
        command = sending(chance, served)
        name = derived_id("T", command.request.key)
        _tell(f"sent {name}", books.run([command]))
        for answer in answering(chance, name, command.receiver):
            _tell(f"{type(answer).__name__} {name}", books.run([answer]))
        clock[0] += timedelta(hours=23)
        _tell(f"looked {name}", books.run([ReturnTransfer(name)]))


def sending(chance: Random, served: Cities) -> SendTransfer:
    """Return a transfer from one to the other."""
    sender, receiver = chance.sample(PEOPLE, 2)
    return SendTransfer(
        request=_request(chance, "Transfer"),
        sender=sender,
        receiver=receiver,
        relation="10",
        fen=chance.choice((1, 99_99, 2000_00)),
        cities=served,
    )


def answering(chance: Random, name: str, receiver: str) -> Iterator[Command[Any]]:
    """Yield what answers a transfer, of some nothing."""
    kind: Any = chance.choice((AcceptTransfer, DeclineTransfer, None))
    if kind is not None:
        request = _request(chance, kind.__name__)
        yield kind(request=request, transfer_id=name, receiver=receiver)


def _request(chance: Random, method: str) -> Request:
    return Request(str(uuid.UUID(int=chance.getrandbits(128))), "test", method)


def _tell(what: str, outcomes: object) -> None:
    assert outcomes is not None
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    live(Path(sys.argv[1]), int(sys.argv[2]))
