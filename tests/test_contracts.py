"""The house's walls: who may import whom, every hook answered, generated code current."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from gongji import baseline
from gongji.guards import problems_of_plugin
from gongji.hookspecs import DATED_HOOKS, PROJECT, question
from gongji.words import topic

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
CITY, WIRE, PURE = (
    "a city speaks the core's vocabulary only",
    "only rpc, client, demo and the conformance suite speak gRPC",
    "decisions and rules are pure: no database, clock, chance or machine",
)
"""The contracts of pyproject.toml."""

SPEAKS_GRPC = {
    "__main__",
    "client",
    "crediting",
    "demo",
    "gateway",
    "importer",
    "national",
    "reconcile_file",
    "rpc",
    "serve",
    "statement",
    "v1",
    "workers",
}
"""Modules at the edge: they speak over the wire, or start those that do."""
IMPURE = SPEAKS_GRPC | {"adopting", "check", "clock", "crew", "kit", "logs", "purity", "rerun", "store", "terminal"}
"""Modules that look at the machine: the clock, a terminal, a database."""


def run(*command: str, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    """A command at the root, with the tools of this environment, and packages of `path` before all others."""
    variables = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "PYTHONPATH": str(path or "")}
    return subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False)  # noqa: S603 - our own


def lint_imports(path: Path | None = None) -> subprocess.CompletedProcess[str]:
    """The shipped contracts held against the installed packages, those of `path` first."""
    return run(str(BIN / "lint-imports"), "--config", str(ROOT / "pyproject.toml"), "--no-cache", path=path)


def test_contracts_hold() -> None:
    """Nobody knows more than the design lets him."""
    told = lint_imports()

    assert 0 == told.returncode, told.stdout


TRESPASSES = {
    "a city that imports the store": ("gongji_chuzhou", "gongji.store"),
    "a city that imports a module of the store": ("gongji_chuzhou", "gongji.store.sqlite"),
    "a city that imports the server": ("gongji_chuzhou", "gongji.rpc"),
    "a city that imports the wire": ("gongji_chuzhou", "gongji.v1.types_pb2"),
    "a city that imports what the core does not offer": ("gongji_chuzhou", "gongji.binding"),
    "a city that speaks gRPC": ("gongji_chuzhou", "grpc"),
    "a city with a database": ("gongji_chuzhou", "sqlite3"),
    "a city with a socket": ("gongji_chuzhou", "socket"),
    "a city with a clock": ("gongji_chuzhou", "time"),
    "a decision that speaks gRPC": ("gongji.binding", "grpc"),
    "a decision that knows the wire": ("gongji.settlement", "gongji.v1.types_pb2"),
    "the store that knows the wire": ("gongji.store.committer", "gongji.v1.types_pb2"),
    "arithmetic that knows a database": ("gongji.split", "sqlite3"),
    "a decision that knows the store": ("gongji.binding", "gongji.store"),
    "a decision that throws dice": ("gongji.ledger", "random"),
    "a rule that looks at the clock": ("gongji.baseline", "time"),
}
"""Who imports what he must not: the line import-linter must report."""


@pytest.fixture(scope="module")
def trespassed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What import-linter says of copies of the core and of one city with every trespass in them."""
    folder = tmp_path_factory.mktemp("trespasses")
    shutil.copytree(ROOT / "server" / "gongji", folder / "gongji")
    shutil.copytree(ROOT / "plugins" / "chuzhou" / "gongji_chuzhou", folder / "gongji_chuzhou")
    for importer, imported in TRESPASSES.values():
        module = folder.joinpath(*importer.split("."))
        file = module / "__init__.py" if module.is_dir() else module.with_suffix(".py")
        with file.open("a", encoding="utf-8") as source:
            source.write(f"\nimport {imported}\n")
    told = lint_imports(folder)
    assert 1 == told.returncode, told.stdout
    return told.stdout


@pytest.mark.parametrize(("importer", "imported"), TRESPASSES.values(), ids=TRESPASSES)
def test_contracts_fail(trespassed: str, importer: str, imported: str) -> None:
    """A wall that is climbed over is reported with who climbed and where to."""
    package = imported.partition(".")[0] if not imported.startswith("gongji") else imported

    assert f"{importer} -> {package} (l." in trespassed


def test_broken_by_name(trespassed: str) -> None:
    """Each of the three contracts is broken by the trespasses, so none of them is empty words."""
    assert dict.fromkeys((CITY, WIRE, PURE), True) == {
        name: f"{name} BROKEN" in trespassed for name in (CITY, WIRE, PURE)
    }


@pytest.mark.parametrize(("contract", "outside"), [(WIRE, SPEAKS_GRPC), (PURE, IMPURE)], ids=["wire", "pure"])
def test_no_module_forgotten(contract: str, outside: set[str]) -> None:
    """A new module of the core stands under the contracts, or among those said to be outside them."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    named = next(set(c["source_modules"]) for c in settings["contracts"] if c["name"] == contract)
    here = ROOT / "server" / "gongji"
    modules = {p.stem for p in here.glob("*.py")} | {p.parent.name for p in here.glob("*/__init__.py")}

    assert set() == {f"gongji.{m}" for m in modules - outside - {"__init__"}} - named
    assert set() == {n.removeprefix("gongji.") for n in named} - modules


@pytest.mark.parametrize("hook", DATED_HOOKS)
def test_province_answers(hook: str) -> None:
    """The province has an answer to every hook, marked for pluggy; the hook has its question and its term."""
    answer = getattr(baseline, hook)

    assert hasattr(answer, f"{PROJECT}_impl")
    assert answer()
    assert question(hook).endswith(".")
    assert topic(hook)


def test_province_is_a_faultless_plugin() -> None:
    """The province obeys what cities must."""
    assert [] == list(problems_of_plugin(baseline))


def test_generated_code_is_current() -> None:
    """What is committed under v1 is what the protos say today."""
    told = run(sys.executable, "protos/generate.py", "--check")

    assert (0, "") == (told.returncode, told.stderr)


def sources() -> Iterator[Path]:
    """Every module of ours; what protoc writes is not."""
    for top in ("server", "plugins", "tests"):
        yield from (p for p in sorted((ROOT / top).rglob("*.py")) if "v1" not in p.relative_to(ROOT).parts)


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function of a module, methods and inner ones included."""
    yield from (node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)))


def test_every_module_says_its_role() -> None:
    """A module opens with what it is for, and every test with the law it states."""
    modules = {p.relative_to(ROOT): ast.parse(p.read_text(encoding="utf-8")) for p in sources()}
    laws = [(p, f) for p, tree in modules.items() for f in functions(tree) if f.name.startswith("test_")]

    assert [] == [str(p) for p, tree in modules.items() if p.parts[0] != "tests" and not ast.get_docstring(tree)]
    assert [] == [f"{p}:{f.name}" for p, f in laws if not ast.get_docstring(f)]
