"""A server without configuration: of this machine alone, for whoever can read its token."""

from __future__ import annotations

import socket
import stat
from pathlib import Path

import grpc
import pytest
from gongji.client.connection import connect, refusal_of
from gongji.client.credentials import LOCAL_TOKEN, Credentials
from gongji.serve.local_token import make_local_token
from gongji.v1 import account_pb2, account_pb2_grpc, city_pb2, city_pb2_grpc

from tests.cli.command import gongji
from tests.cli.started import PERSON, Caller, Started, children, run, started
from tests.patience import PATIENCE_S
from tests.scaffold.kept import give_kept

HOW = ["--gateway", "--no-gateway"]

BY_TWO_PROCESSES = {"--gateway": 1, "--no-gateway": 0}


def refused(server: Started, credentials: Credentials) -> tuple[str, str]:
    """Return code and reason with which a call about a city and one about a purse end."""
    reasons = set()
    with connect(server.address, "local", credentials) as channel:
        for call in (
            lambda: city_pb2_grpc.CityServiceStub(channel).ListCities(
                city_pb2.ListCitiesRequest(), timeout=PATIENCE_S
            ),
            lambda: account_pb2_grpc.AccountServiceStub(channel).GetAccount(
                account_pb2.GetAccountRequest(person=PERSON), timeout=PATIENCE_S
            ),
        ):
            with pytest.raises(grpc.RpcError) as ended:
                call()
            refusal = refusal_of(ended.value)
            assert "gongji.token" in refusal.message
            reasons.add((refusal.code.name, refusal.reason))
    (reason,) = reasons
    return reason


@pytest.mark.parametrize("how", HOW)
def test_it_admits_who_can_read_its_token(how: str, tmp_path: Path) -> None:
    """With the token everything may be done; without, or with another, nothing, not
    even under the operator's name; the sample is there all the same."""
    data = tmp_path / "var"
    with started(how, "--data", str(data), "--sample") as server:
        assert BY_TWO_PROCESSES[how] == len(children(server.process.pid))
        check_token(data / LOCAL_TOKEN, server)
        with Caller(server) as caller:
            assert not caller.settle().receipt.replayed
        missing = refused(server, Credentials())
        other = make_local_token(tmp_path / "other")
        wrong = refused(server, Credentials(token_file=other))
        server.end()
    assert ("UNAUTHENTICATED", "CREDENTIAL_MISSING") == missing
    assert ("UNAUTHENTICATED", "CREDENTIAL_INVALID") == wrong
    secret = (data / LOCAL_TOKEN).read_text(encoding="ascii").strip()
    assert [] == [line for line in server.logged if secret in line]


def check_token(token: Path, server: Started) -> None:
    """It is its owner's alone, and the server has said that it admits who can read it."""
    assert 0o600 == stat.S_IMODE(token.stat().st_mode)
    assert f"接纳：读得到 {token} 的进程" in "".join(server.announced)
    assert "只监听本机" in "".join(server.announced)


def test_its_token_stays(tmp_path: Path) -> None:
    """A token once made is the token of the next start."""
    path = make_local_token(tmp_path)
    before = path.read_bytes()
    with started("--data", str(tmp_path)):
        pass
    assert before == path.read_bytes()


def test_a_token_that_others_can_read_is_refused(tmp_path: Path) -> None:
    """Nothing is started, nor made, for a token that another user may know."""
    make_local_token(tmp_path).chmod(0o644)
    ended = run("serve", "--data", str(tmp_path), "--address", "127.0.0.1:0")
    assert 1 == ended.returncode
    assert "须为 0600" in ended.stderr
    assert [LOCAL_TOKEN] == [path.name for path in tmp_path.iterdir()]


