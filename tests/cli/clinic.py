"""A clinic that works while the keys of its service's database are changed."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import grpc
import pytest
from gongji.access.identity import SUBJECT_KEY
from gongji.model.commands import Write
from gongji.model.people import Certificate, Enrolment, Institution, Person
from gongji.rules.codes import EnrolmentStatus, InstitutionKind, Scheme
from gongji.serve.clock import system_clock
from gongji.serve.settings import KEY_FILE
from gongji.store import open_store
from gongji.v1 import access_pb2, settlement_pb2, types_pb2

from tests.cli.started import Caller, Started
from tests.patience import PATIENCE_S
from tests.postgres import Postgres

LONG = os.environ.get("GONGJI_CHAOS") == "1"

PEOPLE = 2000 if LONG else 400


def number_of(person: int) -> str:
    """An invented certificate's number."""
    return f"T{person:07d}"


async def fill(database: str | Path, data: Path) -> None:
    """Lay down people of Chuzhou."""
    store = open_store(database, system_clock, data / KEY_FILE, new=True)
    enrolled = Enrolment(
        Scheme.EMPLOYEE, "1101", EnrolmentStatus.NORMAL, date(2010, 1, 1)
    )
    people = [
        Person(
            person_no=f"T{n}",
            certificate=Certificate("99", number_of(n)),
            name="试验",
            phone="",
            first_place="341100",
            enrolments=(enrolled,),
        )
        for n in range(PEOPLE)
    ]
    clinic = Institution(
        "H34110000001", "试验医院", InstitutionKind.HOSPITAL, 4, date(2010, 1, 1)
    )
    await store.apply(Write((clinic,)))
    for first in range(0, PEOPLE, 500):
        await store.apply(Write(tuple(people[first : first + 500])))
    await store.close()


FOR_CARE = (
    (
        SUBJECT_KEY,
        access_pb2.Subject(purpose=access_pb2.ACCESS_PURPOSE_CARE).SerializeToString(),
    ),
)
"""Whoever names a person by certificate says what for."""


class Clinic:
    """A clinic that settles for people named by certificate, one after the other."""

    def __init__(self, server: Started) -> None:
        self._server = server
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work)
        self.answered = 0
        self.failed: list[str] = []

    def settle(self, caller: Caller, person: int) -> None:
        """Settle a bill of a person."""
        bill = caller.bill(100)
        certificate = types_pb2.Certificate(type="99", number=number_of(person))
        bill.patient.CopyFrom(types_pb2.PersonRef(certificate=certificate))
        bill.account_use = settlement_pb2.ACCOUNT_USE_NONE
        request = settlement_pb2.SettleRequest(request_id=str(uuid.uuid4()), bill=bill)
        caller.settlements.Settle(request, timeout=PATIENCE_S, metadata=FOR_CARE)

    def _work(self) -> None:
        chance = random.Random(11)  # noqa: S311 - no secret
        with Caller(self._server) as caller:
            while not self._ended.is_set():
                try:
                    self.settle(caller, chance.randrange(PEOPLE))
                    self.answered += 1
                except grpc.RpcError as error:
                    self.failed.append(str(error))

    @contextmanager
    def running(self) -> Iterator[None]:
        """Go on for the block."""
        self._thread.start()
        try:
            yield
        finally:
            self._ended.set()
            self._thread.join()


def begin_and_kill(at: Sequence[str], after_s: float) -> None:
    """Run the command and kill it after a time, if it has not ended by then."""
    command = [sys.executable, "-m", "gongji", "rekey", *at]
    with subprocess.Popen(  # noqa: S603 - our own
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        time.sleep(after_s)
        process.kill()


def options_at(request: pytest.FixtureRequest, tmp_path: Path) -> list[str]:
    """Return the options of a data folder and its database, as a fixture is asked."""
    options = ["--data", str(tmp_path / "var")]
    if request.param == "postgres":
        postgres: Postgres = request.getfixturevalue("postgres")
        options += ["--database", postgres.fresh()]
    return options
