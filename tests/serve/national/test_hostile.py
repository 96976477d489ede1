"""Whatever is sent, the answer is one sentence in the interface's form, and nothing moves."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import grpc
import pytest
from gongji.client.connection import RefusalInfo
from gongji.serve.national.app import Limits, national_app
from gongji.serve.national.calls import ServiceFault
from gongji.serve.national.handler import Handled

from tests.national.messages import DATA, PATIENT, SETTLE
from tests.national.test_hostile import HOSTILE, changed, paths, without
from tests.serve.national.asgi import HttpClient, HttpReply
from tests.serve.national.sender import Message, Sender, sender_over

BODIES: dict[str, tuple[bytes, int]] = {
    "nothing": (b"", 400),
    "no JSON": (b"{", 400),
    "a list": (b"[]", 400),
    "a number": (b"1", 400),
    "an empty object": (b"{}", 400),
    "NaN": (b'{"a": NaN}', 400),
    "a name twice": (b'{"infno": "2207", "infno": "2206"}', 400),
    "deep lists": (b"[" * 100_000, 400),
    "deep objects": (b'{"a":' * 50_000, 400),
    "a long number": (b'{"a": ' + b"9" * 5_000 + b"}", 400),
    "a huge exponent": (b'{"a": 1e999999999}', 400),
    "GBK": ('{"opter_name": "甲"}'.encode("gbk"), 400),
    "UTF-16": ('{"infno": "2207"}'.encode("utf-16"), 400),
    "half a surrogate": (b'{"infno": "\\ud800"}', 400),
    "NUL": (b'{"infno": "\\u0000"}', 200),
    "an unknown message": (b'{"infno": "9999"}', 200),
    "no head": (b'{"infno": "2207", "input": {}}', 200),
    "too long": (b'{"a": "' + b"a" * (1 << 20) + b'"}', 413),
}


def refused(reply: HttpReply) -> str:
    """Return the sentence of a refusal in the interface's form."""
    message = reply.message
    assert -1 == message["infcode"]
    assert 0 < len(message["err_msg"]) <= 200
    assert message["err_msg"].isprintable()
    assert reply.status < 500 or reply.status == 503
    return str(message["err_msg"])


@pytest.mark.parametrize("name", BODIES)
def test_what_is_no_message(sender: Sender, name: str) -> None:
    """What is no message is refused in a sentence, with a status that says so."""
    body, status = BODIES[name]
    reply = sender.client.send(body)
    assert status == reply.status
    refused(reply)


def test_a_body_that_is_longer_than_it_said(sender: Sender) -> None:
    """A body is counted as it comes, and not believed before: parts too long, or announced."""
    parts = [b"{" + b" " * (1 << 19)] * 3
    assert 413 == sender.client.send(parts).status
    assert 413 == sender.client.send(b"", {"content-length": str(1 << 30)}).status
    assert 400 == sender.client.send(b"", {"content-length": "-1"}).status
    assert 400 == sender.client.send(b"", {"content-length": "9" * 5_000}).status


def test_a_file_may_be_longer(sender: Sender) -> None:
    """A file has a limit of its own, where files are taken."""
    body = b'{"a": "' + b"a" * (2 << 20) + b'"}'
    assert 413 == sender.client.send(body).status
    assert 413 != sender.client.send(body, path="/9101").status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content-encoding": "gzip"}, 415),
        ({"content-type": "application/json; charset=gbk"}, 415),
        ({"content-type": 'application/json; charset="UTF-8"'}, 200),
        ({"content-type": "text/plain"}, 200),
    ],
)
def test_forms_of_a_body(sender: Sender, headers: dict[str, str], status: int) -> None:
    """A body is plain UTF-8; whatever else it says it is is refused by name."""
    body = json.dumps(sender.message("2206")).encode()
    assert status == sender.client.send(body, headers).status


def test_a_byte_order_mark_is_no_fault(sender: Sender) -> None:
    """A body may begin with the mark that some systems write."""
    body = json.dumps(sender.message("2206")).encode("utf-8-sig")
    assert 0 == sender.client.send(body).message["infcode"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/", 405), ("PUT", "/", 405), ("POST", "/a/b", 404), ("GET", "/x", 405)],
)
def test_other_paths(sender: Sender, method: str, path: str, status: int) -> None:
    """Another path or method is refused in the same form."""
    reply = sender.client.send(b"", path=path, method=method)
    assert status == reply.status
    refused(reply)


