"""Care elsewhere is filed in the insured city (异地就医备案): made, ended, and held to a bill."""
