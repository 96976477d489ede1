"""Measure PostgreSQL's own limit: pgbench runs a settlement statement by statement.

Over the very tables the service has.

.venv/bin/python tests/bench/rivals/pgbench.py [--clients N …] [--seconds S] [--show]
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
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
from gongji.store.loading import FactLoader
from gongji.store.postgres.engine import PostgresEngine
from gongji.store.replay import answered_row
from gongji.store.schema import Schema
from gongji.store.table import RecordTable, SqlValue
from psycopg.conninfo import conninfo_to_dict, make_conninfo

# So that it finds the tests' helpers when it is run as a file.
sys.path.insert(0, str(Path(__file__).parents[3]))
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
    """A settlement as pgbench's script; its documents are variables, sent as parameters."""

    name: str
    place: str
    tokens: Mapping[str, str]
    lines: list[str] = field(default_factory=list)
    documents: dict[str, str] = field(default_factory=dict)

    def add(self, statement: str) -> None:
        """Add a statement."""
        self.lines.append(statement + ";")

    def value(self, name: str, value: SqlValue) -> str:
        """Return a column's value as SQL.

        The ids of the one real settlement give way to those of this transaction.
        """
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
        literals = [self._literal(part) for part in parts if part]
        return " || ".join(literals) or "''"

    def _literal(self, part: str) -> str:
        # What follows a colon is a variable to pgbench, within quotes too.
        return self.tokens.get(part) or f"'{part}'".replace(":", ":' || '")

    def text(self) -> str:
        """Return the whole script."""
        place = f"\\set place {self.place}"
        request_id = r"\set id random(1, 9223372036854775807)"
        return "\n".join([place, request_id, *self.lines, ""])


def measure(url: str, clients: int, seconds: float) -> float:
    """Return settlements a second; the database is one for `batches.over_postgres`.

    RuntimeError if pgbench fails.
    """
    with over_postgres(url) as (engine, schema):
        scripts = {3: script(engine, schema, PLAIN), 1: script(engine, schema, HELPED)}
    _run(url, clients, WARM_UP_S, scripts)
    return _run(url, clients, seconds, scripts)


def script(engine: PostgresEngine, schema: Schema, place: int) -> Script:
    """Return the statements of one settlement, its rows and documents a real one's."""
    has_giver = population.giver_of(place) is not None
    settled, records = _decided(engine, schema, place)
    script = Script(f"p{place}", _places(helped=has_giver), _tokens(settled, place))
    script.add("BEGIN")
    for statement in _reads(script, schema, settled, place):
        script.add(statement)
    for kind in (Settlement, Entry, RequestRecord):
        written = [record for record in records if isinstance(record, kind)]
        script.add(_insert(script, schema, kind, written))
    for movement in settled.movements:
        script.add(_charged(script, movement))
    for record in records:
        if isinstance(record, Accumulator):
            script.add(_accumulated(script, schema, record))
    script.add("COMMIT")
    return script


def _reads(
    script: Script, schema: Schema, settled: Settlement, place: int
) -> Iterator[str]:
    """Yield what a settlement reads, in the order it asks; purses and year locked."""
    request = script.value("", REQUEST_ID)
    patient = script.value("", population.number(place))
    giver = script.value("", population.number(place - 1))
    givers = [giver] if population.giver_of(place) is not None else []
    hospital = f"'{population.HOSPITAL}'"
    year = script.value("", settled.accumulator_key)
    select = partial(_select, schema)
    yield select(RequestRecord, "", [request])
    yield select(Person, "", [patient])
    yield select(Institution, "", [hospital])
    yield select(Binding, "member", [patient])
    if givers:
        yield select(Person, "", givers)
    yield select(Account, "", [*givers, patient], lock=True)
    yield select(Accumulator, "", [year], lock=True)


def _charged(script: Script, movement: PurseMovement) -> str:
    """Return the statement that takes from a purse what it was charged."""
    owner = script.value("", movement.purse)
    after = f"balance_fen = balance_fen - {-movement.fen}, version = version + 1"
    return f"UPDATE account SET {after} WHERE person_no = {owner}"  # noqa: S608 - names of ours


def _accumulated(script: Script, schema: Schema, after: Accumulator) -> str:
    """Return the statement that adds to the year; its first settlement makes it."""
    more = (
        f"deductible_used_fen = accumulator.deductible_used_fen + {after.deductible_used_fen}, "
        f"fund_paid_fen = accumulator.fund_paid_fen + {after.fund_paid_fen}"
    )
    insert = _insert(script, schema, Accumulator, [after])
    key = schema.table(Accumulator).key.name
    return f"{insert} ON CONFLICT ({key}) DO UPDATE SET {more}"


