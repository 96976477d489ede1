"""HAProxy before two servers, as deploy/haproxy.cfg has it: what callers see is one."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import grpc

from tests.chaos.served import Served, free_port, open_port
from tests.chaos.town import HOSPITALS
from tests.scaffold.credentials import DoorFiles, Metadata

CONFIGURATION: Final = Path(__file__).parents[2] / "deploy" / "haproxy.cfg"

_CALLERS: Final = {
    "hospital": f"""\
kind = "hospital"
institutions = {list(HOSPITALS)}
limits = {{ calls = 4096, per_second = 100000 }}
""",
    "auditor": 'kind = "auditor"\ncities = ["*"]',
    "front": 'kind = "front"',
}


class Front:
    """A front before servers that know their callers by what it says of them."""

    def __init__(self, folder: Path) -> None:
        self.files = DoorFiles.at(folder)
        self.files.allow(**_CALLERS)
        for name in _CALLERS:
            self.files.certificate(name)
        self._put_together("server")
        self._put_together("front")
        self.address = f"localhost:{free_port()}"
        self.token: Metadata = ()
        self.servers: Sequence[Served] = ()

    @property
    def life(self) -> int:
        """Return the lives of the servers behind: a call may end with any of them."""
        return sum(server.life for server in self.servers)

    def channel(self, caller: str, options: Sequence[Any]) -> grpc.aio.Channel:
        """Return a connection of a caller."""
        shown = self.files.shown(caller)
        return grpc.aio.secure_channel(self.address, shown, options=options)

    def as_options(self, caller: str) -> list[str | Path]:
        """Return the options of a command that calls as a caller."""
        folder = self.files.folder
        pair = [folder / f"{caller}.pem", folder / f"{caller}.key"]
        ca = "--ca", folder / "ca.pem"
        return ["--target", self.address, *ca, "--cert", pair[0], "--key", pair[1]]

    async def answers(self) -> None:
        """Wait until it takes connections."""
        await open_port(self.address)

    @contextmanager
    def before(self, servers: Sequence[Served]) -> Iterator[None]:
        """Run it before two servers."""
        self.servers = servers
        first, second = servers
        where = {
            "GONGJI_FRONT": self.address.replace("localhost", "127.0.0.1"),
            "GONGJI_BEHIND": first.address,
            "GONGJI_BEHIND_2": second.address,
            "GONGJI_CERTS": str(self.files.folder),
        }
        command = ["haproxy", "-db", "-f", str(CONFIGURATION)]
        process = subprocess.Popen(command, env=os.environ | where)  # noqa: S603 - the front
        try:
            yield
        finally:
            process.terminate()
            process.wait()

    def _put_together(self, name: str) -> None:
        """Write a certificate and its key into one file, as HAProxy reads them."""
        pem, key = [
            (self.files.folder / f"{name}.{kind}").read_bytes()
            for kind in ("pem", "key")
        ]
        self.files.write(f"{name}-both.pem", pem + key)
