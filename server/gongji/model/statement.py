"""Statements given out (查询单): of each a counterfoil (存根)."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct


class IssuedStatement(Struct, frozen=True, kw_only=True):
    """The counterfoil of a statement: what stands on it, and the key of its code.

    `content` is the statement as bytes of the wire. The code itself is not kept: only
    the content as it was issued gives it.
    """

    statement_no: str
    person_no: str
    issued_at: datetime
    caller: str
    content: bytes = b""
    key: bytes = b""
