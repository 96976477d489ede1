"""Lossless: a national message read into ours and the unmapped rest comes back as it was."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
from itertools import pairwise
from typing import Any

from gongji.national import (
    NationalFault,
    document,
    from_national,
    line_of,
    rows_from,
    to_national,
    undocumented,
)
from gongji.national.convert import REPLIES, REQUESTS
from gongji.national.forms import amount
from gongji.national.text import dumps, loads
from hypothesis import given
from hypothesis import strategies as st

from tests.national.messages import DATA, request, reversal_reply, settlement_reply

PARTS = ("fulamt_ownpay_amt", "overlmt_selfpay", "preselfpay_amt", "inscp_scp_amt")
SHAPES = [*REQUESTS.values(), *REPLIES.values()]
KNOWN = {field.name for shape in SHAPES for field in shape.fields + shape.envelope}
KNOWN |= {name for shape in SHAPES for name in (shape.container, shape.node)}
"""Every name the interface gives a meaning."""

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
numbers = st.decimals(min_value=-(10**6), max_value=10**6, places=3) | st.integers()
anything = st.recursive(
    st.none() | st.booleans() | texts | numbers,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3)
    ),
    max_leaves=5,
)


@st.composite
def spelled(draw: st.DrawFn, fen: int) -> object:
    """Draw an amount as one sender or another writes it."""
    text = amount(fen)
    spellings: list[object] = [text, text + "0", Decimal(text)]
    if fen % 100 == 0:
        spellings += [fen // 100, str(fen // 100)]
    if fen == 0:
        spellings += ["", None]
    return draw(st.sampled_from(spellings))


@st.composite
def parts(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a total and its four parts, spelled anyhow."""
    amounts = {name: draw(st.integers(0, 10**8)) for name in PARTS}
    spellings = {name: draw(spelled(fen)) for name, fen in amounts.items()}
    return {"medfee_sumamt": draw(spelled(sum(amounts.values()))), **spellings}


@st.composite
def bills(draw: st.DrawFn) -> dict[str, Any]:
    """Draw the fields of a bill that senders fill in various ways."""
    content = anything.filter(lambda value: "gongji" not in str(value))
    return {
        **draw(parts()),
        "med_type": draw(st.sampled_from(["11", "13", "1301", 41, "9901"])),
        "acct_used_flag": draw(st.sampled_from(["0", 1, "2"])),
        "exp_content": draw(content),
    }


@st.composite
def requests(draw: st.DrawFn) -> dict[str, Any]:
    """Draw any request, with fields the interface has or has not, in any spelling."""
    infno = draw(st.sampled_from(sorted(REQUESTS)))
    names = texts.filter(lambda name: name not in KNOWN)
    unknown = st.dictionaries(names, anything, max_size=3)
    data = {**draw(unknown), **DATA[infno]}
    if infno in {"2206", "2207"}:
        data |= draw(bills())
    message = {**draw(unknown), **request(infno, data)}
    message["infno"] = draw(st.sampled_from([infno, int(infno)]))
    message["input"] |= draw(unknown)
    return message


