"""What a server's TLS offers to whoever connects."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

import pytest

from tests.cli.doors import HOW, door_files, serving, token_address
from tests.patience import PATIENCE_S
from tests.scaffold.credentials import DoorFiles

SUITES = {
    "ECDHE-ECDSA-AES128-GCM-SHA256": True,
    "ECDHE-ECDSA-AES256-GCM-SHA384": False,
    "ECDHE-ECDSA-CHACHA20-POLY1305": False,
    "ECDHE-ECDSA-AES128-SHA": False,
    "AES128-GCM-SHA256": False,
}
"""Suites of TLS 1.2, and whether the server takes them.

One for each kind of key: gRPC cannot be told to keep to an order of its own.
"""


@pytest.fixture
def files(tmp_path: Path) -> DoorFiles:
    return door_files(tmp_path / "doors")


# To offer what is old is what is tried.
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize("how", HOW)
def test_what_is_offered(how: str, files: DoorFiles, tmp_path: Path) -> None:
    """TLS 1.3, or 1.2 with the one suite that HTTP/2 requires; nothing older or weaker."""
    with serving(files, tmp_path, how) as server:
        host, _, port = token_address(server).rpartition(":")
        at, ca = (host, int(port)), files.folder / "ca.pem"
        taken = {suite: spoken(at, ca, suite) for suite in SUITES}
        assert SUITES == {
            suite: version == "TLSv1.2" for suite, version in taken.items()
        }
        assert "TLSv1.3" == spoken(at, ca)
        assert "" == spoken(at, ca, most=ssl.TLSVersion.TLSv1_1)


def spoken(
    at: tuple[str, int],
    ca: Path,
    suite: str = "",
    most: ssl.TLSVersion = ssl.TLSVersion.MAXIMUM_SUPPORTED,
) -> str:
    """Return the version agreed on with whoever offers so little; "" if none."""
    offered = ssl.create_default_context(cafile=ca)
    offered.set_alpn_protocols(["h2"])
    offered.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    offered.maximum_version = ssl.TLSVersion.TLSv1_2 if suite else most
    # Without its level of security OpenSSL itself offers what is old.
    offered.set_ciphers(f"{suite or 'ALL'}:@SECLEVEL=0")
    with socket.create_connection(at, PATIENCE_S) as plain:
        try:
            with offered.wrap_socket(plain, server_hostname="localhost") as connection:
                assert "h2" == connection.selected_alpn_protocol()
                return connection.version() or ""
        except ssl.SSLError:
            return ""
