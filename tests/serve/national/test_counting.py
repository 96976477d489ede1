"""What is counted of messages: each once, by its number and what came of it."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import grpc
from gongji.serve.metrics.cells import metrics
from gongji.serve.metrics.families import NATIONAL_MESSAGES, NATIONAL_SECONDS
from gongji.serve.national.counting import MessageResult, watch_messages

from tests.serve.national.sender import sender_over
from tests.serve.national.test_hostile import Broken, Gone

COUNTED = Counter[tuple[str, ...]]


EXPECTED = {
    ("2207", "done"): 1,
    ("5203", "refused"): 1,
    ("other", "malformed"): 2,
    ("other", "unread"): 1,
    ("2207", "undecided"): 1,
    ("2207", "defect"): 1,
}


def counted() -> COUNTED:
    """Return what has been counted by number and result."""
    samples = metrics.snapshot()[NATIONAL_MESSAGES.name]
    return Counter({labels: int(value) for labels, (value,) in samples if value})


def observed() -> int:
    """Return how many messages were timed."""
    samples = metrics.snapshot()[NATIONAL_SECONDS.name]
    return int(sum(sum(counts) for _, (*counts, _) in samples))


def test_each_message_is_counted_once(channel: grpc.Channel, tmp_path: Path) -> None:
    """By number and result; a number that there is not, and what was not read, as other."""
    watch_messages(lambda: 0)
    before, timed = counted(), observed() if counted() else 0
    with sender_over(channel, tmp_path) as sender:
        sender.settled()
        sender.ask("5203", {"psn_no": "CZ001", "setl_id": "S404", "mdtrt_id": "1"})
        sender.client.send(b"{")
        sender.client.send(b'{"infno": "9999"}')
        sender.client.send(b'{"a": "' + b"a" * (1 << 20) + b'"}')
    with sender_over(channel, tmp_path / "gone", service=Gone(channel)) as sender:
        sender.ask("2207")
    with sender_over(channel, tmp_path / "broken", service=Broken()) as sender:
        sender.client.send(json.dumps(sender.message("2207")).encode())
    assert EXPECTED == counted() - before
    assert 7 == observed() - timed


def test_what_is_watched_can_be_seen_to_rise() -> None:
    """The results that alerts watch are on the page before a message ends so."""
    watch_messages(lambda: 3)
    snapshot = metrics.snapshot()
    shown = {labels for labels, _ in snapshot[NATIONAL_MESSAGES.name]}
    watched = MessageResult.DEFECT, MessageResult.UNDECIDED
    for infno in ("2207", "2208", "2601", "other"):
        assert {(infno, result.value) for result in watched} <= shown
    assert [((), (3,))] == snapshot["gongji_national_messages_in_flight"]
