"""The Node client, held to the client conformance; needs node 18 or newer, npm and its registry."""

from __future__ import annotations

import asyncio

from gongji_conformance.client import report
from gongji_conformance.client.process import command
from gongji_conformance.client.verdicts import IDS, judge

from tests.examples import node

LIMIT_S = 60.0


def test_the_node_client_passes() -> None:
    """@grpc/grpc-js with the protos as they are passes every scenario and every law."""
    argv = [node.node(), str(node.FOLDER / "client.js")]
    node.install()
    verdicts = asyncio.run(judge(command(argv, LIMIT_S)))
    assert ["pass"] * len(IDS) == [verdict.word for verdict in verdicts], "\n".join(
        report.text(verdicts, argv)
    )


def test_the_lock_file_names_no_registry() -> None:
    """Whoever installs uses his own registry; the contents are held by their digests."""
    lock = (node.FOLDER / "package-lock.json").read_text(encoding="utf-8")
    assert ('"resolved"' in lock, '"integrity"' in lock) == (False, True)
