"""Three PostgreSQL under Patroni, three etcd and an HAProxy, as deploy/patroni has them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final
from urllib.error import URLError
from urllib.parse import quote
from urllib.request import Request, urlopen

import psycopg

from tests.chaos.served import free_port
from tests.patience import PATIENCE_S
from tests.postgres import _binaries, _lesser_user

PROGRAMS: Final = ("patroni", "etcd", "haproxy")
DEPLOY: Final = Path(__file__).parents[2] / "deploy" / "patroni"

_HOST: Final = "127.0.0.1"
_PASSWORD: Final = "trial"  # noqa: S105 - of servers that live as long as a test


class Member:
    """A program of the cluster, run by a user who may run PostgreSQL."""

    def __init__(
        self, folder: Path, command: Iterable[str], settings: Mapping[str, str]
    ) -> None:
        self._folder = folder
        self._command = list(command)
        self._settings = dict(settings)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; do not wait until it works."""
        as_user = []
        if os.geteuid() == 0:
            user = _lesser_user()
            as_user = ["setpriv", f"--reuid={user}", "--clear-groups"]
        inherited = {name: os.environ[name] for name in ("PATH",)}
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                [*as_user, *self._command],
                stdout=log,
                stderr=log,
                cwd=self._folder,
                env=inherited | {"LC_ALL": "C.UTF-8"} | self._settings,
            )

    def pids(self) -> list[int]:
        """Return its processes, those it has begun before itself."""
        return [] if self._process is None else [self._process.pid]

    def kill(self) -> None:
        """End it and what it began at once, as a machine ends that loses its power."""
        self.signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait(PATIENCE_S)
            self._process = None

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to each of its processes."""
        for pid in self.pids():
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def printed(self) -> str:
        """Return the end of what it printed."""
        return (self._folder / "log").read_text(errors="replace")[-3000:]


class Node(Member):
    """A machine with Patroni and its PostgreSQL."""

    def __init__(self, folder: Path, name: str, etcd: str) -> None:
        self.name = name
        self.port, self.rest = free_port(), free_port()
        self._data = folder / "data"
        at, api = f"{_HOST}:{self.port}", f"{_HOST}:{self.rest}"
        settings = {
            "PATRONI_NAME": name,
            "PATRONI_ETCD3_HOSTS": etcd,
            "PATRONI_RESTAPI_LISTEN": api,
            "PATRONI_RESTAPI_CONNECT_ADDRESS": api,
            "PATRONI_POSTGRESQL_LISTEN": at,
            "PATRONI_POSTGRESQL_CONNECT_ADDRESS": at,
            "PATRONI_POSTGRESQL_BIN_DIR": str(_binaries()),
            "PATRONI_POSTGRESQL_DATA_DIR": str(self._data),
            "PATRONI_POSTGRESQL_PGPASS": str(folder / "pgpass"),
            "PATRONI_SUPERUSER_USERNAME": "postgres",
            "PATRONI_SUPERUSER_PASSWORD": _PASSWORD,
            "PATRONI_REPLICATION_USERNAME": "replicator",
            "PATRONI_REPLICATION_PASSWORD": _PASSWORD,
        }
        super().__init__(folder, ["patroni", str(DEPLOY / "patroni.yml")], settings)

    def postmaster(self) -> int | None:
        """Return PostgreSQL's first process, None if there is none."""
        with suppress(OSError, ValueError, IndexError):
            file = self._data / "postmaster.pid"
            pid = int(file.read_text(encoding="ascii").splitlines()[0])
            if (Path("/proc") / str(pid) / "cwd").resolve() == self._data.resolve():
                return pid
        return None

    def spoil(self) -> None:
        """Have the way it came be forgotten, so that it cannot be rewound."""
        histories = list((self._data / "pg_wal").glob("*.history"))
        assert histories
        for history in histories:
            history.unlink()

    def pids(self) -> list[int]:
        """Return Patroni, PostgreSQL and its processes: none is there to begin others."""
        main = self.postmaster()
        if main is None:
            return super().pids()
        children = Path(f"/proc/{main}/task/{main}/children")
        with suppress(OSError):
            pids = map(int, children.read_text(encoding="ascii").split())
            return [*super().pids(), main, *pids]
        return super().pids()

    def asked(self, path: str, **body: str) -> Any:
        """Return what its Patroni answers. URLError, OSError."""
        data = json.dumps(body).encode() if body else None
        request = Request(f"http://{_HOST}:{self.rest}{path}", data)
        with urlopen(request, timeout=30) as reply:  # noqa: S310 - ours
            return reply.read().decode()


