"""Which message is sent: its number in the path, in the message, in neither; half of it."""

from __future__ import annotations

import json

import pytest

from tests.national.messages import PATIENT
from tests.serve.national.sender import Sender
from tests.serve.national.test_hostile import refused


def test_a_path_names_the_message_that_is_sent(sender: Sender) -> None:
    """A number behind the path is the message's own: a 2207 sent as a quote settles nothing."""
    quote, settle = sender.message("2206"), sender.message("2207")
    answer = sender.client.send(json.dumps(quote).encode(), path="/2206").message
    assert 0 == answer["infcode"]
    reply = sender.client.send(json.dumps(settle).encode(), path="/2206")
    assert "路径是 2206，报文的 infno 是 2207：两者须相同" == refused(reply)
    never = sender.message(
        "2601", {"psn_no": PATIENT, "omsgid": settle["msgid"], "oinfno": "2207"}
    )
    assert sender.client.ask(never)["err_msg"].endswith("（字段 input.data.omsgid）")


def test_a_number_used_for_another_bill(sender: Sender) -> None:
    """What is wrong with an id of ours is told of the field that it was made of."""
    bill = sender.message("2207")
    assert 0 == sender.client.ask(bill)["infcode"]
    bill["input"]["data"] |= {"medfee_sumamt": "900.00", "inscp_scp_amt": "900.00"}
    for part in ("fulamt_ownpay_amt", "overlmt_selfpay", "preselfpay_amt"):
        bill["input"]["data"][part] = "0"
    assert sender.client.ask(bill)["err_msg"].endswith("（字段 msgid）")


@pytest.mark.parametrize("left_out", ["null", '""'])
def test_a_message_that_names_none(sender: Sender, left_out: str) -> None:
    """A message without its number is told that, in the words of the interface."""
    body = b'{"msgid": "1", "infno": ' + left_out.encode() + b"}"
    assert refused(sender.client.send(body)).startswith(
        "缺少必填字段 infno（交易编号）"
    )


def test_a_message_left_in_its_midst(sender: Sender) -> None:
    """A connection that breaks before the message is whole is no defect of ours."""
    reply = sender.client.break_off(b'{"infno": "2207"')
    assert 400 == reply.status
    refused(reply)