@pytest.mark.parametrize(
    "value", [None, [], {}, True, "长" * 5_000, ["x"], Decimal("1E+99")]
)
@pytest.mark.parametrize("name", ["opter", "opter_name", "fixmedins_name", "infver"])
def test_the_head_is_texts(unasked: Sender, name: str, value: object) -> None:
    """A field of the head that nobody here looks at is a text of bounded length all the
    same; else it is refused by name."""
    head: Message = {name: value}
    body = json.dumps(unasked.message("5206", **head), default=float)
    assert name in refused(unasked.client.send(body.encode()))


def test_health(sender: Sender) -> None:
    """`/health` says whether messages are answered."""
    reply = sender.client.send(b"", path="/health", method="GET")
    assert (200, {"status": "SERVING"}) == (reply.status, reply.message)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_values(unasked: Sender, hostile: str) -> None:
    """Any value in any field is passed on or refused in a sentence; it is no defect of ours."""
    for infno, data in INQUIRIES.items():
        message = unasked.message(infno, data)
        for path in paths(message):
            # The head of one stands for that of all.
            if path[0] != "input" and infno != "5206":
                continue
            try:
                body = json.dumps(changed(message, path, HOSTILE[hostile]), default=str)
            except (RecursionError, ValueError):
                continue
            reply = unasked.client.send(body.encode("utf-8", "surrogatepass"))
            assert reply.status in {200, 400}, (infno, path)
            refused(reply)


@pytest.fixture
def unasked(channel: grpc.Channel, tmp_path: Path) -> Iterator[Sender]:
    """The national interface over a service that is not there."""
    with sender_over(channel, tmp_path, service=Gone(channel)) as sender:
        yield sender


INQUIRIES: dict[str, Message] = {
    "1101": {"mdtrt_cert_type": "02", "mdtrt_cert_no": "341199196304120110"},
    "2001": {
        "psn_no": PATIENT,
        "insutype": "310",
        "fixmedins_code": "H34110000001",
        "med_type": "11",
        "begntime": "2026-01-02 00:00:00",
    },
    "5203": {"psn_no": PATIENT, "setl_id": "S1", "mdtrt_id": "V1"},
    "5206": {"psn_no": PATIENT, "cum_ym": "202601"},
    "9002": {"sign_no": "1", "opter_no": "1"},
}


@pytest.mark.parametrize("infno", [*DATA, *INQUIRIES])
def test_missing_fields(sender: Sender, infno: str) -> None:
    """Any field or node of any message may be missing: it is told by name, or not needed."""
    message = sender.message(infno, INQUIRIES.get(infno, DATA.get(infno)))
    # None of them may settle anything.
    message["fixmedins_code"] = "H34119999999"
    for path in paths(message):
        reply = sender.client.send(json.dumps(without(message, path)).encode())
        assert 200 == reply.status
        # Of a person only what names the person must be there.
        if infno != "1101" or path[-1] in {"input", "data", "mdtrt_cert_no"}:
            refused(reply)


AMOUNTS = [
    ("100.00", 10_000),
    ('"100.00"', 10_000),
    ("100", 10_000),
    ("1e2", 10_000),
    ("100.001", None),
    ("0.1", 10),
    ("1.10", 110),
    ("70.07", 7_007),
    ("8.2900", 829),
    ("-1", None),
    ("true", None),
    ("[1]", None),
    ("99999999999999.99", None),
]
"""An amount as it is written, and the fen it is."""


@pytest.mark.parametrize(("written", "fen"), AMOUNTS)
def test_amounts_are_exact(sender: Sender, written: str, fen: int | None) -> None:
    """An amount is read digit for digit, number or text, and never passes through a float."""
    message = sender.message(
        "2206", {**SETTLE, "medfee_sumamt": "@", "inscp_scp_amt": "@"}
    )
    reply = sender.client.send(json.dumps(message).replace('"@"', written).encode())
    if fen is None:
        refused(reply)
    else:
        text = f"{fen // 100}.{fen % 100:02d}"
        assert text == reply.message["output"]["setlinfo"]["medfee_sumamt"]


