"""The budgets hold: whatever exceeds one is found, and the list of exceptions cannot grow."""

from pathlib import Path

import pytest

from tests import budget

MODULE = "server/gongji/thing.py"
CLASS = "class Thing: ...\n"


def source(root: Path, text: str, path: str = MODULE) -> None:
    """Write a module of a small source tree."""
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8")


def allow(
    root: Path,
    entries: dict[str, dict[str, int]] | None = None,
    name: str = budget.LIST,
) -> Path:
    """Write a list of these exceptions, with a ceiling that fits them."""
    listed = {rule: (entries or {}).get(rule, {}) for rule in budget.BUDGETS}
    file = root / name
    file.parent.mkdir(exist_ok=True)
    budget.write(file, listed, budget.totals(listed))
    return file


def function(nodes: int) -> str:
    """Return a function of so many AST nodes, ten a line, and a docstring that does not count."""
    tens, ones = divmod(nodes, 10)
    lines = ["pass; " * 9 + "pass"] * tens + ["pass"] * ones
    return "\n    ".join(["def f():", '"""Do nothing."""', *lines]) + "\n"


TRESPASSES = {
    "columns": (f"\nx = '{'中' * 47}'\n", f"\nx = '{'中' * 47}。'\n", 2, MODULE, 1),
    "nodes": (function(200), function(201), 1, f"{MODULE}::f", 201),
    "lines": (
        "class A:\n    def f(self):\n" + "\n" * 48 + "        return 1\n",
        "class A:\n    def f(self):\n" + "\n" * 49 + "        return 1\n",
        2,
        f"{MODULE}::A.f",
        51,
    ),
    "module": ("x = 1\n" * 400, "x = 1\n" * 401, 1, MODULE, 401),
    "nested": (
        "x = [[b for b in a] for a in () if a]\n",
        "x = [[b for b in a if b] for a in ()]\n",
        1,
        f"{MODULE}::",
        1,
    ),
    "walrus": (
        "def f(x):\n    return (y := x), [a for a in x]\n",
        "def f(x):\n    return [b for a in x if (b := a)]\n",
        2,
        f"{MODULE}::f",
        1,
    ),
    "classes": (CLASS, CLASS, 1, "server::Thing", 2),
}
"""By rule: a module at its budget and one beyond; of the latter: line, key and figure."""

OTHER = "tests/conformance/gongji_conformance/other.py"
"""It belongs to the same tree of class names as MODULE."""


def trespass(root: Path, rule: str) -> None:
    """Write a tree that exceeds the budget of one rule by one."""
    source(root, TRESPASSES[rule][1])
    if rule == "classes":
        source(root, CLASS, OTHER)


def exception(rule: str, more: int = 0) -> dict[str, dict[str, int]]:
    """Return the entry that allows a trespass, or one so much higher."""
    _, _, _, key, value = TRESPASSES[rule]
    return {rule: {key: value + more}}


