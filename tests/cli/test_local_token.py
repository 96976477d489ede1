"""Our commands beside a server without configuration: they find its token by themselves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from gongji.client.credentials import LOCAL_TOKEN

from tests.cli.command import gongji
from tests.cli.started import Started, started


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    """A server with the sample, its data in `var/` of a folder."""
    var = tmp_path_factory.mktemp("clone") / "var"
    with started("--data", str(var), "--sample") as running:
        yield running


COMMANDS = (
    ["statement", "CZ001"],
    [
        "reconcile",
        "--institution",
        "H34110000001",
        "--from",
        "2025-01-01",
        "--to",
        "2025-01-31",
    ],
    ["consequences", "--since", "2199-01-01T00:00:00"],
)


@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda words: words[0])
def test_in_the_folder_of_the_server_nothing_is_said(
    server: Started, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    """Where `var/` lies, a command needs no option but the address."""
    monkeypatch.chdir(server.data.parent)
    result = gongji(*arguments, "--target", server.address)
    assert 0 == result.exit_code, result.output


def test_the_data_folder_may_be_named(
    server: Started, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Elsewhere the folder is named; without it the sentence says so."""
    monkeypatch.chdir(tmp_path)
    asked = ["statement", "CZ001", "--target", server.address]

    assert 0 == gongji(*asked, "--data", server.data).exit_code
    refused = gongji(*asked)
    assert 1 == refused.exit_code
    assert "请以 --data 指明本机服务的数据目录" in refused.output


def test_another_servers_token_is_named(
    server: Started, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token that is not this server's is refused, and the file it came from is named."""
    other = tmp_path / "var" / LOCAL_TOKEN
    other.parent.mkdir()
    other.write_text(f"{'x' * 43}\n", encoding="ascii")
    other.chmod(0o600)
    monkeypatch.chdir(tmp_path)

    refused = gongji("statement", "CZ001", "--target", server.address)

    assert 1 == refused.exit_code
    assert f"出示的是 var/{LOCAL_TOKEN}" in refused.output
