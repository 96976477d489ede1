"""Where in a pytest report a result travels between processes.

Alone in its module: every pytest run that finds the suite installed loads it.
"""

from __future__ import annotations

from typing import Final

CARRIED: Final = "gongji"
"""The attribute of the report."""
