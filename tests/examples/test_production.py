"""The section on running for real, typed line by line in a folder with nothing in it.

It needs node, npm and its registry, HAProxy, and a JDK with Debian's grpc-java.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.examples import java, node
from tests.examples.shell import ROOT, blocks_of, free_port, shell

PROMISED = re.compile(r"# ([A-Z_]+) (.+?)…")
"""A reason and the beginning of its sentence, as a comment beside a command."""
INSTALLED = ("apt-get install", "make .venv/.installed")
"""What the test finds installed, and does not install."""

EXPECTED = [
    # Two hospital clients: the fund pays beyond the deductible, once a year.
    ["done", "done", "NOT_PERMITTED"],
    ["done", "done", "NOT_PERMITTED"],
    ["CREDENTIAL_MISSING"] * 3,
    ["CREDENTIAL_EXPIRED"] * 3,
    ["NOT_PERMITTED"] * 3,
    ["SUBJECT_REQUIRED", "SUBJECT_NOT_PARTY", "done"],
    ["done"],
]
"""How the tasks of each block with a client end."""


def typed() -> list[str]:
    """Return the blocks of the section, without what is installed already."""
    blocks = blocks_of("正式运行")
    assert INSTALLED[0] in blocks[0]
    return [block.replace(INSTALLED[1], "true") for block in blocks[1:]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder beside what a clone has, and a `.venv` as the section makes it."""
    for name in ("deploy", "protos"):
        (tmp_path / name).symlink_to(ROOT / name)
    # npm 11 takes the folder behind a link for another project.
    without = shutil.ignore_patterns("node_modules")
    shutil.copytree(ROOT / "examples", tmp_path / "examples", ignore=without)
    (tmp_path / ".venv").symlink_to(Path(sys.prefix))
    return tmp_path


def test_the_section_as_it_is_typed(folder: Path) -> None:
    """A Node and a Java client are served; whoever does not belong reads why."""
    node.node()
    java.require()
    if shutil.which("haproxy") is None:
        pytest.fail("没有找到 haproxy: make examples 用它作前置代理")
    begin, *blocks = typed()
    ended = []
    ports = {"50051": free_port(), "50443": free_port()}
    with shell(folder, ports, environment(ports)) as one:
        one.type(begin)
        one.wait_serving()
        for block in blocks:
            lines = one.type(block)
            results = [json.loads(line) for line in lines if line.startswith("{")]
            if results:
                ended.append([*map(outcome, results)])
                explained(block, results)
    assert EXPECTED == ended
    assert 5 == len(PROMISED.findall("".join(blocks)))


def environment(ports: Mapping[str, int]) -> Mapping[str, str]:
    """Where the server and the proxy listen."""
    address = f"127.0.0.1:{ports['50051']}"
    return {
        "GONGJI_ADDRESS": address,
        "GONGJI_BEHIND": address,
        "GONGJI_FRONT": f"127.0.0.1:{ports['50443']}",
    }


def outcome(result: dict[str, Any]) -> str:
    """Return the reason of a refusal, else how a task ended."""
    return str(result.get("reason") or result["outcome"])


def explained(block: str, results: list[dict[str, Any]]) -> None:
    """Check that each sentence the section promises is the one that came."""
    promised = PROMISED.findall(block)
    said = {outcome(result): result.get("message", "") for result in results}
    for reason, sentence in promised:
        assert said[reason].startswith(sentence), (reason, said[reason])
