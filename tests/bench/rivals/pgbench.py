"""PostgreSQL's own limit: pgbench runs one settlement statement by statement over the
very tables of ours.

.venv/bin/python tests/bench/rivals/pgbench.py [--clients N …] [--seconds S] [--show]
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from gongji.cities.loading import load_cities
from gongji.model.account import Account, Entry, PurseMovement
from gongji.model.binding import Binding
from gongji.model.commands import Request, RequestRecord
from gongji.model.facts import Facts
from gongji.model.people import Institution, Person
from gongji.model.settlement import Accumulator, Settlement
from gongji.settlement.settle import Settle
from gongji.store.committer import FactLoader
from gongji.store.postgres.engine import PostgresEngine
from gongji.store.replay import answered_row
from gongji.store.schema import Schema
from gongji.store.table import RecordTable, SqlValue
from psycopg.conninfo import conninfo_to_dict, make_conninfo

sys.path.insert(
    0, str(Path(__file__).parents[3])
)  # run as a file, it finds the tests' helpers all the same
from gongji.store.postgres.sql import select_any

from tests.bench.rivals import population
from tests.bench.rivals.batches import over_postgres
from tests.postgres import _binaries, own

THREADS: Final = 2
WARM_UP_S: Final = 1

SESSION: Final = (
    "-c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c jit=off"
)
"""As our own sessions: a plan made once must do, also one made while a table was still empty."""

REQUEST_ID: Final = "00000000-0000-4000-8000-000000000000"
PLAIN, HELPED = 1, 4
"""A patient without a giver, three in four, and one with."""


@dataclass(slots=True)
class Script:
    """A settlement as pgbench's script; its documents are variables of its own, sent as
    parameters like anybody's."""

    name: str
    place: str
    tokens: Mapping[str, str]
    lines: list[str] = field(default_factory=list)
    documents: dict[str, str] = field(default_factory=dict)

    def say(self, statement: str) -> None:
        """Adds a statement."""
        self.lines.append(statement + ";")

    def value(self, name: str, value: SqlValue) -> str:
        """A column's value as SQL; the names of the one real settlement give way to
        those of this transaction."""
        if value is None:
            return "NULL"
        if isinstance(value, int):
            return str(value)
        if isinstance(value, bytes):
            if not value:
                return "''::bytea"
            self.documents[f"{self.name}_{name}"] = value.decode()
            return f":{self.name}_{name}::bytea"
        parts = re.split(f"({'|'.join(map(re.escape, self.tokens))})", value)
        # What follows a colon is a variable to pgbench, within quotes too.
        literals = [
            self.tokens.get(part) or f"'{part}'".replace(":", ":' || '")
            for part in parts
            if part
        ]
        return " || ".join(literals) or "''"

    def text(self) -> str:
        """The whole."""
        return "\n".join(
            [
                f"\\set place {self.place}",
                r"\set id random(1, 9223372036854775807)",
                *self.lines,
                "",
            ]
        )


def measure(url: str, clients: int, seconds: float) -> float:
    """Settlements a second; the database is one for `batches.over_postgres`.
    RuntimeError where pgbench fails."""
    with over_postgres(url) as (engine, schema):
        scripts = {3: script(engine, schema, PLAIN), 1: script(engine, schema, HELPED)}
    _run(url, clients, WARM_UP_S, scripts)
    return _run(url, clients, seconds, scripts)


def script(engine: PostgresEngine, schema: Schema, place: int) -> Script:
    """The statements of one settlement, its rows and documents those of a real one."""
    giver = population.giver_of(place)
    settled, records = _decided(engine, schema, place)
    made = Script(
        f"p{place}", _places(helped=giver is not None), _tokens(settled, place)
    )
    patient, helper = (
        made.value("", population.number(place)),
        made.value("", population.number(place - 1)),
    )
    purses = [helper, patient] if giver else [patient]
    made.say("BEGIN")
    made.say(_select(schema, RequestRecord, "", [made.value("", REQUEST_ID)]))
    made.say(_select(schema, Person, "", [patient]))
    made.say(_select(schema, Institution, "", [f"'{population.HOSPITAL}'"]))
    made.say(_select(schema, Binding, "member", [patient]))
    if giver:
        made.say(_select(schema, Person, "", [helper]))
    made.say(_select(schema, Account, "", purses, lock=True))
    made.say(
        _select(
            schema,
            Accumulator,
            "",
            [made.value("", settled.accumulator_key)],
            lock=True,
        )
    )
    for kind in (Settlement, Entry, RequestRecord):
        made.say(
            _insert(made, schema, kind, [r for r in records if isinstance(r, kind)])
        )
    for moved in settled.movements:
        made.say(_charged(made, moved))
    for used in (r for r in records if isinstance(r, Accumulator)):
        made.say(_accumulated(made, schema, used))
    made.say("COMMIT")
    return made


def _charged(made: Script, moved: PurseMovement) -> str:
    """A purse less what it was charged."""
    after = f"balance_fen = balance_fen - {-moved.fen}, version = version + 1"
    return f"UPDATE account SET {after} WHERE person_no = {made.value('', moved.purse)}"  # noqa: S608 - names of ours


