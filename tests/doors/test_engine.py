"""An independent engine judges every cell of the table from a statement of its own.

What each kind may do is written a second time, by principle, in `rights.cedar`; whose
cities, channels and institutions are whose is read from the policy's text alone.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, Final

import cedarpy
import pytest
from gongji.access.identity import CallerIdentity
from gongji.access.policy import FilePolicy
from gongji.access.rights import AccessScope
from gongji.model.refusals import Denied
from gongji.rpc.permission import Permit

from tests.doors.cells import NAMES, PARTY, Cell, all_cells, allowed
from tests.doors.served import AREA, CHANNEL, INSTITUTION, POLICY

RULES: Final = Path(__file__).with_name("rights.cedar").read_text("utf-8")

CELLS: Final = [cell for method in NAMES for cell in all_cells(method)]


def entities(text: str) -> list[dict[str, Any]]:
    """Return the callers of a policy's text, as the engine knows them."""
    callers = tomllib.loads(text)["callers"]
    return [
        {
            "uid": {"type": "Caller", "id": name},
            "attrs": {
                "kind": entry["kind"],
                "everyCity": "*" in entry.get("cities", []),
                "everyChannel": "*" in entry.get("channels", []),
                "everyInstitution": "*" in entry.get("institutions", []),
                **{
                    key: entry.get(key, [])
                    for key in ("cities", "channels", "institutions")
                },
            },
            "parents": [],
        }
        for name, entry in callers.items()
    ]


def resource(cell: Cell) -> dict[str, Any]:
    """Return what a cell's call names, by its own codes."""
    named = {
        "channel": CHANNEL[cell.channel],
        "institution": INSTITUTION[cell.institution, cell.city],
        "city": AREA[cell.city][:4],
    }
    return {"uid": {"type": "Asked", "id": str(cell)}, "attrs": named, "parents": []}


def judged(cells: list[Cell], policy: str, *, sandbox: bool) -> list[bool]:
    """Return whether the engine lets each cell's call through."""
    asked = {str(cell): resource(cell) for cell in cells}
    requests = [
        {
            "principal": f'Caller::"{cell.kind}"',
            "action": f'Action::"{cell.method}"',
            "resource": {"type": "Asked", "id": str(cell)},
            "context": {"party": cell.subject == PARTY, "sandbox": sandbox},
        }
        for cell in cells
    ]
    known = [*entities(policy), *asked.values()]
    results = cedarpy.is_authorized_batch(requests, RULES, known)
    for result in results:
        assert not result.diagnostics.errors
    return [result.allowed for result in results]


def permitted(policy: FilePolicy, cell: Cell, *, sandbox: bool) -> bool:
    """Return whether the service's own permission lets a cell's call through."""
    try:
        identity = CallerIdentity(cell.kind)
        permit = Permit.of(policy, identity, cell.method, sandbox=sandbox)
        permit.channel(CHANNEL[cell.channel])
        permit.institution(INSTITUTION[cell.institution, cell.city])
        if permit.bound_by(AccessScope.SUBJECT):
            permit.party(holds=cell.subject == PARTY)
        permit.city(AREA[cell.city])
    except Denied:
        return False
    permit.require_shown()
    return True


@pytest.mark.parametrize("sandbox", [False, True])
def test_the_engine_agrees_in_every_cell(*, sandbox: bool) -> None:
    """The engine, the reviewed table and the service's permission are of one mind."""
    policy = FilePolicy.of(POLICY)
    differing = []
    engines = judged(CELLS, POLICY, sandbox=sandbox)
    for cell, engine in zip(CELLS, engines, strict=True):
        table = allowed(cell, sandbox=sandbox)
        ours = permitted(policy, cell, sandbox=sandbox)
        if not engine == table == ours:
            differing.append(f"{cell}: {engine=} {table=} {ours=}")
    assert [] == differing


UNBOUND: Final = re.sub(
    r"(cities|channels|institutions) = \[[^]]*\]", r'\1 = ["*"]', POLICY
)
"""The same callers, each with all cities, channels and institutions it has any of."""

ELSEWHERE: Final = (
    POLICY.replace('"3408"', '"3410"')
    .replace('"window"', '"other"')
    .replace('"H34', '"H35')
)
"""The same callers, of none of the cities, channels and institutions there are."""


@pytest.mark.parametrize("text", [UNBOUND, ELSEWHERE], ids=["unbound", "elsewhere"])
def test_the_engine_agrees_on_other_policies(text: str) -> None:
    """Also where callers have everything, and where they have nothing of what is asked."""
    policy = FilePolicy.of(text)
    ours = [permitted(policy, cell, sandbox=False) for cell in CELLS]
    assert judged(CELLS, text, sandbox=False) == ours
    assert any(ours)


def test_every_cell_is_judged() -> None:
    """Every method and kind is among the cells, in each way a call may name things."""
    assert 13 == len({cell.kind for cell in CELLS})
    assert len(CELLS) == len({str(cell) for cell in CELLS})


def test_the_engine_is_no_echo() -> None:
    """A right taken from the engine's statement is missed."""
    cell = Cell("Credit", "operator")
    assert [True] == judged([cell], POLICY, sandbox=False)
    rules = RULES.replace('principal.kind == "operator"', 'principal.kind == "nobody"')
    request = {
        "principal": 'Caller::"operator"',
        "action": 'Action::"Credit"',
        "resource": {"type": "Asked", "id": str(cell)},
        "context": {"party": True, "sandbox": False},
    }
    known = [*entities(POLICY), resource(cell)]
    assert not cedarpy.is_authorized(request, rules, known).allowed
