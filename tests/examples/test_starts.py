"""The five programs, built and run as their READMEs say, and judged as clients.

What each needs stands at the beginning of its README; all of it is in Debian 12 and in npm.
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from gongji_conformance.client import report
from gongji_conformance.client.process import command
from gongji_conformance.client.verdicts import IDS, judge

from tests.examples.languages import GO, LANGUAGES, Language, build, prepare
from tests.examples.serving import SAMPLE, serving
from tests.examples.shell import ROOT, shell
from tests.scaffold.kept import give_kept

LIMIT_S = 60.0
CITIES = ("chuzhou", "anqing", "huangshan")
SOURCES = {".cc", ".go", ".h", ".java", ".js", ".py"}
LONGEST = 150
"""Lines of the program that a newcomer reads, and of each file of the library it uses."""

SAID = """\
健康检查：SERVING
结算服务现在：SERVING
绑定（只问不办）：NOT_ELIGIBLE，3 个条件不符合：
绑定：* BINDING_STATE_ACTIVE
预结算：统筹 600.25 元，账户 1400.25 元（共济 200.25 元），现金 0.00 元
结算：*；同号重发：*，replayed = true
撤销：1200.00 元 退回 CZ002 的账户
撤销：200.25 元 退回 CZ001 的账户
再撤一次，被拒绝：ALREADY_REVERSED *
列出：* 页，* 行
解绑：* BINDING_STATE_ENDED
事件：EVENT_KIND_BINDING_SUBMITTED、EVENT_KIND_SETTLED、EVENT_KIND_SETTLED；\
断开再续：EVENT_KIND_REVERSED、EVENT_KIND_REVERSED、EVENT_KIND_BINDING_ENDED
"""
"""What is said of Chuzhou, * for what differs each time, without the conditions.

The fund pays half of what exceeds 800.00 (C58, C61), the patient's own purse before his wife's.
"""

TASK = '[{"do": "quote", "bill": {}}]'
"""A call that any client makes."""

UNMET = [
    "IDENTITY_CHECK_MISSING identity_checks[]",
    "IDENTITY_CHECK_MISSING identity_checks[]",
    "AGREEMENT_NOT_ACCEPTED agreement",
]
"""Codes and fields of the conditions, each with its clauses and a way."""

each_language = pytest.mark.parametrize(
    "language", LANGUAGES, ids=[language.folder for language in LANGUAGES]
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like a clone, in which all programs are built."""
    folder = tmp_path_factory.mktemp("clone")
    prepare(folder)
    build(folder)
    return folder


@pytest.fixture(scope="module")
def plain(folder: Path) -> Iterator[int]:
    """The port of a service as `make run` starts it."""
    give_kept(folder / "var")
    with serving(folder, *SAMPLE) as port:
        yield port


