"""The scan of TLS takes minutes and needs testssl.sh and HAProxy: `make tls`."""

from __future__ import annotations

import os

collect_ignore = [] if os.environ.get("GONGJI_TLS") == "1" else ["test_scan.py"]
