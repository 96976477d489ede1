"""A family's days in a sandbox, as the tests of statements know them."""

from __future__ import annotations

import re

import pypdfium2 as pdfium
from gongji.cli.demo.day import DemoDay
from gongji.cli.terminal import Terminal
from gongji.client import imports
from gongji.client.connection import connect
from gongji.v1 import binding_pb2, settlement_pb2

from tests.cli.command import StartSandbox

CLINIC, DRUGSTORE = "H34080000003", "P34080000001"
HOLDER, PARENT, WIFE = "AQ001", "AQ003", "AQ002"
COUNTER = [
    binding_pb2.Material(kind=kind, original=True, reference="x")
    for kind in (
        "holder_id_card",
        "holder_social_security_card",
        "member_identity",
        "household_register",
    )
]


PARTIES = {
    "holder": (HOLDER, "方**"),
    "member": (PARENT, "汪**"),
    "account": (HOLDER, "方**"),
}
"""Whose page is printed for a side, and the masked name on it."""


def texts_of(pdf: bytes) -> list[str]:
    """Return the text of each page, without spaces and line ends."""
    pages = [page.get_textpage() for page in pdfium.PdfDocument(pdf)]
    return [re.sub(r"\s", "", page.get_text_range()) for page in pages]


def live(day: DemoDay) -> None:
    """A holder's parent uses the purse at the clinic, at a month's last second and at
    the next one's first."""
    order = settlement_pb2.ACCOUNT_USE_CITY_ORDER
    assert day.bind(HOLDER, PARENT, "52", "window", COUNTER, consent=True)
    day.settle(
        PARENT,
        CLINIC,
        "260",
        use=order,
        first_selfpay_fen=2000,
        out_of_catalogue_fen=1500,
    )
    day.clock("2025-09-30 23:59:59")
    mistaken = day.settle(PARENT, DRUGSTORE, "1234.50", use=order)
    day.clock("2025-10-01 00:00:00")
    day.settle(PARENT, DRUGSTORE, "66", use=order)
    day.reverse(mistaken.settlement_id)


def family_service(serving: StartSandbox) -> str:
    """Start a service that knows the family's days; its address."""
    address = serving(sample=False)
    with connect(address) as channel:
        day = DemoDay(channel, Terminal(as_json=True))
        day.clock("2025-09-30 10:00:00")
        imports.send_sample(channel)
        live(day)
    return address