@st.composite
def replies(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a reply of 2206, 2207 or 2208 whose amounts hold, in any spelling.

    With other funds and fields besides.
    """
    payers = {name: draw(st.integers(0, 10**7)) for name in PAYERS}
    amounts = draw_amounts(draw, **payers)
    cash = amount(payers["cash"])
    changes = {name: draw(spelled(fen)) for name, fen in amounts.items()}
    # In these tests' builder None takes a field out; a required field stays in.
    changes = {name: "0" if value is None else value for name, value in changes.items()}
    changes["extra"] = draw(anything)
    if draw(st.booleans()):
        return reversal_reply(**changes, pdn_cash_pay=cash)
    setl_id = draw(st.sampled_from(["S1", "", None]))
    return settlement_reply(**changes, psn_cash_pay=cash, setl_id=setl_id)


PAYERS = ("fund", "other_fund", "hospital", "account", "cash")


def draw_amounts(
    draw: st.DrawFn,
    *,
    fund: int,
    other_fund: int,
    hospital: int,
    account: int,
    cash: int,
) -> dict[str, int]:
    """Draw the amounts of a reply but for the cash; they add up."""
    aid = draw(st.integers(0, account))
    total = fund + other_fund + hospital + account + cash
    cuts = sorted(draw(st.integers(0, total)) for _ in PARTS[1:])
    parts_of = [end - start for start, end in pairwise([0, *cuts, total])]
    return {
        "medfee_sumamt": total,
        **dict(zip(PARTS, parts_of, strict=True)),
        "fund_pay_sumamt": fund + other_fund,
        "hifp_pay": fund,
        "hifob_pay": other_fund,
        "hosp_part_amt": hospital,
        "psn_part_amt": account + cash,
        "acct_pay": account,
        "acct_mulaid_pay": aid,
    }


@given(requests() | replies())
def test_a_message_comes_back(message: dict[str, Any]) -> None:
    """National → ours and kept → national is the same message, also when both parts
    travelled as a document."""
    proto, unmapped = from_national(message)
    carried = undocumented(loads(dumps(document(proto, unmapped))))

    assert message == to_national(proto, unmapped)
    assert (proto, unmapped) == carried
    assert message == to_national(*carried)


@given(requests())
def test_nothing_is_said_twice(message: dict[str, Any]) -> None:
    """What ours says is not kept as well: the rest names no field that ours says."""
    _, unmapped = from_national(message)
    shape = REQUESTS[str(message["infno"])]
    of_data = {field.name for field in shape.fields if field.proto}
    of_envelope = {field.name for field in shape.envelope if field.proto}

    assert set() == of_data & set(unmapped.data.fields)
    assert set() == of_envelope & set(unmapped.envelope.fields)


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_a_change_of_ours_is_written(before: int, after: int) -> None:
    """An amount changed in ours is written as changed: a spelling that was kept never
    overrules it."""
    text = Decimal(amount(before))
    data = {**DATA["2207"], "medfee_sumamt": text, "inscp_scp_amt": text}
    proto: Any
    proto, unmapped = from_national(request("2207", data))
    proto.bill.total_fen = proto.bill.in_scope_fen = after
    written = to_national(proto, unmapped)["input"]["data"]

    expected = text if before == after else amount(after)
    assert expected == written["medfee_sumamt"]
    assert expected == written["inscp_scp_amt"]


# An identifier nobody looks at, by the letters it is made of anywhere.
cells = st.text(st.characters(codec="ascii", categories=("L", "N", "P")), max_size=6)
fens = st.integers(-(10**9), 10**9)
flags = st.sampled_from(["0", "1", "null"])


def line(visit: str, total: int, fund: int, account: int, flag: str) -> str:
    """Return a line of a file of 3202."""
    amounts = [amount(total), amount(fund), str(account)]
    return "\t".join(["S1", visit, "CZ001", *amounts, flag])


@given(st.lists(st.builds(line, cells, fens, fens, fens, flags), max_size=5))
def test_a_file_of_rows_comes_back(lines: list[str]) -> None:
    """Each line of a file of 3202 comes back as it was, `null` and empty told apart."""
    assert lines == [line_of(row, unmapped) for row, unmapped in rows_from(lines)]


@given(requests() | replies(), st.data())
def test_anything_is_converted_or_refused(
    message: dict[str, Any], data: st.DataObject
) -> None:
    """Whatever stands in a field, the message comes back as it was or is refused in a sentence."""
    parents = dicts_in(message)
    nodes = [message, *parents]
    for parent in parents:
        nodes += dicts_in(parent)
    node = data.draw(st.sampled_from([node for node in nodes if node]))
    name = data.draw(st.sampled_from(sorted(node)))
    node[name] = data.draw(anything)
    with suppress(NationalFault):
        assert message == to_national(*from_national(message))


def dicts_in(node: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the objects that are fields of an object."""
    return [value for value in node.values() if isinstance(value, dict)]


@given(requests() | replies(), st.data())
def test_any_document_is_converted_or_refused(
    message: dict[str, Any], data: st.DataObject
) -> None:
    """Whatever stands in the unmapped rest, it is written or refused in a sentence."""
    carried = loads(dumps(document(*from_national(message))))
    unmapped = carried["kept"]
    parts_of = [carried, unmapped, unmapped["data"], unmapped["envelope"]]
    part = data.draw(st.sampled_from(parts_of))
    name = data.draw(st.sampled_from(sorted(part)))
    part[name] = data.draw(anything)
    with suppress(NationalFault):
        assert isinstance(to_national(*undocumented(carried)), dict)


def test_every_kind_of_reply_is_tried() -> None:
    """A reply tells its kind by its fields."""
    totals = {"setl_optins": "1", "stmt_rslt": "1", "stmt_rslt_dscr": ""}
    kinds = [
        settlement_reply(setl_id=None),
        settlement_reply(),
        reversal_reply(),
        {"infcode": "0", "output": {"stmtinfo": totals}},
    ]
    read = [from_national(reply) for reply in kinds]

    assert [s.proto for s in REPLIES.values()] == [type(proto) for proto, _ in read]
    assert kinds == [to_national(proto, unmapped) for proto, unmapped in read]
