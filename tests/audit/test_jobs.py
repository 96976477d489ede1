"""What the service writes by itself leaves leaves, too: each job has a name and a test."""

from __future__ import annotations

import ast
import asyncio
import importlib
import inspect
import pkgutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import gongji
import pytest
from gongji.audit.leaf import Leaf, LeafBody, body_of
from gongji.cities.city import Cities
from gongji.cities.kept import KeepRules
from gongji.model.access import PersonAccess
from gongji.model.account import Account
from gongji.model.commands import (
    Adopted,
    Command,
    Listing,
    Request,
    RequestRecord,
    Write,
)
from gongji.model.guessing import Guesses, GuessingLimits
from gongji.model.judging import Counts
from gongji.model.people import Person
from gongji.registry.imports import ApplyStaged, Examine, Rebase, Stage
from gongji.registry.kinds import PERSONS
from gongji.rpc.convert.people import person_row_from
from gongji.rpc.recording import AccessRecorder
from gongji.rpc.services.guessing import _CountNobody
from gongji.rpc.services.holds import Holds
from gongji.rpc.services.runs import Run
from gongji.rpc.services.upkeep import Upkeep
from gongji.serve.clock import SandboxClock
from gongji.serve.configured import ConfigurationRecord
from gongji.serve.losses import note_losses
from gongji.serve.settings import Settings
from gongji.store import Store, open_store
from gongji.store.keys.counting import COUNTED_SEALS
from gongji.store.retention import Expire
from gongji.store.upgrade import Backfill

from tests.scaffold.people import NOW
from tests.scaffold.service import Service
from tests.scaffold.world import NewWorld
from tests.serve.test_losses import kill
from tests.wallet.wallets import transfer

READS: Final = frozenset(
    {
        *("ReviewCredits", "ReviewPremiums", "IsParty", "ReviewBindings"),
        *("ShowBindings", "KnownAt", "Examine", "Reexamine", "_LookUp", "PlaceOf"),
        *("ReviewPatient", "GatherPacket", "PreviewReversal", "Recompute"),
        *(
            "DecideAsThen",
            "PatientOfOriginal",
            "Quote",
            "QuoteOnce",
            "RowOf",
            "Abandoned",
            "Find",
        ),
        *("CreditAsThen", "PremiumAsThen", "RefundAsThen", "ReversalAsThen"),
        *("StandingChanges", "ShowBenefitYear"),
    }
)
"""Queries that are only asked."""

JOBS: Final = frozenset(
    {
        *("TrialApplication", "TrialQuote", "KeepRules", "Write", "RecordStart"),
        *("Stage", "Rebase"),
        *("Apply", "ApplyStaged", "Merge", "EndMerge", "_CountNobody", "Part"),
        *("Remove", "Expire", "Backfill", "ReturnTransfer"),
        # Held with the calls (`test_decisions`): it has the caller, and no request id.
        "IssueStatement",
    }
)
"""Queries that are written without a request of their own."""


class Desk:
    """A store, and what its jobs need."""

    def __init__(self, store: Store, data: Path, world: Any) -> None:
        self.store = store
        self.data = data
        self.cities: Cities = world.cities
        self.person: Person = world.person("R1", name="赵某某")

    async def bodies(self) -> list[LeafBody]:
        """What all leaves say."""
        leaves = await self.store.page(Listing(kind=Leaf, limit=10_000))
        return list(map(body_of, leaves))

    def run(self, number: int) -> Run:
        """A run of an import of persons."""
        request_id = f"01890000-0000-7000-8000-{number:012d}"
        return Run(self.store, Request(request_id, "feeder", "ImportPersons"), NOW)

    async def staged(self, run: Run) -> None:
        """Have a run lay a row down."""
        assert await run.claim(1) is None
        rows = (person_row_from(Service.person(1)),)
        examine = Examine(PERSONS, self.store.lookup, rows)
        await run.write(Stage(examine, (1,), run.token, run.request.key), 1)


