"""What is shown of personal data in replies and logs: enough to recognise, too little to use."""

from __future__ import annotations

_SHOWN = 4


def certificate(number: str) -> str:
    """A certificate number masked: 340811199001011234 → 3408**********1234; of a short
    one a quarter at each end."""
    return _middle(
        number, min(_SHOWN, len(number) // _SHOWN), min(_SHOWN, len(number) // _SHOWN)
    )


def name(full: str) -> str:
    """A name masked: its first character kept, 张小明 → 张**; a name of one character
    is hidden whole."""
    return _middle(full, 1 if len(full) > 1 else 0, 0)


def phone(number: str) -> str:
    """A phone number masked: 13800001234 → 138****1234; of a short one its last two
    digits are shown."""
    return (
        _middle(number, 3, 4)
        if len(number) >= 11
        else _middle(number, 0, 2 if len(number) > 4 else 0)
    )


def _middle(text: str, head: int, tail: int) -> str:
    hidden = len(text) - head - tail
    return text[:head] + "*" * hidden + text[len(text) - tail :] if text else ""
