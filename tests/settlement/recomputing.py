"""Worlds whose settlements can be decided once more, for tests of recomputing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, TypeVar

from gongji.binding import life
from gongji.cities.kept import KeepRules
from gongji.model.binding import Binding
from gongji.model.revisions import superseding
from gongji.rules.codes import BindingState
from gongji.settlement.recompute import Recompute, Recomputed
from msgspec.structs import replace

from tests.scaffold.world import World

DAY = timedelta(days=1)

R = TypeVar("R")


def recomputed(world: World, settlement_id: str) -> Recomputed:
    """Return a settlement decided once more under the world's cities."""
    return world.decide(Recompute(settlement_id, world.cities)).answer


def kept(world: World) -> World:
    """Return a world whose rules are stored and whose bindings have a history."""
    world.do(KeepRules(world.cities))
    for binding in world.all(Binding):
        at = binding.submitted_at
        world.add(life.moved(binding, BindingState.ACTIVE, at, who="x", why=""))
    return world


def correct(world: World, kind: type[R], key: str, **changes: Any) -> None:
    """Let the registry know otherwise from now on, in a further revision."""
    known: Any = world.record(kind, key)
    after = replace(known, **changes, revision=known.revision + 1, known_from=world.now)
    world.add(*superseding(after, known))