async def rules(desk: Desk) -> None:
    await desk.store.apply(KeepRules(desk.cities))


async def configuration(desk: Desk) -> None:
    policy = desk.data / "policy.toml"
    policy.write_text("version = 1\n", encoding="utf-8")
    settings = Settings(address="127.0.0.1:0", data=desk.data, policy=policy)
    record = ConfigurationRecord(desk.store, settings, desk.cities, SandboxClock(NOW))
    await record.write()
    await record.write()
    policy.write_text("version = 1\nrevision = 'b'\n", encoding="utf-8")
    await record.write()


async def adoption(desk: Desk) -> None:
    await desk.store.adopt(Adopted("341100", "V2", date(2025, 1, 1), NOW))


class Looked:
    """Accesses of one person."""

    def others(self, clock: Callable[[], datetime]) -> tuple[PersonAccess, ...]:
        """The one row."""
        who = ("auditor", "auditor", "", "")
        return (PersonAccess("1", "R1", clock(), *who, 0, 0, "GetPerson", "name", ""),)


async def accesses(desk: Desk) -> None:
    looked: Any = Looked()
    clock = SandboxClock(NOW)
    await AccessRecorder(desk.store, clock, before_answer=True).keep(looked)
    recorder = AccessRecorder(desk.store, clock)
    await recorder.keep(looked)
    await recorder.close()


async def losses(desk: Desk) -> None:
    kill(desk.data)
    await note_losses(desk.store, desk.data, lambda: NOW)


async def guesses(desk: Desk) -> None:
    await desk.store.apply(_CountNobody(Guesses.key_of("app"), GuessingLimits()))


async def imported(desk: Desk) -> None:
    await desk.store.apply(Write((desk.person,), "Before"))
    run = desk.run(1)
    await desk.staged(run)
    await run.write(Rebase(PERSONS, run.token, {"R1": 1}), 1)
    await run.while_going_on(asyncio.sleep(0.4))

    def finished(at: datetime) -> RequestRecord:
        request = run.request
        return RequestRecord(request.key, request.caller, request.method, {}, at)

    applied = ApplyStaged(PERSONS, "I1", run.token, 0, Counts())
    await run.finish(applied, finished)
    await Upkeep(desk.store).merged(PERSONS)


async def broken_off(desk: Desk) -> None:
    run = desk.run(2)
    await desk.staged(run)
    await run.release()
    await Upkeep(desk.store).tidied()


async def expiry(desk: Desk) -> None:
    guess = Guesses.key_of("app")
    await desk.store.apply(Expire("guesses", (guess,), NOW + timedelta(days=1)))


async def backfill(desk: Desk) -> None:
    await desk.store.apply(Write((Account("R1", 1),), "Before"))
    await desk.store.apply(Backfill(Account, ("R1",)))


async def returned(desk: Desk) -> None:
    two_days_ago = NOW - timedelta(days=2)
    sent = transfer("R1", "R2", sent_at=two_days_ago, returns_at=NOW)
    await desk.store.apply(Write((sent,), "Before"))
    # Once, however often it is looked for.
    for _ in range(2):
        await Holds(desk.store, lambda: NOW).end_due()


async def seals(desk: Desk) -> None:
    # As if so many had been written.
    desk.store.schema.vault.sealed = COUNTED_SEALS
    await desk.store.apply(Write((Account("R1", 2),), "Before"))


async def reset(desk: Desk) -> None:
    await desk.store.reset("tester")


STEPS: Final[tuple[tuple[Callable[[Desk], Awaitable[None]], tuple[str, ...]], ...]] = (
    (rules, ("KeepRules",)),
    (configuration, ("RecordStart", "RecordReading")),
    (adoption, ("Adopt",)),
    (accesses, ("RecordAccesses", "RecordAccesses")),
    (losses, ("RecordLostAccesses",)),
    (guesses, ("CountNobody",)),
    (
        imported,
        (
            *("Before", "ClaimImport", "Stage", "Rebase", "ContinueImport"),
            *("ImportPersons", "Merge", "KeepRevisions", "EndMerge"),
        ),
    ),
    (broken_off, ("ClaimImport", "Stage", "ReleaseImport", "Remove", "Remove")),
    (expiry, ("Expire",)),
    (backfill, ("Before", "Backfill")),
    (returned, ("Before", "ReturnTransfer")),
    (seals, ("Before", "CountSeals")),
    (reset, ("Reset", *["Genesis"] * 3)),
)
"""In their order: what is done, and what its leaves are called."""

