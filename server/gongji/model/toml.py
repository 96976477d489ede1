"""TOML as operators and city teams write it."""

from __future__ import annotations

import tomllib
from typing import Any


def document_of(text: str) -> dict[str, Any]:
    """Return what a TOML text says. ValueError with a Chinese sentence."""
    try:
        return tomllib.loads(text)
    # The parser calls itself once a level.
    except RecursionError:
        raise ValueError("TOML 嵌套过深") from None
    except ValueError as fault:
        # Also of a day no calendar has, which is a ValueError of its own.
        raise ValueError(f"不是 TOML：{fault}") from fault
