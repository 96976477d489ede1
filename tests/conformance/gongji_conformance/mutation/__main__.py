"""`python -m gongji_conformance.mutation CITY [--json FILE]`."""

from __future__ import annotations

from gongji_conformance.mutation.command import mutation_command

if __name__ == "__main__":
    mutation_command()
