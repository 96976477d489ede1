"""The examples run in `make examples` only: they need node, npm and its registry."""

from __future__ import annotations

import os

collect_ignore_glob = [] if os.environ.get("GONGJI_EXAMPLES") == "1" else ["test_*.py"]
