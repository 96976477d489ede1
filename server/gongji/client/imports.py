"""CSV files of persons, institutions and balances, sent to a service as they are read."""

from __future__ import annotations

import csv
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final, TextIO, TypeVar

import grpc

from gongji.rules import money
from gongji.v1 import (
    account_pb2,
    account_pb2_grpc,
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
"""The header of each kind of file; one of balances may end with BATCH_COLUMNS.

Enrolments are written 310/11/1/2015-01-01/ and kin P2:10:民政婚姻登记, several with ;
between them.
"""

BATCH_COLUMNS: Final = ("batch", "year")
"""Columns a file of balances may have more, either or both."""

DEFAULT_BATCH: Final = "default"
"""The batch of a file of balances that names none."""

Row = dict[str, str]

M = TypeVar("M")

Progress = Callable[[], None]
"""Called once a row."""


class FileFaultError(ValueError):
    """A file or row cannot be read; the message names it, in Chinese."""


@dataclass(frozen=True, slots=True)
class Imported:
    """The result of an import: counts, and the first errors (row, field, message)."""

    kind: str
    received: int
    written: int
    unchanged: int
    refused: int
    errors: tuple[tuple[int, str, str], ...] = ()


class FileRows:
    """A file's rows, read anew by each iteration; only one is in memory."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __iter__(self) -> Iterator[Row]:
        with _opened(self._path) as file:
            yield from _rows(csv.DictReader(file))

    def __len__(self) -> int:
        """Count the rows, in a pass of its own."""
        return sum(1 for _ in self)


def read(path: Path) -> tuple[str, FileRows | list[Row]]:
    """Return the kind of a file, by its header, and its rows. FileFaultError."""
    with _opened(path) as file:
        reader = csv.DictReader(file)
        kind = _kind(path, reader)
        if path.is_file():
            return kind, FileRows(path)
        # A pipe can be read only once, so its rows are kept.
        return kind, list(_rows(reader))


def _opened(path: Path) -> TextIO:
    # With or without a byte order mark: spreadsheets write one.
    return path.open(encoding="utf-8-sig", newline="")


def _rows(reader: csv.DictReader[str]) -> Iterator[Row]:
    """Return the rows; cells beyond the header are dropped, and those not there empty."""
    for row in reader:
        yield {column: cell or "" for column, cell in row.items() if column}


def _kind(path: Path, reader: csv.DictReader[str]) -> str:
    header = list(reader.fieldnames or [])
    for kind, columns in COLUMNS.items():
        if header == columns:
            return kind
    # Which batch and year balances are of may stand in the file.
    if [c for c in header if c not in BATCH_COLUMNS] == COLUMNS["balances"]:
        return "balances"
    kinds = "; ".join(
        f"{kind}: {','.join(columns)}" for kind, columns in COLUMNS.items()
    )
    raise FileFaultError(
        f"{path.name}: 表头 {','.join(header) or '(空)'} 不是已知的文件; 应为 {kinds}"
    )


def send(
    channel: grpc.Channel, kind: str, rows: Iterable[Row], progress: Progress
) -> Imported:
    """Send all rows of one kind, after each has been read once.

    `rows` is iterated twice. grpc.RpcError if the service refuses the whole,
    FileFaultError at the first bad row: then nothing has been sent.
    """
    if kind == "balances":
        return _bring_forward(channel, _converted(_balance, rows), progress)
    stub = registry_pb2_grpc.RegistryServiceStub(channel)
    if kind == "persons":
        persons = _converted(_person, rows)
        stream = _import_of_persons(persons, progress)
        return _imported(kind, stub.ImportPersons(stream).summary)
    institutions = _converted(_institution, rows)
    entries = _import_of_institutions(institutions, progress)
    return _imported(kind, stub.ImportInstitutions(entries).summary)


def sample() -> Iterator[tuple[str, list[Row]]]:
    """Return the invented sample population, in the order in which it must be sent."""
    folder = files("gongji.client") / "sample"
    for name in ("institutions", "persons", "balances"):
        kind, rows = read(Path(str(folder / f"{name}.csv")))
        yield kind, list(rows)


def send_sample(channel: grpc.Channel) -> None:
    """Send the sample population. FileFaultError if the service refuses a row."""
    for kind, rows in sample():
        imported = send(channel, kind, rows, lambda: None)
        if imported.refused:
            raise FileFaultError(
                f"样例 {kind} 有 {imported.refused} 行未被接受: {imported.errors}"
            )


def _converted(convert: Callable[[Row], M], rows: Iterable[Row]) -> Iterator[M]:
    """Return the rows as messages, made one by one. FileFaultError, at once."""
    # Twice: a bad row is found before the first is sent, and one row is in memory.
    for number, row in enumerate(rows, start=1):
        try:
            convert(row)
        except ValueError as fault:
            raise FileFaultError(f"第 {number} 行: {fault}") from fault
    return map(convert, rows)


def _import_of_persons(
    persons: Iterable[types_pb2.Person], progress: Progress
) -> Iterator[registry_pb2.ImportPersonsRequest]:
    yield registry_pb2.ImportPersonsRequest(header=_header())
    for person in persons:
        progress()
        yield registry_pb2.ImportPersonsRequest(person=person)


def _import_of_institutions(
    institutions: Iterable[types_pb2.Institution], progress: Progress
) -> Iterator[registry_pb2.ImportInstitutionsRequest]:
    yield registry_pb2.ImportInstitutionsRequest(header=_header())
    for institution in institutions:
        progress()
        yield registry_pb2.ImportInstitutionsRequest(institution=institution)


def _header() -> registry_pb2.ImportHeader:
    return registry_pb2.ImportHeader(request_id=str(uuid.uuid4()))


def _imported(kind: str, summary: registry_pb2.ImportSummary) -> Imported:
    return Imported(
        kind,
        summary.received,
        summary.written,
        summary.unchanged,
        summary.refused,
        tuple((error.row, error.field, error.message) for error in summary.errors),
    )


def _person(row: Row) -> types_pb2.Person:
    certificate = types_pb2.Certificate(type=row["cert_type"], number=row["cert_no"])
    return types_pb2.Person(
        person_no=row["person_no"],
        certificate=certificate,
        name=row["name"],
        phone=row["phone"],
        insured_place=row["insured_place"],
        contribution_base_fen=money.fen(row["contribution_base_yuan"] or "0"),
        enrolments=[_enrolment(text) for text in _split(row["enrolments"])],
        kin=[_kin(text) for text in _split(row["kin"])],
        died_on=row["died_on"],
    )


def _split(cell: str) -> Iterator[str]:
    return filter(None, cell.split(";"))


def _enrolment(text: str) -> types_pb2.Enrolment:
    parts = text.split("/")
    if len(parts) != 5 or not (parts[0].isdecimal() and parts[2].isdecimal()):
        raise ValueError(
            f"enrolments 应写作 险种/人员类别/状态/起/止, 如 310/11/1/2015-01-01/, 得到 {text!r}"
        )
    scheme, psn_type, status, first, last = parts
    message = types_pb2.Enrolment(psn_type=psn_type, to=last)
    message.scheme = int(scheme)  # type: ignore[assignment] # the service judges the number
    message.status = int(status)  # type: ignore[assignment] # the service judges the number
    setattr(message, "from", first)  # a keyword of Python
    return message


def _kin(text: str) -> types_pb2.Kin:
    parts = text.split(":")
    if len(parts) != 3:
        raise ValueError(
            f"kin 应写作 人员编号:关系代码:来源, 如 P2:10:民政婚姻登记, 得到 {text!r}"
        )
    person_no, relation, source = parts
    return types_pb2.Kin(person_no=person_no, relation=relation, source=source)


def _institution(row: Row) -> types_pb2.Institution:
    if not (row["kind"].isdecimal() and row["hosp_lv"].isdecimal()):
        raise ValueError("kind 与 hosp_lv 应为国家代码数字")
    message = types_pb2.Institution(
        code=row["code"],
        name=row["name"],
        hosp_lv=int(row["hosp_lv"]),
        designated_from=row["designated_from"],
        designated_to=row["designated_to"],
    )
    message.kind = int(row["kind"])  # type: ignore[assignment] # the service judges the number
    return message


def of_batch(rows: Iterable[Row], batch: str = "", year: str = "") -> Iterable[Row]:
    """Return balances with the batch and year they are of, where a row names none."""
    return _OfBatch(rows, {"batch": batch or DEFAULT_BATCH, "year": year})


@dataclass(frozen=True, slots=True)
class _OfBatch:
    """Rows with what they leave out, read anew by each iteration."""

    rows: Iterable[Row]
    defaults: Row

    def __iter__(self) -> Iterator[Row]:
        for row in self.rows:
            yield row | {k: row.get(k) or v for k, v in self.defaults.items()}


def _balance(row: Row) -> account_pb2.CreditRequest:
    # An id of its own: what a batch says twice the service books once.
    return account_pb2.CreditRequest(
        request_id=str(uuid.uuid4()),
        person=types_pb2.PersonRef(person_no=row["person_no"]),
        brought_forward_fen=money.fen(row["brought_forward_yuan"]),
        batch=row.get("batch") or DEFAULT_BATCH,
        year=row.get("year", ""),
    )


def _bring_forward(
    channel: grpc.Channel,
    requests: Iterable[account_pb2.CreditRequest],
    progress: Progress,
) -> Imported:
    """Bring balances forward, one call each."""
    stub = account_pb2_grpc.AccountServiceStub(channel)
    written = unchanged = 0
    for request in requests:
        if stub.Credit(request).fen:
            written += 1
        else:
            unchanged += 1
        progress()
    return Imported("balances", written + unchanged, written, unchanged, refused=0)
