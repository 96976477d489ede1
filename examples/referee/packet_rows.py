"""What a row of any shape pays: fund.v2 and further.v1 of a packet's lines.

`verify_packet.py` imports it if a line is paid so. Nothing but Python is needed.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from fractions import Fraction

Inputs = Mapping[str, int]


def paid(i: Inputs) -> int:
    """Return what is paid, in fen: by bands above the deductible, within the limits."""
    limits = map(Fraction, _left(i, "limit", "paid."))
    most = min([_banded(i), *limits])
    return int((most * 10_000 + i["rounding_bp"]) // 10_000)


def _left(i: Inputs, role: str, of: str) -> list[int]:
    """Return what is left of each deductible or limit, less what its meter read."""
    named = [name for name in i if name.startswith(f"{role}:") and of in name]
    return [max(0, i[n] - i.get(f"read:{n.partition(':')[2]}", 0)) for n in named]


def _banded(i: Inputs) -> Fraction:
    """Return what the bands pay, walked from one end to the next."""
    borne = _left(i, "deductible", ".")
    at = Fraction(min([i["in_scope"], *borne]) if borne else 0)
    end = min([i["in_scope"], *_left(i, "limit", "in_scope.")])
    paid_fen, band = Fraction(0), 1
    while at < end:
        ratio = Fraction(i[f"band{band}_bp"], 10_000)
        part = max(Fraction(0), min(end - at, _length(i, band, ratio, at, paid_fen)))
        at, paid_fen, band = at + part, paid_fen + part * ratio, band + 1
    return paid_fen


def _length(
    i: Inputs, band: int, ratio: Fraction, at: Fraction, paid_fen: Fraction
) -> Fraction:
    """Return how much cost is left of a band, endless for the last."""
    meter = next((n.partition(":")[2] for n in i if n.startswith("bands:")), "")
    room = i.get(f"band{band}_upto", sys.maxsize) - i.get(f"read:{meter}", 0)
    # On cost a band ends as that grows, on payment as the payment does.
    by_payment = meter and "in_scope." not in meter
    return (room - paid_fen) / ratio if by_payment and ratio else room - at
