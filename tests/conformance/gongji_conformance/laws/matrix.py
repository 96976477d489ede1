"""The matrix of laws and tests, as the README shows it.

`python -m gongji_conformance.laws.matrix README.md` renews it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, Final

from gongji_conformance import cases, laws
from gongji_conformance.laws.capability import CAPABILITIES
from gongji_conformance.laws.law import Law, law_of, register

BEGIN: Final = "<!-- matrix: python -m gongji_conformance.laws.matrix README.md -->"
END: Final = "<!-- /matrix -->"
HEAD: Final = (
    "| 编号 | 规矩 | 依据 | 不适用于没有 | 测试 |",
    "|---|---|---|---|---|",
)

Test = Callable[..., Any]


def tests() -> list[Test]:
    """Return every test function of the suite, of laws and of cases."""
    return [
        test
        for module in map(import_module, _test_modules())
        for name, test in vars(module).items()
        if name.startswith("test_")
    ]


def _test_modules() -> Iterator[str]:
    """Yield the names of the modules that hold tests."""
    for package in (laws, cases):
        for module in iter_modules(package.__path__):
            if module.name.startswith("test_"):
                yield f"{package.__name__}.{module.name}"


def tests_of_laws() -> dict[str, Test]:
    """Return the test that holds each law, by the law's id."""
    marked = [(law_of(test), test) for test in tests()]
    return {entry.id: test for entry, test in marked if entry is not None}


def table() -> str:
    """Return one row for each law, by profile."""
    held_by = tests_of_laws()
    by_profile: dict[str, list[Law]] = {}
    for entry in register().values():
        by_profile.setdefault(entry.profile, []).append(entry)
    lines = []
    for profile, entries in by_profile.items():
        lines += ["", f"**{profile}**", "", *HEAD]
        lines += [_row(entry, held_by.get(entry.id)) for entry in entries]
    return "\n".join([*lines, ""])


def _row(entry: Law, test: Test | None) -> str:
    """Return the row of a law."""
    needs = CAPABILITIES[entry.needs].name if entry.needs else ""
    place = f"已停用：{entry.retired}" if test is None else f"`{_name(test)}`"
    cells = [entry.id, entry.says, entry.basis, needs, place]
    return f"| {' | '.join(cells)} |"


def _name(test: Test) -> str:
    module = test.__module__.rpartition(".")[2]
    return f"{module}.{test.__name__}"


def renewed(readme: str) -> str:
    """Return a README with today's matrix. ValueError if it has no marks."""
    # What stands around the matrix is written by hand.
    before, begin, matrix = readme.partition(BEGIN)
    _, end, after = matrix.partition(END)
    if not (begin and end):
        raise ValueError(f"没有 {BEGIN} 与 {END}")
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(renewed(path.read_text(encoding="utf-8")), encoding="utf-8")
