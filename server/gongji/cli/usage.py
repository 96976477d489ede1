"""What is wrong with a command line, in Chinese: click says it in English."""

from __future__ import annotations

import re
from typing import Any, Final

import click

_CHINESE: Final = re.compile(r"[\u4e00-\u9fff]")
"""What every sentence of ours has, and none of click's but in what it repeats."""

_REPEATED: Final = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"")
"""What click repeats of a command line, between quotes."""


def in_words(fault: click.ClickException) -> str:
    """Return a fault in Chinese; what is no fault of a command line as it stands."""
    match fault:
        case click.MissingParameter():
            return f"缺少{_named(fault)}"
        case click.BadParameter():
            return f"{_named(fault)}：{_wrong_value(fault)}"
        case click.NoSuchOption() | click.NoSuchCommand():
            return _unknown(fault)
        case click.BadOptionUsage():
            return f"选项 {fault.option_name} {_number_of_values(fault)}"
        case click.FileError() | click.UsageError() if not _is_ours(fault.message):
            return _usage(fault)
    return fault.format_message()


def _is_ours(message: str) -> bool:
    return _CHINESE.search(_REPEATED.sub("", message)) is not None


def _named(fault: click.BadParameter) -> str:
    """Return which argument or option is meant, as it is typed."""
    hint = fault.param_hint
    if hint is None and fault.param is not None:
        hint = fault.param.get_error_hint(fault.ctx)
    kind = "参数" if isinstance(fault.param, click.Argument) else "选项"
    names = [hint] if isinstance(hint, str) else hint or ()
    return f"{kind} {'、'.join(names)}".replace("'", "").replace(" / ", "、").rstrip()


def _wrong_value(fault: click.BadParameter) -> str:
    if _is_ours(fault.message) or fault.param is None:
        return fault.message
    repeated = _REPEATED.search(fault.message) or re.match(r"[-.\d]+", fault.message)
    given = f"，得到 {repeated[0]}" if repeated else ""
    return f"{_required(fault.param.type, fault.message)}{given}"


def _required(kind: click.ParamType[Any], message: str) -> str:
    """Return what a value of a type must be."""
    match kind:
        case click.Choice():
            return f"须为 {'、'.join(map(str, kind.choices))} 之一"
        case click.IntRange() | click.FloatRange():
            whole = "整数" if isinstance(kind, click.IntRange) else "数"
            return f"须为{_range(kind.min, kind.max)}的{whole}"
        case click.Path() | click.File():
            return _path(message)
        case click.types.IntParamType():
            return "须为整数"
        case click.types.FloatParamType():
            return "须为数"
    return "不是这里可写的值"


def _range(least: float | None, most: float | None) -> str:
    if least is None:
        return f"不大于 {most} "
    return f"不小于 {least} " if most is None else f" {least} 至 {most} "


_PATHS: Final = {
    "does not exist": "没有这个文件或目录",
    "No such file": "没有这个文件或目录",
    "is a file": "须为目录，这里是文件",
    "is a directory": "须为文件，这里是目录",
    "Is a directory": "须为文件，这里是目录",
    "not readable": "不能读取",
    "not writable": "不能写入",
    "Permission denied": "没有权限",
}
"""What click and the system say of a path, and what it means."""


def _path(message: str) -> str:
    return next((said for what, said in _PATHS.items() if what in message), "不能打开")


def _number_of_values(fault: click.BadOptionUsage) -> str:
    return "不带值" if "does not take" in fault.message else "之后须写值"


def _unknown(fault: click.NoSuchOption | click.NoSuchCommand) -> str:
    if isinstance(fault, click.NoSuchOption):
        told = f"没有选项 {fault.option_name}"
    else:
        told = f"没有命令 {fault.command_name}"
    if fault.possibilities:
        told += f"，是否指 {'、'.join(fault.possibilities)}？"
    return told


def _usage(fault: click.FileError | click.UsageError) -> str:
    """Return what else click finds: a file, arguments too many, or no command."""
    if isinstance(fault, click.FileError):
        return f"文件 {fault.ui_filename}：{_path(fault.message)}"
    extra = re.search(r"extra arguments? \((.*)\)", fault.message, re.DOTALL)
    if extra:
        return f"多写了 {extra[1]}"
    if fault.message == "Missing command.":
        return "缺少命令"
    return fault.format_message()
