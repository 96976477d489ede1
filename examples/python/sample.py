"""What a channel would have asked a sample family for."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from gongji.v1 import binding_pb2, settlement_pb2
from money import read


def prepared(
    path: str,
) -> tuple[binding_pb2.SubmitBindingRequest, settlement_pb2.Bill]:
    """Return an application, and a bill without amounts, of now."""
    now = datetime.now(UTC)
    text = Path(path).read_text(encoding="utf-8")
    text = text.replace("NOW", f"{now:%Y-%m-%dT%H:%M:%SZ}")
    text = text.replace("TODAY", f"{now + timedelta(hours=8):%Y-%m-%d}")
    parts = json.loads(text)
    application = read(parts["application"], binding_pb2.SubmitBindingRequest())
    return application, read(parts["bill"], settlement_pb2.Bill())
