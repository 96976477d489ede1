"""CSV files of persons, institutions and balances, sent to a service as they are read."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, TypeVar

import grpc

from gongji.client import lists
from gongji.client.crediting import credit_each
from gongji.client.rows import FileOutcome, RefusedRow, Row, SentNumbers, sound
from gongji.rules import money
from gongji.text.characters import shown
from gongji.text.files import FileFaultError, TextFile
from gongji.text.tables import CsvFile, CsvRow
from gongji.v1 import (
    account_pb2,
    registry_pb2,
    registry_pb2_grpc,
    types_pb2,
)

COLUMNS: Final = {
    "persons": [
        "person_no",
        "cert_type",
        "cert_no",
        "name",
        "phone",
        "insured_place",
        "contribution_base_yuan",
        "enrolments",
        "kin",
        "died_on",
    ],
    "institutions": [
        "code",
        "name",
        "kind",
        "hosp_lv",
        "designated_from",
        "designated_to",
    ],
    "balances": ["person_no", "brought_forward_yuan"],
}
"""The columns of each kind of file, in any order; it may have those of OPTIONAL, too.

How a cell that holds a list is written: `lists`.
"""

BATCH_COLUMNS: Final = ("batch", "year")
"""Columns a file of balances may have more, either or both."""

DEFAULT_BATCH: Final = "default"
"""The batch of a file of balances that names none."""

M = TypeVar("M")

OPTIONAL: Final[Mapping[str, Sequence[str]]] = {
    "persons": ("born_on", "marks"),
    "institutions": ("care_class", "grades", "further_designations"),
    "balances": BATCH_COLUMNS,
}
"""Columns that a kind of file may have besides."""

Progress = Callable[[], None]
"""Called once a row."""


def read(file: TextFile) -> tuple[str, CsvFile]:
    """Return the kind of a file, by its header, and its rows. FileFaultError."""
    table = CsvFile(file)
    for kind, columns in COLUMNS.items():
        known = [*columns, *OPTIONAL.get(kind, ())]
        if not table.missing(columns) and not table.unknown(known):
            return kind, table
    raise FileFaultError(_unknown_kind(table))


def _unknown_kind(table: CsvFile) -> str:
    """Return what is wrong with a header: against the kind it resembles most, if any."""
    kinds = "；".join(f"{kind}：{','.join(names)}" for kind, names in COLUMNS.items())
    header = ",".join(map(shown, table.header))
    problem = f"{table.name}：表头 {header} 不是已知的文件"
    nearest = min(COLUMNS, key=lambda kind: len(table.missing(COLUMNS[kind])))
    missing = table.missing(COLUMNS[nearest])
    unknown = table.unknown([*COLUMNS[nearest], *OPTIONAL.get(nearest, ())])
    if len(missing) < len(COLUMNS[nearest]):
        if missing:
            problem += f"，缺少 {'、'.join(missing)}"
        if unknown:
            problem += f"，没有{'、'.join(unknown)}这一列"
    return f"{problem}；应为 {kinds}"


def send(
    channel: grpc.Channel,
    kind: str,
    rows: Iterable[CsvRow],
    outcome: FileOutcome,
    progress: Progress,
) -> None:
    """Send the rows of one kind that can be read; each is read when it is sent.

    grpc.RpcError if the service cannot go on; rows it refuses are in the outcome.
    """
    columns = [*COLUMNS[kind], *OPTIONAL.get(kind, ())]
    convert = _Totals() if kind == "balances" else _CONVERT[kind]
    messages = sound(rows, columns, convert, outcome.refused)
    if kind == "balances":
        # The difference to what the batch said before; 0 if it says the same again.
        credit_each(channel, messages, outcome, progress, lambda reply: reply.fen != 0)
        return
    numbers = SentNumbers()
    stub = registry_pb2_grpc.RegistryServiceStub(channel)
    sent = _noted(messages, numbers, progress)
    if kind == "persons":
        summary = stub.ImportPersons(_import_of_persons(sent)).summary
    else:
        summary = stub.ImportInstitutions(_import_of_institutions(sent)).summary
    _count(summary, numbers, outcome)


def _noted(
    messages: Iterable[tuple[int, M]], numbers: SentNumbers, progress: Progress
) -> Iterator[M]:
    for number, message in messages:
        numbers.note(number)
        progress()
        yield message


def sample() -> Iterator[tuple[str, list[CsvRow]]]:
    """Return the invented sample population, in the order in which it must be sent."""
    folder = files("gongji.client") / "sample"
    for name in ("institutions", "persons", "balances"):
        file = TextFile.at(Path(str(folder / f"{name}.csv")))
        kind, rows = read(file)
        yield kind, list(rows)
        file.close()


def send_sample(channel: grpc.Channel) -> None:
    """Send the sample population. FileFaultError if the service refuses a row."""
    for kind, rows in sample():
        outcome = FileOutcome()
        send(channel, kind, rows, outcome, lambda: None)
        refused = outcome.refused
        if refused.count:
            raise FileFaultError(
                f"样例 {kind} 有 {refused.count} 行未被接受：{refused.listed}"
            )


def _import_of_persons(
    persons: Iterable[types_pb2.Person],
) -> Iterator[registry_pb2.ImportPersonsRequest]:
    yield registry_pb2.ImportPersonsRequest(header=_header())
    for person in persons:
        yield registry_pb2.ImportPersonsRequest(person=person)


def _import_of_institutions(
    institutions: Iterable[types_pb2.Institution],
) -> Iterator[registry_pb2.ImportInstitutionsRequest]:
    yield registry_pb2.ImportInstitutionsRequest(header=_header())
    for institution in institutions:
        yield registry_pb2.ImportInstitutionsRequest(institution=institution)


def _header() -> registry_pb2.ImportHeader:
    return registry_pb2.ImportHeader(request_id=str(uuid.uuid4()))


def _count(
    summary: registry_pb2.ImportSummary, numbers: SentNumbers, outcome: FileOutcome
) -> None:
    """Add what the service counted, its errors by the rows of the file."""
    outcome.import_id = summary.import_id
    outcome.written += summary.written
    outcome.unchanged += summary.unchanged
    listed = [
        RefusedRow(numbers.of(error.row), error.field, error.reason, error.message)
        for error in summary.errors
    ]
    outcome.refused.add_all(summary.refused, listed)


def _person(row: Row) -> types_pb2.Person:
    certificate = types_pb2.Certificate(type=row["cert_type"], number=row["cert_no"])
    person = types_pb2.Person(
        person_no=row["person_no"],
        certificate=certificate,
        name=row["name"],
        phone=row["phone"],
        enrolments=map(lists.enrolment, lists.entries(row["enrolments"])),
        kin=map(lists.kin, lists.entries(row["kin"])),
        marks=map(lists.mark, lists.entries(row.get("marks", ""))),
        died_on=row["died_on"],
        born_on=row.get("born_on", ""),
    )
    lists.place_into(person, row["insured_place"])
    lists.base_into(person, row["contribution_base_yuan"])
    return person


def _institution(row: Row) -> types_pb2.Institution:
    kind, hosp_lv = row["kind"], row["hosp_lv"]
    # The grades with their days may say it instead.
    if row.get("grades") and not kind and not hosp_lv:
        kind = hosp_lv = "0"
    if not (kind.isdecimal() and hosp_lv.isdecimal()):
        raise ValueError(
            "kind 与 hosp_lv 应为国家代码数字：kind 医疗机构写 1，零售药店写 2；"
            "hosp_lv 写 1 至 14，零售药店写 0"
        )
    message = types_pb2.Institution(
        code=row["code"],
        name=row["name"],
        hosp_lv=int(hosp_lv),
        designated_from=row["designated_from"],
        designated_to=row["designated_to"],
        care_class=row.get("care_class", ""),
        grades=map(lists.grade, lists.entries(row.get("grades", ""))),
        further_designations=map(
            lists.designation, lists.entries(row.get("further_designations", ""))
        ),
    )
    message.kind = int(kind)  # type: ignore[assignment] # the service judges the number
    return message


def of_batch(
    rows: Iterable[CsvRow], batch: str = "", year: str = ""
) -> Iterator[CsvRow]:
    """Yield balances with the batch and year they are of, where a row names none."""
    defaults = {"batch": batch or DEFAULT_BATCH, "year": year}
    for row in rows:
        named = {
            column: row.cells.get(column) or defaults[column] for column in defaults
        }
        yield row._replace(cells={**row.cells, **named})


def _balance(row: Row) -> account_pb2.CreditRequest:
    # An id of its own: what a batch says twice the service books once.
    return account_pb2.CreditRequest(
        request_id=str(uuid.uuid4()),
        person=types_pb2.PersonRef(person_no=row["person_no"]),
        brought_forward_fen=money.fen(row["brought_forward_yuan"]),
        batch=row.get("batch") or DEFAULT_BATCH,
        year=row.get("year", ""),
    )


class _Totals:
    """Converts balances; a second total of one person, year and batch is at fault.

    Which year a row without one is of only the service knows: it may be any.
    """

    def __init__(self) -> None:
        # Years by a hash of person and batch: a file may have a million rows.
        self._years: dict[int, tuple[str, ...]] = {}

    def __call__(self, row: Row) -> account_pb2.CreditRequest:
        request = _balance(row)
        batch = hash((request.person.person_no, request.batch))
        year, before = sys.intern(request.year), self._years.get(batch, ())
        # The later one would correct the earlier, of which nobody was told.
        if year in before:
            raise ValueError(
                "person_no：同一文件里此人同一年度、同一批次已有一行；结转金额是合计，只写一行"
            )
        if before and "" in {year, *before}:
            raise ValueError(
                "year：同一文件里此人同一批次的几行，有的没有写年度，看不出是否同一年度；请都写明"
            )
        self._years[batch] = (*before, year)
        return request


_CONVERT: Final[Mapping[str, Callable[[Row], Any]]] = {
    "persons": _person,
    "institutions": _institution,
}
