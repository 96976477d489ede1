"""A hospital's own credentials suffice for every message, and for nobody else's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from gongji.client.connection import connect
from gongji.client.credentials import Credentials
from gongji.serve.settings import Settings

from tests.national.messages import HOSPITAL, PATIENT, SETTLE
from tests.scaffold.cities import shipped
from tests.scaffold.credentials import DoorFiles
from tests.scaffold.running import running
from tests.serve.national.sender import Sender, sender_over

CERTIFICATE = "341199196304120110"


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Iterator[grpc.Channel]:
    """A channel with a hospital's certificate to a service with a policy."""
    doors = DoorFiles.at(tmp_path_factory.mktemp("doors"))
    policy = doors.allow(
        first=f'kind = "hospital"\ninstitutions = ["{HOSPITAL}"]',
    )
    doors.certificate("first")
    settings = Settings(
        address="127.0.0.1:0",
        data=tmp_path_factory.mktemp("hospital") / "var",
        sample=True,
        policy=policy,
        tls_cert=doors.folder / "server.pem",
        tls_key=doors.folder / "server.key",
        client_ca=doors.folder / "ca.pem",
    )
    shown = Credentials(
        ca=doors.folder / "ca.pem",
        cert=doors.folder / "first.pem",
        key=doors.folder / "first.key",
        server_name="localhost",
    )
    with (
        running(settings, shipped()) as address,
        connect(address, credentials=shown) as channel,
    ):
        yield channel


@pytest.fixture
def sender(hospital: grpc.Channel, tmp_path: Path) -> Iterator[Sender]:
    with sender_over(hospital, tmp_path, with_balance=True) as made:
        yield made


def test_a_visit(sender: Sender, today: str) -> None:
    """From 1101 to 2208 and 5206 a hospital is answered as such; the balance, which is not
    its to know, is told as unknown."""
    person = sender.ask(
        "1101", {"mdtrt_cert_type": "02", "mdtrt_cert_no": CERTIFICATE}
    )["output"]
    assert PATIENT == person["baseinfo"]["psn_no"]
    assert "0" == person["insuinfo"][0]["balc"]
    assert "不是余额" in person["baseinfo"]["exp_content"]
    benefit = {
        "psn_no": PATIENT,
        "insutype": "310",
        "fixmedins_code": HOSPITAL,
        "med_type": "11",
        "begntime": f"{today} 08:00:00",
    }
    rows = sender.ask("2001", benefit)["output"]["trtinfo"]
    assert ["1", "1"] == [row["trt_enjymnt_flag"] for row in rows]
    info = sender.settled()
    asked = {"psn_no": PATIENT, "setl_id": info["setl_id"], "mdtrt_id": "V1"}
    for infno in ("5203", "5206", "2208"):
        assert (
            0
            == sender.ask(infno, asked if infno != "5206" else {"psn_no": PATIENT})[
                "infcode"
            ]
        )


def test_another_hospital_s(sender: Sender) -> None:
    """A message of another institution is refused by the service itself."""
    refused = sender.ask("2207", SETTLE, fixmedins_code="H34110000002")
    assert "NOT_PERMITTED" == refused["output"]["gongji"]["reason"]
