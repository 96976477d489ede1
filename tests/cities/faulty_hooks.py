"""Plugins that are wrong in a hook's form: by name, their source and what is said of it."""

from __future__ import annotations

from tests.packages import IDENTITY


def answering(
    hook: str, answer: str, marker: str = "@hookimpl", parameters: str = ""
) -> str:
    """Return a plugin that answers one hook so."""
    return f"{IDENTITY}\n{marker}\ndef {hook}({parameters}):\n    return {answer}\n"


FUNCTIONS = {
    "a misspelt hook": (
        answering("familly_limit", "None"),
        "familly_limit：没有这个钩子，请核对拼写",
    ),
    "a forgotten @hookimpl": (
        answering("family_limit", "from_2023(LIMIT)", marker=""),
        "family_limit：忘记写 @hookimpl",
    ),
    "a value in place of a function": (
        f"{IDENTITY}\nfamily_limit = from_2023(LIMIT)",
        "family_limit：不是带 @hookimpl 的函数",
    ),
    "a marked object pluggy does not call": (
        f"{IDENTITY}\nfamily_limit = hookimpl(partial(from_2023, LIMIT))",
        "family_limit：不是带 @hookimpl 的函数",
    ),
    "an unknown parameter": (
        answering("family_limit", "None", parameters="city"),
        "family_limit：.*却声明了 city",
    ),
    "one with a default, which pluggy lets pass": (
        answering("family_limit", "None", parameters="day=None"),
        "family_limit：.*却声明了 day",
    ),
    "any keywords": (
        answering("family_limit", "None", parameters="**kw"),
        "family_limit：.*却声明了 kw",
    ),
    "any arguments": (
        answering("family_limit", "None", parameters="*args"),
        "family_limit：.*却声明了 args",
    ),
    "a keyword-only parameter": (
        answering("family_limit", "None", parameters="*, day"),
        "family_limit：.*却声明了 day",
    ),
    "async": (
        f"{IDENTITY}\n@hookimpl\nasync def family_limit():\n    return from_2023(LIMIT)",
        "family_limit：钩子不得是 async",
    ),
    "a generator": (
        f"{IDENTITY}\n@hookimpl\ndef family_limit():\n    yield from_2023(LIMIT)",
        "family_limit：钩子不得是生成器",
    ),
    "a wrapper": (
        f"{IDENTITY}\n@hookimpl(wrapper=True)\ndef family_limit():\n    return (yield)",
        "family_limit：城市插件不得使用 wrapper",
    ),
    "an old wrapper": (
        f"{IDENTITY}\n@hookimpl(hookwrapper=True)\ndef family_limit():\n    yield",
        "family_limit：城市插件不得使用 hookwrapper",
    ),
    "first": (
        answering("scope", "None", "@hookimpl(tryfirst=True)"),
        "scope：城市插件不得使用 tryfirst",
    ),
    "last": (
        answering("scope", "None", "@hookimpl(trylast=True)"),
        "scope：城市插件不得使用 trylast",
    ),
    "optional, which hides a misspelt name": (
        answering("skope", "None", "@hookimpl(optionalhook=True)"),
        r"skope：没有这个钩子.*\n.*optionalhook",
    ),
    "another name": (
        answering("my_scope", "None", "@hookimpl(specname='scope')"),
        r"my_scope：没有这个钩子.*\n.*specname",
    ),
}
"""Functions pluggy would not call, or call wrongly."""

