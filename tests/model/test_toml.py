"""A TOML text is read, or refused in a sentence."""

from __future__ import annotations

import pytest
from gongji.model.toml import document_of


@pytest.mark.parametrize(
    "text", ["a = " + "[" * 20_000 + "]" * 20_000, "a = " + "{a = " * 20_000 + "1"]
)
def test_deep_nesting_is_refused(text: str) -> None:
    """However deep a text is nested, it is refused in a sentence."""
    with pytest.raises(ValueError, match=r"^TOML 嵌套过深$"):
        document_of(text)


@pytest.mark.parametrize("text", ["[2027", "a = 2027-02-30", "a = 1\na = 2", "\0"])
def test_what_is_no_toml_is_refused(text: str) -> None:
    """What cannot be read is refused in a sentence."""
    with pytest.raises(ValueError, match=r"^不是 TOML："):
        document_of(text)
