"""Whatever stands in a national message, it is converted without loss or refused in one
sentence; identifiers with blanks or controls are refused by name."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from functools import partial
from typing import Any, Final, TypeAlias

import pytest
from gongji.national.convert import (
    document,
    from_national,
    refused,
    reply_to,
    to_national,
    undocumented,
)
from gongji.national.details import rows_from
from gongji.national.fields import UnmappedNode
from gongji.national.forms import NationalFault
from gongji.national.text import dumps, loads
from gongji.v1 import settlement_pb2 as pb

from tests.national.messages import (
    DATA,
    SETTLE,
    request,
    reversal_reply,
    settlement_reply,
)

Path: TypeAlias = tuple[str, ...]

TOTALS_REPLY: Final = {
    "infcode": 0,
    "inf_refmsgid": "1",
    "err_msg": "",
    "output": {"stmtinfo": {"setl_optins": "341199", "stmt_rslt": "0"}},
}

MESSAGES: Final[dict[str, dict[str, Any]]] = {
    **{infno: request(infno) for infno in DATA},
    "2207 of another day": request(
        "2207",
        {**SETTLE, "exp_content": {"gongji": {"givers": ["CZ002"], "filing_no": "F1"}}},
    ),
    "reply of 2206": settlement_reply(setl_id=None),
    "reply of 2207": settlement_reply(certno="341199196304120110"),
    "reply of 2208": reversal_reply(),
    "reply of 3201": TOTALS_REPLY,
}


def nested(depth: int) -> object:
    value: object = 1
    for _ in range(depth):
        value = {"a": value}
    return value


HOSTILE: Final[dict[str, object]] = {
    "null": None,
    "empty": "",
    "a blank": " ",
    "true": True,
    "a list": ["CZ001"],
    "lists": [[[]]],
    "an object": {"a": 1},
    "deep": nested(900),
    "an integer": 7,
    "a long integer": 10**4000,
    "a negative integer": -1,
    "a decimal": Decimal("1.50"),
    "a huge decimal": Decimal("1E+999999"),
    "a tiny decimal": Decimal("1E-999999"),
    "half a surrogate": "\ud800",
    "NUL": "a\x00b",
    "escapes": "\x1b]0;x\x07",
    "markup": "[/x][link=http://x]",
    "right to left": "\u202e1000",
    "no Unicode character": "\uffff",
    "long": "长" * 20_000,
    "digits of another script": "\u0661\u0662",
    "full-width digits": "\uff11\uff12",
    "the first instant": "0001-01-01 00:00:00",
    "the last instant": "9999-12-31 23:59:59",
    "the first day": "0001-01-01",
    "the last day": "9999-12-31",
    "a day that is none": "2025-02-30",
    "JSON": '{"gongji": {"service_day": "9999-99-99"}}',
    "deep JSON": '{"gongji":' + '{"a":' * 900 + "1" + "}" * 901,
    "JSON that names twice": '{"gongji": {}, "gongji": {}}',
    "an amount": "99999999999999.99",
    "a negative amount": "-99999999999999.99",
}

PADDED: Final = {
    "a blank after": "{} ",
    "a blank before": " {}",
    "a blank inside": "{} {}",
    "a full-width blank": "{}\u3000",
    "a no-break space": "{}\u00a0",
    "a tab": "{}\t",
    "a line feed": "{}\n",
    "a carriage return": "{}\r",
    "NUL": "{}\x00",
    "C1": "{}\x85",
    "a zero-width space": "\u200b{}",
    "a byte order mark": "\ufeff{}",
    "a soft hyphen": "{}\u00ad",
    "right to left": "\u202e{}",
    "a filler": "{}\u3164",
    "a variation selector": "{}\ufe0f",
}


def paths(node: object, above: Path = ()) -> Iterator[Path]:
    """Yield the path of every value of a message, also of the nodes themselves."""
    if isinstance(node, dict):
        for name, value in node.items():
            yield (*above, name)
            yield from paths(value, (*above, name))


def changed(message: dict[str, Any], path: Path, value: object) -> dict[str, Any]:
    changed_ = copy.deepcopy(message)
    node = changed_
    for name in path[:-1]:
        node = node[name]
    node[path[-1]] = value
    return changed_


def without(message: dict[str, Any], path: Path) -> dict[str, Any]:
    left = changed(message, path, None)
    node = left
    for name in path[:-1]:
        node = node[name]
    del node[path[-1]]
    return left


def converted(message: object) -> None:
    """Convert a message as the command does, and back. NationalFault."""
    ours, unmapped = from_national(message)
    again = undocumented(loads(dumps(document(ours, unmapped))))
    if isinstance(message, dict) and "infno" in message:
        assert dumps(to_national(*again)) == dumps(to_national(ours, unmapped))


def told(convert: Callable[[], object]) -> str:
    """Return in which sentence a conversion is refused, "" if it succeeds."""
    try:
        convert()
    except NationalFault as fault:
        return str(fault) or "no sentence\n"
    return ""


def unfit(sentences: Iterable[str]) -> list[str]:
    """Return those that are not one line of bounded length."""
    return [one for one in sentences if not one.isprintable() or len(one) >= 6_100]


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("name", MESSAGES)
def test_hostile_values(name: str, hostile: str) -> None:
    """Any value in any field, and any node, is converted or refused in a sentence."""
    message, sentences = MESSAGES[name], []
    for path in paths(message):
        spoilt = changed(message, path, HOSTILE[hostile])
        sentences.append(told(partial(converted, spoilt)))
        sentences.append(told(partial(refused, spoilt, "理由")))
    assert [] == unfit(sentences)


@pytest.mark.parametrize("name", MESSAGES)
def test_missing_fields(name: str) -> None:
    """Any field or node may be missing."""
    message = MESSAGES[name]
    left = [without(message, path) for path in paths(message)]
    assert [] == unfit([told(partial(converted, one)) for one in left])


@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE)
def test_what_is_no_message(value: object) -> None:
    """What is no object, or an empty one, is refused."""
    for read in (converted, lambda one: undocumented(loads(dumps(one)))):
        sentence = told(partial(read, value))
        assert sentence
        assert [] == unfit([sentence])


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("infno", ["2206", "2207", "2208", "2601", "3201"])
def test_hostile_requests_replied_to(infno: str, hostile: str) -> None:
    """A reply to a request with any value in it is made or refused in a sentence."""
    replies = {
        "2206": pb.QuoteResponse(),
        "2207": pb.SettleResponse(),
        "2208": pb.ReverseResponse(),
        "2601": pb.ReverseResponse(),
        "3201": pb.ReconcileTotalsResponse(),
    }
    message = request(infno)
    spoilt = [changed(message, path, HOSTILE[hostile]) for path in paths(message)]
    told_of = [told(partial(reply_to, replies[infno], one)) for one in spoilt]
    assert [] == unfit(told_of)


@pytest.mark.parametrize("seconds", [-62_135_596_800, 253_402_300_799])
def test_instants_at_the_calendars_ends(seconds: int) -> None:
    """An instant of ours that no national field should hold is refused in a sentence."""
    ours, unmapped = from_national(settlement_reply())
    ours.settlement.settled_at.seconds = seconds  # type: ignore[attr-defined]
    assert [] == unfit([told(lambda: to_national(ours, unmapped))])
    answer = pb.ReverseResponse()
    answer.receipt.at.seconds = seconds
    with pytest.raises(NationalFault, match="1900 年至 2199 年"):
        reply_to(answer, request("2601"))


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_documents(hostile: str) -> None:
    """Any value in a document of ours is read or refused in a sentence."""
    whole = loads(dumps(document(*from_national(MESSAGES["2207"]))))

    def back(spoilt: object) -> None:
        to_national(*undocumented(loads(dumps(spoilt))))

    spoilt = [changed(whole, path, HOSTILE[hostile]) for path in paths(whole)]
    assert [] == unfit([told(partial(back, one)) for one in spoilt])


# Every identifier of every message, by name; what is not listed is no identifier.
IDENTIFIERS: Final = {
    "infno",
    "msgid",
    "mdtrtarea_admvs",
    "insuplc_admdvs",
    "recer_sys_code",
    "infver",
    "opter_type",
    "opter",
    "fixmedins_code",
    "inf_refmsgid",
    "psn_no",
    "mdtrt_cert_type",
    "mdtrt_cert_no",
    "certno",
    "med_type",
    "insutype",
    "acct_used_flag",
    "psn_setlway",
    "mdtrt_id",
    "chrg_bchno",
    "setl_id",
    "omsgid",
    "oinfno",
    "clr_type",
    "setl_optins",
    "medins_setl_id",
    "filing_no",
}


@pytest.mark.parametrize("padding", PADDED)
@pytest.mark.parametrize("name", MESSAGES)
def test_padded_identifiers(name: str, padding: str) -> None:
    """An identifier with a blank or a control anywhere is refused by its field's name."""
    message = MESSAGES[name]
    for path in paths(message):
        if path[-1] not in IDENTIFIERS:
            continue
        node: Any = message
        for part in path:
            node = node[part]
        spoilt = changed(message, path, PADDED[padding].format(node, node))
        with pytest.raises(NationalFault, match=path[-1]):
            from_national(spoilt)


