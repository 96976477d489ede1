"""How long a test waits for what must come: an end to a test that hangs, and no measure
of how fast anything is."""

from typing import Final

PATIENCE_S: Final = 300
"""In seconds; what comes at all comes in a small part of it, also while both cores are
busy with something else."""
