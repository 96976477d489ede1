"""The house's walls: who may import whom, every hook answered, generated code current,
nothing too long to read."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from gongji.cities import anhui
from gongji.cities.guards import problems_of_plugin
from gongji.rules.hookspecs import DATED_HOOKS, PROJECT, question
from gongji.rules.phrases import topic

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
CITY, WIRE, PURE, ARROWS = (
    "a city speaks the core's vocabulary only",
    "store and kit never speak gRPC, nor do decisions",
    "decisions and rules are pure: no database, clock, chance or machine",
    "imports point one way, folder by folder",
)
"""The contracts of pyproject.toml."""


def run(*command: str, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    """A command at the root, with the tools of this environment, and packages of `path`
    before all others."""
    variables = {
        **os.environ,
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "PYTHONPATH": str(path or ""),
    }
    return subprocess.run(  # noqa: S603 - our own
        command,
        cwd=ROOT,
        env=variables,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def lint_imports(path: Path | None = None) -> subprocess.CompletedProcess[str]:
    """The shipped contracts held against the installed packages, those of `path` first."""
    return run(
        str(BIN / "lint-imports"),
        "--config",
        str(ROOT / "pyproject.toml"),
        "--no-cache",
        path=path,
    )


def test_contracts_hold() -> None:
    """Nobody knows more than the design lets him."""
    result = lint_imports()

    assert 0 == result.returncode, result.stdout


TRESPASSES = {
    "a city that imports the store": ("gongji_chuzhou", "gongji.store"),
    "a city that imports a module of the store": (
        "gongji_chuzhou",
        "gongji.store.sqlite",
    ),
    "a city that imports the server": ("gongji_chuzhou", "gongji.rpc"),
    "a city that imports the wire": ("gongji_chuzhou", "gongji.v1.types_pb2"),
    "a city that imports what the core does not offer": (
        "gongji_chuzhou",
        "gongji.settlement",
    ),
    "a city that speaks gRPC": ("gongji_chuzhou", "grpc"),
    "a city with a database": ("gongji_chuzhou", "sqlite3"),
    "a city with a socket": ("gongji_chuzhou", "socket"),
    "a city with a clock": ("gongji_chuzhou", "time"),
    "a decision that speaks gRPC": ("gongji.binding.submit", "grpc"),
    "a decision that knows the wire": (
        "gongji.settlement.settle",
        "gongji.v1.types_pb2",
    ),
    "the store that knows the wire": ("gongji.store.committer", "gongji.v1.types_pb2"),
    "arithmetic that knows a database": ("gongji.settlement.split", "sqlite3"),
    "a decision that knows the store": ("gongji.binding.submit", "gongji.store"),
    "a decision that throws dice": ("gongji.account.ledger", "random"),
    "a rule that looks at the clock": ("gongji.cities.anhui", "time"),
    "a record that knows a decision": ("gongji.model.people", "gongji.settlement"),
    "a service that knows the command": ("gongji.rpc.calls", "gongji.cli"),
}
"""Who imports what he must not: the line import-linter must report."""


@pytest.fixture(scope="module")
def trespassed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What import-linter says of copies of the core and of one city with every trespass in them."""
    folder = tmp_path_factory.mktemp("trespasses")
    shutil.copytree(ROOT / "server" / "gongji", folder / "gongji")
    shutil.copytree(
        ROOT / "plugins" / "chuzhou" / "gongji_chuzhou", folder / "gongji_chuzhou"
    )
    for importer, imported in TRESPASSES.values():
        module = folder.joinpath(*importer.split("."))
        file = module / "__init__.py" if module.is_dir() else module.with_suffix(".py")
        with file.open("a", encoding="utf-8") as source:
            source.write(f"\nimport {imported}\n")
    result = lint_imports(folder)
    assert 1 == result.returncode, result.stdout
    return result.stdout


@pytest.mark.parametrize(("importer", "imported"), TRESPASSES.values(), ids=TRESPASSES)
def test_contracts_fail(trespassed: str, importer: str, imported: str) -> None:
    """A wall that is climbed over is reported with who climbed and where to."""
    package = (
        imported.partition(".")[0] if not imported.startswith("gongji") else imported
    )

    assert f"{importer} -> {package} (l." in trespassed


def test_broken_by_name(trespassed: str) -> None:
    """Each contract is broken by the trespasses, so none of them is empty words."""
    contracts = (CITY, WIRE, PURE, ARROWS)

    assert dict.fromkeys(contracts, True) == {
        name: f"{name} BROKEN" in trespassed for name in contracts
    }


def test_a_new_folder_must_be_placed(tmp_path: Path) -> None:
    """A folder that stands in no layer is reported by name."""
    shutil.copytree(ROOT / "server" / "gongji", tmp_path / "gongji")
    (tmp_path / "gongji" / "elsewhere").mkdir()
    (tmp_path / "gongji" / "elsewhere" / "__init__.py").write_text("", encoding="utf-8")

    result = lint_imports(tmp_path)

    assert 1 == result.returncode
    assert "elsewhere" in result.stdout


@pytest.mark.parametrize("hook", DATED_HOOKS)
def test_province_answers(hook: str) -> None:
    """The province has an answer to every hook, marked for pluggy; the hook has its
    question and its term."""
    answer = getattr(anhui, hook)

    assert hasattr(answer, f"{PROJECT}_impl")
    assert answer()
    assert question(hook).endswith(".")
    assert topic(hook)


def test_province_is_a_faultless_plugin() -> None:
    """The province obeys what cities must."""
    assert [] == list(problems_of_plugin(anhui))


def test_generated_code_is_current() -> None:
    """What is committed under v1 is what the protos say today."""
    result = run(sys.executable, "protos/generate.py", "--check")

    assert (0, "") == (result.returncode, result.stderr)


def sources() -> Iterator[Path]:
    """Every module of ours; what protoc writes is not."""
    for top in ("server", "plugins", "tests"):
        yield from (
            p
            for p in sorted((ROOT / top).rglob("*.py"))
            if "v1" not in p.relative_to(ROOT).parts
        )


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function of a module, methods and inner ones included."""
    yield from (
        node
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    )


def test_every_module_says_its_role() -> None:
    """A module opens with what it is for, and every test with the law it states."""
    modules = {
        p.relative_to(ROOT): ast.parse(p.read_text(encoding="utf-8")) for p in sources()
    }
    laws = [
        (p, f)
        for p, tree in modules.items()
        for f in functions(tree)
        if f.name.startswith("test_")
    ]

    assert [] == [
        str(p)
        for p, tree in modules.items()
        if p.parts[0] != "tests" and not ast.get_docstring(tree)
    ]
    assert [] == [f"{p}:{f.name}" for p, f in laws if not ast.get_docstring(f)]