OF_IMPORTS: Final = frozenset(
    {
        *("ClaimImport", "Stage", "Rebase", "ContinueImport", "ImportPersons"),
        "ReleaseImport",
    }
)

ELSEWHERE: Final = {
    "TrialApplication": "tests/audit/test_decisions.py",
    "TrialQuote": "tests/audit/test_decisions.py",
    "BeginRekey": "tests/store/test_rekey.py",
    "FinishRekey": "tests/store/test_rekey.py",
    "Migrate": "tests/store/test_version_2.py",
}
"""Tried with what they need."""


@pytest.fixture
async def desk(new_world: NewWorld, tmp_path: Path) -> AsyncIterator[Desk]:
    store = open_store(":memory:", SandboxClock(NOW))
    yield Desk(store, tmp_path, new_world())
    await store.close()


async def test_each_job_leaves_its_leaves(desk: Desk) -> None:
    """As many as it has transactions, by its name; those of an import by its caller."""
    for step, expected in STEPS:
        before = {(one.writer, one.number) for one in await desk.bodies()}
        await step(desk)
        every = await desk.bodies()
        new = [one for one in every if (one.writer, one.number) not in before]
        assert expected == tuple([one.what for one in new]), step.__name__
        for one in new:
            caller = "feeder" if one.what in OF_IMPORTS else ""
            assert one.caller == ("tester" if one.what == "Reset" else caller)


async def test_what_expires_says_by_which_line_and_from_when(desk: Desk) -> None:
    """An auditor sees what the policy of then let go."""
    await guesses(desk)
    await expiry(desk)
    about = (await desk.bodies())[-1].about
    until = (NOW + timedelta(days=1)).isoformat()
    assert {"retention": "guesses", "before": until} == about


def queries() -> dict[str, type]:
    """Every query of the program, by its name."""
    found = {}
    for module in pkgutil.walk_packages(gongji.__path__, "gongji."):
        if ".v1" in module.name or module.name.endswith("__main__"):
            continue
        with suppress(ImportError):
            names = vars(importlib.import_module(module.name))
            for name, kind in names.items():
                own = inspect.isclass(kind) and kind.__module__ == module.name
                if own and hasattr(kind, "needs") and hasattr(kind, "decide"):
                    found[name] = kind
    return found


def test_every_query_is_in_a_table() -> None:
    """One that is added says whether it is asked, a request's, or a job of the service."""
    others = {
        name
        for name, kind in queries().items()
        if not issubclass(kind, Command) and name != "Query"
    }
    assert READS | JOBS == others
    assert not READS & JOBS


def calls(*names: str) -> Iterator[ast.Call]:
    """Every call of a function or method of these names in the program."""
    for path in Path(gongji.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and _name_of(node.func) in names:
                yield node


def _name_of(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def test_what_is_only_asked_is_never_written() -> None:
    """No query of the first table is applied."""
    written = {
        _name_of(argument.func)
        for call in calls("apply", "write", "finish")
        for argument in call.args
        if isinstance(argument, ast.Call)
    }
    assert written
    assert not written & READS


def test_every_name_of_a_leaf_is_in_the_table() -> None:
    """Whatever is written down or begun elsewhere has a step, too."""
    tried = {what for _, expected in STEPS for what in expected} | {*ELSEWHERE}
    named = {
        argument.value
        for call in calls("Write", "LeafOrigin", "_tell_log")
        for argument in call.args
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    }
    assert {"Adopt", "Reset", "Migrate", "BeginRekey"} <= named
    assert named <= tried
