"""What is shown of personal data: enough to recognise, too little to use."""

from __future__ import annotations

from typing import Final

# At each end of an identity number: the city, and the end of the serial.
_SHOWN: Final = 4

_PHONE_LENGTH: Final = 11


def certificate(number: str) -> str:
    """Return a certificate number masked: 340811199001011234 → 3408**********1234.

    Of a short one a quarter is shown at each end.
    """
    shown = min(_SHOWN, len(number) // 4)
    return _middle(number, shown, shown)


def name(full: str) -> str:
    """Return a name masked but for its first character: 张小明 → 张**."""
    # A name of one character would be shown whole.
    return _middle(full, 1 if len(full) > 1 else 0, 0)


def phone(number: str) -> str:
    """Return a phone number masked: 13800001234 → 138****1234.

    Of a short one the last two digits are shown, if it has more than four.
    """
    if len(number) >= _PHONE_LENGTH:
        return _middle(number, 3, 4)
    return _middle(number, 0, 2 if len(number) > 4 else 0)


def _middle(text: str, head: int, tail: int) -> str:
    """Return a text with all hidden but its head and tail."""
    hidden = len(text) - head - tail
    return text[:head] + "*" * hidden + text[len(text) - tail :] if text else ""
