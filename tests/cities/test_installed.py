"""Installed plugins as files: one digest wherever they lie, another for any other file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from gongji.audit.hashing import LABELS, default_hasher
from gongji.cities.city import Cities
from gongji.cities.installed import Plugin, plugins, spec_of
from gongji.cities.loading import load_cities

from tests.packages import IDENTITY, Package, installed

WUHU = Package("gongji-wuhu", "wuhu", IDENTITY)
INFO = "gongji_wuhu-1.2.3.dist-info"


def wuhu() -> Plugin:
    """The plugin of that name, as its files are now."""
    (found,) = (plugin for plugin in plugins() if plugin.name == "wuhu")
    return found


def test_one_digest_wherever_it_lies(tmp_path: Path) -> None:
    """The same files in another folder, with what Python and the installer leave beside
    them, have the same digest."""
    digests = set()
    for name in ("a", "b"):
        folder = tmp_path / name
        folder.mkdir()
        with installed(folder, WUHU):
            (folder / "__pycache__").mkdir()
            (folder / "__pycache__" / "gongji_wuhu.cpython-311.pyc").write_text(name)
            (folder / INFO / "INSTALLER").write_text(name)
            digests.add(wuhu().digest)

    assert 1 == len(digests)
    assert digests.pop().startswith(f"{LABELS[default_hasher()]}:")


def add_comment(folder: Path) -> None:
    with (folder / "gongji_wuhu.py").open("a", encoding="utf-8") as module:
        module.write("# 注\n")


def name_otherwise(folder: Path) -> None:
    (folder / INFO / "entry_points.txt").write_text(
        "[gongji.cities]\nwuhu = gongji_wuhu:other\n", encoding="utf-8"
    )


def describe_otherwise(folder: Path) -> None:
    with (folder / INFO / "METADATA").open("a", encoding="utf-8") as metadata:
        metadata.write("Summary: other\n")


@pytest.mark.parametrize("change", [add_comment, name_otherwise, describe_otherwise])
def test_another_for_any_change(tmp_path: Path, change: Callable[[Path], None]) -> None:
    """Whatever of a plugin changes, its digest does."""
    with installed(tmp_path, WUHU):
        before = wuhu()
        assert not before.changed()
        digest = before.digest
        change(tmp_path)
        assert before.changed()
        assert wuhu().digest != digest


def test_data_of_a_package_counts(tmp_path: Path) -> None:
    """A file beside the modules of a package counts as they do."""
    package = tmp_path / "gongji_wuhu"
    package.mkdir()
    (package / "__init__.py").write_text("")
    with installed(tmp_path, WUHU):
        # A package comes before a module of its name.
        before = wuhu().digest
        (package / "figures.json").write_text("{}")
        assert wuhu().digest != before


def record(folder: Path, *files: str) -> None:
    """Say which files the distribution has, as an installer does."""
    lines = [f"{file},,\n" for file in (*files, f"{INFO}/RECORD")]
    (folder / INFO / "RECORD").write_text("".join(lines), encoding="utf-8")


def loaded(folder: Path, *files: str) -> Cities:
    with installed(folder, WUHU):
        record(folder, *files)
        return load_cities()


OWN = ("gongji_wuhu.py", "__pycache__/gongji_wuhu.cpython-311.pyc", f"{INFO}/METADATA")


def test_its_own_files_are_all_it_brings(tmp_path: Path) -> None:
    """A distribution of one package serves."""
    assert "芜湖市" in {city.name for city in loaded(tmp_path, *OWN).all}


@pytest.mark.parametrize(
    "file",
    ["wuhu.pth", "sitecustomize.py", "gongji/rules/money.py", "../../../bin/gongji"],
)
def test_what_lies_outside_its_package(tmp_path: Path, file: str) -> None:
    """A distribution that writes elsewhere, where every Python reads it or in the place
    of others' modules, is refused by the file."""
    (refused,) = loaded(tmp_path, *OWN, file).refused

    assert (
        "wuhu",
        f"发行包写入了 gongji_wuhu 以外的文件：{file}；插件只得含有自己的包",
    ) == (
        refused.pinyin,
        refused.problem,
    )


