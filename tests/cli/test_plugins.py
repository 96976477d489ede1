"""Plugins as an operator handles them: pinned as they are, refused if they have changed
or have an error, by every command alike."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from gongji.audit.hashing import LABELS, default_hasher
from gongji.v1 import city_pb2, city_pb2_grpc

from tests.cli.command import gongji, tables
from tests.cli.started import started
from tests.packages import IDENTITY, Package, installed
from tests.patience import PATIENCE_S
from tests.scaffold.cities import shipped
from tests.scaffold.credentials import bearer_of, with_metadata

WUHU = Package("gongji-wuhu", "wuhu", IDENTITY)
UNFIT = Package("gongji-wuhu", "wuhu", f"import os\n{IDENTITY}")


@pytest.fixture
def pinned(tmp_path: Path) -> Iterator[Path]:
    """A configuration that pins the shipped cities and a fourth, which has changed since."""
    file = tmp_path / "gongji.toml"
    site = tmp_path / "site"
    site.mkdir()
    with installed(site, WUHU):
        file.write_text(gongji("cities", "--pin").stdout, encoding="utf-8")
        module = site / "gongji_wuhu.py"
        module.write_text(f"{module.read_text(encoding='utf-8')}\n", encoding="utf-8")
        yield file


def test_pinned_as_they_are(tmp_path: Path) -> None:
    """What `gongji cities --pin` prints is the table of a configuration with which the
    same cities serve; the digests are those that `gongji cities` shows."""
    file = tmp_path / "gongji.toml"
    file.write_text(gongji("cities", "--pin").stdout, encoding="utf-8")
    shown = tables(gongji("--config", file, "--json", "cities"))

    digests = {city.pinyin: city.plugin_digest for city in shipped().all}
    assert digests == {row["pinyin"]: row["digest"] for row in shown["cities"]}
    assert "refused_plugins" not in shown


COMMANDS = {
    "cities": (["cities"], 0),
    "guide": (["guide", "wuhu"], 1),
    "check": (["check", "wuhu"], 1),
    "hooks": (["hooks", "wuhu"], 1),
    "doctor": (["doctor"], 1),
}


@pytest.mark.parametrize(("command", "code"), COMMANDS.values(), ids=COMMANDS)
def test_a_changed_one_is_refused_by_every_command(
    pinned: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    command: list[str],
    code: int,
) -> None:
    """Whoever asks for the cities is told that it has changed."""
    monkeypatch.chdir(tmp_path)
    result = gongji("--config", pinned, *command)

    assert code == result.exit_code
    label = LABELS[default_hasher()]
    assert f"内容与钉住的不同：钉住的是 {label}:" in result.output


def test_pinned_anew(pinned: Path) -> None:
    """`gongji cities --pin` pins what is there now, whatever was pinned before."""
    again = gongji("--config", pinned, "cities", "--pin").stdout

    assert pinned.read_text(encoding="utf-8") != again
    pinned.write_text(again, encoding="utf-8")
    assert "refused_plugins" not in tables(
        gongji("--config", pinned, "--json", "cities")
    )


def test_a_malformed_pin(tmp_path: Path) -> None:
    """A pin that is no digest is told with the command that gives one."""
    file = tmp_path / "gongji.toml"
    file.write_text('[plugins]\nanqing = "1.0"\n', encoding="utf-8")
    result = gongji("--config", file, "cities")

    assert 1 == result.exit_code
    assert (
        "得到 anqing=1.0；核对来历之后用 gongji cities --pin 重新取得" in result.output
    )


def cities_of(address: str, data: Path) -> city_pb2.ListCitiesResponse:
    """Return what a server says of its cities."""
    with grpc.insecure_channel(address) as channel:
        stub = city_pb2_grpc.CityServiceStub(with_metadata(channel, bearer_of(data)))
        return stub.ListCities(city_pb2.ListCitiesRequest(), timeout=PATIENCE_S)


def test_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server refuses a city that has an error by name, serves the others, tells their
    digests, and keeps their answers for the next start."""
    data, site = tmp_path / "data", tmp_path / "site"
    site.mkdir()
    digests = [city.plugin_digest for city in shipped().all]
    with installed(site, UNFIT):
        monkeypatch.setenv("PYTHONPATH", str(site))
        with started("--data", str(data)) as server:
            reply = cities_of(server.address, data)
            server.end()

    (refused,) = reply.refused
    assert digests == [city.plugin_digest for city in reply.cities]
    assert ("gongji-wuhu 1.2.3", "wuhu") == (refused.plugin, refused.pinyin)
    assert "读取运行环境" in refused.problem
    # Four answers, and three checks that were passed.
    assert 7 == len(list((data / "plugins").iterdir()))


def test_a_refused_one_is_not_run_by_its_check(tmp_path: Path) -> None:
    """`gongji check` of a plugin that ends whatever process it runs in fails, and says so."""
    ending = Package("gongji-wuhu", "wuhu", "import os\nos._exit(0)")
    with installed(tmp_path, ending):
        result = gongji("check", "wuhu")

    assert 1 == result.exit_code
    assert "加载 gongji_wuhu：没有答完就结束了（退出码 0）" in result.output
    # Asked no second time; its source is still read.
    assert "读取运行环境" in result.output


def test_a_server_with_a_changed_one(tmp_path: Path) -> None:
    """`gongji serve --pin` serves what is pinned, and nothing else."""
    (anqing, *_) = shipped().all
    pin = f"anqing={anqing.plugin_digest}"
    with started("--data", str(tmp_path / "data"), "--pin", pin) as server:
        refused = server.told["refused"]
        server.end()

    (chuzhou,) = (row for row in refused if row["pinyin"] == "chuzhou")
    assert "gongji-chuzhou 0.1.0" == chuzhou["plugin"]
    assert chuzhou["problem"].startswith("配置钉住了插件，而没有钉住这一个")
