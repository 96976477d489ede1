"""What of the wallet is tried in `make test`, and what only in `make chaos`."""

from __future__ import annotations

import os

collect_ignore = [] if os.environ.get("GONGJI_CHAOS") == "1" else ["test_killed.py"]
"""Fifty kills take minutes."""
