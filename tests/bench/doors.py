"""What it costs to know who calls: servers with TLS, a policy, a record, all or none.

Whoever calls one without a policy is anybody (`--sandbox`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple, Self

from gongji.client.credentials import NO_CREDENTIALS, Credentials

from tests.bench.rivals import population
from tests.bench.serving import Ground, Serving, echo, sqlite
from tests.scaffold.credentials import DoorFiles

UNRECORDED: Final = "tests.bench.unrecorded"
"""The program that keeps no accesses; no option of the real one does that."""

TITLES: Final[Mapping[str, str]] = {
    "open": "没有 TLS、策略与访问记录",
    "tls": "只有 TLS",
    "policy": "只有策略（凭令牌）",
    "recorded": "只有访问记录",
    "guarded": "双向 TLS、策略与访问记录",
}

PARTS: Final = ("tls", "policy", "recorded")

_CALLER: Final = "bench"

_MAY: Final = f"""\
kind = "hospital"
institutions = ["{population.HOSPITAL}"]
limits = {{ calls = 4096, per_second = 100000 }}
"""
"""Its share is not what is measured."""

_OPERATOR: Final = "operations"

_MAY_OPERATE: Final = """\
kind = "operator"
cities = ["*"]
"""

_LONG: Final = timedelta(hours=12)


@contextmanager
def _open(on: Ground, name: str, *, program: str) -> Iterator[Serving]:
    """Run a server that admits anybody."""
    options = ("--sandbox", "--gateway")
    with sqlite(on, name, program=program, options=options, shown=NO_CREDENTIALS) as it:
        yield it


@contextmanager
def _tls(on: Ground, name: str) -> Iterator[Serving]:
    """Run a server that shows its certificate, asks for none and admits anybody."""
    files = DoorFiles.at(on.folder / f"{name}-doors")
    pair = (
        "--tls-cert",
        _in(files, "server.pem"),
        "--tls-key",
        _in(files, "server.key"),
    )
    options = ("--sandbox", "--gateway", *pair)
    shown = Credentials(ca=files.folder / "ca.pem")
    with sqlite(on, name, program=UNRECORDED, options=options, shown=shown) as it:
        yield it


@contextmanager
def _policy(on: Ground, name: str) -> Iterator[Serving]:
    """Run a server that knows its callers by their tokens."""
    files = DoorFiles.at(on.folder / f"{name}-doors")
    files.allow(**{_CALLER: _MAY})
    tls = {"--tls-cert", "--tls-key", "--client-ca"}
    given = files.options()
    options = ["--gateway"]
    for option, value in zip(given[::2], given[1::2], strict=True):
        if option not in tls:
            options += [option, value]
    token = files.write("token", files.token(_CALLER, ends_in=_LONG))
    shown = Credentials(token_file=token)
    with sqlite(on, name, program=UNRECORDED, options=options, shown=shown) as it:
        yield it


class Guarded(NamedTuple):
    """Options of a server as it is meant to be run, and what its callers show it."""

    options: Sequence[str]
    hospital: Credentials
    operator: Credentials

    @classmethod
    def at(cls, folder: Path) -> Self:
        """Write in a folder what the server and its callers need."""
        files = DoorFiles.at(folder)
        files.allow(**{_CALLER: _MAY, _OPERATOR: _MAY_OPERATE})
        shown = [_certificate(files, caller) for caller in (_CALLER, _OPERATOR)]
        return cls(("--gateway", *files.options(tokens=False)), *shown)


def _certificate(files: DoorFiles, caller: str) -> Credentials:
    files.certificate(caller)
    return Credentials(
        ca=files.folder / "ca.pem",
        cert=files.folder / f"{caller}.pem",
        key=files.folder / f"{caller}.key",
    )


@contextmanager
def guarded(on: Ground, name: str, *, metrics: str = "") -> Iterator[Serving]:
    """Run the real server as it is meant to be run: a hospital shows its certificate.

    `metrics` is where it gives its metrics, if anywhere.
    """
    doors = Guarded.at(on.folder / f"{name}-doors")
    options = [*doors.options]
    if metrics:
        options += ["--metrics-address", metrics]
    with sqlite(on, name, options=options, shown=doors.hospital) as it:
        yield it


@contextmanager
def echo_guarded(on: Ground, name: str) -> Iterator[Serving]:
    """Run the echo behind the same doors."""
    folder = on.folder / f"{name}-doors"
    doors = Guarded.at(folder)
    with echo(on, name, options=("--dressed", folder), shown=doors.hospital) as it:
        yield it


def _in(files: DoorFiles, name: str) -> str:
    return str(files.folder / name)


SERVERS: Final[
    Mapping[str, Callable[[Ground, str], AbstractContextManager[Serving]]]
] = {
    "open": partial(_open, program=UNRECORDED),
    "tls": _tls,
    "policy": _policy,
    "recorded": partial(_open, program="gongji"),
    "guarded": guarded,
    "whole": partial(guarded, metrics="127.0.0.1:19465"),
    "dressed-guarded": echo_guarded,
}
