"""Integer fen (分): reading, writing and the one place that rounds."""

from __future__ import annotations

import re
from enum import Enum

from gongji.text.forms import as_sent

FULL_BP = 10_000
"""One hundred per cent in basis points (万分比)."""

MAX_FEN = 100_000_000_000
"""Greatest amount a request may carry: one billion yuan."""

# ASCII: \d alone also reads full-width and other digits, which int() would accept.
_YUAN = re.compile(r"(-?)(\d{1,10}|\d{1,3}(?:,\d{3}){1,3})(?:\.(\d{1,2}))?", re.ASCII)


class Rounding(Enum):
    """How a share of a bill is brought to whole fen (舍入方式)."""

    HALF_UP = "half_up"
    """四舍五入到分。"""
    DOWN = "down"
    """舍去不足一分的部分。"""


def share(amount_fen: int, ratio_bp: int, rounding: Rounding) -> int:
    """Return `amount_fen` × `ratio_bp` / 10000 in whole fen; neither may be negative."""
    # hot path: integers alone, for a float would lose fen.
    product = amount_fen * ratio_bp
    # Half a fen more before flooring is 四舍五入.
    if rounding is Rounding.HALF_UP:
        product += FULL_BP // 2
    return product // FULL_BP


def least_for(share_fen: int, ratio_bp: int, rounding: Rounding) -> int:
    """Return the least amount whose share is `share_fen`; that and the ratio are positive."""
    added = FULL_BP // 2 if rounding is Rounding.HALF_UP else 0
    # The inverse of `share`, rounded up: negative floor division does.
    return -((added - share_fen * FULL_BP) // ratio_bp)


def yuan(fen: int) -> str:
    """Return fen as a reader writes yuan: 123456 → "1,234.56"."""
    # Floor division would write -1.50 as -2.50.
    if fen < 0:
        return f"-{yuan(-fen)}"
    return f"{fen // 100:,}{_CENTS[fen % 100]}"


# hot path: a settlement writes half a dozen amounts.
_CENTS = [f".{cents:02d}" for cents in range(100)]


def fen(text: str) -> int:
    """Return yuan as people write them in fen: "1,234.5" → 123450.

    ValueError if it is no amount of whole fen.
    """
    # Commas by threes only: elsewhere 1,23 is one yuan and 23 fen.
    match = _YUAN.fullmatch(text.strip())
    if match is None:
        msg = f"不是以元为单位、最多两位小数的金额：{as_sent(text)}"
        raise ValueError(msg)
    sign, whole, cents = match.groups()
    # "1.5" is 50 分, not 5.
    amount = int(whole.replace(",", "")) * 100 + int((cents or "").ljust(2, "0"))
    return -amount if sign else amount


def percent(ratio_bp: int) -> str:
    """Return basis points as a reader writes a ratio: 5500 → "55%", 1250 → "12.5%"."""
    whole, hundredths = divmod(ratio_bp, 100)
    decimals = f".{hundredths:02d}".rstrip("0") if hundredths else ""
    return f"{whole}{decimals}%"
