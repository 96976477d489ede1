"""Values like those of a column, and other than one that stands there."""

from __future__ import annotations

import json
import random
from typing import Any

from tests.verify.stored import StoredColumn


def another(chance: random.Random, column: StoredColumn, before: Any) -> Any:
    """Return another value of a column's type."""
    if column.null and before is not None and chance.random() < 0.2:
        return None
    if before is None:
        return {"INTEGER": 1, "TEXT": "x", "BLOB": b"{}"}[column.type]
    if isinstance(before, int):
        return max(0, before + chance.choice((-1, 1, 2, 100)))
    if isinstance(before, str):
        return _text_changed(chance, before)
    try:
        content = json.loads(before)
    except ValueError:
        place = chance.randrange(len(before)) if before else 0
        return before[:place] + chance.randbytes(1) + before[place + 1 :]
    return compact(_json_changed(chance, content))


def _text_changed(chance: random.Random, text: str) -> str:
    if not text:
        return "x"
    place = chance.randrange(len(text))
    alphabet = "0123456789" if text[place].isdigit() else "abcdefgh"
    return text[:place] + chance.choice(alphabet) + text[place + 1 :]


def compact(content: Any) -> bytes:
    """Return a document as the service writes it."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return text.encode()


def _json_changed(chance: random.Random, content: Any) -> Any:
    """Return a document one of whose values is another."""
    if isinstance(content, dict) and content:
        name = chance.choice(list(content))
        return {**content, name: _json_changed(chance, content[name])}
    if isinstance(content, list) and content:
        if len(content) > 1 and chance.random() < 0.2:
            return content[::-1]
        place = chance.randrange(len(content))
        changed = _json_changed(chance, content[place])
        return [*content[:place], changed, *content[place + 1 :]]
    if isinstance(content, str):
        return _text_changed(chance, content)
    # False is 0, and None nothing.
    return (content or 0) + chance.choice((-1, 1, 100))
