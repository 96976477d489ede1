"""Find what is impure in a plugin's source: imports, calls and figures no rule may use.

A rule is the same on every machine, on every day, at every run. The plugin is not run
here. What its source does not show, such as a name put together at run time,
`rerun.py` shows by running it twice.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
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
    FindingKind.NETWORK: (
        "socket ssl http urllib requests httpx aiohttp asyncio ftplib smtplib grpc"
    ),
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
"""Modules by what a rule would do with them; any other is foreign."""

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

_CLOCK_TYPES = {"date": "datetime.date", "datetime": "datetime.datetime"}

_CLOCKS = frozenset(
    [
        "datetime.datetime.now",
        "datetime.datetime.today",
        "datetime.datetime.utcnow",
        "datetime.datetime.fromtimestamp",
        "datetime.datetime.utcfromtimestamp",
        "datetime.date.today",
        "datetime.date.fromtimestamp",
    ]
)
"""The ways to the clock in a module that is allowed for its types."""

_BACK_DOORS = frozenset(
    [
        "__subclasses__",
        "__globals__",
        "__builtins__",
        "__import__",
        "__loader__",
        "__code__",
    ]
)
"""Attributes that lead from any object to everything else."""

_COMPILED = (*EXTENSION_SUFFIXES, *BYTECODE_SUFFIXES)

_HOOKS = frozenset(name for name in vars(CityRules) if not name.startswith("_"))

MEND = {
    FindingKind.CLOCK: "规则由核心按日选取；请写成带施行日的时间线",
    FindingKind.CHANCE: "规则每次须相同；请写定取值",
    FindingKind.FILES: "请把数据写进模块，随版本发布",
    FindingKind.NETWORK: "请把数据写进模块，随版本发布",
    FindingKind.MACHINE: "规则不随机器而变；由运营方设定的写 OPERATOR_SETS 或候选修订",
    FindingKind.DYNAMIC: "请直接写出代码与导入",
    FindingKind.FLOAT: "金额以分、比例以万分比写整数；除法用 //",
    FindingKind.FOREIGN: (
        "只从 gongji 顶层、本包和标准库的数据类模块（dataclasses、datetime、enum 等）导入"
    ),
    FindingKind.UNREADABLE: "请只发布能查看的 .py 源码",
    FindingKind.VARIES: "规则须处处相同；请去掉随时间、机器、次序而变的部分",
    FindingKind.FAILS: "请让插件在任何时刻、任何机器上都能导入，每个钩子都能作答",
}
"""What to do about each kind of impurity."""


def sources(module: str) -> list[tuple[str, Path]]:
    """Return the files of a plugin's top package under the names findings give them.

    Nothing is imported. ModuleNotFoundError if there is no such package.
    """
    top = module.partition(".")[0]
    spec = util.find_spec(top)
    if spec is None:
        raise ModuleNotFoundError(f"没有模块 {top}")
    if spec.submodule_search_locations is None:
        path = Path(spec.origin or "")
        return [(path.name, path)]
    # A namespace package lies in several folders.
    return [
        (f"{top}/{path.relative_to(folder)}", path)
        for folder in map(Path, spec.submodule_search_locations)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    ]


def impurities(module: str) -> Iterator[Finding]:
    """Yield everything impure in a plugin, each once a line and name."""
    try:
        files = sources(module)
    except (ImportError, ValueError) as error:
        yield _unreadable(module, str(error))
        return
    top = module.partition(".")[0]
    for name, path in files:
        if path.suffix == ".py":
            yield from impurities_of_source(path.read_text(encoding="utf-8"), name, top)
        # The cache holds what stands in the sources beside it.
        elif path.parent.name != "__pycache__" and name.endswith(_COMPILED):
            yield _unreadable(name, "不是源码")


def impurities_of_source(
    source: str,
    name: str,
    top: str,
) -> Iterator[Finding]:
    """Yield everything impure in one module of the package `top`, under a file's name."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError) as error:
        # A NUL byte is a ValueError without a line.
        line = getattr(error, "lineno", 1)
        yield _unreadable(f"{name}:{line}", str(error), mend="请改正语法")
        return
    visitor = _Visitor(top, tree)
    visitor.visit(tree)
    for kind, line, used, hook in dict.fromkeys(visitor.found):
        yield Finding(
            kind,
            hook,
            since="",
            situation=f"{name}:{line}",
            figures=used,
            mend=MEND[kind],
        )


