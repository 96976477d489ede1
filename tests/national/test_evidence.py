"""What was shown at the counter, in the national interface's words and ours."""

from __future__ import annotations

import pytest
from gongji.national import (
    NationalFault,
    Unmapped,
    UnmappedNode,
    from_national,
    to_national,
)
from gongji.v1 import settlement_pb2 as pb

from tests.national.messages import SETTLE, request


@pytest.mark.parametrize("code", ["01", "02", "03"])
def test_what_was_shown(code: str) -> None:
    """mdtrt_cert_type, mdtrt_cert_no and card_sn are said in evidence, and are told again;
    what an earlier version carried beside ours is told as well."""
    shown = {"mdtrt_cert_type": code, "mdtrt_cert_no": "A1", "card_sn": "S1"}
    bill, unmapped = from_national(request("2207", {**SETTLE, **shown}))
    assert isinstance(bill, pb.SettleRequest)
    evidence = bill.bill.evidence
    assert (int(code), "A1", "S1") == (
        evidence.type,
        evidence.number,
        evidence.card_sn,
    )
    said = to_national(bill, unmapped)["input"]["data"]
    assert shown.items() <= said.items()
    node = unmapped.data
    fields = {**node.fields, **shown}
    carried = Unmapped(
        unmapped.envelope, UnmappedNode(fields, node.spellings, node.absent)
    )
    bill.bill.ClearField("evidence")
    assert said == to_national(bill, carried)["input"]["data"]


SHOWN = {"mdtrt_cert_type": "02", "mdtrt_cert_no": "A1", "invono": "1"}

MESSAGE = {**request("2207", {**SETTLE, **SHOWN}), "insuplc_admdvs": "341102"}


def carried_once() -> tuple[pb.SettleRequest, Unmapped]:
    """Return MESSAGE as ours, and what a version without places for all kept of it."""
    bill, unmapped = from_national(MESSAGE)
    assert isinstance(bill, pb.SettleRequest)
    head, node = unmapped.envelope, unmapped.data
    fields = {**head.fields, "insuplc_admdvs": "341102"}
    return bill, Unmapped(
        UnmappedNode(fields, head.spellings, head.absent),
        UnmappedNode({**node.fields, **SHOWN}, node.spellings, node.absent),
    )


def test_what_was_carried_once() -> None:
    """What was read when ours had a place for none of it comes back, its head too; also
    if ours says the same by now."""
    bill, once = carried_once()
    assert to_national(bill, once) == MESSAGE
    for path in ("evidence", "invoice_no", "insured_place"):
        bill.bill.ClearField(path)
    assert to_national(bill, once) == MESSAGE


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        (pb.Bill(invoice_no="2"), "invono"),
        (pb.Bill(insured_place="341100"), "insuplc_admdvs"),
        (pb.Bill(evidence=pb.VisitEvidence(number="B2")), "mdtrt_cert_no"),
    ],
)
def test_what_ours_says_otherwise(changed: pb.Bill, name: str) -> None:
    """What was carried never replaces what ours says: it is refused by name."""
    bill, once = carried_once()
    bill.bill.MergeFrom(changed)
    with pytest.raises(NationalFault, match=f"^{name}"):
        to_national(bill, once)


def test_a_code_there_is_not() -> None:
    """Another mdtrt_cert_type is refused, with those there are."""
    with pytest.raises(NationalFault, match=r"mdtrt_cert_type 没有代码.*01、02、03"):
        from_national(request("2207", {**SETTLE, "mdtrt_cert_type": "09"}))
