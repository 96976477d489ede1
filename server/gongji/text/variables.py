"""What the project's own tests say in the environment of all their processes."""

from __future__ import annotations

import os
from typing import Final

TEST_CRYPTO: Final = os.environ.get("GONGJI_TEST_CRYPTO", "")
"""The suite of databases that are made without saying which; "" for the standard one."""