def _unreadable(
    situation: str, figures: str, mend: str = MEND[FindingKind.UNREADABLE]
) -> Finding:
    return Finding(
        FindingKind.UNREADABLE,
        "",
        since="",
        situation=situation,
        figures=figures,
        mend=mend,
    )


class _Visitor(ast.NodeVisitor):
    """Notes kind, line, name and hook of whatever no rule may use."""

    def __init__(
        self,
        top: str,
        tree: ast.Module,
    ) -> None:
        self.found: list[tuple[FindingKind, int, str, str]] = []
        self._top = top
        self._hook = ""
        self._imported = dict(_imported_names(tree))
        self._bound = set(_bound_names(tree))

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        """Note what stands in a hook under the hook."""
        enclosing = self._hook
        if node.name in _HOOKS:
            self._hook = node.name
        self.generic_visit(node)
        self._hook = enclosing

    def visit_If(self, node: ast.If) -> None:
        """Leave out what only a type checker reads: it is never run."""
        if self._dotted(node.test) in {"typing.TYPE_CHECKING", "TYPE_CHECKING"}:
            for statement in node.orelse:
                self.visit(statement)
        else:
            self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        """Note `import a.b`."""
        for alias in node.names:
            self._note_import(node, alias.name)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        """Note `from a import b`, of gongji by name: b may be a module of its own."""
        # A relative import stays in the plugin.
        if node.level:
            return
        if node.module != "gongji":
            self._note_import(node, node.module or "")
            return
        public = {"*", "__version__", *gongji.__all__}
        for alias in node.names:
            if alias.name not in public:
                self._note(FindingKind.FOREIGN, node, f"gongji.{alias.name}")

    def visit_Name(self, node: ast.Name) -> None:
        """Note a builtin no rule may use, unless the module binds its name itself."""
        kind = _BUILTINS.get(node.id)
        if kind and isinstance(node.ctx, ast.Load) and node.id not in self._bound:
            self._note(kind, node, node.id)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        """Note a clock, a module of the core's own, a way round these checks."""
        dotted = self._dotted(node)
        if dotted in _CLOCKS:
            self._note(FindingKind.CLOCK, node, dotted)
        elif node.attr in _BACK_DOORS:
            self._note(FindingKind.DYNAMIC, node, node.attr)
        elif dotted == f"gongji.{node.attr}" and node.attr not in gongji.__all__:
            self._note(FindingKind.FOREIGN, node, dotted)
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        """Note a number that is not whole."""
        if isinstance(node.value, (float, complex)):
            self._note(FindingKind.FLOAT, node, repr(node.value))

    def visit_BinOp(self, node: ast.BinOp) -> None:
        """Note a division whose result is no whole number."""
        self._note_division(node, node.op)
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        """Note a division in place."""
        self._note_division(node, node.op)
        self.generic_visit(node)

    def _note_division(
        self,
        node: ast.expr | ast.stmt,
        op: ast.operator,
    ) -> None:
        if isinstance(op, ast.Div):
            self._note(FindingKind.FLOAT, node, "/")

    def _note_import(
        self,
        node: ast.stmt,
        module: str,
    ) -> None:
        top = module.partition(".")[0]
        if module in ALLOWED or module == "gongji" or top == self._top:
            return
        # A submodule may weigh otherwise than its package: importlib.resources is files.
        kind = _MODULES.get(module) or _MODULES.get(top, FindingKind.FOREIGN)
        self._note(kind, node, module)

    def _note(
        self,
        kind: FindingKind,
        node: ast.expr | ast.stmt,
        used: str,
    ) -> None:
        self.found.append((kind, node.lineno, used, self._hook))

    def _dotted(self, node: ast.expr) -> str:
        """Return the name an expression stands for: `d.today` → "datetime.date.today"."""
        if isinstance(node, ast.Name):
            return self._imported.get(node.id, node.id)
        if isinstance(node, ast.Attribute):
            owner = self._dotted(node.value)
            if owner:
                return f"{owner}.{node.attr}"
            return ""
        return ""


def _imported_names(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield each imported name and what it stands for."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                # `import a.b` binds a, `import a.b as c` binds a.b.
                top = alias.name.partition(".")[0]
                yield (alias.asname, alias.name) if alias.asname else (top, top)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            for alias in node.names:
                # Of all stars only that of datetime brings a clock.
                if alias.name == "*" and node.module == "datetime":
                    yield from _CLOCK_TYPES.items()
                elif alias.name != "*":
                    yield alias.asname or alias.name, f"{node.module}.{alias.name}"


def _bound_names(tree: ast.Module) -> Iterator[str]:
    """Yield the names a module binds itself, by whatever statement."""
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