@pytest.fixture(scope="module")
def secured(folder: Path) -> Iterator[int]:
    """The port of a service with certificates and tokens as examples/README.md starts it."""
    argv = [sys.executable, "-m", "gongji", "dev-certs", "certs"]
    subprocess.run(argv, cwd=folder, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - our own
    give_kept(folder / "certs" / "var")
    with serving(folder, *SAMPLE, "--config", "certs/gongji.toml") as port:
        yield port


def said(folder: Path, port: int, block: str) -> str:
    """Return what a program prints, typed as its README says."""
    with shell(folder, {"50051": port}, {}) as one:
        return "".join(one.type(f"set -e\n{block}"))


@each_language
def test_every_program_says_the_same(
    language: Language, folder: Path, plain: int
) -> None:
    """Every program does everything once, and says of it the same as the others."""
    text = said(folder, plain, language.blocks[-1])
    told = [line for line in text.splitlines() if not line.startswith("  ")]
    expected = SAID.splitlines()
    assert len(expected) == len(told), text
    assert [] == [
        pair for pair in zip(told, expected, strict=True) if not fnmatchcase(*pair)
    ]
    unmet = re.findall(
        r"^  CONDITION_CODE_(\S+ \S+)（\S+）：.+\n    办法：.+$", text, re.MULTILINE
    )
    assert UNMET == unmet


@each_language
@pytest.mark.parametrize("city", CITIES[1:])
def test_every_city_binds_over_tls(
    city: str, language: Language, folder: Path, secured: int
) -> None:
    """Every program binds a family of every city, with a certificate and a token."""
    run = f"{language.run} examples/applications/{city}.json"
    text = said(folder, secured, f"{_secured_settings()}\n{run}")
    assert "BINDING_STATE_ACTIVE" in text
    assert "BINDING_STATE_ENDED" in text


def _secured_settings() -> str:
    """Return the settings that examples/README.md exports for TLS and tokens."""
    page = (ROOT / "examples" / "README.md").read_text(encoding="utf-8")
    lines = [line for line in page.splitlines() if line.startswith("export")]
    return "\n".join(line for line in lines if "var/" not in line)


@each_language
def test_every_client_conforms(language: Language, folder: Path) -> None:
    """Every client passes every scenario and every law."""
    argv = language.client(folder)
    verdicts = asyncio.run(judge(command(argv, LIMIT_S)))
    assert ["pass"] * len(IDS) == [verdict.word for verdict in verdicts], "\n".join(
        report.text(verdicts, argv)
    )


@each_language
@pytest.mark.parametrize("amount", ['"100.00"', "900.50", '"1e4"'])
def test_no_client_takes_yuan_for_fen(
    amount: str, language: Language, folder: Path
) -> None:
    """What is no whole number in a field of fen is named before anything is sent."""
    task = f'[{{"do": "quote", "bill": {{"total_fen": {amount}}}}}]'
    ended = _ended(language, folder, {"GONGJI_TARGET": "127.0.0.1:1"}, task)
    assert 0 != ended.returncode
    assert "total_fen 写了" in ended.stderr
    assert "" == ended.stdout


@each_language
@pytest.mark.parametrize(
    "target", ["gongji.example:1", "127.0.0.1.example:1", "127.0.0.10:1", "[::2]:1"]
)
def test_no_token_goes_out_in_clear(
    target: str, language: Language, folder: Path, tmp_path: Path
) -> None:
    """Without TLS a program with a token ends before it connects to another machine."""
    token = tmp_path / "token"
    token.write_text("canary", "ascii")
    own = {"GONGJI_TARGET": target, "GONGJI_TOKEN_FILE": str(token)}
    ended = _ended(language, folder, own)
    assert 0 != ended.returncode
    assert "令牌不加密时只发往本机" in ended.stderr
    assert "canary" not in ended.stderr


@each_language
@pytest.mark.parametrize("target", ["localhost:1", "127.0.0.1:1", "[::1]:1"])
def test_a_token_goes_to_this_machine(
    target: str, language: Language, folder: Path, tmp_path: Path
) -> None:
    """Without TLS a program with a token calls this machine, by whatever name."""
    token = tmp_path / "token"
    token.write_text("canary", "ascii")
    own = {"GONGJI_TARGET": target, "GONGJI_TOKEN_FILE": str(token)}
    ended = _ended(language, folder, own)
    assert (0, "") == (ended.returncode, ended.stdout), ended.stderr


@each_language
def test_a_token_that_cannot_be_read_is_named(language: Language, folder: Path) -> None:
    """A program whose token cannot be read ends instead of calling without."""
    missing = str(folder / "no.token")
    own = {"GONGJI_TARGET": "127.0.0.1:1", "GONGJI_TOKEN_FILE": missing}
    ended = _ended(language, folder, own, TASK)
    assert 0 != ended.returncode
    assert "no.token" in ended.stderr
    assert "" == ended.stdout


def test_roots_without_a_certificate_are_named(folder: Path, tmp_path: Path) -> None:
    """Of Go, whose roots say nothing of what they could not read: the file is named."""
    roots = tmp_path / "ca.pem"
    roots.write_text("-----BEGIN NOTHING-----\n", "ascii")
    own = {"GONGJI_TARGET": "127.0.0.1:1", "GONGJI_CA": str(roots)}
    ended = _ended(GO, folder, own)
    assert 0 != ended.returncode
    assert "ca.pem 里没有证书" in ended.stderr


def _ended(
    language: Language, folder: Path, own: Mapping[str, str], task: str = "[]"
) -> subprocess.CompletedProcess[str]:
    """Return what a client said of tasks."""
    return subprocess.run(  # noqa: S603 - the examples
        language.client(folder),
        env={**os.environ, "GONGJI_TASK": task, **own},
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_S,
    )


def test_what_a_channel_copies_is_short() -> None:
    """Neither what starts nor a file it uses is longer than can be read at once."""
    long = [
        str(path.relative_to(ROOT))
        for language in LANGUAGES
        for path in (ROOT / "examples" / language.folder).iterdir()
        if path.suffix in SOURCES
        and path.stem.lower() != "client"
        and len(path.read_text(encoding="utf-8").splitlines()) > LONGEST
    ]
    assert [] == long


def test_the_lock_file_names_no_registry() -> None:
    """Whoever installs uses his own registry; the contents are held by their digests."""
    lock = (ROOT / "examples" / "node" / "package-lock.json").read_text("utf-8")
    assert ('"resolved"' in lock, '"integrity"' in lock) == (False, True)
