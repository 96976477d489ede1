"""What plugins have answered, given to servers that tests start.

A server that has served before asks no plugin again whose files are the same. A test
starts a server over a new folder, where asking takes half of the time; those of its own
that look at a first start use `run`.
"""

from __future__ import annotations

import shutil
import tempfile
from functools import cache
from pathlib import Path
from unittest.mock import patch

from gongji.cities import cache as plugin_cache
from gongji.cities.loading import load_cities
from gongji.kit.check.serving import unfit
from gongji.serve.settings import PLUGINS


def give_kept(data: Path) -> None:
    """Put the answers of the installed plugins into a server's data folder."""
    folder = data / PLUGINS
    if not folder.exists():
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copytree(_kept().name, folder)


@cache
def _kept() -> tempfile.TemporaryDirectory[str]:
    """Ask the installed plugins; return the folder with what they answer."""
    folder = tempfile.TemporaryDirectory(prefix="gongji-kept-")
    kept_in = Path(folder.name)
    # This process remembers plugins of other tests, too; what it remembers is not written.
    with patch.dict(plugin_cache._in_memory, clear=True):
        unfit(load_cities(kept_in=kept_in), kept_in)
    return folder
