"""CSV files of persons, institutions and balances, sent to a running service row by row
as they are read."""

from __future__ import annotations

import csv
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TypeVar

import grpc

from gongji.rules import money
from gongji.v1 import (
    account_pb2,
    account_pb2_grpc,
    registry_pb2,
    registry_pb2_grpc,
    types_pb2,
)

COLUMNS = {
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
"""The header of each kind of file; enrolments are 310/11/1/2015-01-01/ with ; between,
kin P2:10:民政婚姻登记."""

Row = dict[str, str]

M = TypeVar("M")

Progress = Callable[[], None]


class FileFaultError(ValueError):
    """A file or row cannot be read; the message names file, row and field, in Chinese."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did: counts and the first errors."""

    kind: str
    received: int
    written: int
    unchanged: int
    refused: int
    errors: tuple[tuple[int, str, str], ...] = ()


class FileRows:
    """A file's rows, read anew each time they are gone through: one is in memory,
    however many there are."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __iter__(self) -> Iterator[Row]:
        with self._path.open(encoding="utf-8-sig", newline="") as file:
            for row in csv.DictReader(file):
                yield {k: v or "" for k, v in row.items() if k}

    def __len__(self) -> int:
        """How many there are, counted in a pass of their own."""
        return sum(1 for _ in self)


def read(path: Path) -> tuple[str, FileRows | list[Row]]:
    """The kind of file, told from its header, and its rows. FileFaultError where it is
    none of ours."""
    if not path.is_file():  # a pipe can be read once: it is held whole
        with path.open(encoding="utf-8-sig", newline="") as pipe:
            reader = csv.DictReader(pipe)
            return _kind(path, reader), [
                {k: v or "" for k, v in row.items() if k} for row in reader
            ]
    with path.open(encoding="utf-8-sig", newline="") as file:
        return _kind(path, csv.DictReader(file)), FileRows(path)


def _kind(path: Path, reader: csv.DictReader[str]) -> str:
    header = list(reader.fieldnames or [])
    for kind, columns in COLUMNS.items():
        if header == columns:
            return kind
    known = "; ".join(
        f"{kind}: {','.join(columns)}" for kind, columns in COLUMNS.items()
    )
    raise FileFaultError(
        f"{path.name}: 表头 {','.join(header) or '(空)'} 不是已知的文件; 应为 {known}"
    )


def send(
    channel: grpc.Channel, kind: str, rows: Iterable[Row], progress: Progress
) -> Imported:
    """Sends all rows of one kind, each when the wire takes it; nothing before every row
    has been read once.

    `rows` can be gone through twice. grpc.RpcError where the service refuses the whole,
    FileFaultError at a bad row.
    """
    stub = registry_pb2_grpc.RegistryServiceStub(channel)
    if kind == "persons":
        persons = _converted(_person, rows)
        header = registry_pb2.ImportPersonsRequest(header=_header())
        messages = (
            registry_pb2.ImportPersonsRequest(person=person) for person in persons
        )
        return _imported(
            kind, stub.ImportPersons(_stream(header, messages, progress)).summary
        )
    if kind == "institutions":
        places = _converted(_institution, rows)
        start = registry_pb2.ImportInstitutionsRequest(header=_header())
        entries = (
            registry_pb2.ImportInstitutionsRequest(institution=place)
            for place in places
        )
        return _imported(
            kind, stub.ImportInstitutions(_stream(start, entries, progress)).summary
        )
    return _balances(channel, _converted(_balance, rows), progress)


def sample() -> Iterator[tuple[str, list[Row]]]:
    """The invented sample population that comes with the package, in the order it must be sent."""
    for name in ("institutions", "persons", "balances"):
        kind, rows = read(Path(str(files("gongji.client") / "sample" / f"{name}.csv")))
        yield kind, list(rows)


def send_sample(channel: grpc.Channel) -> None:
    """Loads the sample population. FileFaultError where the service does not take every row."""
    for kind, rows in sample():
        done = send(channel, kind, rows, lambda: None)
        if done.refused:
            raise FileFaultError(
                f"样例 {kind} 有 {done.refused} 行未被接受: {done.errors}"
            )


def _converted(convert: Callable[[Row], M], rows: Iterable[Row]) -> Iterator[M]:
    """The rows as messages, made as they are taken. FileFaultError names the first that
    cannot be: at once."""
    for number, row in enumerate(rows, start=1):
        try:
            convert(row)
        except ValueError as fault:
            raise FileFaultError(f"第 {number} 行: {fault}") from fault
    return map(convert, rows)


def _header() -> registry_pb2.ImportHeader:
    return registry_pb2.ImportHeader(request_id=str(uuid.uuid4()))


def _stream(header: M, messages: Iterable[M], progress: Progress) -> Iterator[M]:
    yield header
    for message in messages:
        progress()
        yield message


def _imported(kind: str, summary: registry_pb2.ImportSummary) -> Imported:
    errors = tuple((e.row, e.field, e.message) for e in summary.errors)
    return Imported(
        kind,
        summary.received,
        summary.written,
        summary.unchanged,
        summary.refused,
        errors,
    )


def _person(row: Row) -> types_pb2.Person:
    return types_pb2.Person(
        person_no=row["person_no"],
        certificate=types_pb2.Certificate(type=row["cert_type"], number=row["cert_no"]),
        name=row["name"],
        phone=row["phone"],
        insured_place=row["insured_place"],
        contribution_base_fen=money.fen(row["contribution_base_yuan"] or "0"),
        enrolments=[_enrolment(text) for text in row["enrolments"].split(";") if text],
        kin=[_kin(text) for text in row["kin"].split(";") if text],
        died_on=row["died_on"],
    )


def _enrolment(text: str) -> types_pb2.Enrolment:
    parts = text.split("/")
    if len(parts) != 5 or not (parts[0].isdecimal() and parts[2].isdecimal()):
        raise ValueError(
            f"enrolments 应写作 险种/人员类别/状态/起/止, 如 310/11/1/2015-01-01/, 得到 {text!r}"
        )
    message = types_pb2.Enrolment(psn_type=parts[1], to=parts[4])
    message.scheme = int(parts[0])  # type: ignore[assignment] # the service judges the number
    message.status = int(parts[2])  # type: ignore[assignment] # the service judges the number
    setattr(message, "from", parts[3])
    return message


def _kin(text: str) -> types_pb2.Kin:
    parts = text.split(":")
    if len(parts) != 3:
        raise ValueError(
            f"kin 应写作 人员编号:关系代码:来源, 如 P2:10:民政婚姻登记, 得到 {text!r}"
        )
    return types_pb2.Kin(person_no=parts[0], relation=parts[1], source=parts[2])


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


def _balance(row: Row) -> account_pb2.CreditRequest:
    """The request id follows from the row, so a repeated file credits once."""
    person_no, amount = row["person_no"], money.fen(row["brought_forward_yuan"])
    return account_pb2.CreditRequest(
        request_id=str(
            uuid.uuid5(uuid.NAMESPACE_URL, f"gongji:balance:{person_no}:{amount}")
        ),
        person=types_pb2.PersonRef(person_no=person_no),
        brought_forward_fen=amount,
    )


def _balances(
    channel: grpc.Channel,
    requests: Iterable[account_pb2.CreditRequest],
    progress: Progress,
) -> Imported:
    """Brings balances forward one by one."""
    stub = account_pb2_grpc.AccountServiceStub(channel)
    written = unchanged = 0
    for request in requests:
        replayed = stub.Credit(request).receipt.replayed
        written, unchanged = written + (not replayed), unchanged + replayed
        progress()
    return Imported("balances", written + unchanged, written, unchanged, 0)
