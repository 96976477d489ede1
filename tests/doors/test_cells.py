"""Every cell of the reviewed table, tried over the wire: 100 % as written.

`make test` tries a covering sample, `make doors` all of them.
"""

from __future__ import annotations

import os
from typing import Any, Final

import pytest
from gongji.access.rights import RIGHTS

from tests.doors.cells import Cell, all_cells, allowed, covering
from tests.doors.requests import REQUESTS, tried
from tests.doors.served import Doors, refused_rows
from tests.scaffold.service import RefusedCall

ALL: Final = os.environ.get("GONGJI_DOORS") == "1"

SANDBOXES: Final = (
    "GetClock",
    "SetClock",
    "Reset",
    "OrderFault",
    "IssueVoucher",
)
"""Methods that only a sandbox serves."""

DEFECTS: Final = ("INTERNAL", "UNKNOWN", "UNIMPLEMENTED", "UNAUTHENTICATED")

# Fewer kinds of denial than of refusal: each says that a scope does not hold.
DENIED: Final = "PERMISSION_DENIED"


def let_in(cell: Cell, end: Any) -> bool:
    """Return whether a call was let in, whatever it was answered; a defect fails."""
    if not isinstance(end, RefusedCall):
        return "OTHER_CITY" not in refused_rows(end)
    assert end.code.name not in DEFECTS, f"{cell}: {end.outcome} {end.message}"
    return end.code.name != DENIED


def test_every_method_is_tried() -> None:
    """No method of the table goes untried."""
    assert sorted(RIGHTS) == sorted(REQUESTS)


@pytest.mark.sampled(20)
@pytest.mark.parametrize("method", [m for m in REQUESTS if m not in SANDBOXES])
async def test_a_server(opened: Doors, method: str) -> None:
    """On a server that is no sandbox each call is let in exactly if the table says so."""
    assert [] == await otherwise(opened, method, sandbox=False)


@pytest.mark.parametrize("opened", [True], indirect=True, ids=["sandbox"])
@pytest.mark.parametrize("method", REQUESTS if ALL else (*SANDBOXES, "Credit"))
async def test_a_sandbox(opened: Doors, method: str) -> None:
    """On a sandbox too, where testers may do everything."""
    assert [] == await otherwise(opened, method, sandbox=True)


async def otherwise(opened: Doors, method: str, *, sandbox: bool) -> list[str]:
    """Try the cells of a method; return those that end otherwise than written."""
    wrong = []
    for cell in all_cells(method) if ALL else covering(method):
        end = await tried(opened, cell)
        if let_in(cell, end) is not allowed(cell, sandbox=sandbox):
            told = end.outcome if isinstance(end, RefusedCall) else "answered"
            wrong.append(f"{cell}: {told}")
    return wrong
