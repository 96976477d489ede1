"""What takes minutes, or needs HAProxy, is run by `make hostile`."""

from __future__ import annotations

import os

collect_ignore = (
    [] if os.environ.get("GONGJI_HOSTILE") == "1" else ["test_front.py", "test_fuzz.py"]
)