EXPOSED = {
    "a folder that everybody may write in": ("", 0o702, "能改动"),
    "a folder that its group may write in": ("", 0o720, "能改动"),
    "a folder that everybody may read": ("", 0o755, "能读到"),
    "a key that everybody may write": ("gongji.key", 0o602, "能改动"),
    "a key that everybody may read": ("gongji.key", 0o604, "能读到"),
    "a key that its group may read": ("gongji.key", 0o640, "别的用户能读到"),
    "a database that everybody may write": ("gongji.sqlite3", 0o602, "能改动"),
    "a database that its group may write": ("gongji.sqlite3", 0o620, "能改动"),
    "a database that everybody may read": ("gongji.sqlite3", 0o604, "能读到"),
}


@pytest.mark.parametrize(("name", "mode", "sentence"), EXPOSED.values(), ids=EXPOSED)
def test_what_others_may_have_written_or_read_is_refused(
    name: str, mode: int, sentence: str, tmp_path: Path
) -> None:
    """Nothing is started, nor changed, in a folder or with a key or database that another
    user may have written or read; the sentence says what is to be done."""
    data = tmp_path / "var"
    give_kept(data)
    for file in ("gongji.key", "gongji.sqlite3"):
        (data / file).write_bytes(bytes(32))
        (data / file).chmod(0o600)
    (data / name).chmod(mode)
    ended = gongji("serve", "--data", str(data), "--address", "127.0.0.1:0")
    assert 1 == ended.exit_code
    assert sentence in ended.stderr
    assert "chmod " in ended.stderr
    assert bytes(32) == (data / "gongji.sqlite3").read_bytes()


@pytest.mark.parametrize("name", ["", "gongji.key", "gongji.sqlite3"])
def test_a_link_is_refused(name: str, tmp_path: Path) -> None:
    """Nothing is started over a folder, key or database that is a symbolic link; the
    sentence says where it leads."""
    data, elsewhere = tmp_path / "var", tmp_path / "elsewhere"
    if name:
        give_kept(data)
        elsewhere.write_bytes(bytes(32))
        elsewhere.chmod(0o600)
    else:
        elsewhere.mkdir(0o700)
    (data / name).symlink_to(elsewhere)
    ended = gongji("serve", "--data", str(data), "--address", "127.0.0.1:0")
    assert 1 == ended.exit_code
    assert f"是符号链接，它指向哪里可由别人改动：请直接写明 {elsewhere}" in ended.stderr


IMPOSSIBLE = {
    "no port": (["--address", "foo"], "监听地址应写作 主机:端口"),
    "no such port": (["--address", "127.0.0.1:99999"], "须在 0 至 65535 之间"),
    "nothing": (["--address", ":"], "监听地址应写作 主机:端口"),
    "everywhere": (["--address", "0.0.0.0:0"], "不是本机回环地址"),
    "everywhere in IPv6": (["--address", "[::]:0"], "不是本机回环地址"),
    "an open sandbox": (
        ["--address", "0.0.0.0:0", "--sandbox"],
        "没有 TLS 与访问策略的服务接纳任何人",
    ),
    "a name nobody knows": (["--address", "gongji.invalid:1"], "主机名无法解析"),
}


@pytest.mark.parametrize(("arguments", "sentence"), IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_an_address_it_cannot_have(
    arguments: list[str], sentence: str, tmp_path: Path
) -> None:
    """An address that is none, or that others reach, ends with one sentence, and
    nothing has been made."""
    data = tmp_path / "var"
    ended = gongji("serve", "--data", str(data), *arguments)
    assert (1, "") == (ended.exit_code, ended.stdout)
    assert sentence in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not data.exists()


@pytest.mark.parametrize("how", HOW)
def test_a_taken_port_leaves_nothing(how: str, tmp_path: Path) -> None:
    """A server whose port is taken makes neither folder nor key, token or database."""
    data = tmp_path / "var"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        ended = gongji("serve", how, "--data", str(data), "--address", address)
    assert f"Error: 无法监听 {address}：端口被占用，或地址不在本机\n" == ended.stderr
    assert not data.exists()


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    """A data folder below a file is refused by a sentence, not an errno."""
    (tmp_path / "file").touch()
    data = tmp_path / "file" / "var"
    ended = gongji("serve", "--data", str(data), "--address", "127.0.0.1:0")
    assert f"Error: 目录 {data} 无法建立：不是目录\n" == ended.stderr
