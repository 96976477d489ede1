"""What is wrong with a command line is said in Chinese, whatever click says of it."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
from gongji.cli import main
from gongji.cli.config import commands_of

from tests.cli.command import gongji

MISTAKES = {
    "guide": "缺少参数 CITY",
    "guide --nix": "没有选项 --nix",
    "guide --on 2025-09-30": "没有选项 --on",
    "guide chuzhou anqing": "多写了 anqing",
    "guid": "没有命令 guid，是否指 guide？",
    "log nix": "没有命令 nix",
    "serve --address": "选项 --address 之后须写值",
    "serve --workers x": "选项 --workers：须为 1 至 64 的整数，得到 'x'",
    "serve --workers 0": "选项 --workers：须为 1 至 64 的整数，得到 0",
    "--lang fr cities": "选项 --lang：须为 zh、en 之一，得到 'fr'",
    "--lang 法 cities": "选项 --lang：须为 zh、en 之一，得到 '法'",
    "--json=3 cities": "选项 --json 不带值",
}


@pytest.mark.parametrize("typed", MISTAKES)
def test_usual_mistakes(typed: str) -> None:
    """The sentence names what was typed and what is wanted, and the exit code is 2."""
    ended = gongji(*typed.split())
    told = ended.stderr.rpartition("Error: ")[2].strip()
    assert (2, MISTAKES[typed]) == (ended.exit_code, told.partition("，是否指 --")[0])


COMMANDS = {" ".join(words): command for words, command in commands_of(main)}


@pytest.mark.parametrize("words", COMMANDS)
def test_of_every_command(words: str, tmp_path: Path) -> None:
    """Whatever is wrong with an argument or option of a command, click's own words are
    heard of none of them."""
    for wrong in _wrongs(COMMANDS[words], tmp_path):
        ended = gongji(*words.split(), *wrong)
        told = ended.stderr.rpartition("Error: ")[2]
        assert ended.exit_code, (words, wrong)
        assert re.search("[\u4e00-\u9fff]", told), (words, wrong, told)
        assert not re.search(r"\b(is|not|does|Missing|No such)\b", told), told


def _wrongs(command: click.Command, nothing: Path) -> list[list[str]]:
    """Return command lines that are wrong each in one way, with nothing else said."""
    wrongs = [["--no-such-option"], *([],) * any(p.required for p in command.params)]
    for one in command.params:
        if isinstance(one, click.Option) and not one.is_flag:
            if isinstance(one.type, click.Choice | click.IntRange | click.FloatRange):
                wrongs.append([one.opts[-1], "nix"])
            if isinstance(one.type, click.Path) and one.type.exists:
                wrongs.append([one.opts[-1], str(nothing / "nix")])
            wrongs.append([one.opts[-1]])
    return wrongs