def test_nothing_personal_in_the_log(
    sender: Sender, capfd: pytest.CaptureFixture[str]
) -> None:
    """A line names message, institution and outcome, whatever stands in the message."""
    capfd.readouterr()
    message = sender.message("1101", {**INQUIRIES["1101"], "psn_name": "王五"})
    said = {"opter_name": "陈示一", "dev_no": "10000000001"}
    sender.client.ask({**message, **said, "infno": "341199196304120110"})
    sender.client.ask({**message, **said, "fixmedins_code": "341199196304120110"})
    sender.ask("1101", {**INQUIRIES["1101"], "psn_name": "王五"})
    out, err = capfd.readouterr()
    logged = out + err
    assert "national/1101" in logged
    for personal in ("341199196304120110", "陈示一", "王五", "10000000001", "CZ001"):
        assert personal not in logged


class WaitingHandler:
    """Answers nothing until it is told to."""

    def __init__(self) -> None:
        self.go_on = threading.Event()

    def admit(self, headers: Any) -> Handled:
        return Handled(admitted=True)

    def handle(self, handled: Handled, body: bytes, in_path: str) -> Handled:
        assert self.go_on.wait(20)
        handled.content = b"{}"
        return handled


def test_a_body_that_does_not_come() -> None:
    """A body that does not come in time ends with 408."""
    app = national_app(WaitingHandler(), Limits(body_s=0.05))  # type: ignore[arg-type] # as far as it goes
    with HttpClient(app) as client:
        assert 408 == client.send([b"{", None]).status


def test_too_many_at_once() -> None:
    """Of too many messages at once those beyond the line are told to come again."""
    handler = WaitingHandler()
    app = national_app(handler, Limits(at_once=1))  # type: ignore[arg-type] # as far as it goes
    with HttpClient(app) as client:
        replies = client.send_all([b"{}"] * 8, handler.go_on.set)
    statuses = sorted(reply.status for reply in replies)
    assert [200] * 5 + [503] * 3 == statuses
    assert "同一 msgid" in refused(next(r for r in replies if r.status == 503))


def test_bodies_that_do_not_come_have_a_place_each() -> None:
    """A place is taken before a body is read, and free again once that did not come."""
    handler = WaitingHandler()
    handler.go_on.set()
    app = national_app(handler, Limits(at_once=1, body_s=0.2))  # type: ignore[arg-type] # as far as it goes
    with HttpClient(app) as client:
        replies = client.send_all([[b"{", None]] * 8, lambda: None)
        assert [408] * 5 + [503] * 3 == sorted(reply.status for reply in replies)
        assert 200 == client.send(b"{}").status


class Broken:
    """A service whose defects are ours to tell by a number."""

    def settlements(self, method: str, request: Any) -> Any:
        raise AssertionError(f"{method} 陈示一")

    registry = accounts = settlements

    def compare(self, requests: Any) -> Any:
        raise AssertionError(requests)


def test_a_defect_is_a_number(
    channel: grpc.Channel, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A defect is told by a number that the log has too; of a settlement nobody knows
    whether it was made, and the answer says what to do."""
    with sender_over(channel, tmp_path, service=Broken()) as sender:
        reply = sender.client.send(json.dumps(sender.message("2207")).encode())
    assert 500 == reply.status
    told = reply.message["err_msg"]
    assert told.startswith("结果未知，请以 2601 冲正或同一 msgid 重发")
    number = told.rpartition("编号 ")[2].rstrip("）")
    out, err = capfd.readouterr()
    assert number in out + err
    assert "陈示一" not in out + err


class Gone:
    """A service that does not answer."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._channel = channel

    def settlements(self, method: str, request: Any) -> Any:
        raise ServiceFault(_unreached())

    registry = accounts = settlements

    def compare(self, requests: Any) -> Any:
        raise ServiceFault(_unreached())


def _unreached() -> Any:
    return RefusalInfo(
        code=grpc.StatusCode.DEADLINE_EXCEEDED, reason="", message="", metadata={}
    )


@pytest.mark.parametrize(
    ("infno", "told"),
    [
        ("2207", "结果未知，请以 2601 冲正或同一 msgid 重发"),
        ("2208", "结果未知，请以同一 msgid 重发"),
        ("2601", "结果未知，请以同一 msgid 重发"),
        ("2206", "服务没有应答，请稍后重发"),
        ("3201", "服务没有应答，请稍后重发"),
    ],
)
def test_nobody_answers(
    channel: grpc.Channel, tmp_path: Path, infno: str, told: str
) -> None:
    """If the service does not answer in time, the answer says what is known and what to do."""
    with sender_over(channel, tmp_path, service=Gone(channel)) as sender:
        reply = sender.ask(infno)
    assert reply["err_msg"].startswith(told)
    assert reply["output"]["gongji"]["undecided"]
