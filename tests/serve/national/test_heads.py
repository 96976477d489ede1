"""What is sent is held to the sender, the registry, and to what was paid before."""

from __future__ import annotations

import itertools

import pytest

from tests.national.messages import PATIENT, SETTLE
from tests.serve.national.sender import Message, Sender

_INVOICES = itertools.count(340000001)


@pytest.mark.parametrize(
    ("head", "told"),
    [
        ({"mdtrtarea_admvs": "340800"}, "mdtrtarea_admvs：就医地医保区划 340800 不含"),
        (
            {"insuplc_admdvs": "340802"},
            "所写的参保地医保区划为 340802，而登记的参保地在就诊日",
        ),
    ],
)
def test_a_head_of_another_place(sender: Sender, head: Message, told: str) -> None:
    """The area of treatment is the sender's, the insured one the registry's, else it is
    refused; the city of a county, or nothing, is no other place."""
    refused = sender.ask("2207", **head)
    assert -1 == refused["infcode"]
    assert told in refused["err_msg"]
    for place in ("341100", ""):
        same = sender.ask("2206", mdtrtarea_admvs="341122", insuplc_admdvs=place)
        assert 0 == same["infcode"]


def test_an_invoice_number_pays_once(sender: Sender) -> None:
    """Invono is the bill's: told by 5203, and refused of a second bill."""
    invoice = f"{next(_INVOICES)}"
    bill = {**SETTLE, "invono": invoice}
    settled = sender.ask("2207", bill)["output"]["setlinfo"]
    query = {"psn_no": PATIENT, "setl_id": settled["setl_id"], "mdtrt_id": "V1"}
    told = sender.ask("5203", query)["output"]["setlinfo"]
    assert invoice == told["invono"]
    refused = sender.ask("2207", bill)
    assert "input.data.invono" in refused["err_msg"]
