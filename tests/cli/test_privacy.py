"""`gongji export` and `gongji erase`: a copy for the person, and what no duty keeps."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from gongji.cli import privacy
from gongji.registry import erasure

from tests.cli.command import StartSandbox, gongji


@pytest.fixture
def address(serving: StartSandbox) -> str:
    """Return the address of a sandbox with the sample."""
    return serving()


@pytest.fixture
def copies(tmp_path: Path) -> Path:
    """Return an empty folder."""
    folder = tmp_path / "copies"
    folder.mkdir()
    return folder


def files_of(out: Path) -> Mapping[str, str]:
    """Return the files of an export by name."""
    if out.suffix != ".zip":
        return {path.name: path.read_text("utf-8") for path in out.iterdir()}
    with zipfile.ZipFile(out) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


@pytest.mark.parametrize("name", ["copy", "copy.zip"])
def test_a_copy_for_the_person(address: str, copies: Path, name: str) -> None:
    """Each kind has its file of JSON lines, and the page lists each file with its lines."""
    out = copies / name
    result = gongji("export", "CZ001", "--out", out, "--target", address)
    assert 0 == result.exit_code, result.output
    assert 0o077 & out.stat().st_mode == 0
    files = dict(files_of(out))
    page = files.pop("index.html")
    listed = re.findall(r'href="([^"]+)".*?<td>(\d+)</td>', page, re.DOTALL)
    lines = {name: len(text.splitlines()) for name, text in files.items()}
    assert {(name, str(count)) for name, count in lines.items()} == set(listed)
    assert {"person.jsonl", "account.jsonl", "entry.jsonl"} <= lines.keys()
    (person,) = files["person.jsonl"].splitlines()
    assert "CZ001" == json.loads(person)["person_no"]
    assert [out] == list(copies.iterdir())


@pytest.mark.parametrize("name", ["copy", "copy.zip"])
def test_nothing_is_written_over_or_left(address: str, copies: Path, name: str) -> None:
    """What is there is not written over, and a refused export leaves nothing."""
    out = copies / name
    unknown = gongji("export", "NOBODY", "--out", out, "--target", address)
    assert (1, []) == (unknown.exit_code, list(copies.iterdir()))
    out.write_text("there") if out.suffix else out.mkdir()
    again = gongji("export", "CZ001", "--out", out, "--target", address)
    assert (1, [out]) == (again.exit_code, list(copies.iterdir()))
    assert str(out) in again.stderr


def test_erased_after_a_look(address: str) -> None:
    """What would go and stay is shown first; then the phone goes, for good."""
    look = gongji("erase", "CZ001", "--validate-only", "--target", address)
    assert 0 == look.exit_code, look.output
    assert "将删除：电话。什么也没有写入" in look.stdout
    assert "《会计档案管理办法》" in look.stdout
    done = gongji("erase", "CZ001", "--target", address)
    assert "已删除：电话" in done.stdout
    lifted = gongji("erase", "CZ001", "--lift", "--target", address)
    assert "已解除" in lifted.stdout


def test_whatever_stays_has_a_chinese_name() -> None:
    """Each kind that a duty keeps is named to people, and nothing else is."""
    named = {kept.what for kept in (*erasure._DUTIES, *erasure._ALWAYS)}
    assert {*named, "enrolments", "identity"} == set(privacy._KEPT)


def test_as_json(address: str) -> None:
    """Programs read what goes by the names of the wire."""
    result = gongji("--json", "erase", "CZ001", "--validate-only", "--target", address)
    told = json.loads(result.stdout)
    assert ["phone"] == told["erased"]
    assert {"kept", "count", "ground"} == set(told["kept"][0])
