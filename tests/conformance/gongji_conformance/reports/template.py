"""The templates of the report: text is escaped, a misspelt name is an error."""

from __future__ import annotations

from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined

_DIGEST_LENGTH: Final = 64
"""Letters of a SHA-256."""

ENVIRONMENT: Final = Environment(
    loader=PackageLoader("gongji_conformance.reports"),
    autoescape=True,
    undefined=StrictUndefined,
    # A line that holds a statement only leaves nothing on the page.
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)


def is_digest(text: str) -> bool:
    """Say whether a text is a digest, which may be broken anywhere on a phone."""
    return len(text) == _DIGEST_LENGTH and text.isalnum()


def anchor(text: str) -> str:
    """Return a text as part of a name to link to, another for each text."""
    return "".join(char if char.isalnum() else f"-{ord(char)}-" for char in text)


ENVIRONMENT.tests["digest"] = is_digest
ENVIRONMENT.filters["anchor"] = anchor
