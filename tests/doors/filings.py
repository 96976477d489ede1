"""The requests about filings, as their callers send them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from gongji.v1 import filing_pb2

from tests.doors.cells import Cell
from tests.doors.served import HOLDER, Doors, filing_no
from tests.scaffold.filings import ending_of, filing_of


def _listed(doors: Doors, cell: Cell) -> filing_pb2.ListFilingsRequest:
    person = doors.service.ref(HOLDER[cell.city])
    return filing_pb2.ListFilingsRequest(person=person)


FILINGS: Final[Mapping[str, tuple[str, Callable[[Doors, Cell], Any]]]] = {
    "File": ("filings", lambda _, c: filing_of(HOLDER[c.city])),
    "EndFiling": ("filings", lambda _, c: ending_of(filing_no(c.city))),
    "GetFiling": (
        "filings",
        lambda _, c: filing_pb2.GetFilingRequest(filing_no=filing_no(c.city)),
    ),
    "ListFilings": ("filings", _listed),
}
"""By method, as `tests.doors.requests`."""