ROW: Final = ["S1", "V1", "CZ001", "1000.00", "100.00", "900.00", "0"]
COLUMNS: Final = [
    "setl_id",
    "mdtrt_id",
    "psn_no",
    "medfee_sumamt",
    "fund_pay_sumamt",
    "acct_pay",
    "refd_setl_flag",
]


@pytest.mark.parametrize(
    "padding", [p for p in PADDED.values() if not {*"\t\r\n"} & {*p}]
)
@pytest.mark.parametrize(("place", "column"), list(enumerate(COLUMNS)))
def test_padded_cells(place: int, column: str, padding: str) -> None:
    """A cell of a file of rows with a blank or a control is refused by row and column."""
    cells = [*ROW]
    cells[place] = padding.format(cells[place], cells[place])
    with pytest.raises(NationalFault, match=f"第 1 行 {column}"):
        list(rows_from(["\t".join(cells)]))


@pytest.mark.parametrize("hostile", [v for v in HOSTILE.values() if isinstance(v, str)])
def test_hostile_cells(hostile: str) -> None:
    """Any text in any cell is read or refused in a sentence."""

    def read(place: int) -> None:
        list(rows_from(["\t".join([*ROW[:place], hostile, *ROW[place + 1 :]])]))

    assert [] == unfit([told(partial(read, place)) for place in range(len(ROW))])


def test_a_carried_value_that_is_no_text_is_no_identifier() -> None:
    """A number where an identifier is only carried comes back as it was."""
    message = request("2207", {**SETTLE, "mdtrt_id": 12})
    _, unmapped = from_national(message)
    assert isinstance(unmapped.data, UnmappedNode)
    assert 12 == unmapped.data.fields["mdtrt_id"]


def test_the_first_day_of_1900_in_shanghai() -> None:
    """The bounds of a time are those of the sentence that refuses it."""
    for spoilt in ("1900-01-01 00:00:00", "2200-01-01 08:00:00"):
        told_ = told(partial(from_national, request("2207", inf_time=spoilt)))
        assert "须在世界时（UTC）1900 年至 2199 年之间" in told_
    from_national(request("2207", inf_time="2200-01-01 07:59:59"))
