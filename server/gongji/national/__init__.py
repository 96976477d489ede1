"""The national interface's messages (国家医保接口) and ours, each from the other without loss."""

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
from gongji.national.envelope import Unmapped, request_id_of
from gongji.national.fields import UnmappedNode
from gongji.national.forms import NationalFault
from gongji.national.reconcile import statements

__all__ = [
    "HN",
    "MessageDialect",
    "NationalFault",
    "Unmapped",
    "UnmappedNode",
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