def test_an_editable_one_lies_elsewhere(tmp_path: Path) -> None:
    """What an installer puts in the place of sources that lie elsewhere is no fault."""
    with installed(tmp_path, WUHU):
        record(tmp_path, "_wuhu.pth")
        origin = {"url": "file:///wuhu", "dir_info": {"editable": True}}
        (tmp_path / INFO / "direct_url.json").write_text(json.dumps(origin))
        assert [] == list(wuhu().problems())


DAMAGED = {
    "no value": ("[gongji.cities]\nodd\n", "entry_points.txt 不能读出"),
    "no text": (b"[gongji.cities]\nodd = \xff\n", "entry_points.txt 不能读出"),
    "no module": ("[gongji.cities]\nodd = !!\n", "入口点写作 'odd' = '!!'；应为"),
    "nothing named": ("[gongji.cities]\nodd =\n", "入口点写作 'odd' = ''；应为"),
}


@pytest.mark.parametrize(("written", "said"), DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_description(tmp_path: Path, written: str | bytes, said: str) -> None:
    """A distribution whose entry points cannot be read keeps no other from being found."""
    content = written if isinstance(written, bytes) else written.encode()
    with installed(tmp_path, Package("gongji-odd", "odd", IDENTITY)):
        info = tmp_path / "gongji_odd-1.2.3.dist-info"
        (info / "entry_points.txt").write_bytes(content)
        cities = load_cities()

    assert ["anqing", "huangshan", "chuzhou"] == [city.pinyin for city in cities.all]
    assert "gongji-odd 1.2.3" == cities.refused[0].plugin
    assert said in cities.refused[0].problem


@pytest.mark.parametrize("written", ["", "Name: gongji-odd\n", "\x00"])
def test_without_name_or_version(tmp_path: Path, written: str) -> None:
    """A distribution that does not say what it is serves nothing and breaks nothing."""
    with installed(tmp_path, Package("gongji-odd", "odd", IDENTITY)):
        (tmp_path / "gongji_odd-1.2.3.dist-info" / "METADATA").write_text(written)
        cities = load_cities()

    assert ["发行包没有写明名称与版本"] == [r.problem for r in cities.refused]


def test_a_folder_of_no_package(tmp_path: Path) -> None:
    """A folder that is no package, such as one of data that lies on the path, is given to
    no plugin to read."""
    data = tmp_path / "var"
    data.mkdir()
    (data / "identity.py").write_text("")
    with installed(tmp_path, Package("gongji-odd", "odd", IDENTITY)):
        (tmp_path / "gongji_odd-1.2.3.dist-info" / "entry_points.txt").write_text(
            "[gongji.cities]\nodd = var.identity\n", encoding="utf-8"
        )
        (refused,) = load_cities().refused

    assert "包 var 没有 __init__.py，分不清哪些文件是它的" in refused.problem


def test_found_without_being_imported(tmp_path: Path) -> None:
    """To find a module of a package, nothing of the package runs."""
    package = tmp_path / "gongji_odd"
    package.mkdir()
    (package / "__init__.py").write_text("raise SystemExit", encoding="utf-8")
    (package / "rules.py").write_text("", encoding="utf-8")
    with installed(tmp_path):
        found = spec_of("gongji_odd.rules")
        assert found is not None
        assert str(package / "rules.py") == found.origin
        assert None is spec_of("gongji_odd.other")
        assert None is spec_of("gongji_odd.rules.below")


@pytest.mark.parametrize("module", ["json", "gongji", "sitecustomize"])
def test_names_of_others(tmp_path: Path, module: str) -> None:
    """A plugin that bears the name of another's module is refused."""
    package = Package("gongji-odd", "odd", IDENTITY)
    with installed(tmp_path, package):
        (tmp_path / "gongji_odd-1.2.3.dist-info" / "entry_points.txt").write_text(
            f"[gongji.cities]\nodd = {module}:thing\n", encoding="utf-8"
        )
        (refused,) = load_cities().refused

    assert f"包名 {module} 属于别的软件，插件不得使用" == refused.problem
