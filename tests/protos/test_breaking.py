"""What callers have compiled stays as it is: the protos against the released image."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RELEASED = ROOT / "protos" / "gongji-0.1.0.binpb"
BREAKS = 100
"""What `buf breaking` exits with if something breaks; 1 is a fault of its own."""

ADDITIONS = {
    "a field": (
        "account.proto",
        "  int64 version = 3;\n",
        "  int64 version = 3;\n  // New.\n  string new = 4;\n",
    ),
    "a method": (
        "account.proto",
        "service AccountService {\n",
        (
            "service AccountService {\n  // New.\n  rpc Look(GetAccountRequest) "
            "returns (GetAccountResponse);\n"
        ),
    ),
    "another comment": (
        "account.proto",
        "// One account.\n",
        "// One account, said better.\n",
    ),
}
CHANGES = {
    "a field removed": ("account.proto", "  int64 version = 3;\n", ""),
    "a field renumbered": ("account.proto", "int64 version = 3;", "int64 version = 4;"),
    "a field renamed": ("account.proto", "int64 version = 3;", "int64 revision = 3;"),
    "a field of another type": (
        "account.proto",
        "int64 version = 3;",
        "string version = 3;",
    ),
    "a method removed": (
        "account.proto",
        "  rpc GetAccount(GetAccountRequest) returns (GetAccountResponse);\n",
        "",
    ),
    "an enum value removed": (
        "types.proto",
        '  SCHEME_RESIDENT = 390 [(label) = "城乡居民医保"];\n',
        "",
    ),
    "another Java package": (
        "account.proto",
        'java_package = "gongji.v1"',
        'java_package = "other.v1"',
    ),
    "one Java file": (
        "account.proto",
        "java_multiple_files = true",
        "java_multiple_files = false",
    ),
    "another Go package": (
        "account.proto",
        "gongji.invalid/gongji/v1",
        "gongji.invalid/other/v1",
    ),
}


def breaking(protos: Path) -> subprocess.CompletedProcess[str]:
    """Run what `make check` runs."""
    buf = Path(sys.executable).with_name("buf")
    command = [str(buf), "breaking", str(protos), "--against", str(RELEASED)]
    return subprocess.run(  # noqa: S603 - our own tool
        command, cwd=ROOT, capture_output=True, text=True, check=False
    )


def edited(into: Path, name: str, old: str, new: str) -> Path:
    """Copy the protos with one text in one file replaced."""
    copy = shutil.copytree(ROOT / "protos", into / "protos")
    file = copy / "gongji" / "v1" / name
    text = file.read_text(encoding="utf-8")
    assert 1 == text.count(old), old
    file.write_text(text.replace(old, new), encoding="utf-8")
    return copy


def test_the_protos_break_nothing() -> None:
    """A caller compiled against the released protos can call this service."""
    result = breaking(ROOT / "protos")
    assert (0, "") == (result.returncode, result.stdout + result.stderr)


@pytest.mark.parametrize("change", ADDITIONS.values(), ids=ADDITIONS)
def test_additions_pass(change: tuple[str, str, str], tmp_path: Path) -> None:
    """What is only added breaks no caller."""
    result = breaking(edited(tmp_path, *change))
    assert (0, "") == (result.returncode, result.stdout + result.stderr)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_changes_fail(change: tuple[str, str, str], tmp_path: Path) -> None:
    """What callers use can be neither removed nor changed."""
    result = breaking(edited(tmp_path, *change))
    assert BREAKS == result.returncode, result.stdout + result.stderr
    assert change[0] in result.stdout


def test_make_check_holds_it() -> None:
    """`make check` compares with the image that these tests compare with."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert f"RELEASED := {RELEASED.relative_to(ROOT)}\n" in makefile
    assert "\t$(BIN)/buf breaking protos --against $(RELEASED)\n" in makefile
