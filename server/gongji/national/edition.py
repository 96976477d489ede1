"""Another province's edition (方言): a table of what differs from Hunan's.

Inside, every message is Hunan's (S1). A request of another edition is brought to that
form before it is read, a reply to the other's form after it is written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

import msgspec

from gongji.model.toml import document_of
from gongji.national.dialect import HN, CumulativeCodes, MessageDialect
from gongji.national.fields import Node
from gongji.national.forms import AMOUNT, NationalFault, amount
from gongji.national.shapes import REPLY_FIELDS, SHAPES
from gongji.national.tables import ACCOUNT_FUND
from gongji.rules.codes import VisitKind


class FieldNames(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Names of fields of one message by Hunan's name for them."""

    request: dict[str, str] = {}
    reply: dict[str, str] = {}


class Edition(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What differs; what is not said is as in Hunan's.

    `messages` are numbers of this edition and which of ours each is ("2207A" = "2207"),
    `fields` names by our number, `clearing` kinds of visit by clr_type.
    """

    name: str
    fund_includes_account: bool = False
    """Whether fund_pay_sumamt contains acct_pay, and setldetail has a row of it."""
    messages: dict[str, str] = {}
    fields: dict[str, FieldNames] = {}
    clearing: dict[str, list[str]] = {}
    cumulative: dict[str, str] = {}

    @property
    def dialect(self) -> MessageDialect:
        """What the messages are checked and summed by, once in Hunan's form."""
        changes: dict[str, Any] = {"name": self.name}
        if self.clearing:
            changes["clearing"] = {
                code: frozenset(VisitKind(int(kind)) for kind in kinds)
                for code, kinds in self.clearing.items()
            }
        if self.cumulative:
            changes["cumulative"] = CumulativeCodes(**self.cumulative)
        return replace(HN, **changes)

    def inward(self, message: Node) -> dict[str, Any]:
        """Return a request of this edition in Hunan's form. NationalFault."""
        asked = dict(message)
        infno = str(asked.get("infno") or "")
        asked["infno"] = infno = self.messages.get(infno, infno)
        container = asked.get("input")
        if not isinstance(container, Mapping):
            return asked
        theirs = {theirs: ours for ours, theirs in self._names(infno).request.items()}
        nodes = {name: _renamed(node, theirs) for name, node in container.items()}
        if self.fund_includes_account and infno == "3201":
            nodes["data"] = self._less_account(nodes.get("data"))
        asked["input"] = nodes
        return asked

    def outward(self, reply: Node, infno: str) -> dict[str, Any]:
        """Return a reply in Hunan's form, to that message, in this edition's."""
        output = reply.get("output")
        if not isinstance(output, Mapping):
            return dict(reply)
        nodes = dict(output)
        if self.fund_includes_account and isinstance(nodes.get("setlinfo"), Mapping):
            nodes = self._with_account(nodes)
        names = self._names(self.messages.get(infno, infno)).reply
        return {
            **reply,
            "output": {name: _renamed(node, names) for name, node in nodes.items()},
        }

    def row_inward(self, cells: list[str], number: int) -> list[str]:
        """Return a line of 3202's file, the first is 1, in Hunan's form. NationalFault."""
        if not self.fund_includes_account or len(cells) != _ROW_CELLS:
            return cells
        fund, account = (
            AMOUNT.read(cells[place], f"第 {number} 行 {name}")
            for place, name in zip((_FUND, _ACCOUNT), _FUND_AND_ACCOUNT, strict=True)
        )
        return [*cells[:_FUND], amount(fund - account), *cells[_ACCOUNT:]]

    def row_outward(self, cells: list[str]) -> list[str]:
        """Return a line of the differences' file in this edition's form."""
        if not self.fund_includes_account:
            return cells
        *before, fund, account = cells
        total = AMOUNT.read(fund, "") + AMOUNT.read(account, "")
        return [*before, amount(total), account]

    def _names(self, infno: str) -> FieldNames:
        return self.fields.get(infno, FieldNames())

    def _less_account(self, data: object) -> object:
        if not isinstance(data, Mapping):
            return data
        fund = AMOUNT.read(data.get("fund_pay_sumamt"), "input.data.fund_pay_sumamt")
        account = AMOUNT.read(data.get("acct_pay"), "input.data.acct_pay")
        return {**data, "fund_pay_sumamt": amount(fund - account)}

    def _with_account(self, nodes: dict[str, Any]) -> dict[str, Any]:
        info, rows = nodes["setlinfo"], list(nodes.get("setldetail", []))
        fund, account = (AMOUNT.read(info[name], name) for name in _FUND_AND_ACCOUNT)
        code, name = ACCOUNT_FUND
        row = {"fund_pay_type": code, "fund_pay_type_name": name}
        row |= {"fund_payamt": amount(account), "setl_proc_info": ""}
        row |= {"inscp_scp_amt": "0", "crt_payb_lmt_amt": "0"}
        info = {**info, "fund_pay_sumamt": amount(fund + account)}
        return {**nodes, "setlinfo": info, "setldetail": [*rows, row]}


_FUND_AND_ACCOUNT: Final = ("fund_pay_sumamt", "acct_pay")

_ROW_CELLS, _FUND, _ACCOUNT = 7, 4, 5

HUNAN: Final = Edition(name="HN")


def edition_in(text: str) -> Edition:
    """Return the edition that a TOML text describes. NationalFault."""
    try:
        edition = msgspec.convert(document_of(text), Edition)
        # Codes that are no kind of visit, or no code of an accumulator.
        edition.dialect.cumulative.fund.format(fund_pay_type="")
    except (msgspec.ValidationError, TypeError, ValueError, LookupError) as fault:
        raise NationalFault(f"方言表写得不对：{fault}") from fault
    problem = "；".join(_problems(edition))
    if problem:
        raise NationalFault(f"方言表写得不对：{problem}")
    return edition


def _problems(edition: Edition) -> Iterator[str]:
    """Yield what a table says of messages and fields that there are not."""
    known = "、".join(SHAPES)
    for theirs, ours in edition.messages.items():
        if ours not in SHAPES:
            yield f"[messages] {theirs} 所指的 {ours} 不在此办理；可用 {known}"
    for infno, names in edition.fields.items():
        if infno not in SHAPES:
            yield f"[fields] {infno} 不在此办理；可用 {known}"
            continue
        asked = frozenset(entry.name for entry in SHAPES[infno].fields)
        told = REPLY_FIELDS.get(infno, frozenset())
        yield from _of_names(f"[fields.{infno}.request]", names.request, asked)
        yield from _of_names(f"[fields.{infno}.reply]", names.reply, told)


def _of_names(
    table: str, names: Mapping[str, str], fields: frozenset[str]
) -> Iterator[str]:
    unknown = [name for name in names if name not in fields]
    if unknown:
        yield f"{table} 没有字段 {'、'.join(unknown)}"
    # Two fields of one name would be one.
    if len({names.get(name, name) for name in fields}) < len(fields):
        yield f"{table} 使两个字段同名"


def _renamed(node: object, names: Mapping[str, str]) -> Any:
    """Return a node, or each row of one, with other names for some fields."""
    if isinstance(node, list):
        return [_renamed(row, names) for row in node]
    if not isinstance(node, Mapping):
        return node
    return {names.get(name, name): value for name, value in node.items()}
