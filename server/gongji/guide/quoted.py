"""Clauses that quote one cell of a document's own comparison of channels:
"服务时间|线下窗口|工作日…"."""

from __future__ import annotations

from gongji.rules.channels import Channel, ChannelKind
from gongji.rules.clauses import Clause

_BAR = "|"

OVER_THE_COUNTER = (ChannelKind.COUNTER, ChannelKind.BANK)


def row_of(clause: Clause) -> str:
    """The row a clause quotes a cell of; empty where it is an ordinary sentence."""
    return clause.text.partition(_BAR)[0] if _BAR in clause.text else ""


def column_of(clause: Clause) -> str:
    """The column a clause quotes a cell of: a channel's short name; empty where it is
    an ordinary sentence."""
    return clause.text.split(_BAR)[1] if _BAR in clause.text else ""


def speaks_of(clause: Clause, channel: Channel) -> bool:
    """Whether a quoted cell stands in a channel's column: the characters of its short
    name appear in the channel's.

    "安徽医保小程序" is short for "安徽医保公共服务小程序(微信)"; what is done over the
    counter is also called 线下.
    """
    rest = iter(
        f"线下{channel.name}" if channel.kind in OVER_THE_COUNTER else channel.name
    )
    return bool(column_of(clause)) and all(
        character in rest for character in column_of(clause)
    )
