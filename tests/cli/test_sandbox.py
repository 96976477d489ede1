"""`gongji sandbox`: its own folder, and a page whose requests work as they are typed."""

from __future__ import annotations

import html
import json
import re
import shlex
import subprocess
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import grpc
import pytest
from gongji.cli.sandbox import DEFAULT_SANDBOX, mark_folder
from gongji.client.connection import connect, refusal_of
from gongji.client.sandbox.page import FAULTS, sandbox_page
from gongji.client.sandbox.requests import FAMILIES
from gongji.rpc.faults import KINDS
from gongji.rpc.vouchers import OWN
from gongji.serve.settings import SANDBOX_MARK
from gongji.v1 import sandbox_pb2, sandbox_pb2_grpc
from google.protobuf import descriptor_pool, json_format, message_factory

from tests.cli.command import StartSandbox, gongji
from tests.cli.started import started
from tests.patience import PATIENCE_S
from tests.scaffold.cities import shipped

COMMAND = re.compile(
    r'<pre tabindex="0" aria-label="(.*?)"><code>(.*?)</code>', re.DOTALL
)
HEADING = re.compile(r'<h3>(.*?)</h3>\n(?:<p class="expected">(.*?)</p>)?', re.DOTALL)


class Typed(NamedTuple):
    """A command as the page has it, taken apart as a shell does."""

    tool: str
    method: str
    body: str
    headers: tuple[tuple[str, str], ...]


def typed(label: str, text: str, address: str) -> Typed:
    """Take a command apart."""
    words = shlex.split(html.unescape(text))
    headers = []
    for place, word in enumerate(words):
        if word == "-H":
            key, _, value = words[place + 1].partition(": ")
            headers.append((key, value))
    body = words[words.index("-d") + 1]
    assert {"buf curl": f"http://{address}/", "grpcurl": ""}[label] in words[-1]
    assert label == "buf curl" or address == words[-2]
    method = words[-1].rpartition("gongji.v1.")[2]
    return Typed(label, method, body, tuple(headers))


def commands(page: str, address: str) -> Iterator[Typed]:
    """Yield the commands of a page, in their order."""
    for label, text in COMMAND.findall(page):
        yield typed(label, text, address)


def call(channel: grpc.Channel, one: Typed) -> Any:
    """Send what a command would send, by its JSON. grpc.RpcError."""
    service, _, name = one.method.partition("/")
    pool: Any = descriptor_pool.Default()
    method = pool.FindServiceByName(f"gongji.v1.{service}").methods_by_name[name]
    request = message_factory.GetMessageClass(method.input_type)()
    reply = message_factory.GetMessageClass(method.output_type)
    json_format.Parse(one.body, request)
    stub: Any = channel.unary_unary(
        f"/gongji.v1.{one.method}",
        request_serializer=type(request).SerializeToString,
        response_deserializer=reply.FromString,
    )
    return stub(request, metadata=one.headers, timeout=PATIENCE_S)


def test_each_request_does_what_the_page_says(serving: StartSandbox) -> None:
    """Sent in the order of the page, each is accepted but the one that shows a refusal;
    what was lost is replayed, and afterwards the page shows what was done."""
    address = serving()
    with connect(address) as channel, grpc.insecure_channel(address) as plain:
        page = sandbox_page(channel, address, "buf")
        requests = [one for one in commands(page, address) if one.tool == "buf curl"]
        ends = [end(plain, one) for one in requests]
        approvals = [
            one
            for one in commands(sandbox_page(channel, address, "buf"), address)
            if one.method == "BindingService/ReviewBinding"
        ]
        for one in approvals:
            call(plain, one)
        afterwards = sandbox_page(channel, address, "buf")
    city = ["OK", "OK", "OK", "OK", "UNAVAILABLE", "replayed", "NOT_ELIGIBLE"]
    # The balance first; then each city; then an order of faults, the clock, and all anew.
    assert ["OK", *city * len(FAMILIES), "OK", "OK", "OK"] == ends
    # Reset was the last: nothing is left of it all.
    assert "已生效</td>" not in afterwards


def end(channel: grpc.Channel, one: Typed) -> str:
    """Return how a call ends, or that it was answered before."""
    try:
        reply = call(channel, one)
    except grpc.RpcError as error:
        refusal = refusal_of(error)
        return refusal.reason or refusal.code.name
    receipt = getattr(reply, "receipt", None)
    return "replayed" if receipt is not None and receipt.replayed else "OK"


@pytest.mark.parametrize("method", ["GetAccount", "ListBindings"])
def test_what_cannot_be_read_is_no_page(serving: StartSandbox, method: str) -> None:
    """If a balance or bindings cannot be asked for, there is no page that hides it."""
    address = serving()
    with connect(address) as channel:
        sandbox_pb2_grpc.SandboxServiceStub(channel).OrderFault(
            sandbox_pb2.OrderFaultRequest(
                request_id=str(uuid.uuid4()),
                kind=sandbox_pb2.FAULT_KIND_UNAVAILABLE,
                method=method,
                calls=1000,
            )
        )
        with pytest.raises(grpc.RpcError) as fault:
            sandbox_page(channel, address, "buf")
    assert "STORE_UNAVAILABLE" == refusal_of(fault.value).reason