def _accumulated(made: Script, schema: Schema, after: Accumulator) -> str:
    """The year's accumulator and what it gained; the first settlement of a year makes it."""
    more = (
        f"deductible_used_fen = accumulator.deductible_used_fen + {after.deductible_used_fen}, "
        f"fund_paid_fen = accumulator.fund_paid_fen + {after.fund_paid_fen}"
    )
    insert = _insert(made, schema, Accumulator, [after])
    return f"{insert} ON CONFLICT ({schema.table(Accumulator).key.name}) DO UPDATE SET {more}"


def _decided(
    engine: PostgresEngine, schema: Schema, place: int
) -> tuple[Settlement, list[Any]]:
    """A real settlement and every record it writes; nothing is written here."""
    bill = population.bill(place, 150_000)
    command = Settle(Request(REQUEST_ID, "bench", "Settle"), bill, load_cities())
    engine.begin()
    try:
        fresh = FactLoader(Facts(population.NOW, schema), engine).decide(command)
    finally:
        engine.rollback()
    row = answered_row(command, fresh.answer, population.NOW, population.VAULT.digest)
    return fresh.answer, [*fresh.writes, row]


def _places(*, helped: bool) -> str:
    """A patient drawn among those with, or those without, a giver."""
    fours = population.PERSONS // 4
    return (
        f"random(1, {fours}) * 4"
        if helped
        else f"random(0, {fours - 1}) * 4 + random(1, 3)"
    )


def _tokens(settled: Settlement, place: int) -> dict[str, str]:
    """By the names in the real settlement: what stands for them in a transaction; of
    the same length."""
    return {
        settled.settlement_id: "'S' || lpad(:id::text, 26, '0')",
        REQUEST_ID: "lpad(:id::text, 36, '0')",
        population.number(place): "'P' || lpad((:place)::text, 7, '0')",
        population.number(place - 1): "'P' || lpad((:place - 1)::text, 7, '0')",
    }


def _select(
    schema: Schema, kind: type, index: str, values: Sequence[str], *, lock: bool = False
) -> str:
    statement = select_any(schema.table(kind), index, lock=lock)
    if len(values) == 1:
        return statement.replace("= ANY(%s)", f"= {values[0]}")
    return statement.replace("%s", f"ARRAY[{', '.join(values)}]")


def _insert(made: Script, schema: Schema, kind: type, records: Sequence[Any]) -> str:
    table: RecordTable[Any] = schema.table(kind)
    names = [column.name for column in table.columns]
    rows = [
        (
            "("
            f"{', '.join(made.value(f'{table.name}_{name}', value) for name, value in zip(names, row, strict=True))}"
            ")"
        )
        for row in map(table.row, records)
    ]
    return f"INSERT INTO {table.name} ({', '.join(names)}) VALUES {', '.join(rows)}"  # noqa: S608 - names of the schema's


def _run(
    url: str, clients: int, seconds: float, scripts: Mapping[int, Script]
) -> float:
    """One run of pgbench. RuntimeError where a transaction of it failed."""
    asked = conninfo_to_dict(url)
    target = make_conninfo(url, options=f"{asked.get('options', '')} {SESSION}".strip())
    with tempfile.TemporaryDirectory(prefix="gongji-bench-") as folder:
        files: list[str] = []
        for weight, one in scripts.items():
            path = Path(folder) / f"{weight}.sql"
            path.write_text(one.text(), encoding="utf-8")
            files += [
                "-f",
                f"{path}@{weight}",
                *(f"-D{k}={v}" for k, v in one.documents.items()),
            ]
        threads = min(clients, THREADS)
        how = [
            "-n",
            "-M",
            "prepared",
            "-c",
            str(clients),
            "-j",
            str(threads),
            "-T",
            str(max(1, round(seconds))),
        ]
        ran = subprocess.run(  # noqa: S603 - PostgreSQL's own program, our own arguments
            [_binaries() / "pgbench", *how, *files, target],
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
    rate = re.search(r"^tps = ([\d.]+)", ran.stdout, re.MULTILINE)
    if (
        ran.returncode
        or rate is None
        or not re.search(r"failed transactions: 0 ", ran.stdout)
    ):
        raise RuntimeError(f"pgbench 失败: {ran.stderr[-2000:]}{ran.stdout[-500:]}")
    return float(rate[1])


def main() -> None:
    """Measures a server of its own, or shows the scripts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 16, 64])
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--show", action="store_true", help="the scripts instead")
    asked = parser.parse_args()
    with own() as server:
        url = server.fresh()
        if asked.show:
            with over_postgres(url) as (engine, schema):
                for place in (PLAIN, HELPED):
                    sys.stdout.write(script(engine, schema, place).text() + "\n")
            return
        for clients in asked.clients:
            rate = measure(url, clients, asked.seconds)
            sys.stdout.write(
                f"pgbench, {clients:>3} clients: {rate:,.0f} settlements/s\n"
            )


if __name__ == "__main__":
    main()
