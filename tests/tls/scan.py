"""What testssl.sh finds about a port's TLS: protocols, ciphers, vulnerabilities."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Final

import msgspec

PARTS: Final = (
    "--protocols",
    "--standard",
    "--pfs",
    "--server-defaults",
    "--server-preference",
    "--vulnerable",
)

NOTHING_ABOVE_LOW: Final = frozenset({"OK", "INFO", "DEBUG", "LOW"})
"""Severities that are no finding; all others are, those of a scan that failed too."""

OF_EACH_PART: Final = frozenset(
    {
        "TLS1",
        "TLS1_3",
        "ALPN_HTTP2",
        "cipherlist_NULL",
        "cipherlist_AVERAGE",
        "PFS",
        "cert_chain_of_trust",
        "cipher_order",
        "heartbleed",
        "ROBOT",
        "LUCKY13",
        "RC4",
    }
)
"""Some that every whole scan reports, well or ill."""

MOST_S: Final = 900

_CERTIFICATE_ASKED: Final = "client x509-based authentication prevents"
"""Begins what is said of a test that needs a connection, and that it cannot make."""


class Finding(msgspec.Struct, frozen=True):
    """One line of a scan."""

    id: str
    severity: str
    finding: str


def program() -> str | None:
    """Return the path of testssl.sh; None if it is not installed."""
    return shutil.which("testssl") or shutil.which("testssl.sh")


def scanned(port: int, folder: Path) -> list[Finding]:
    """Return what is found at a port of this machine; the report stays in a folder.

    AssertionError if the scan is not whole.
    """
    found = program()
    assert found, "没有找到 testssl.sh：apt-get install testssl.sh"
    report = folder / f"{port}.json"
    command = [found, "--quiet", "--color", "0", "--warnings", "off", *PARTS]
    # It ends with how many things it did not like.
    run = subprocess.run(  # noqa: S603 - the scanner
        [*command, "--jsonfile", str(report), f"localhost:{port}"],
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
        timeout=MOST_S,
    )
    findings = msgspec.json.decode(report.read_bytes(), type=list[Finding])
    missing = OF_EACH_PART - {finding.id for finding in findings}
    assert not missing, f"{sorted(missing)}: {run.stdout[-2000:]}"
    return findings


def above_low(findings: list[Finding]) -> dict[str, str]:
    """Return what is worse than LOW, by name."""
    return {
        one.id: f"{one.severity}: {one.finding}"
        for one in findings
        if one.severity not in NOTHING_ABOVE_LOW
    }


def untried(findings: list[Finding]) -> set[str]:
    """Return the names of tests that only a caller with a certificate could make."""
    return {
        one.id
        for one in findings
        if one.severity == "WARN" and one.finding.startswith(_CERTIFICATE_ASKED)
    }
