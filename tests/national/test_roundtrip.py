"""Lossless: a national message, read into ours and what was kept, comes back as it was,
whatever else it carries."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
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
KNOWN = {f.name for s in SHAPES for f in s.fields + s.envelope} | {
    n for s in SHAPES for n in (s.container, s.node)
}
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
    """An amount as one sender or another writes it."""
    text = amount(fen)
    ways: list[object] = [text, text + "0", Decimal(text)]
    if fen % 100 == 0:
        ways += [fen // 100, str(fen // 100)]
    if fen == 0:
        ways += ["", None]
    return draw(st.sampled_from(ways))


@st.composite
def parts(draw: st.DrawFn) -> dict[str, Any]:
    """A total and its four parts, spelled anyhow."""
    fen = [draw(st.integers(0, 10**8)) for _ in PARTS]
    said = {name: draw(spelled(entry)) for name, entry in zip(PARTS, fen, strict=True)}
    return {"medfee_sumamt": draw(spelled(sum(fen))), **said}


@st.composite
def requests(draw: st.DrawFn) -> dict[str, Any]:
    """Any request, with fields the interface has or has not, and a bill in any spelling."""
    infno = draw(st.sampled_from(sorted(REQUESTS)))
    unknown = st.dictionaries(
        texts.filter(lambda name: name not in KNOWN), anything, max_size=3
    )
    data = {**draw(unknown), **DATA[infno]}
    if infno in {"2206", "2207"}:
        data |= draw(parts())
        data["med_type"] = draw(st.sampled_from(["11", "13", "1301", 41, "9901"]))
        data["acct_used_flag"] = draw(st.sampled_from(["0", 1, "2"]))
        data["exp_content"] = draw(
            anything.filter(lambda value: "gongji" not in str(value))
        )
    message = {**draw(unknown), **request(infno, data)}
    message["infno"] = draw(st.sampled_from([infno, int(infno)]))
    message["input"] |= draw(unknown)
    return message


@st.composite
def replies(draw: st.DrawFn) -> dict[str, Any]:
    """A reply of 2206, 2207 or 2208 whose amounts hold, in any spelling, with other
    funds and fields besides."""
    fund, other, hospital, account, cash = (
        draw(st.integers(0, 10**7)) for _ in range(5)
    )
    aid = draw(st.integers(0, account))
    total = fund + other + hospital + account + cash
    cut = sorted(draw(st.integers(0, total)) for _ in range(3))
    four = [b - a for a, b in zip([0, *cut], [*cut, total], strict=True)]
    fen = {
        "medfee_sumamt": total,
        **dict(zip(PARTS, four, strict=True)),
        "fund_pay_sumamt": fund + other,
        "hifp_pay": fund,
        "hifob_pay": other,
        "hosp_part_amt": hospital,
        "psn_part_amt": account + cash,
        "acct_pay": account,
        "acct_mulaid_pay": aid,
    }
    changes = {name: draw(spelled(entry)) for name, entry in fen.items()}
    # In these tests' builder None takes a field out; a required field stays in.
    changes = {name: "0" if value is None else value for name, value in changes.items()}
    changes["extra"] = draw(anything)
    if draw(st.booleans()):
        return reversal_reply(**changes, pdn_cash_pay=amount(cash))
    setl_id = draw(st.sampled_from(["S1", "", None]))
    return settlement_reply(**changes, psn_cash_pay=amount(cash), setl_id=setl_id)


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

    assert set() == {f.name for f in shape.fields if f.proto} & set(
        unmapped.data.fields
    )
    assert set() == {f.name for f in shape.envelope if f.proto} & set(
        unmapped.envelope.fields
    )


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_a_change_of_ours_is_written(before: int, after: int) -> None:
    """An amount changed in ours is written as changed: a spelling that was kept never
    overrules it."""
    data = {
        **DATA["2207"],
        "medfee_sumamt": Decimal(amount(before)),
        "inscp_scp_amt": Decimal(amount(before)),
    }
    proto: Any
    proto, unmapped = from_national(request("2207", data))
    proto.bill.total_fen = proto.bill.in_scope_fen = after
    written = to_national(proto, unmapped)["input"]["data"]

    expected = Decimal(amount(before)) if before == after else amount(after)
    assert (expected, expected) == (written["medfee_sumamt"], written["inscp_scp_amt"])


cells = st.text(st.characters(codec="utf-8", exclude_characters="\t\n\r"), max_size=6)
fens = st.integers(-(10**9), 10**9)


@given(
    st.lists(
        st.tuples(cells, fens, fens, fens, st.sampled_from(["0", "1", "null"])),
        max_size=5,
    )
)
def test_a_file_of_rows_comes_back(rows: list[tuple[str, int, int, int, str]]) -> None:
    """Each line of a file of 3202 comes back as it was, `null` and empty told apart."""
    lines = [
        "\t".join(
            ["S1", visit, "CZ001", amount(total), amount(fund), str(account), flag]
        )
        for visit, total, fund, account, flag in rows
    ]

    assert lines == [line_of(row, unmapped) for row, unmapped in rows_from(lines)]


@given(requests() | replies(), st.data())
def test_anything_is_converted_or_refused(
    message: dict[str, Any], data: st.DataObject
) -> None:
    """Whatever stands in a field, the message comes back as it was or is refused in a sentence."""
    nodes = [message, *(n for n in message.values() if isinstance(n, dict))]
    nodes += [
        inner
        for node in nodes[1:]
        for inner in node.values()
        if isinstance(inner, dict)
    ]
    node = data.draw(st.sampled_from([node for node in nodes if node]))
    node[data.draw(st.sampled_from(sorted(node)))] = data.draw(anything)
    with suppress(NationalFault):
        assert message == to_national(*from_national(message))


@given(requests() | replies(), st.data())
def test_any_document_is_converted_or_refused(
    message: dict[str, Any], data: st.DataObject
) -> None:
    """Whatever stands in what was kept, it is written or refused in a sentence."""
    carried = loads(dumps(document(*from_national(message))))
    unmapped = carried["kept"]
    part = data.draw(
        st.sampled_from([carried, unmapped, unmapped["data"], unmapped["envelope"]])
    )
    part[data.draw(st.sampled_from(sorted(part)))] = data.draw(anything)
    with suppress(NationalFault):
        assert isinstance(to_national(*undocumented(carried)), dict)


def test_every_kind_of_reply_is_tried() -> None:
    """A reply tells its kind by what it says."""
    kinds = [
        settlement_reply(setl_id=None),
        settlement_reply(),
        reversal_reply(),
        {
            "infcode": "0",
            "output": {
                "stmtinfo": {"setl_optins": "1", "stmt_rslt": "1", "stmt_rslt_dscr": ""}
            },
        },
    ]

    assert [s.proto for s in REPLIES.values()] == [
        type(from_national(reply)[0]) for reply in kinds
    ]
    assert kinds == [to_national(*from_national(reply)) for reply in kinds]
