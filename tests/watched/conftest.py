"""promtool and Prometheus only for `make watched`."""

from __future__ import annotations

import os

collect_ignore = (
    []
    if os.environ.get("GONGJI_PROMETHEUS") == "1"
    else ["test_alerts.py", "test_prometheus.py"]
)