class Cluster:
    """Three nodes under three etcd; `through` is HAProxy's address of the primary."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._as_gongji = _as_gongji(folder)
        self.etcd = list(self._etcd())
        hosts = ",".join(self._clients)
        self.nodes = [Node(self._made(f"pg{n}"), f"pg{n}", hosts) for n in range(1, 4)]
        self._front = free_port()
        self.haproxy = self._haproxy()

    @property
    def through_haproxy(self) -> str:
        """Return the database's address through HAProxy."""
        return f"postgresql://{_HOST}:{self._front}/gongji?{self._as_gongji}"

    @property
    def among_hosts(self) -> str:
        """Return the address that names all nodes and asks for the one that writes."""
        hosts = ",".join(f"{_HOST}:{node.port}" for node in self.nodes)
        return f"postgresql://{hosts}/gongji?{self._as_gongji}&target_session_attrs=read-write"

    def start(self) -> None:
        """Start everything; wait until a synchronous standby is there, make a database."""
        for member in (*self.etcd, *self.nodes, self.haproxy):
            member.start()
        self.wait(lambda: self.synchronous() is not None)
        url = self.among_hosts.replace("user=gongji", "user=postgres")
        url = url.replace("/gongji?", "/postgres?")
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"CREATE ROLE gongji LOGIN PASSWORD '{_PASSWORD}'")
            connection.execute("CREATE DATABASE gongji OWNER gongji")

    def remove(self) -> None:
        """End everything."""
        for member in (self.haproxy, *self.nodes, *self.etcd):
            member.kill()

    def members(self) -> list[dict[str, Any]]:
        """Return each node that runs, as Patroni knows it: role, timeline and more."""
        for node in self.nodes:
            with suppress(URLError, OSError):
                members = json.loads(node.asked("/cluster"))["members"]
                running = {"running", "streaming"}
                return [m for m in members if m["state"] in running]
        return []

    def primary(self) -> Node | None:
        """Return the node that writes, None if there is none at present."""
        return self._answering("/primary")

    def synchronous(self) -> Node | None:
        """Return a standby that holds all that was acknowledged, None if none does."""
        return self._answering("/synchronous")

    def _answering(self, path: str) -> Node | None:
        for node in self.nodes:
            with suppress(URLError, OSError):
                node.asked(path)
                return node
        return None

    def whole(self) -> bool:
        """Return whether there are a primary, a synchronous standby and a third.

        All are on one timeline: a machine that has come back may run on its own before
        it is rewound.
        """
        members = self.members()
        roles = {member["role"] for member in members}
        return (
            len(members) == len(self.nodes)
            and roles >= {"leader", "sync_standby"}
            and len({member.get("timeline") for member in members}) == 1
            and self.primary() is not None
        )

    def wait(self, reached: Callable[[], bool]) -> None:
        """Wait. AssertionError with what was printed if it is not reached."""
        latest = time.monotonic() + PATIENCE_S
        while not reached():
            assert time.monotonic() < latest, self._printed()
            time.sleep(0.2)

    def _printed(self) -> str:
        return "\n".join(node.printed() for node in self.nodes)

    def _made(self, name: str) -> Path:
        folder = self._folder / name
        folder.mkdir(mode=0o700)
        if os.geteuid() == 0:
            shutil.chown(folder, _lesser_user())
        return folder

    def _haproxy(self) -> Member:
        settings = {"GONGJI_PG_FRONT": f"{_HOST}:{self._front}"}
        for n, node in enumerate(self.nodes, start=1):
            settings[f"GONGJI_PG{n}"] = f"{_HOST}:{node.port}"
            settings[f"GONGJI_PG{n}_REST"] = str(node.rest)
        command = ["haproxy", "-db", "-f", str(DEPLOY / "haproxy.cfg")]
        return Member(self._made("haproxy"), command, settings)

    def _etcd(self) -> Iterator[Member]:
        ports = [(free_port(), free_port()) for _ in range(3)]
        names = [f"etcd{n}" for n in range(1, 4)]
        self._clients = [f"{_HOST}:{client}" for client, _ in ports]
        peers = [f"http://{_HOST}:{peer}" for _, peer in ports]
        everyone = ",".join(map("=".join, zip(names, peers, strict=True)))
        for name, client, peer in zip(names, self._clients, peers, strict=True):
            folder = self._made(name)
            settings = {
                "ETCD_NAME": name,
                "ETCD_DATA_DIR": str(folder / "data"),
                "ETCD_LISTEN_CLIENT_URLS": f"http://{client}",
                "ETCD_ADVERTISE_CLIENT_URLS": f"http://{client}",
                "ETCD_LISTEN_PEER_URLS": peer,
                "ETCD_INITIAL_ADVERTISE_PEER_URLS": peer,
                "ETCD_INITIAL_CLUSTER": everyone,
            }
            yield Member(folder, ["etcd"], settings)


def _as_gongji(folder: Path) -> str:
    """Return the user of an address, and the file of the password: arguments are seen."""
    passwords = folder / "passwords"
    passwords.write_text(f"*:*:*:*:{_PASSWORD}\n", encoding="ascii")
    passwords.chmod(0o600)
    return f"user=gongji&passfile={quote(str(passwords), safe='')}"


@contextmanager
def cluster() -> Iterator[Cluster]:
    """Give a cluster that works, removed at the end."""
    with tempfile.TemporaryDirectory(prefix="gongji-ha-") as name:
        folder = Path(name)
        # Its programs are another user's: he must get at his own folders.
        folder.chmod(0o755)
        made = Cluster(folder)
        try:
            made.start()
            yield made
        finally:
            made.remove()
