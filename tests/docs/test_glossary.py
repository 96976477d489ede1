"""docs/glossary.md names what there is: every name of its `gongji.v1` column is in the protos."""

from __future__ import annotations

import re
from pathlib import Path

from gongji.v1 import (
    access_pb2,
    account_pb2,
    binding_pb2,
    city_pb2,
    claim_pb2,
    consequence_pb2,
    event_pb2,
    filing_pb2,
    registry_pb2,
    sandbox_pb2,
    settlement_pb2,
    statement_pb2,
    types_pb2,
    wallet_pb2,
)

ROOT = Path(__file__).parents[2]
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8").splitlines()
    if re.match(r"\|(?!---)", line) and "国家接口" not in line
]
MODULES = (
    access_pb2,
    account_pb2,
    binding_pb2,
    city_pb2,
    claim_pb2,
    consequence_pb2,
    event_pb2,
    filing_pb2,
    registry_pb2,
    sandbox_pb2,
    settlement_pb2,
    statement_pb2,
    types_pb2,
    wallet_pb2,
)


def declared() -> set[str]:
    """Return each name of gongji.v1: messages, enums, services, and what is in them."""
    names = set[str]()
    for module in MODULES:
        file = module.DESCRIPTOR
        for name, message in file.message_types_by_name.items():
            names |= {name, *(f"{name}.{field}" for field in message.fields_by_name)}
        for name, enum in file.enum_types_by_name.items():
            names |= {name, *(f"{name}.{value}" for value in enum.values_by_name)}
        for name, service in file.services_by_name.items():
            names |= {name, *(f"{name}.{method}" for method in service.methods_by_name)}
    return names


def test_every_name_is_in_the_protos() -> None:
    """A name of the third column is one of gongji.v1."""
    used = {cells[2].strip("`") for cells in ROWS} - {"—"}
    assert set() == used - declared()


def test_every_term_stands_once() -> None:
    """No Chinese term and no name is explained twice."""
    terms = [cells[0] for cells in ROWS]
    names = [cells[2] for cells in ROWS if cells[2] != "—"]
    assert (len(set(terms)), len(set(names))) == (len(terms), len(names))