RAISING = {
    "a hook raises": (
        answering("scope", "1 // 0"),
        r"scope：调用时出错：ZeroDivisionError：.*\(gongji_f\d+.py:\d+\)",
    ),
    "a hook exits": (
        answering("scope", "exit(3)"),
        "scope：调用时出错：SystemExit：「3」",
    ),
    "the import raises": (
        "raise RuntimeError('没有数据')",
        r"导入 .*失败：RuntimeError：「没有数据」 .*py:\d+",
    ),
    "the import exits": ("raise SystemExit(2)", "导入 .*失败：SystemExit：「2」"),
    "the import interrupts by itself": (
        "raise KeyboardInterrupt",
        "导入 .*失败：KeyboardInterrupt",
    ),
    "the import is cancelled": (
        "import asyncio\nraise asyncio.CancelledError()",
        "导入 .*失败：CancelledError",
    ),
    "the import ends a generator": (
        "raise GeneratorExit",
        "导入 .*失败：GeneratorExit",
    ),
    "the import skips itself": (
        "class Skipped(BaseException): ...\nraise Skipped",
        "导入 .*失败：Skipped",
    ),
    "a group of what no except Exception catches": (
        "raise BaseExceptionGroup('several', [SystemExit(), KeyboardInterrupt()])",
        "导入 .*失败：BaseExceptionGroup",
    ),
    "an exception that cannot be told": (
        (
            "class Mute(BaseException):\n"
            "    def __str__(self):\n"
            "        raise SystemExit\n"
            "raise Mute"
        ),
        "导入 .*失败：Mute（其说明无法读出）",
    ),
    "an exception that tells a gigabyte": (
        "raise ValueError('长' * 1_000_000)",
        "导入 .*失败：ValueError：「长{500}」 ",
    ),
    "a recursion without end": (
        answering("scope", "scope()"),
        "scope：调用时出错：RecursionError",
    ),
    "a hook interrupts by itself": (
        answering("scope", "(_ for _ in ()).throw(KeyboardInterrupt)"),
        "scope：调用时出错：KeyboardInterrupt",
    ),
    "the import closes the output": (
        "import sys\nsys.stdout.close()\nsys.stderr.close()\nraise ValueError('zu')",
        "导入 .*失败：ValueError：「zu",
    ),
    "the guards are cancelled": (
        f"{IDENTITY}\nimport asyncio\ndef __dir__():\n    raise asyncio.CancelledError",
        "检查规则时出错：CancelledError",
    ),
    "no Python": ("def identity(:", "导入 .*失败：SyntaxError"),
    "something missing": ("import gongji_nowhere", "导入 .*失败：ModuleNotFoundError"),
    "the guards themselves fail": (
        f"{IDENTITY}\ndef __dir__():\n    raise KeyError('odd')",
        "检查规则时出错：KeyError",
    ),
}
"""Plugins that fail while they are loaded."""

IDENTITIES = {
    "no identity": ("", "identity：每个城市须自己声明"),
    "identity left to the province": (
        "@hookimpl\ndef identity():\n    return None",
        "identity：每个城市须自己声明",
    ),
    "identity of another type": (
        "@hookimpl\ndef identity():\n    return '340200'",
        "identity：须返回 Identity",
    ),
    "a number for an area": (
        f"PLACE = Identity(area_code=340200, name='芜湖市'){IDENTITY}",
        "identity：须返回 Identity.*int",
    ),
    "four digits": (
        f"PLACE = Identity(area_code='3402', name='芜湖市'){IDENTITY}",
        "identity：医保区划须为六位数字",
    ),
    "wide digits": (
        f"PLACE = Identity(area_code='３４０２００', name='芜湖市'){IDENTITY}",  # noqa: RUF001 - the fault
        "identity：医保区划须为六位数字",
    ),
    "no name": (
        f"PLACE = Identity(area_code='340200', name=''){IDENTITY}",
        "identity：缺少城市名称",
    ),
}
"""Plugins that do not say who they are."""

SHAPES = {
    "a list for a timeline": (
        answering("family_limit", "list(from_2023(LIMIT))"),
        "family_limit：.*得到 list",
    ),
    "a bare value": (
        answering("family_limit", "LIMIT"),
        "family_limit：.*得到 FamilyLimit",
    ),
    "no value at all": (answering("family_limit", "()"), "family_limit：.*非空元组"),
    "values without days": (
        answering("family_limit", "(LIMIT,)"),
        "family_limit：须返回 ruled",
    ),
    "a day in words": (
        answering("family_limit", "(Ruled(LIMIT, '2023', (C,)),)"),
        "family_limit：生效日须为 date",
    ),
    "a day with a time": (
        answering("family_limit", "(Ruled(LIMIT, datetime(2023, 1, 1), (C,)),)"),
        "family_limit：生效日须为 date",
    ),
    "a word for a day": (
        answering("family_limit", "(Ruled(LIMIT, '昨天', ()),)"),
        "^family_limit：生效日须为 date，得到 '昨天'$",
    ),
    "days out of order": (
        answering(
            "family_limit",
            "from_2023(LIMIT) + ruled(LIMIT, since='2022-08-01', clauses=[C])",
        ),
        "family_limit：各值的生效日须递增且不重复，得到 2023-01-01、2022-08-01",
    ),
    "two values on one day": (
        answering("family_limit", "from_2023(LIMIT) + from_2023(NO_LIMIT)"),
        "family_limit：各值的生效日须递增且不重复",
    ),
    "no clause": (
        answering("family_limit", "(Ruled(LIMIT, date(2023, 1, 1), ()),)"),
        "family_limit：自 2023-01-01 起的值没有条款依据",
    ),
    "a clause's number for a clause": (
        answering("family_limit", "(Ruled(LIMIT, date(2023, 1, 1), ('C22',)),)"),
        "family_limit：clauses：.*Clause",
    ),
    "no limit said as None": (
        answering("family_limit", "from_2023(None)"),
        "family_limit：返回值类型不对",
    ),
}
"""Answers that are no timeline."""
