"""CSV files of persons, institutions and balances, sent to a running service row by row."""

from __future__ import annotations

import csv
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TypeVar

import grpc

from gongji import money
from gongji.v1 import account_pb2, account_pb2_grpc, registry_pb2, registry_pb2_grpc, types_pb2

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
    "institutions": ["code", "name", "kind", "hosp_lv", "designated_from", "designated_to"],
    "balances": ["person_no", "brought_forward_yuan"],
}
"""The header of each kind of file; enrolments are 310/11/1/2015-01-01/ with ; between, kin P2:10:民政婚姻登记."""

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


def read(path: Path) -> tuple[str, list[Row]]:
    """The kind of file, told from its header, and its rows. FileFaultError where it is none of ours."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        header = list(reader.fieldnames or [])
        for kind, columns in COLUMNS.items():
            if header == columns:
                return kind, [{k: v or "" for k, v in row.items() if k} for row in reader]
    known = "; ".join(f"{kind}: {','.join(columns)}" for kind, columns in COLUMNS.items())
    raise FileFaultError(f"{path.name}: 表头 {','.join(header) or '(空)'} 不是已知的文件; 应为 {known}")


def send(channel: grpc.Channel, kind: str, rows: list[Row], progress: Progress) -> Imported:
    """Sends all rows of one kind. grpc.RpcError where the service refuses the whole, FileFaultError at a bad row."""
    if kind == "persons":
        messages = [registry_pb2.ImportPersonsRequest(person=_read_row(_person, n, row)) for n, row in _numbered(rows)]
        header = registry_pb2.ImportPersonsRequest(header=_header())
        stub = registry_pb2_grpc.RegistryServiceStub(channel)
        return _imported(kind, stub.ImportPersons(_stream(header, messages, progress)).summary)
    if kind == "institutions":
        places = [
            registry_pb2.ImportInstitutionsRequest(institution=_read_row(_institution, n, row))
            for n, row in _numbered(rows)
        ]
        start = registry_pb2.ImportInstitutionsRequest(header=_header())
        stub = registry_pb2_grpc.RegistryServiceStub(channel)
        return _imported(kind, stub.ImportInstitutions(_stream(start, places, progress)).summary)
    return _balances(channel, rows, progress)


def sample() -> Iterator[tuple[str, list[Row]]]:
    """The invented sample population that comes with the package, in the order it must be sent."""
    for name in ("institutions", "persons", "balances"):
        yield read(Path(str(files("gongji") / "sample" / f"{name}.csv")))


def send_sample(channel: grpc.Channel) -> None:
    """Loads the sample population. FileFaultError where the service does not take every row."""
    for kind, rows in sample():
        done = send(channel, kind, rows, lambda: None)
        if done.refused:
            raise FileFaultError(f"样例 {kind} 有 {done.refused} 行未被接受: {done.errors}")


def _numbered(rows: Iterable[Row]) -> Iterator[tuple[int, Row]]:
    return enumerate(rows, start=1)


def _read_row(convert: Callable[[Row], M], number: int, row: Row) -> M:
    try:
        return convert(row)
    except ValueError as fault:
        raise FileFaultError(f"第 {number} 行: {fault}") from fault


def _header() -> registry_pb2.ImportHeader:
    return registry_pb2.ImportHeader(request_id=str(uuid.uuid4()))


def _stream(header: M, messages: Iterable[M], progress: Progress) -> Iterator[M]:
    yield header
    for message in messages:
        progress()
        yield message


def _imported(kind: str, summary: registry_pb2.ImportSummary) -> Imported:
    errors = tuple((e.row, e.field, e.message) for e in summary.errors)
    return Imported(kind, summary.received, summary.written, summary.unchanged, summary.refused, errors)


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
        raise ValueError(f"enrolments 应写作 险种/人员类别/状态/起/止, 如 310/11/1/2015-01-01/, 得到 {text!r}")
    message = types_pb2.Enrolment(psn_type=parts[1], to=parts[4])
    message.scheme = int(parts[0])  # type: ignore[assignment] # the service judges the number
    message.status = int(parts[2])  # type: ignore[assignment] # the service judges the number
    setattr(message, "from", parts[3])
    return message


def _kin(text: str) -> types_pb2.Kin:
    parts = text.split(":")
    if len(parts) != 3:
        raise ValueError(f"kin 应写作 人员编号:关系代码:来源, 如 P2:10:民政婚姻登记, 得到 {text!r}")
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


def _balances(channel: grpc.Channel, rows: list[Row], progress: Progress) -> Imported:
    """Brings balances forward one by one; the request id follows from the row, so a repeated file credits once."""
    stub = account_pb2_grpc.AccountServiceStub(channel)
    written = unchanged = 0
    for number, row in _numbered(rows):
        amount = _read_row(lambda r: money.fen(r["brought_forward_yuan"]), number, row)
        reply = stub.Credit(
            account_pb2.CreditRequest(
                request_id=str(uuid.uuid5(uuid.NAMESPACE_URL, f"gongji:balance:{row['person_no']}:{amount}")),
                person=types_pb2.PersonRef(person_no=row["person_no"]),
                brought_forward_fen=amount,
            )
        )
        written, unchanged = written + (not reply.receipt.replayed), unchanged + reply.receipt.replayed
        progress()
    return Imported("balances", len(rows), written, unchanged, 0)
