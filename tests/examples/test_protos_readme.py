"""Everything that stands in a fence in protos/README.md, typed or run as it stands there."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from gongji.v1 import (
    access_pb2,
    account_pb2,
    account_pb2_grpc,
    city_pb2,
    city_pb2_grpc,
    event_pb2,
    event_pb2_grpc,
    settlement_pb2,
    settlement_pb2_grpc,
    types_pb2,
)
from google.protobuf.json_format import MessageToDict, ParseDict

from tests.examples import node
from tests.examples.serving import SAMPLE, SANDBOX, serving
from tests.examples.shell import ROOT, shell
from tests.national.messages import request
from tests.scaffold.kept import give_kept

README = (ROOT / "protos" / "README.md").read_text(encoding="utf-8")
LIMIT_S = 60

ROW = {"settlement_id": "S1", "patient": "CZ001", "total_fen": "1", "account_fen": "1"}
DIFFERENCE = {
    "kind": "ReconcileDetailsResponse",
    "message": {
        "kind": "DIFFERENCE_KIND_MISSING_HERE",
        "settlement_id": "S1",
        "theirs": ROW,
    },
}


def blocks(language: str) -> list[str]:
    """Return what stands in fences of a language."""
    fence = re.compile(rf"^```{language}\n(.*?)^```", re.MULTILINE | re.DOTALL)
    return fence.findall(README)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the page finds in a clone, and an environment of its own."""
    folder = tmp_path_factory.mktemp("clone")
    for name in ("protos", "examples"):
        (folder / name).symlink_to(ROOT / name)
    (folder / ".venv").symlink_to(Path(sys.prefix))
    return folder


@pytest.fixture(scope="module")
def port(folder: Path) -> Iterator[int]:
    """The port of a service as `make run` starts it."""
    give_kept(folder / "var")
    with serving(folder, *SAMPLE) as port:
        yield port


@pytest.fixture(scope="module")
def channel(folder: Path, port: int) -> Iterator[grpc.Channel]:
    """A channel with the service config that the page recommends, and the local token."""
    (config,) = blocks("json")
    bearer = grpc.access_token_call_credentials(
        (folder / "var" / "gongji.token").read_text("ascii").strip()
    )
    credentials = grpc.composite_channel_credentials(
        grpc.local_channel_credentials(), bearer
    )
    options = [("grpc.service_config", config)]
    with grpc.secure_channel(f"127.0.0.1:{port}", credentials, options) as one:
        yield one


def in_environment(folder: Path, port: int, block: str) -> str:
    """Type a block with the environment's programs first; return what it prints."""
    path = os.pathsep.join([str(folder / ".venv" / "bin"), os.environ["PATH"]])
    with shell(folder, {"50051": port}, {"PATH": path}) as one:
        return "".join(one.type(f"set -e\n{block}"))


@pytest.mark.parametrize("block", [one for one in blocks("sh") if "mkdir" in one])
def test_the_protos_compile(block: str, folder: Path, port: int) -> None:
    """Each way of compiling writes something for every proto."""
    in_environment(folder, port, block)
    out = folder / (re.search(r"out/[a-z-]+", block) or [""])[0]
    written = [path for path in out.rglob("*") if path.is_file()]
    assert len(list((ROOT / "protos").rglob("*.proto"))) <= len(written)


def test_the_sandbox_is_asked(folder: Path) -> None:
    """Without a token, and without the protos, a sandbox tells of an account."""
    start, ask = (
        block for block in blocks("sh") if "sandbox" in block or "50061" in block
    )
    assert "make sandbox" in start
    with serving(folder, *SANDBOX) as port:
        replied = in_environment(folder, port, ask.replace("50061", "50051"))
    assert json.loads(replied)["balanceFen"]


def test_the_settlement_is_typed_twice(folder: Path, port: int) -> None:
    """The second time is a replay."""
    (block,) = (block for block in blocks("sh") if "/Settle" in block)
    first, second = (in_environment(folder, port, block) for _ in range(2))
    assert "S" == json.loads(first)["settlement"]["settlementId"][0]
    assert "replayed" not in json.loads(first)["receipt"]
    assert json.loads(second)["receipt"]["replayed"]


