"""One page of a listing as an engine reads it, without the records' places."""

from __future__ import annotations

from typing import Any

from gongji.model.commands import Listing


def page_records(engine: Any, listing: Listing[Any]) -> list[Any]:
    """Return the records of a page."""
    return [record for record, _ in engine.page(listing)]
