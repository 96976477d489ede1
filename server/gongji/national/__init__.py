"""The national interface beside ours: messages 2206, 2207, 2208, 2601, 3201 and 3202 to
and from gongji.v1, lossless.

A channel's adapter: it speaks over the wire like any caller, and the service knows nothing of it.
"""

from gongji.national.convert import (
    document,
    from_national,
    refused,
    reply_to,
    to_national,
    undocumented,
)
from gongji.national.details import difference_line, line_of, rows_from
from gongji.national.dialect import HN, MessageDialect
from gongji.national.envelope import Kept, request_id_of
from gongji.national.fields import KeptNode
from gongji.national.forms import NationalFault
from gongji.national.reconcile import statements

__all__ = [
    "HN",
    "MessageDialect",
    "Kept",
    "KeptNode",
    "NationalFault",
    "difference_line",
    "document",
    "from_national",
    "line_of",
    "refused",
    "reply_to",
    "request_id_of",
    "rows_from",
    "statements",
    "to_national",
    "undocumented",
]
