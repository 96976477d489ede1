"""Yuan as people write them and whole fen as the service counts them, never mixed up."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, TypeVar

from google.protobuf.json_format import ParseDict
from google.protobuf.message import Message

_YUAN: Final = re.compile(r"([0-9]{1,13})(?:\.([0-9]{1,2}))?")
_FEN: Final = re.compile(r"-?[0-9]+")

M = TypeVar("M", bound=Message)


def fen(yuan: str) -> int:
    """Return an amount as people write it, "900.50" yuan, as whole fen. ValueError."""
    parts = _YUAN.fullmatch(yuan) if isinstance(yuan, str) else None
    if parts is None:
        raise ValueError(f'金额 {yuan!r} 不是元：请写作 "900.50"，至多两位小数')
    return int(parts[1] + (parts[2] or "").ljust(2, "0"))


def in_yuan(amount: int) -> str:
    """Return fen as people read them."""
    return f"{amount // 100}.{amount % 100:02d} 元"


def read(json: dict[str, Any], into: M) -> M:
    """Fill a message from protobuf JSON. ValueError if a field of fen holds yuan."""
    refuse_yuan(json)
    return ParseDict(json, into)


def refuse_yuan(json: Any) -> None:
    """Refuse yuan in fields of fen: other languages' JSON takes "100.00" for 100 fen."""
    if isinstance(json, list):
        for item in json:
            refuse_yuan(item)
    if isinstance(json, Mapping):
        for key, value in json.items():
            # 900.0 is no amount in fen either.
            whole = not isinstance(value, float) and _FEN.fullmatch(str(value))
            if key.endswith("_fen") and not whole:
                raise ValueError(
                    f"{key} 写了 {value!r}：这里是分，须是整数；元请先以 fen 换算"
                )
            refuse_yuan(value)