def test_the_code_keeps_its_budgets(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing of ours exceeds its budget or its entry, and no entry is higher than need be."""
    assert (0, "") == (budget.main([]), capsys.readouterr().out)


@pytest.mark.parametrize("rule", budget.BUDGETS)
def test_a_trespass_fails(
    rule: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is at its budget passes; one more fails, by file and line, figure and budget."""
    within, _, line, key, value = TRESPASSES[rule]
    limit, unit, advice = budget.BUDGETS[rule]
    allow(tmp_path)
    source(tmp_path, within)
    assert 0 == budget.main([], tmp_path)

    trespass(tmp_path, rule)

    assert 1 == budget.main([], tmp_path)
    problem = f"{key}: {value} {unit}, budget {limit}, not listed; {advice}"
    assert f"{MODULE}:{line}: {problem}\n" == capsys.readouterr().out


@pytest.mark.parametrize("rule", budget.BUDGETS)
def test_what_is_listed_passes(rule: str, tmp_path: Path) -> None:
    """An exception may be as high as its entry."""
    allow(tmp_path, exception(rule))
    trespass(tmp_path, rule)

    assert 0 == budget.main([], tmp_path)


def test_what_exceeds_its_entry_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An exception grown beyond its entry fails, and tightening does not raise the entry."""
    allow(tmp_path, exception("nodes"))
    source(tmp_path, function(202))

    assert [1, 1] == [budget.main([], tmp_path), budget.main(["--tighten"], tmp_path)]
    problems = capsys.readouterr().out.splitlines()
    assert 2 == len(problems)
    assert (
        f"{MODULE}:1: {MODULE}::f: 202 AST nodes, budget 200, listed 201; "
        in problems[1]
    )


@pytest.mark.parametrize("rule", budget.BUDGETS)
def test_an_entry_too_high_fails(
    rule: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """An entry above its figure fails until tightening lowers it, and its ceiling with it."""
    allow(tmp_path, exception(rule, more=1))
    trespass(tmp_path, rule)
    key, value = TRESPASSES[rule][3:]

    assert 1 == budget.main([], tmp_path)
    problem = f"[{rule}] {key}: listed {value + 1}, now {value}; {budget.TIGHTEN}"
    assert f"{budget.LIST}: {problem}\n" == capsys.readouterr().out

    assert 0 == budget.main(["--tighten"], tmp_path)
    listed, ceiling = budget.read(tmp_path / budget.LIST)
    assert ({key: value}, (1, value)) == (listed[rule], ceiling[rule])


@pytest.mark.parametrize("rule", budget.BUDGETS)
@pytest.mark.parametrize("gone", [False, True], ids=["mended", "gone"])
def test_an_entry_without_need_fails(
    rule: str, *, gone: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An entry of what is within budget, or no more there, fails until tightening removes it."""
    allow(tmp_path, exception(rule))
    source(tmp_path, "" if gone else TRESPASSES[rule][0])
    key, value = TRESPASSES[rule][3:]

    assert 1 == budget.main([], tmp_path)
    problem = f"[{rule}] {key}: listed {value}, within budget or gone; {budget.TIGHTEN}"
    assert f"{budget.LIST}: {problem}\n" == capsys.readouterr().out

    assert 0 == budget.main(["--tighten"], tmp_path)
    listed, ceiling = budget.read(tmp_path / budget.LIST)
    assert ({}, (0, 0)) == (listed[rule], ceiling[rule])


def test_tightening_lists_nothing(tmp_path: Path) -> None:
    """A trespass that is not listed is not listed by tightening either."""
    file = allow(tmp_path)
    before = file.read_text("utf-8")
    trespass(tmp_path, "nodes")

    assert 1 == budget.main(["--tighten"], tmp_path)
    assert before == file.read_text("utf-8")


GROWN = {
    "an entry more": (
        {"lines": {"a.py::f": 60}},
        {"lines": {"a.py::f": 60, "a.py::g": 51}},
    ),
    "a higher entry": ({"lines": {"a.py::f": 60}}, {"lines": {"a.py::f": 61}}),
    "two for a high one": (
        {"nodes": {"a.py::f": 600}},
        {"nodes": {"a.py::f": 210, "a.py::g": 210}},
    ),
    "one rule's for another's": (
        {"nodes": {"a.py::f": 300}},
        {"lines": {"a.py::f": 60}},
    ),
}
"""A list of exceptions and one that has grown from it."""


@pytest.mark.parametrize("growth", GROWN)
def test_a_grown_list_fails(
    growth: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A list with more entries than an earlier one, or higher ones, fails; the same one passes."""
    earlier, later = GROWN[growth]
    base = allow(tmp_path, earlier, "base.toml")
    problem = "; mend the code instead of listing it\n"

    allow(tmp_path, earlier)
    budget.main(["--base", str(base)], tmp_path)
    assert problem not in capsys.readouterr().out

    allow(tmp_path, later)
    assert 1 == budget.main(["--base", str(base)], tmp_path)
    assert 1 == capsys.readouterr().out.count(problem)


@pytest.mark.parametrize("growth", GROWN)
def test_a_list_above_its_ceiling_fails(
    growth: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """An entry added or raised by hand fails against the ceiling, which tightening leaves below."""
    earlier, later = GROWN[growth]
    file = allow(tmp_path, earlier)
    listed, ceiling = budget.read(file)

    budget.write(file, {**listed, **later}, ceiling)

    assert 1 == budget.main([], tmp_path)
    assert 1 == capsys.readouterr().out.count("; mend the code instead of listing it\n")


def test_room_under_the_ceiling_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A ceiling above its entries fails: the list could grow again under it."""
    file = allow(tmp_path, exception("nodes"))
    listed, ceiling = budget.read(file)
    trespass(tmp_path, "nodes")

    budget.write(file, listed, {**ceiling, "nodes": (1, 202)})

    assert 1 == budget.main([], tmp_path)
    room = "ceiling 1, sum 202; now 1, sum 201"
    assert (
        f"{budget.LIST}: [nodes]: {room}; {budget.TIGHTEN}\n" == capsys.readouterr().out
    )


def test_an_unknown_rule_fails(tmp_path: Path) -> None:
    """A table of no rule would allow nothing, and is a slip of the pen."""
    file = allow(tmp_path)
    file.write_text(file.read_text("utf-8") + "[node]\n", "utf-8")

    with pytest.raises(KeyError, match="node"):
        budget.main([], tmp_path)


@pytest.mark.parametrize(
    ("path", "exceeds"),
    [
        ("server/gongji/v1/thing_pb2.py", False),
        ("server/gongji/v1beta.py", True),
        ("plugins/anqing/gongji_anqing/thing.py", True),
        ("tests/rpc/thing.py", True),
        (OTHER, True),
        ("examples/python/thing.py", True),
        ("protos/generate.py", True),
        ("protos/other.py", False),
    ],
)
def test_what_is_measured(path: str, *, exceeds: bool, tmp_path: Path) -> None:
    """Code of ours has budgets, whoever it is for; what protoc writes has none."""
    allow(tmp_path)
    source(tmp_path, function(201), path)

    assert int(exceeds) == budget.main([], tmp_path)


@pytest.mark.parametrize(
    ("line", "columns"),
    [
        ("x = 1", 5),
        ("# 医保", 6),
        ("（，。）", 8),
        ("“×…”", 4),
        ("e\u0301", 1),
        ("x = 1  # noqa: S101 - so", 5),
        ("x = 1  # type: ignore[arg-type]", 5),
        ("# ruff: noqa: S608 - so", 0),
        ("x = 1  # so", 11),
    ],
)
def test_width(line: str, columns: int) -> None:
    """A Chinese character takes two columns, a pragma none, as ruff has it."""
    assert columns == budget.width(line)


def test_class_names_of_two_trees(tmp_path: Path) -> None:
    """Tests may define a class of the server's name, and private and inner ones are free."""
    allow(tmp_path)
    for path in (MODULE, "tests/thing.py", "plugins/anqing/thing.py"):
        source(tmp_path, CLASS, path)
    for path in ("server/gongji/a.py", "server/gongji/b.py"):
        source(tmp_path, f"class _A: ...\n\n\ndef f():\n    {CLASS}", path)

    assert 0 == budget.main([], tmp_path)
