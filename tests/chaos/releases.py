"""Releases of the server beside each other: this one, a made-up next one, its predecessor."""

from __future__ import annotations

import os
import re
import shutil
import zipfile
from pathlib import Path
from typing import Final

import gongji
from gongji.store.schema import VERSION
from gongji.store.steps import UPGRADES_SINCE

PREDECESSOR: Final = os.environ.get("GONGJI_PREDECESSOR", "")
"""A folder of wheels of the release before this one; then it is upgraded to this one."""

NEXT: Final = VERSION + 1

COLUMN: Final = "total_fen"
"""What the made-up next release has a settlement's row say besides."""

_STEP: Final = f'''

def _expand_next(dialect: sql.Dialect) -> Iterator[str]:
    """Add the total of a settlement's bill."""
    if dialect.partitions:
        yield "ALTER TABLE settlement ADD COLUMN IF NOT EXISTS {COLUMN} BIGINT"
        yield from forgetting("settlement", "{COLUMN}", {NEXT})
        return
    yield "ALTER TABLE settlement ADD COLUMN {COLUMN} INTEGER"


def _contract_next(dialect: sql.Dialect) -> Iterator[str]:
    if dialect.partitions:
        yield from remembering("settlement", "{COLUMN}")


STEPS: Final[Mapping[int, Step]] = {{
    **_STEPS_BEFORE,
    {VERSION}: OnlineStep(_expand_next, (("settlement", "{COLUMN}"),), _contract_next),
}}
'''

_COLUMN: Final = f"""
from gongji.store.table import Column

_TOTAL = Column("{COLUMN}", "INTEGER", attrgetter("bill.total_fen"), null=True)

_TABLES: Final"""

_LAST: Final = '        moment("reversed_at", sparse=True),\n'

_IMPORTED: Final = "import OnlineStep"

_CHANGES: Final = (
    ("store/schema.py", f"VERSION: Final = {VERSION}\n", f"VERSION: Final = {NEXT}\n"),
    ("store/schema.py", _LAST, f"{_LAST}        last=(_TOTAL,),\n"),
    ("store/schema.py", "\n_TABLES: Final", _COLUMN),
    ("store/steps.py", "STEPS: Final[", "_STEPS_BEFORE: Final["),
    ("store/steps.py", _IMPORTED, f"{_IMPORTED}, forgetting, remembering"),
)
"""File, what stands there once, and what stands there instead."""


def next_release(folder: Path) -> Path:
    """Write a release whose schema is one version ahead; return what is imported from."""
    package = folder / "gongji"
    shutil.copytree(
        Path(gongji.__file__).parent,
        package,
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    for name, before, after in _CHANGES:
        _change(package / name, before, after)
    steps = package / "store" / "steps.py"
    steps.write_text(steps.read_text("utf-8") + _STEP, "utf-8")
    return folder


def _change(path: Path, before: str, after: str) -> None:
    """Replace what stands in a file once. AssertionError if it does not."""
    text = path.read_text("utf-8")
    assert 1 == text.count(before), f"{path.name}: {before!r}"
    path.write_text(text.replace(before, after), "utf-8")


def predecessor(folder: Path) -> Path:
    """Unpack the release before this one; return what is imported from.

    AssertionError if its databases cannot be upgraded while they are served.
    """
    (wheel,) = Path(PREDECESSOR).glob("gongji-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    text = (folder / "gongji" / "store" / "schema.py").read_text("utf-8")
    (schema,) = map(int, re.findall(r"^VERSION: Final = (\d+)$", text, re.MULTILINE))
    assert schema >= UPGRADES_SINCE, (
        f"the schema of {wheel.name} is version {schema}: it is brought forward while "
        f"nothing runs; from version {UPGRADES_SINCE} on releases serve beside each other"
    )
    return folder
