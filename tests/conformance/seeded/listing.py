"""What a server may do wrong with a list of settlements."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def one_row_each(request: Any, honest: Callable[[Any], Any]) -> Any:
    """List no refund: what was taken back is only marked."""
    answer = honest(request)
    settled = [row for row in answer.rows if not row.refund]
    return type(answer)(rows=settled)
