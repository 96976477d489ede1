"""The matrix of laws and tests, as the README shows it.

`python -m gongji_conformance.laws.matrix README.md` renews it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, Final

from gongji_conformance import cases, laws
from gongji_conformance.laws.capability import CAPABILITIES
from gongji_conformance.laws.law import law_of, register

BEGIN, END = "<!-- matrix: python -m gongji_conformance.laws.matrix README.md -->", "<!-- /matrix -->"
HEAD: Final = ("| 编号 | 规矩 | 依据 | 不适用于没有 | 测试 |", "|---|---|---|---|---|")


def tests() -> list[Callable[..., Any]]:
    """Every test function of the suite, of laws and of cases."""
    packages = [(package.__path__, f"{package.__name__}.") for package in (laws, cases)]
    names = [module.name for path, prefix in packages for module in iter_modules(path, prefix)]
    modules = [import_module(name) for name in names if name.rpartition(".")[2].startswith("test_")]
    return [test for module in modules for name, test in vars(module).items() if name.startswith("test_")]


def table() -> str:
    """One row for each law, by profile."""
    held = {law.id: test for test in tests() if (law := law_of(test)) is not None}
    lines = []
    for profile in dict.fromkeys(law.profile for law in register().values()):
        lines += ["", f"**{profile}**", "", *HEAD]
        for law in (law for law in register().values() if law.profile == profile):
            needs = CAPABILITIES[law.needs].name if law.needs else ""
            lines.append(f"| {law.id} | {law.says} | {law.basis} | {needs} | {_where(law.retired, held.get(law.id))} |")
    return "\n".join([*lines, ""])


def _where(retired: str, test: Callable[..., Any] | None) -> str:
    if test is None:
        return f"已停用: {retired}"
    return f"`{test.__module__.rpartition('.')[2]}.{test.__name__}`"


def renewed(readme: str) -> str:
    """A README with the matrix of today between its marks. ValueError where it has no marks."""
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"没有 {BEGIN} 与 {END}")
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(renewed(path.read_text(encoding="utf-8")), encoding="utf-8")
