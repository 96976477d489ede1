"""Where calls come from: one way to write an address, and traces that are valid."""

from __future__ import annotations

import re
from typing import Final

import pytest
from gongji.rpc.origin import CallOrigin, address_of, origin_of, plain_address

TRACE: Final = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN: Final = "00f067aa0ba902b7"
PEER: Final = "ipv4:10.1.2.3:4711"

PEERS = {
    "ipv4:10.1.2.3:4711": "10.1.2.3",
    "ipv6:%5B2001:db8::1%5D:4711": "2001:db8::1",
    "ipv6:[2001:DB8:0:0::1]:4711": "2001:db8::1",
    "ipv6:%5B::ffff:10.1.2.3%5D:4711": "10.1.2.3",
    "ipv6:%5Bfe80::1%25eth0%5D:4711": "fe80::1",
    "unix:": "unix",
    "unix:/run/x": "unix",
    "": "",
    "ipv4:赵某某": "",
}


@pytest.mark.parametrize(("peer", "address"), PEERS.items(), ids=PEERS)
def test_an_address_is_written_in_one_way(peer: str, address: str) -> None:
    """Port, brackets and an IPv4 address in an IPv6 one do not matter; text is no address."""
    assert address == address_of(peer)


STATED = {
    f"00-{TRACE}-{SPAN}-01": (SPAN, True),
    f"00-{TRACE}-{SPAN}-00": (SPAN, False),
    f"00-{TRACE}-{SPAN}-03": (SPAN, True),
    # Of later versions what is known of them is read.
    f"cc-{TRACE}-{SPAN}-01-what-will-be": (SPAN, True),
}


@pytest.mark.parametrize(("stated", "expected"), STATED.items(), ids=STATED)
def test_a_stated_trace_is_kept(stated: str, expected: tuple[str, bool]) -> None:
    """A valid traceparent names trace, span and whether it is sampled."""
    origin = origin_of(PEER, [("user-agent", "x"), ("traceparent", stated)])
    assert CallOrigin("10.1.2.3", TRACE, *expected) == origin
    assert ("x-gongji-trace", TRACE) in origin.trailing()
    returned = dict(origin.trailing())["traceparent"]
    assert origin == origin_of(PEER, [("traceparent", returned)])


UNSOUND = {
    "nothing": [],
    "empty": [""],
    "text": ["赵某某 341199198001019997"],
    "bytes": [b"00-" + TRACE.encode() + b"-" + SPAN.encode() + b"-01"],
    "capitals": [f"00-{TRACE.upper()}-{SPAN}-01"],
    "no trace": [f"00-{'0' * 32}-{SPAN}-01"],
    "no span": [f"00-{TRACE}-{'0' * 16}-01"],
    "version ff": [f"ff-{TRACE}-{SPAN}-01"],
    "more of version 00": [f"00-{TRACE}-{SPAN}-01-more"],
    "too short": [f"00-{TRACE}-{SPAN}"],
    "a line more": [f"00-{TRACE}-{SPAN}-01\n"],
    "endless": [f"cc-{TRACE}-{SPAN}-01-" + "x" * 1000],
    "two of them": [f"00-{TRACE}-{SPAN}-01"] * 2,
}


@pytest.mark.parametrize("stated", UNSOUND.values(), ids=UNSOUND)
def test_an_unsound_trace_is_made_up(stated: list[str | bytes]) -> None:
    """Whoever states no trace, or none that can be, gets one of ours, another each time."""
    made = [origin_of(PEER, [("traceparent", one) for one in stated]) for _ in range(2)]
    assert all(re.fullmatch("[0-9a-f]{32}", one.trace) for one in made)
    assert 2 == len({one.trace for one in made} - {TRACE})
    assert (("x-gongji-trace", made[0].trace),) == made[0].trailing()


def test_nothing_that_is_no_address_is_one() -> None:
    """What a front forwards is an address or nothing."""
    assert "10.1.2.3" == plain_address("::ffff:10.1.2.3")
    assert ["", "", ""] == [
        plain_address(text) for text in ("", "赵某某", "10.1.2.3:80")
    ]
