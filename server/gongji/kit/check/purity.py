"""Whether a plugin is pure, seen without running it: what its modules import, call and
write that no rule may.

A rule is the same on every machine, on every day, at every run. What a look at the
source cannot see, such as a name put together at run time, `rerun.py` sees by running
the plugin twice.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from importlib import util
from importlib.machinery import BYTECODE_SUFFIXES, EXTENSION_SUFFIXES
from pathlib import Path

import gongji
from gongji.kit.check.findings import Finding, FindingKind
from gongji.rules.hookspecs import CityRules

_DATA = (
    "__future__ abc bisect collections collections.abc copy dataclasses datetime "
    "decimal enum fractions functools"
)

_TEXT = "itertools numbers operator re string textwrap types typing"

ALLOWED = frozenset([*_DATA.split(), *_TEXT.split()])
"""What a city may import beside the top level of `gongji` and its own modules."""

_KNOWN = {
    FindingKind.CLOCK: "time calendar sched zoneinfo dateutil",
    FindingKind.CHANCE: "random secrets uuid",
    FindingKind.FILES: (
        "io pathlib shutil tempfile glob fileinput pkgutil linecache sqlite3 csv json "
        "tomllib configparser importlib.resources importlib.metadata yaml"
    ),
    FindingKind.NETWORK: "socket ssl http urllib requests httpx aiohttp asyncio ftplib smtplib grpc",
    FindingKind.MACHINE: (
        "os sys platform locale getpass subprocess multiprocessing threading signal "
        "ctypes gc weakref"
    ),
    FindingKind.DYNAMIC: "importlib builtins runpy pickle marshal code inspect ast",
    FindingKind.FLOAT: "math cmath statistics numpy pandas",
}

_MODULES = {
    module: kind for kind, modules in _KNOWN.items() for module in modules.split()
}

_BUILTINS = {
    **dict.fromkeys(("open", "__file__", "__path__"), FindingKind.FILES),
    **dict.fromkeys(("input", "breakpoint"), FindingKind.MACHINE),
    **dict.fromkeys(
        ("eval", "exec", "compile", "__import__", "globals", "locals", "vars"),
        FindingKind.DYNAMIC,
    ),
    **dict.fromkeys(("__builtins__", "__loader__", "__spec__"), FindingKind.DYNAMIC),
    **dict.fromkeys(("float", "complex"), FindingKind.FLOAT),
    **dict.fromkeys(("id", "hash"), FindingKind.CHANCE),
}

_CLOCKS = frozenset(
    [
        f"datetime.datetime.{name}"
        for name in ("now", "today", "utcnow", "fromtimestamp", "utcfromtimestamp")
    ]
    + [f"datetime.date.{name}" for name in ("today", "fromtimestamp")]
)

_BACK_DOORS = frozenset(
    (
        "__subclasses__",
        "__globals__",
        "__builtins__",
        "__import__",
        "__loader__",
        "__code__",
    )
)

_HOOKS = frozenset(name for name in vars(CityRules) if not name.startswith("_"))

MEND = {
    FindingKind.CLOCK: "规则由核心按日选取; 请写成带施行日的时间线",
    FindingKind.CHANCE: "规则每次须相同; 请写定取值",
    FindingKind.FILES: "请把数据写进模块, 随版本发布",
    FindingKind.NETWORK: "请把数据写进模块, 随版本发布",
    FindingKind.MACHINE: "规则不随机器而变; 由运营方设定的写 OPERATOR_SETS 或候选修订",
    FindingKind.DYNAMIC: "请直接写出代码与导入",
    FindingKind.FLOAT: "金额以分、比例以万分比写整数; 除法用 //",
    FindingKind.FOREIGN: "只从 gongji 顶层、本包和标准库的数据类模块(dataclasses、datetime、enum 等)导入",
    FindingKind.UNREADABLE: "请只发布能查看的 .py 源码",
    FindingKind.VARIES: "规则须处处相同; 请去掉随时间、机器、次序而变的部分",
}
"""What to do about each kind of impurity."""


def sources(module: str) -> list[tuple[str, Path]]:
    """The files of a plugin's top package, by the name they are told under; nothing is imported.

    ModuleNotFoundError where there is no such package.
    """
    top = module.partition(".")[0]
    spec = util.find_spec(top)
    if spec is None:
        raise ModuleNotFoundError(f"没有模块 {top}")
    if spec.submodule_search_locations is None:
        return [(Path(spec.origin or "").name, Path(spec.origin or ""))]
    folders = [Path(folder) for folder in spec.submodule_search_locations]
    return [
        (f"{top}/{p.relative_to(f)}", p)
        for f in folders
        for p in sorted(f.rglob("*"))
        if p.is_file()
    ]


def impurities(module: str) -> Iterator[Finding]:
    """Everything impure in the source of a plugin: a finding with file and line for
    each, once a line and name."""
    try:
        files = sources(module)
    except (ImportError, ValueError) as missing:
        yield Finding(
            FindingKind.UNREADABLE,
            "",
            "",
            module,
            str(missing),
            MEND[FindingKind.UNREADABLE],
        )
        return
    top = module.partition(".")[0]
    for name, path in files:
        if path.suffix == ".py":
            yield from impurities_of_source(path.read_text(encoding="utf-8"), name, top)
        elif path.parent.name != "__pycache__" and name.endswith(
            (*EXTENSION_SUFFIXES, *BYTECODE_SUFFIXES)
        ):
            yield Finding(
                FindingKind.UNREADABLE,
                "",
                "",
                name,
                "不是源码",
                MEND[FindingKind.UNREADABLE],
            )


def impurities_of_source(source: str, name: str, top: str) -> Iterator[Finding]:
    """Everything impure in one module of the package `top`, told under the file's name."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError) as wrong:
        yield Finding(
            FindingKind.UNREADABLE,
            "",
            "",
            f"{name}:{getattr(wrong, 'lineno', 1)}",
            str(wrong),
            "请改正语法",
        )
        return
    seen = _Seen(top, tree)
    seen.visit(tree)
    for kind, line, what, hook in dict.fromkeys(seen.found):
        yield Finding(kind, hook, "", f"{name}:{line}", what, MEND[kind])


