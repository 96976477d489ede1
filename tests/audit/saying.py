"""What leaves say, with the commitments in them opened."""

from __future__ import annotations

from typing import NamedTuple

from gongji.audit.commitment import Commitments
from gongji.audit.hashing import default_hasher
from gongji.audit.leaf import Leaf, body_of, private_of

from tests.scaffold.service import HOSPITAL


class LeafSaid(NamedTuple):
    """What a leaf says, persons and institutions by their numbers and codes."""

    what: str
    caller: str
    kind: str
    subject: str
    request: bool
    areas: tuple[str, ...]
    known: frozenset[str]


def said(leaf: Leaf) -> LeafSaid:
    """Return what a leaf says, whose commitments are opened by its salt."""
    body = body_of(leaf)
    salted = Commitments(default_hasher(), private_of(leaf).salt)
    numbers = {salted.of(one): one for one in ("P1", "P2", "R", "R9", HOSPITAL)}
    assert body.subject in {"", *numbers}
    return LeafSaid(
        body.what,
        body.caller,
        body.kind,
        numbers.get(body.subject, ""),
        bool(body.request),
        tuple([one.area_code for one in body.decided_by]),
        frozenset([numbers[one] for one in body.known]),
    )
