"""Everything that is stored, recomputed from the database alone, phase by phase."""
