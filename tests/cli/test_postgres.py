"""The service over PostgreSQL: a day, a restart, conformance, and the doctor's findings."""

from __future__ import annotations

import dataclasses
import uuid
from datetime import datetime
from pathlib import Path

import psycopg
import pytest
from gongji.binding.workdays import Workdays
from gongji.kit.doctor import findings, healthy
from gongji.model.access import LostAccesses
from gongji.model.commands import Write
from gongji.rules.codes import SHANGHAI
from gongji.store import last_leaf, open_store
from gongji.store.postgres import condition
from gongji.store.postgres.condition import look
from gongji.store.schema import VERSION
from gongji.v1 import settlement_pb2
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.cli.command import gongji
from tests.cli.started import PERSON, TODAY, Caller, Started, run, started
from tests.kit.making import every_year
from tests.postgres import Postgres

NOW = datetime(2025, 9, 30, 10, tzinfo=SHANGHAI)


def test_a_day_and_the_next_morning(postgres: Postgres, tmp_path: Path) -> None:
    """A bill is quoted, settled, listed and taken back; after a restart it is all there
    and sent again it is replayed."""
    arguments = ["--database", postgres.fresh(), "--data", str(tmp_path)]
    request = new_id()
    with started(*arguments, "--sample") as service, Caller(service) as clinic:
        settled = quote_and_settle(clinic, request)
        balance = clinic.balance()
        settle_and_reverse(clinic)
        assert balance == clinic.balance()
        check_announcement(service, postgres)
        assert 0 == service.end()

    with started(*arguments) as service, Caller(service) as clinic:
        again = clinic.settle(request)
        assert again.receipt.replayed
        assert settled == again.settlement
        rows = [(-10_000, True), (10_000, False), (10_000, True)]
        assert rows == charges_of_month(clinic)
        assert balance == clinic.balance()
        assert 0 == service.end()


def new_id() -> str:
    return str(uuid.uuid4())


def quote_and_settle(clinic: Caller, request: str) -> settlement_pb2.Settlement:
    """Settle 100 yuan from the purse, as quoted."""
    before = clinic.balance()
    quote = settlement_pb2.QuoteRequest(bill=clinic.bill(10_000))
    quoted = clinic.settlements.Quote(quote).settlement
    settled = clinic.settle(request).settlement
    assert 10_000 == quoted.account_fen == settled.account_fen
    assert before - 10_000 == clinic.balance()
    return settled


def settle_and_reverse(clinic: Caller) -> None:
    settled = clinic.settle().settlement
    request = settlement_pb2.ReverseRequest(
        request_id=new_id(), settle_request_id=settled.request_id, why="退号"
    )
    clinic.settlements.Reverse(request)


def charges_of_month(clinic: Caller) -> list[tuple[int, bool]]:
    """Return this month's charges and refunds in fen, and whether they were reversed."""
    month = settlement_pb2.ListSettlementsRequest(patient=PERSON, month=TODAY[:7])
    rows = clinic.settlements.ListSettlements(month).rows
    return sorted((row.charged_fen, row.reversed) for row in rows)


def check_announcement(service: Started, postgres: Postgres) -> None:
    """The database is announced, and each setting under which an answer may be lost."""
    assert "数据在 PostgreSQL" in "".join(service.announced)
    announced = "".join(service.announced)
    warning = "警告：PostgreSQL 的 {} = off"
    assert lossy(postgres) == [
        name for name in FLUSHING if warning.format(name) in announced
    ]


FLUSHING = ("fsync", "full_page_writes")


NOTICING = "data_checksums"


def lossy(postgres: Postgres, *names: str) -> list[str]:
    """Return the test server's own settings that are off, by default those under which a
    power cut may lose an answer."""
    asked = names or FLUSHING
    with psycopg.connect(postgres.url) as connection:
        values = {name: connection.execute(f"SHOW {name}").fetchone() for name in asked}
    return [name for name, value in values.items() if value == ("off",)]


def test_it_conforms(postgres: Postgres, tmp_path: Path) -> None:
    """The suite finds nothing wrong with a sandbox over PostgreSQL; its clock is the
    reason for one process."""
    with started(
        "--database", postgres.fresh(), "--data", str(tmp_path), "--sandbox"
    ) as service:
        judged = run("conformance", "chuzhou", "--quick", "--target", service.address)

    assert 0 == judged.returncode, judged.stdout


