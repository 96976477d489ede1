"""What is shown of personal data: enough to recognise, too little to use or to guess from."""

from __future__ import annotations

from typing import Final

_SHORTEST: Final = 8
"""Characters from which on a number shows its ends: fewer hidden ones are soon tried."""

_HIDDEN_NAME: Final = "**"


def certificate(number: str) -> str:
    """Return a certificate number masked: 340811199001011234 → 3****************4.

    A short one is hidden whole.
    """
    # With four at each end the whole number was found by 1,195 look-ups.
    return _ends(number, 1, 1)


def name(full: str) -> str:
    """Return a name masked but for its first character: 张小明 → 张**.

    How many characters are hidden is not told.
    """
    # A name of one character would be shown whole.
    return full[: len(full) > 1] + _HIDDEN_NAME if full else ""


def phone(number: str) -> str:
    """Return a phone number masked but for its last two digits: 13800001234 → *********34.

    A short one is hidden whole.
    """
    return _ends(number, 0, 2)


def _ends(text: str, head: int, tail: int) -> str:
    """Return a text with all hidden but its ends, and those too if it is short."""
    if len(text) < _SHORTEST:
        return "*" * len(text)
    return text[:head] + "*" * (len(text) - head - tail) + text[len(text) - tail :]