class _Seen(ast.NodeVisitor):
    """Walks a module and notes kind, line, name and hook of whatever no rule may use."""

    def __init__(self, top: str, tree: ast.Module) -> None:
        self.found: list[tuple[FindingKind, int, str, str]] = []
        self._top = top
        self._hook = ""
        self._means = dict(_imported_names(tree))
        self._own = set(_bound_names(tree))

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        """What stands in a hook is told under the hook."""
        outside, self._hook = (
            self._hook,
            node.name if node.name in _HOOKS else self._hook,
        )
        self.generic_visit(node)
        self._hook = outside

    def visit_If(self, node: ast.If) -> None:
        """What only a type checker reads is never run."""
        if self._dotted(node.test) in {"typing.TYPE_CHECKING", "TYPE_CHECKING"}:
            for statement in node.orelse:
                self.visit(statement)
        else:
            self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        """`import a.b`."""
        for alias in node.names:
            self._note_import(node, alias.name)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        """`from a import b`: b may be a module of its own."""
        if node.level:
            return
        module = node.module or ""
        if module == "gongji":
            for alias in node.names:
                if alias.name not in {"*", "__version__", *gongji.__all__}:
                    self._note(FindingKind.FOREIGN, node, f"gongji.{alias.name}")
        else:
            self._note_import(node, module)

    def visit_Name(self, node: ast.Name) -> None:
        """A builtin no rule may use, unless the module gives the name a meaning of its own."""
        if (
            isinstance(node.ctx, ast.Load)
            and node.id in _BUILTINS
            and node.id not in self._own
        ):
            self._note(_BUILTINS[node.id], node, node.id)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        """A clock, a module of the core's own, a way round all this."""
        dotted = self._dotted(node)
        if dotted in _CLOCKS:
            self._note(FindingKind.CLOCK, node, dotted)
        elif node.attr in _BACK_DOORS:
            self._note(FindingKind.DYNAMIC, node, node.attr)
        elif dotted == f"gongji.{node.attr}" and node.attr not in gongji.__all__:
            self._note(FindingKind.FOREIGN, node, dotted)
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        """A number that is not whole."""
        if isinstance(node.value, (float, complex)):
            self._note(FindingKind.FLOAT, node, repr(node.value))

    def visit_BinOp(self, node: ast.BinOp) -> None:
        """A division that leaves whole numbers."""
        self._note_division(node, node.op)
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        """The same, in place."""
        self._note_division(node, node.op)
        self.generic_visit(node)

    def _note_division(self, node: ast.expr | ast.stmt, op: ast.operator) -> None:
        if isinstance(op, ast.Div):
            self._note(FindingKind.FLOAT, node, "/")

    def _note_import(self, node: ast.stmt, module: str) -> None:
        top = module.partition(".")[0]
        if module in ALLOWED or module == "gongji" or top == self._top:
            return
        self._note(
            _MODULES.get(module, _MODULES.get(top, FindingKind.FOREIGN)), node, module
        )

    def _note(self, kind: FindingKind, node: ast.expr | ast.stmt, what: str) -> None:
        self.found.append((kind, node.lineno, what, self._hook))

    def _dotted(self, node: ast.expr) -> str:
        """The name an expression stands for, imports followed: `d.today` →
        "datetime.date.today"."""
        if isinstance(node, ast.Name):
            return self._means.get(node.id, node.id)
        if isinstance(node, ast.Attribute) and (owner := self._dotted(node.value)):
            return f"{owner}.{node.attr}"
        return ""


def _imported_names(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """What each imported name stands for; a star from `datetime` brings its classes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield (
                    (alias.asname, alias.name)
                    if alias.asname
                    else (alias.name.partition(".")[0],) * 2
                )
        elif isinstance(node, ast.ImportFrom) and not node.level:
            for alias in node.names:
                names: Iterable[str] = (
                    ("date", "datetime") if alias.name == "*" else (alias.name,)
                )
                if alias.name != "*" or node.module == "datetime":
                    yield from (
                        (alias.asname or name, f"{node.module}.{name}")
                        for name in names
                    )


def _bound_names(tree: ast.Module) -> Iterator[str]:
    """Names the module binds itself: by assignment, as a parameter, function, class or import."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
                yield name
            case (
                ast.FunctionDef(name=name)
                | ast.AsyncFunctionDef(name=name)
                | ast.ClassDef(name=name)
            ):
                yield name
            case ast.alias(name=name, asname=other):
                yield other or name