def test_it_shows_how_things_stand(serving: StartSandbox) -> None:
    """Bindings that were made, and balances, are those of the moment; one that waits for
    its review can be approved by a request of the page."""
    address = serving()
    with connect(address) as channel, grpc.insecure_channel(address) as plain:
        page = sandbox_page(channel, address, "buf")
        bindings = [
            one
            for one in commands(page, address)
            if one.method == "BindingService/SubmitBinding" and one.tool == "grpcurl"
        ]
        for one in bindings:
            end(plain, one)
        between = sandbox_page(channel, address, "buf")
        assert "重新载入本页，下一步即是审核通过" in page
        assert "→ HS002 审核中" in between
        assert between.count("此刻会被拒绝") == 2 * len(FAMILIES)
        (approval,) = [
            one
            for one in commands(between, address)
            if one.method == "BindingService/ReviewBinding" and one.tool == "buf curl"
        ]
        assert "OK" == end(plain, approval)
        assert 3 == sandbox_page(channel, address, "buf").count("已生效</td>")


def test_every_city_has_a_family() -> None:
    """Of each shipped city a pair that may bind is known."""
    assert set(FAMILIES) == {city.area_code[:4] for city in shipped().all}


def test_every_fault_is_told() -> None:
    """The page names each fault as the metadata and as the request do."""
    assert list(KINDS) == [stated.partition("=")[0] for stated, *_ in FAULTS]
    kinds = [
        sandbox_pb2.FaultKind.Value(f"FAULT_KIND_{kind}") for _, kind, *_ in FAULTS
    ]
    assert list(KINDS.values()) == kinds


def test_a_command_works_as_typed(serving: StartSandbox) -> None:
    """What is copied from the page into a shell is answered: here by buf."""
    address = serving()
    buf = str(Path(__file__).parents[2] / ".venv" / "bin" / "buf")
    with connect(address) as channel:
        page = sandbox_page(channel, address, buf)
    texts = [html.unescape(text) for label, text in COMMAND.findall(page)]
    for text in (texts[0], texts[2]):
        done = subprocess.run(  # noqa: S602 - a command of ours
            text,
            shell=True,
            capture_output=True,
            encoding="utf-8",
            check=False,
            timeout=PATIENCE_S,
        )
        assert 0 == done.returncode, done.stderr


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("sandbox voucher", DEFAULT_SANDBOX),
        ("sandbox --address 127.0.0.1:6000 voucher", "127.0.0.1:6000"),
        ("sandbox voucher --address 127.0.0.1:7000", "127.0.0.1:7000"),
        (
            "sandbox --address 127.0.0.1:6000 voucher --address 127.0.0.1:7000",
            "127.0.0.1:7000",
        ),
    ],
)
def test_a_token_is_asked_of_the_address_given(
    monkeypatch: pytest.MonkeyPatch, words: str, expected: str
) -> None:
    """Before or after the command's name; the nearer one first."""
    asked = []

    def refuse(address: str, name: str) -> None:
        asked.append(address)
        raise ValueError(name)

    monkeypatch.setattr("gongji.cli.sandbox.connect", refuse)
    ended = gongji(*words.split(), "CZ001", "--institution", "H34110000001")
    assert ended.exit_code
    assert [expected] == asked


def test_it_starts_and_says_where(tmp_path: Path) -> None:
    """It says its address, a first command and where the page is, and there it is."""
    data = tmp_path / "sandbox"
    mark_folder(data)
    options = ["--page-address", "127.0.0.1:0", "--data", str(data)]
    with started(*options, command="sandbox") as server:
        said = "\n".join(server.announced)
        assert f"http://{server.address}/gongji.v1." in said
        (page,) = re.findall(r"http://127\.0\.0\.1:[0-9]+/$", said, re.MULTILINE)
        with urllib.request.urlopen(page, timeout=PATIENCE_S) as reply:  # noqa: S310 - ours
            assert "陈示一" in reply.read().decode()
        server.end()


def test_production_takes_no_folder_of_a_sandbox(tmp_path: Path) -> None:
    """What is a sandbox's is served as nothing else, and nothing is made in it."""
    folder = tmp_path / "sandbox"
    mark_folder(folder)
    result = gongji("serve", "--data", folder, "--address", "127.0.0.1:0")
    assert (1, True) == (result.exit_code, "是沙盒的" in result.stderr)
    assert [SANDBOX_MARK] == [path.name for path in folder.iterdir()]


@pytest.mark.parametrize("there", ["gongji.sqlite3", "notes.txt"])
def test_it_takes_no_folder_of_others(tmp_path: Path, there: str) -> None:
    """A folder in which anything lies that is no sandbox's is refused, and left alone."""
    (tmp_path / there).write_text("x")
    result = gongji("sandbox", "--data", tmp_path, "--page-address", "127.0.0.1:0")
    assert (1, True) == (result.exit_code, "不是沙盒的" in result.stderr)
    assert [there] == [path.name for path in tmp_path.iterdir()]


def test_its_folder_says_so(tmp_path: Path) -> None:
    """A new folder is marked as a sandbox's, an old one is kept as it is."""
    folder = tmp_path / "new"
    mark_folder(folder)
    assert "虚构" in (folder / SANDBOX_MARK).read_text(encoding="utf-8")
    (folder / "gongji.sqlite3").touch()
    mark_folder(folder)


def test_its_page_is_of_this_machine_only(tmp_path: Path) -> None:
    """Nobody else reads who is who."""
    result = gongji("sandbox", "--data", tmp_path / "x", "--page-address", "0.0.0.0:0")
    assert (1, True) == (result.exit_code, "回环" in result.stderr)
    assert not (tmp_path / "x").exists()


def test_it_issues_vouchers(serving: StartSandbox) -> None:
    """`gongji sandbox voucher` asks a running sandbox for a token, another one each time."""
    told = ["--institution", "H34110000001", "--address", serving()]
    replies = [gongji("--json", "sandbox", "voucher", "CZ001", *told) for _ in "12"]
    assert [0, 0] == [reply.exit_code for reply in replies]
    tokens = {json.loads(reply.stdout)["voucher"][0]["token"] for reply in replies}
    assert 2 == len(tokens)
    assert all(token.startswith(OWN) for token in tokens)
