"""The whole service over PostgreSQL, over the wire: a day, a restart, conformance, and
what is said of the database."""

from __future__ import annotations

import uuid
from datetime import datetime
from pathlib import Path

import psycopg
from click.testing import CliRunner
from gongji.binding.workdays import Workdays
from gongji.cli import main
from gongji.kit.doctor import findings, healthy
from gongji.rules.codes import SHANGHAI
from gongji.store import open_store
from gongji.store.postgres.condition import look
from gongji.store.schema import VERSION
from gongji.v1 import settlement_pb2

from tests.cli.started import PERSON, TODAY, Caller, Started, run, started
from tests.postgres import Postgres

NOW = datetime(2025, 9, 30, 10, tzinfo=SHANGHAI)


def test_a_day_and_the_next_morning(postgres: Postgres, tmp_path: Path) -> None:
    """Quoted, settled, listed and taken back; after a restart it is all there and asked
    again it is replayed."""
    arguments = ["--database", postgres.fresh(), "--data", str(tmp_path)]
    request, taken_back = str(uuid.uuid4()), str(uuid.uuid4())
    with started(*arguments, "--sample") as service, Caller(service.address) as clinic:
        before = clinic.balance()
        quoted = clinic.settlements.Quote(
            settlement_pb2.QuoteRequest(bill=clinic.bill(10_000))
        ).settlement
        settled = clinic.settle(request).settlement
        assert (10_000, 10_000, before - 10_000) == (
            quoted.account_fen,
            settled.account_fen,
            clinic.balance(),
        )
        clinic.settle(taken_back)
        reverse = settlement_pb2.ReverseRequest(
            request_id=str(uuid.uuid4()), settle_request_id=taken_back, why="退号"
        )
        clinic.settlements.Reverse(reverse)
        assert before - 10_000 == clinic.balance()
        assert "数据在 PostgreSQL" in service.announced[-1]
        assert lossy(postgres) == [
            name
            for name in FLUSHING
            if f"警告: PostgreSQL 的 {name} = off" in told(service)
        ]
        assert 0 == service.end()

    with started(*arguments) as service, Caller(service.address) as clinic:
        again = clinic.settle(request)
        assert (True, settled) == (again.receipt.replayed, again.settlement)
        month = settlement_pb2.ListSettlementsRequest(patient=PERSON, month=TODAY[:7])
        rows = clinic.settlements.ListSettlements(month).rows
        assert [(10_000, False), (10_000, True)] == sorted(
            (row.charged_fen, row.reversed) for row in rows
        )
        assert before - 10_000 == clinic.balance()
        assert 0 == service.end()


FLUSHING = ("fsync", "full_page_writes")


def lossy(postgres: Postgres) -> list[str]:
    """Settings of the test's own server under which a power cut may take an answer back."""
    with psycopg.connect(postgres.url) as connection:
        return [
            name
            for name in FLUSHING
            if connection.execute(f"SHOW {name}").fetchone() == ("off",)
        ]


def told(service: Started) -> str:
    """All that was announced."""
    return "".join(service.announced)


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
        """A server that does not flush is named setting by setting, and makes the
        command end with 1."""
        result = CliRunner().invoke(
            main, ["doctor", "--database", postgres.fresh(), "--data", str(tmp_path)]
        )
        assert lossy(postgres) == [
            name for name in FLUSHING if f"{name} = off" in result.output
        ]
        assert bool(lossy(postgres)) == bool(result.exit_code)

    def test_nobody_answers(self, tmp_path: Path) -> None:
        """An address where nothing is."""
        (found,) = findings(tmp_path, Workdays(), NOW, "postgresql:///x?host=/nowhere")
        assert "无法连接 PostgreSQL" in found.problem

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
    """What the doctor finds, but for the settings of a test's server."""
    found = findings(data, Workdays(), NOW, url)
    return [one.problem for one in found if " = off" not in one.problem]
