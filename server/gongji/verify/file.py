"""Phase file: what the database says of its own pages, indexes, definitions and keys."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from gongji.store.keys.ring import DIGEST, LOOKUP, MATCH, SEAL
from gongji.store.keys.table import StoredKeys
from gongji.store.online import OnlineStep
from gongji.store.schema import VERSION
from gongji.store.steps import STEPS
from gongji.verify.finding import Discrepancy
from gongji.verify.segments import Output
from gongji.verify.snapshot import UnreadableError
from gongji.verify.work import Bench, VerifyTask, task

KEYS: Final = ("keys",)
"""The task of what belongs to no table of records."""


@task("file")
def check_file(bench: Bench, job: VerifyTask, output: Output) -> None:
    """Do one of the snapshot's own tasks."""
    output.count("objects", 1)
    try:
        if job.words == KEYS:
            _check_keys(bench, output)
            return
        for finding in bench.snapshot.check_file(bench.schema, job.words):
            output.found(finding)
    except UnreadableError as error:
        output.found(Discrepancy(phase="file", message=f"不能读取：{error}"))


def _check_keys(bench: Bench, output: Output) -> None:
    """Check which keys there are, how often they were changed, and which upgrade goes on.

    Each key is wrapped together with what its row says.
    """
    stored = bench.schema.vault.stored
    for fault in _faults_of(stored) if stored else ():
        output.found(Discrepancy(phase="file", table="vault_key", message=fault))
    if stored and stored.epoch != _epoch(stored):
        told = f"epoch 应为 {_epoch(stored)}，得到 {stored.epoch}"
        output.found(Discrepancy(phase="file", table="vault", message=told))
    rows = list(bench.snapshot.rows("SELECT contract_from FROM upgrade", {}))
    if len(rows) > 1 or not all(_upgradable(row[0]) for row in rows):
        told = "没有这样的升级在进行"
        output.found(Discrepancy(phase="file", table="upgrade", message=told))


def _numbers(stored: StoredKeys, purpose: str) -> set[int]:
    return {key.number for key in stored.keys if key.purpose == purpose}


def _faults_of(stored: StoredKeys) -> Iterator[str]:
    """Yield what keys are missing or too many.

    Each change adds one of a kind, and ends with the one before gone; digests stay with
    their keys.
    """
    last = max(_numbers(stored, DIGEST))
    yield from _not_these(stored, DIGEST, [set(range(1, last + 1))])
    yield from _not_these(stored, MATCH, [{1}])
    changing = [{last}, {last - 1, last}] if last > 1 else [{1}]
    for purpose in (SEAL, LOOKUP):
        yield from _not_these(stored, purpose, changing)
    for key in stored.keys:
        # As version 2 left it: it hashed certificates once only.
        empty = (LOOKUP, 1, 0, None)
        said = (key.purpose, key.number, key.made_at, key.valid_until)
        if not key.wrapped and said != empty:
            yield f"密钥 {key.name} 是空的"


def _not_these(
    stored: StoredKeys, purpose: str, expected: Collection[set[int]]
) -> Iterator[str]:
    numbers = _numbers(stored, purpose)
    if numbers not in expected:
        listed = "、".join([f"{purpose}/{number}" for number in sorted(numbers)])
        yield f"{purpose} 的密钥有缺或多出：只有 {listed}"


def _epoch(stored: StoredKeys) -> int:
    """Return the epoch after so many changes: one as each begins, one as it ends."""
    begun = max(_numbers(stored, DIGEST)) - 1
    under_way = any(not k.current for k in stored.keys if k.purpose in {SEAL, LOOKUP})
    return 1 + 2 * begun - under_way


def _upgradable(since: object) -> bool:
    """Return whether a database can be expanded from a version."""
    steps = range(since, VERSION) if isinstance(since, int) else ()
    return any(isinstance(STEPS.get(step), OnlineStep) for step in steps)