def test_the_script_for_node(folder: Path, port: int) -> None:
    """The script runs, and tells of a settlement that is not there."""
    node.install()
    (block,) = blocks("js")
    (folder / "ask.js").write_text(block.replace("50051", str(port)), "utf-8")
    ended = subprocess.run(  # noqa: S603 - node itself
        [node.node(), "ask.js"],
        cwd=folder,
        env={**os.environ, "NODE_PATH": str(node.FOLDER / "node_modules")},
        capture_output=True,
        text=True,
        check=True,
        timeout=LIMIT_S,
    )
    assert ended.stdout.startswith("5 "), ended.stderr


def test_the_scripts_for_python(channel: grpc.Channel) -> None:
    """A subject is told as written, and a rule is read as the comment says."""
    subject, _, rule = blocks("python")
    known = {
        "access_pb2": access_pb2,
        "types_pb2": types_pb2,
        "stub": account_pb2_grpc.AccountServiceStub(channel),
        "request": account_pb2.GetAccountRequest(
            person=types_pb2.PersonRef(person_no="CZ001")
        ),
    }
    exec(subject, known)  # noqa: S102 - the page
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(rule, {})  # noqa: S102 - the page
    assert printed.getvalue().strip() == rule.rpartition("# ")[2].strip()


class EnoughRead(Exception):  # noqa: N818 - ends a script that reads for ever
    """A cursor was kept."""


def test_the_script_that_watches(channel: grpc.Channel) -> None:
    """It keeps the cursor of the first message, which comes at once."""
    _, script, _ = blocks("python")
    kept: list[str] = []

    def save(cursor: str) -> None:
        kept.append(cursor)
        raise EnoughRead

    known = {
        "events": event_pb2_grpc.EventServiceStub(channel),
        "pb": event_pb2,
        "grpc": grpc,
        "time": time,
        "metadata": (),
        "load": str,
        "save": save,
        "handle": print,
    }
    with pytest.raises(EnoughRead):
        exec(script, known)  # noqa: S102 - the page
    assert kept[0]


def test_the_methods_of_the_service_config() -> None:
    """Every method that the recommended config names is one of ours."""
    (config,) = blocks("json")
    for name in json.loads(config)["methodConfig"][0]["name"]:
        package = name["service"].split(".")
        assert ["gongji", "v1"] == package[:2]
        protos = "".join(
            path.read_text(encoding="utf-8")
            for path in (ROOT / "protos" / "gongji" / "v1").glob("*.proto")
        )
        assert f"service {package[2]} {{" in protos
        assert f"rpc {name['method']}(" in protos


def test_the_national_messages_are_converted(
    folder: Path, port: int, channel: grpc.Channel
) -> None:
    """Each conversion writes something, over files as the page names them."""
    (block,) = (block for block in blocks("sh") if "national convert" in block)
    (folder / "2207.json").write_text(json.dumps(request("2207")), encoding="utf-8")
    ours = in_environment(folder, port, "gongji national convert 2207.json")
    settled = settlement_pb2_grpc.SettlementServiceStub(channel).Settle(
        ParseDict(json.loads(ours)["message"], settlement_pb2.SettleRequest())
    )
    reply = {"kind": "SettleResponse", "message": MessageToDict(settled)}
    for name, content in {
        "settled.json": json.dumps(reply),
        "rows.txt": "S1\tV1\tCZ001\t0.01\t0\t0.01\t0\n",
        "differences.jsonl": json.dumps(DIFFERENCE) + "\n",
    }.items():
        (folder / name).write_text(content, encoding="utf-8")
    for line in block.splitlines():
        printed = in_environment(folder, port, line)
        assert printed or ">" in line


def test_the_service_answers_under_the_config(channel: grpc.Channel) -> None:
    """A call is answered under the recommended config."""
    cities = city_pb2_grpc.CityServiceStub(channel)
    assert cities.ListCities(city_pb2.ListCitiesRequest()).cities