def _decided(
    engine: PostgresEngine, schema: Schema, place: int
) -> tuple[Settlement, list[Any]]:
    """Return a real settlement and every record it writes; nothing is written here."""
    bill = population.bill(place, 150_000)
    command = Settle(Request(REQUEST_ID, "bench", "Settle"), bill, load_cities())
    engine.begin()
    try:
        fresh = FactLoader(Facts(population.NOW, schema), engine).decide(command)
    finally:
        engine.rollback()
    row = answered_row(command, fresh.answer, population.NOW, population.VAULT.digest)
    return fresh.answer, [*fresh.records, row]


def _places(*, helped: bool) -> str:
    """Return how to draw a patient among those with, or those without, a giver."""
    fours = population.PERSONS // 4
    if helped:
        return f"random(1, {fours}) * 4"
    return f"random(0, {fours - 1}) * 4 + random(1, 3)"


def _tokens(settled: Settlement, place: int) -> dict[str, str]:
    """Return, by the ids in the real settlement, what stands for them in a transaction.

    Of the same length.
    """
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


def _insert(script: Script, schema: Schema, kind: type, records: Sequence[Any]) -> str:
    table: RecordTable[Any] = schema.table(kind)
    names = [column.name for column in table.columns]
    rows = []
    for record in records:
        columns = zip(names, table.row(record), strict=True)
        values = [
            script.value(f"{table.name}_{name}", value) for name, value in columns
        ]
        rows.append(f"({', '.join(values)})")
    return f"INSERT INTO {table.name} ({', '.join(names)}) VALUES {', '.join(rows)}"  # noqa: S608 - names of the schema's


def _run(
    url: str, clients: int, seconds: float, scripts: Mapping[int, Script]
) -> float:
    """Return the rate of one run of pgbench. RuntimeError if a transaction failed."""
    command = [str(_binaries() / "pgbench"), *_options(clients, seconds)]
    with tempfile.TemporaryDirectory(prefix="gongji-bench-") as folder:
        for weight, script in scripts.items():
            command += _file_of(script, weight, Path(folder))
        run = subprocess.run(  # noqa: S603 - PostgreSQL's own program, our own arguments
            [*command, _target(url)], capture_output=True, encoding="utf-8", check=False
        )
    rate = re.search(r"^tps = ([\d.]+)", run.stdout, re.MULTILINE)
    none_failed = "failed transactions: 0 " in run.stdout
    if run.returncode or rate is None or not none_failed:
        tail = run.stderr[-2000:] + run.stdout[-500:]
        raise RuntimeError(f"pgbench 失败：{tail}")
    return float(rate[1])


def _options(clients: int, seconds: float) -> Iterator[str]:
    options = {
        "-M": "prepared",
        "-c": clients,
        "-j": min(clients, THREADS),
        "-T": max(1, round(seconds)),
    }
    yield "-n"
    for option, value in options.items():
        yield from (option, str(value))


def _target(url: str) -> str:
    """Return the address, its sessions set as the service's are."""
    options = conninfo_to_dict(url).get("options", "")
    return make_conninfo(url, options=f"{options} {SESSION}".strip())


def _file_of(script: Script, weight: int, folder: Path) -> list[str]:
    """Write a script to a file. Return pgbench's options for it."""
    path = folder / f"{weight}.sql"
    path.write_text(script.text(), encoding="utf-8")
    documents = [f"-D{name}={text}" for name, text in script.documents.items()]
    return ["-f", f"{path}@{weight}", *documents]


def main() -> None:
    """Measure a server of its own, or show the scripts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 16, 64])
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--show", action="store_true", help="the scripts instead")
    options = parser.parse_args()
    with own() as server:
        url = server.fresh()
        if options.show:
            with over_postgres(url) as (engine, schema):
                for place in (PLAIN, HELPED):
                    sys.stdout.write(script(engine, schema, place).text() + "\n")
            return
        for clients in options.clients:
            rate = measure(url, clients, options.seconds)
            line = f"pgbench, {clients:>3} clients: {rate:,.0f} settlements/s"
            sys.stdout.write(line + "\n")


if __name__ == "__main__":
    main()
