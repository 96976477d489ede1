"""The architecture page names the folders as they are, and says of each what it says itself."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "server" / "gongji"
_ROW = re.compile(r"^\| `(\w+)/` \| (.+) \|$", re.MULTILINE)


def test_each_folder_is_one_sentence() -> None:
    """The page's table has every folder with the sentence of its `__init__`."""
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    sentences = {}
    for init in PACKAGE.glob("*/__init__.py"):
        source = init.read_text(encoding="utf-8")
        sentences[init.parent.name] = ast.get_docstring(ast.parse(source))
    # v1 is generated from the protos.
    del sentences["v1"]

    assert sentences == dict(_ROW.findall(page))