class TestDoctor:
    """What keeps the service from a PostgreSQL, found before it is started."""

    def test_what_may_be_lost(self, postgres: Postgres, tmp_path: Path) -> None:
        """A server that does not flush, or does not notice a page that was changed, is
        named setting by setting, and makes the command end with 1."""
        options: list[str | Path] = ["--data", tmp_path]
        options += ["--calendar", every_year(tmp_path)]
        result = gongji("doctor", "--database", postgres.fresh(), *options)
        every = (*FLUSHING, NOTICING)
        off = lossy(postgres, *every)
        assert off == [name for name in every if f"{name} = off" in result.output]
        assert bool(off) == bool(result.exit_code)

    def test_commits_that_do_not_wait(self, postgres: Postgres) -> None:
        """A database whose sessions do not wait for the disk is named, though the
        service's own do."""
        url = postgres.fresh()
        options = conninfo_to_dict(url)["options"]
        for setting in ("on", "off"):
            asked = f"{options} -csynchronous_commit={setting}"
            told = "".join(look(make_conninfo(url, options=asked)).lossy)
            assert ("off" == setting) == ("synchronous_commit = off" in told)

    async def test_a_database_behind_what_was_answered(
        self, postgres: Postgres, tmp_path: Path
    ) -> None:
        """One that lacks a leaf this machine has seen written is named."""
        url, key = postgres.fresh(), tmp_path / "gongji.key"
        store = open_store(url, lambda: NOW, key)
        with last_leaf.noting(store, tmp_path, None):
            await store.apply(Write((LostAccesses("x", NOW, 3),)))
        await store.close()
        assert [] == problems(url, tmp_path)
        with psycopg.connect(url) as connection:
            connection.execute("DELETE FROM leaf")
        assert "写入并已答复的记录" in problems(url, tmp_path)[0]

    def test_pages_without_checksums(
        self, postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A server that was made without them is told how to add them."""
        url = postgres.fresh()
        without = dataclasses.replace(look(url), checksums=False)
        monkeypatch.setattr(condition, "look", lambda _: without)
        found = findings(tmp_path, Workdays(), NOW, url)
        told = [f.remedy for f in found if f"{NOTICING} = off" in f.problem]
        assert ["pg_checksums --enable" in remedy for remedy in told] == [True]

    def test_nobody_answers(self, tmp_path: Path) -> None:
        """An address where nothing is."""
        (finding,) = findings(
            tmp_path, Workdays(), NOW, "postgresql:///x?host=/nowhere"
        )
        assert "无法连接 PostgreSQL" in finding.problem

    def test_nothing_there_yet(self, postgres: Postgres, tmp_path: Path) -> None:
        """An empty database is nothing wrong, and stays empty."""
        url = postgres.fresh()
        assert [] == problems(url, tmp_path)
        assert "空库" in "".join(healthy(tmp_path, url))
        assert look(url).schema is None

    async def test_another_key_or_schema(
        self, postgres: Postgres, tmp_path: Path
    ) -> None:
        """A database that is to be migrated, or whose key is another or lost, is named
        with what to do."""
        url, key = postgres.fresh(), tmp_path / "gongji.key"
        await open_store(url, lambda: NOW, key).close()
        assert [] == problems(url, tmp_path)
        assert f"数据库结构第 {VERSION} 版" in "".join(healthy(tmp_path, url))
        with psycopg.connect(url) as connection:
            connection.execute("UPDATE vault SET version = 0")
        assert "gongji migrate" in problems(url, tmp_path)[0]
        key.write_bytes(bytes(32))
        key.chmod(0o600)
        assert "密钥文件与该数据库不符" in problems(url, tmp_path)[0]
        key.unlink()
        assert "找不到密钥文件" in problems(url, tmp_path)[0]

    def test_another_program(self, postgres: Postgres, tmp_path: Path) -> None:
        """A database of another program is named and left alone."""
        url = postgres.fresh()
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE TABLE person (id INTEGER)")
        assert "其他程序的表 person" in problems(url, tmp_path)[0]


def problems(url: str, data: Path) -> list[str]:
    """Return what the doctor finds, but for the settings of a test's server."""
    reported = [finding.problem for finding in findings(data, Workdays(), NOW, url)]
    return [problem for problem in reported if " = off" not in problem]
