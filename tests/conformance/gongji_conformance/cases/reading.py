"""Reads a city's cases.toml strictly: an unknown key is a fault, not a check less."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from importlib import metadata, util
from pathlib import Path
from typing import Any, Final

import msgspec

from gongji_conformance.cases.case import CityCase
from gongji_conformance.city import words

FILE: Final = "cases.toml"
CITIES: Final = "gongji.cities"
"""Entry-point group under which a city's package is found."""


@dataclass(
    frozen=True,
    slots=True,
)
class CaseFault:
    """Something in a case file that is no case: its place and the problem."""

    id: str
    problem: str


CaseOrFault = CityCase | CaseFault


def of_city(pinyin: str) -> list[CaseOrFault]:
    """Return the cases of an installed city, a fault for each that cannot be read."""
    path = file_of(pinyin)
    if path is None:
        problem = f"没有找到城市 {pinyin} 的 {FILE}：请安装其插件，并把文件放在包内"
        return [CaseFault(_file_id(pinyin), problem)]
    try:
        # With or without a byte order mark, which editors of Windows write.
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        return [CaseFault(_file_id(pinyin), f"{FILE} 不是 UTF-8 文本")]
    return read(text, pinyin)


def _file_id(pinyin: str) -> str:
    return f"{pinyin.upper()}-CASES"


def file_of(pinyin: str) -> Path | None:
    """Return the path of an installed city's cases, None if it has none."""
    for folder in _folders(pinyin):
        path = folder / FILE
        if path.is_file():
            return path
    return None


def _folders(pinyin: str) -> Iterator[Path]:
    """Yield the folders of a city's package."""
    for entry in metadata.entry_points(
        group=CITIES,
        name=pinyin,
    ):
        # Found, not imported: a judge does not run the code it judges.
        package, _, _ = entry.module.partition(".")
        spec = util.find_spec(package)
        if spec is not None:
            yield from map(Path, spec.submodule_search_locations or ())


def read(text: str, pinyin: str) -> list[CaseOrFault]:
    """Return the cases of a file's text.

    An unknown or wrong key is a fault that names its case and the key.
    """
    file_id = _file_id(pinyin)
    try:
        document = tomllib.loads(text, parse_float=_yuan)
    # The parser calls itself once a level.
    except (ValueError, RecursionError) as error:
        return [CaseFault(file_id, f"{FILE} 无法读取：{error}")]
    faults = [
        CaseFault(file_id, f"{FILE} 只写 [[case]]，不认识 {key!r}")
        for key in document.keys() - {"case"}
    ]
    rows = document.get("case", [])
    if not rows:
        return [*faults, CaseFault(file_id, f"{FILE} 中没有案例")]
    cases = [
        _case(row, f"{file_id}-{number}") for number, row in enumerate(rows, start=1)
    ]
    return [*faults, *_unique(cases)]


def _yuan(text: str) -> Decimal:
    """Return an amount as written. ValueError if it is not whole fen."""
    words.fen(Decimal(text))
    return Decimal(text)


def _case(row: dict[str, Any], number: str) -> CaseOrFault:
    """Return the case of a row, or a fault that names it."""
    name = row.get("id", number)
    try:
        return msgspec.convert(row, CityCase)
    except msgspec.ValidationError as error:
        return CaseFault(str(name), f"案例 {name} 写得不对：{error}")


def _unique(
    cases: Iterable[CaseOrFault],
) -> Iterator[CaseOrFault]:
    """Replace each case whose number was used before by a fault."""
    ids: set[str] = set()
    for case in cases:
        if case.id in ids:
            yield CaseFault(f"{case.id}-AGAIN", f"案例编号 {case.id} 用了两次")
        else:
            ids.add(case.id)
            yield case
