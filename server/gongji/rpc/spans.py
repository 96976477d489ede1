"""The seam for spans of calls: which are sampled, and who is told of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from gongji.rpc.origin import CallOrigin
    from gongji.rpc.outcome import Call


class CallSpans(Protocol):
    """Makes spans of calls."""

    def samples(self, origin: CallOrigin) -> bool:
        """Return whether a call is to be told of."""

    def tell(self, call: Call, code: str, reason: str) -> None:
        """Make the spans of a call that has ended."""


class NoSpans:
    """Makes none."""

    def samples(self, origin: CallOrigin) -> bool:
        """Return that a call is not told of."""
        del origin
        return False

    def tell(self, call: Call, code: str, reason: str) -> None:
        """Do nothing."""


class SpanSeam:
    """Who is told of this process's calls."""

    def __init__(self) -> None:
        self.spans: CallSpans = NoSpans()


span_seam: Final = SpanSeam()
