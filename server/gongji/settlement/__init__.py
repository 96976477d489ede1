"""Who pays each fen of a bill."""
